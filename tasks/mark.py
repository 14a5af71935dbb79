"""mark: value the book at the close."""

from datetime import date

from grodt.execution.marking import Marked, mark_book
from tasks.cycle import Cycle
from tasks.stage import stage


@stage("mark", timeout_seconds=300)
def mark(cycle: Cycle) -> Marked:
    """Value what is held at the last close known: equity, exposure, drawdown. Rows: positions."""
    marked = marked_at(cycle, cycle.session)
    cycle.tell("mark", f"equity {marked.mark.equity / 1e6:,.2f}")
    return marked


def marked_at(cycle: Cycle, session: date) -> Marked:
    """The book marked at the close of a session, with the cycle's data."""
    parts = cycle.parts
    return mark_book(
        parts.ledger,
        cycle.lease,
        parts.lake,
        cycle.data,
        source=parts.config.source,
        calendar=parts.calendar,
        book=cycle.book,
        session=session,
        run_id=cycle.run_id,
        now=parts.now(),
    )
