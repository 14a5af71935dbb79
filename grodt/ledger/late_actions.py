"""Corporate actions that came to be known after a book had settled their session.

A session's actions are applied once, with what was known then. One that is learned or corrected later is in neither our books nor the paper
broker's, so that both agree on a wrong position; a real broker has booked it and we have not. It is not applied in hindsight: orders and
fills have followed since. It is a break, which a person works.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import func, select

from grodt.bars.corporate_actions import CorporateAction
from grodt.ledger.breaks import Break
from grodt.ledger.moved_actions import booked_as_of, missed_of, open_moved
from grodt.ledger.tables_breaks import breaks
from grodt.ledger.tables_postings import applied_sessions
from grodt.ledger.transaction import Read


def applied_at(tx: Read, book: str) -> dict[date, datetime]:
    """When the actions of each session were applied to the book, ascending by session."""
    query = select(applied_sessions.c.session, applied_sessions.c.recorded_at).where(applied_sessions.c.book == book)
    return dict(tx.connection.execute(query.order_by(applied_sessions.c.session)).tuples().all())


def late_actions(tx: Read, book: str, actions: Iterable[tuple[CorporateAction, datetime]]) -> tuple[Break, ...]:
    """Those of the actions, each with the instant it was known at, that the book has missed; one break for each.

    What a person has resolved since it was known is not raised again. With them are the open breaks of actions that were known in time and
    held back, because they are booked under another ex date (`grodt.ledger.moved_actions`).

    Returns:
        Breaks of kind `action`, in the order of the actions. `symbol` is ticker, kind and ex date, and the other date where there is one.
        For a split or a change of symbol `ours` is the shares that our books came to over the ex date and `theirs` what they should have
        come to; for a dividend or a delisting they are cash, in micros: booked and due under this ex date.
    """
    done = applied_at(tx, book)
    sessions = list(done)
    found, late = [], []
    for action, known_at in actions:
        at = bisect_left(sessions, action.ex_date)
        if at == len(sessions) or (at == 0 and sessions[0] != action.ex_date) or known_at <= done[sessions[at]]:
            continue
        late.append((action, known_at))
    elsewhere = booked_as_of(tx, book, [action for action, _ in late])
    for action, known_at in late:
        missed = missed_of(tx, book, action, elsewhere.get(action))
        if missed is not None and not _resolved_since(tx, book, missed, known_at):
            found.append(missed)
    seen = {each.symbol for each in found}
    return (*found, *(each for each in open_moved(tx, book) if each.symbol not in seen))


def _resolved_since(tx: Read, book: str, found: Break, known_at: datetime) -> bool:
    mine = (breaks.c.book == book, breaks.c.kind == found.kind, breaks.c.symbol == found.symbol)
    query = select(func.max(breaks.c.resolved_at)).where(*mine)
    resolved: datetime | None = tx.connection.execute(query).scalar_one()
    return resolved is not None and resolved >= known_at
