"""What control 28 measures losses from.

The day's loss is measured from the mark of the close before, the drawdown from the highest mark. When two people end the halt that control
28 made, both begin anew: at the book's mark of that instant, which is kept with the halt. So a loss that was looked at does not stop the
book a second time, and the next one is measured whole. The high-water mark of reports is another thing: the highest mark ever.
"""

from sqlalchemy import func, select

from grodt.ledger.marks import Mark
from grodt.ledger.slot_marks import highest_slot
from grodt.ledger.tables_halts import halts
from grodt.ledger.tables_marks import marks
from grodt.ledger.transaction import Read
from grodt.money import Micros


def loss_marks(tx: Read, mark: Mark) -> tuple[Micros, Micros]:
    """Equity that the day's loss, and that the drawdown, of a mark are measured from, in micros.

    Args:
        tx: a transaction.
        mark: the latest of its book, which is recorded.
    """
    newest = (
        select(halts.c.mark_session, halts.c.mark_equity, halts.c.ended_at)
        .where(halts.c.book == mark.book, halts.c.mark_session.is_not(None))
        .order_by(halts.c.ended_at.desc(), halts.c.halt_id.desc())
        .limit(1)
    )
    start = tx.connection.execute(newest).first()
    previous = Micros(mark.equity - mark.profit)
    if start is None:
        return previous, mark.high_water_mark
    within = highest_slot(tx, mark.book, start.ended_at, mark.session)
    if mark.session <= start.mark_session:
        return Micros(start.mark_equity), Micros(max(start.mark_equity, mark.equity, within))
    since = (marks.c.book == mark.book, marks.c.session > start.mark_session, marks.c.session <= mark.session)
    highest = tx.connection.execute(select(func.max(marks.c.equity)).where(*since)).scalar_one()
    return previous, Micros(max(start.mark_equity, mark.equity, highest or 0, within))
