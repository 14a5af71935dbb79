"""Corporate actions that came to be known after a book had settled their session.

A session's actions are applied once, with what was known then. One that is learned or corrected later is in neither our books nor the paper
broker's, so that both agree on a wrong position; a real broker has booked it and we have not. It is not applied in hindsight: orders and
fills have followed since. It is a break, which a person works.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import ColumnElement, func, select

from grodt.bars.corporate_actions import CorporateAction, entitlement, split
from grodt.ledger.breaks import Break
from grodt.ledger.entries import CURRENCY, SHARES, delisting_id, dividend_id, split_id, symbol_change_id
from grodt.ledger.tables_breaks import breaks
from grodt.ledger.tables_postings import applied_sessions, entries, postings
from grodt.ledger.transaction import Read
from grodt.money import Micros

_ENTRY_ID = {"split": split_id, "dividend": dividend_id, "delisting": delisting_id, "symbol_change": symbol_change_id}


def applied_at(tx: Read, book: str) -> dict[date, datetime]:
    """When the actions of each session were applied to the book, ascending by session."""
    query = select(applied_sessions.c.session, applied_sessions.c.recorded_at).where(applied_sessions.c.book == book)
    return dict(tx.connection.execute(query.order_by(applied_sessions.c.session)).tuples().all())


def late_actions(tx: Read, book: str, actions: Iterable[tuple[CorporateAction, datetime]]) -> tuple[Break, ...]:
    """Those of the actions, each with the instant it was known at, that the book has missed; one break for each.

    What a person has resolved since it was known is not raised again.

    Returns:
        Breaks of kind `action`, in the order of the actions. `symbol` is ticker, kind and ex date. For a split or a change of symbol
        `ours` is the shares that our books came to over the ex date and `theirs` what they should have come to; for a dividend or a
        delisting they are cash, in micros: booked and due.
    """
    done = applied_at(tx, book)
    sessions = list(done)
    found = []
    for action, known_at in actions:
        at = bisect_left(sessions, action.ex_date)
        if at == len(sessions) or (at == 0 and sessions[0] != action.ex_date) or known_at <= done[sessions[at]]:
            continue
        missed = _missed(tx, book, action)
        if missed is not None and not _resolved_since(tx, book, missed, known_at):
            found.append(missed)
    return tuple(found)


def _missed(tx: Read, book: str, action: CorporateAction) -> Break | None:
    """What our books made of the action against what they should have; None where these are equal."""
    before = _posted(tx, book, action, SHARES, entries.c.session < action.ex_date)
    this = entries.c.entry_id == _ENTRY_ID[action.kind](book, action)
    if action.kind == "split":
        # The fraction is paid in cash; shares alone tell whether it was applied.
        ours, theirs = before + _posted(tx, book, action, SHARES, this), split(before, action, Micros(0)).quantity
    elif action.kind == "symbol_change":
        ours, theirs = before + _posted(tx, book, action, SHARES, this), 0
    else:
        ours, theirs = _posted(tx, book, action, CURRENCY, this), entitlement(before, action)
    key = f"{action.symbol} {action.kind} {action.ex_date}"
    return Break("action", key, ours, theirs) if ours != theirs else None


def _posted(tx: Read, book: str, action: CorporateAction, asset: str, which: ColumnElement[bool]) -> int:
    """Shares of the symbol, or cash paid and owed, posted by those entries."""
    accounts = ["position"] if asset == SHARES else ["cash", "receivable"]
    about = [postings.c.symbol == action.symbol] if asset == SHARES else []
    query = (
        select(func.coalesce(func.sum(postings.c.amount), 0))
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(postings.c.book == book, postings.c.asset == asset, postings.c.account.in_(accounts), *about, which)
    )
    return int(tx.connection.execute(query).scalar_one())


def _resolved_since(tx: Read, book: str, found: Break, known_at: datetime) -> bool:
    mine = (breaks.c.book == book, breaks.c.kind == found.kind, breaks.c.symbol == found.symbol)
    query = select(func.max(breaks.c.resolved_at)).where(*mine)
    resolved: datetime | None = tx.connection.execute(query).scalar_one()
    return resolved is not None and resolved >= known_at
