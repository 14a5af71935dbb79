"""mark: value the book at the close."""

from datetime import date

from grodt.execution import late_marking
from grodt.execution.marking import Marked, mark_book
from grodt.money import decimal
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
    cycle.tell("mark", f"equity {decimal(marked.mark.equity):,.2f}")
    return marked


def mark_missed(cycle: Cycle, session: date) -> None:
    """Mark the book at the close of a session that nothing marked when it was over; a part of settling the one after it."""
    parts = cycle.parts
    marked = late_marking.mark_missed(
        parts.ledger,
        cycle.lease,
        parts.lake,
        cycle.data,
        source=parts.config.source,
        calendar=parts.calendar,
        run=cycle.opened,
        session=session,
        file=parts.config.limits,
        now=parts.now(),
    )
    cycle.tell("settle", f"session {session} had no mark of its close: equity {decimal(marked.mark.equity):,.2f}")
