"""mark: value the book at the close."""

from grodt.execution.marking import Marked, mark_book
from tasks.cycle import Cycle
from tasks.stage import stage


@stage("mark", timeout_seconds=300)
def mark(cycle: Cycle) -> Marked:
    """Value what is held at the last close known: equity, exposure, drawdown. Rows: positions."""
    parts = cycle.parts
    marked = mark_book(
        parts.ledger,
        cycle.lease,
        parts.lake,
        cycle.data,
        source=parts.config.source,
        calendar=parts.calendar,
        book=cycle.book,
        session=cycle.session,
        run_id=cycle.run_id,
        now=parts.now(),
    )
    cycle.tell("mark", f"equity {marked.mark.equity / 1e6:,.2f}")
    return marked
