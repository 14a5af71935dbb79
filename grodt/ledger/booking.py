"""When what moves a book's shares is booked, and the book marked: later than all that was booked before, whatever the clock says.

What strategies hold is told from fills, corporate actions, corrections and crosses in the order of their instants. Where the clock steps
back between two settlements, the split of the later one would come before the fill of the one before it. And what a mark rests on
is told from what came later by their instants; so is whose capital pays and gets what is of no symbol.
"""

from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from grodt.ledger.tables_marks import marks
from grodt.ledger.tables_postings import applied_sessions, entries, fills, settlements
from grodt.ledger.tables_strategies import capital_shares, crosses
from grodt.ledger.transaction import Read

_NEXT = timedelta(microseconds=1)


def booking_instant(tx: Read, book: str, now: datetime) -> datetime:
    """The instant that a transaction books a book's fills, entries, crosses and marks at: now, or just after the last of them.

    Args:
        tx: the transaction that books.
        book: whose.
        now: what the clock says; where it has stepped back, the microsecond after the last instant that something was booked at, or from
            which shares of the capital are others.
    """
    last = _last_booked(tx, book)
    return now if last is None or now >= last else last + _NEXT


def instant_after(tx: Read, book: str, now: datetime) -> datetime:
    """The instant from which shares of a book's capital are others: now, or just after all that was booked under the former ones."""
    last = _last_booked(tx, book)
    return now if last is None or now > last else last + _NEXT


def _last_booked(tx: Read, book: str) -> datetime | None:
    settled: date | None = tx.connection.execute(select(func.max(settlements.c.session)).where(settlements.c.book == book)).scalar_one()
    since = () if settled is None else (entries.c.session >= settled,)
    asked = (
        select(settlements.c.recorded_at).where(settlements.c.book == book, settlements.c.session == settled),
        select(applied_sessions.c.recorded_at).where(applied_sessions.c.book == book).order_by(applied_sessions.c.session.desc()).limit(1),
        select(fills.c.recorded_at).where(fills.c.book == book).order_by(fills.c.number.desc()).limit(1),
        select(func.max(entries.c.recorded_at)).where(entries.c.book == book, *since),
        select(func.max(crosses.c.recorded_at)).where(crosses.c.book == book),
        select(func.max(capital_shares.c.recorded_at)).where(capital_shares.c.book == book),
        select(marks.c.recorded_at).where(marks.c.book == book).order_by(marks.c.session.desc()).limit(1),
    )
    known = [at for query in asked if (at := tx.connection.execute(query).scalar()) is not None]
    return max(known, default=None)
