"""What control 28 measures losses from.

The day's loss is measured from the mark of the close before, the drawdown from the highest mark. When two people end the halt that control
28 made, both begin anew: at the book's mark of that instant, which is kept with the halt. So a loss that was looked at does not stop the
book a second time, and the next one is measured whole. The high-water mark of reports is another thing: the highest mark ever.

Money that came in or went out between two marks is no profit and no loss. A mark before another one is therefore counted as the later one's
equity less what was earned between them, which is the earlier one's equity with the deposits less withdrawals since. What was earned is the
sum of the profits of the closes between; each is without flows, over the close before.
"""

from bisect import bisect_left
from datetime import date
from itertools import accumulate

from sqlalchemy import select

from grodt.ledger.marks import Mark
from grodt.ledger.slot_marks import best_slots
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
        select(halts.c.mark_session, halts.c.mark_profit, halts.c.ended_at)
        .where(halts.c.book == mark.book, halts.c.mark_session.is_not(None))
        .order_by(halts.c.ended_at.desc(), halts.c.halt_id.desc())
        .limit(1)
    )
    start = tx.connection.execute(newest).first()
    previous = Micros(mark.equity - mark.profit)
    if start is None:
        return previous, mark.high_water_mark
    closes = select(marks.c.session, marks.c.profit).where(
        marks.c.book == mark.book, marks.c.session >= min(start.mark_session, mark.session)
    )
    rows = tx.connection.execute(closes.order_by(marks.c.session)).all()
    sessions: list[date] = [row.session for row in rows]
    earned: list[int] = [0, *accumulate(row.profit for row in rows)]

    def by(session: date, profit: int) -> int:
        """What was earned up to a mark of that session with that profit."""
        return earned[bisect_left(sessions, session)] + profit

    now, begun = by(mark.session, mark.profit), by(start.mark_session, start.mark_profit)
    closed = [earned[place + 1] for place, day in enumerate(sessions) if start.mark_session <= day <= mark.session]
    within = [by(day, profit) for day, profit in best_slots(tx, mark.book, start.ended_at, mark.session).items()]
    if mark.session <= start.mark_session:
        previous = Micros(mark.equity - now + begun)
    return previous, Micros(mark.equity - now + max(now, begun, *closed, *within))
