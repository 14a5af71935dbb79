"""What people book when our ledger and the broker differ: corrections of a break, deposits and withdrawals.

Nothing here happens by itself. A correction and a withdrawal are requests that a second person approves; a deposit takes one person.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from grodt.errors import ConfigError
from grodt.ledger.booking import booking_instant
from grodt.ledger.breaks import OpenBreak, find_break, open_breaks, require_open, resolve_break
from grodt.ledger.entries import Entry, cash_correction_entry, share_correction_entry, transfer_entry
from grodt.ledger.marks import mark_of
from grodt.ledger.postings import cash, holding, post, settled
from grodt.ledger.requests import Request, ask, require_person, require_reason
from grodt.ledger.tables_postings import entries
from grodt.ledger.transaction import Read, Write
from grodt.money import MICROS_PER_CENT, Micros, decimal

CORRECTION = "correction"
WITHDRAWAL = "withdrawal"
#: How long such a request waits.
TERM = timedelta(hours=24)
_OTHER_WAYS = {
    "fraction": "the ledger keeps whole shares; sell the fraction at the broker, then resolve the break",
    "order": "an order is corrected at the broker: cancel it there, or run the cycle again, then resolve the break; one that the broker "
    "does not have any more is ended by `grodt breaks correct` without a price, which asks the broker",
    "action": "book its effect by correcting the break of the position or of cash that the broker shows, then resolve this one",
}


def propose_correction(tx: Write, break_id: int, price: Micros | None, *, by: str, reason: str, now: datetime) -> Request:
    """Ask for the entry that brings our side of a break to theirs.

    Args:
        tx: the transaction.
        break_id: of a position or of cash.
        price: what a share was paid with, micros; None: no cash moved.
        by: the person, who agrees by asking.
        reason: why, for the entry.
        now: instant.

    Raises:
        ConfigError: there is no such open break, or it is closed in another way; our side has moved since it was seen; a price is given for
            cash, is not above zero, or is missing.
    """
    found = require_open(tx, break_id)
    kind, symbol = found.difference.kind, found.difference.symbol
    if kind in _OTHER_WAYS:
        raise ConfigError(f"break {break_id} is of kind {kind}: {_OTHER_WAYS[kind]}")
    if price is not None and (kind == "cash" or price <= 0):
        raise ConfigError(f"break {break_id}: a price is above zero, and given for a position alone")
    subject = {
        "break": break_id,
        "kind": kind,
        "symbol": symbol,
        "from": found.difference.ours,
        "to": found.difference.theirs,
        "price": price,
    }
    moved = _moved(tx, found, subject)
    if moved:
        raise ConfigError(f"break {break_id}: {moved}")
    _entry(tx, found, subject, CORRECTION, reason)  # refuses what could not be booked
    return ask(tx, kind=CORRECTION, book=found.book, subject=subject, people=2, by=by, reason=reason, now=now, expires_at=now + TERM)


def what_is_corrected(request: Request) -> str:
    """The correction that a request asks for, in one line."""
    asked = request.subject
    if asked["kind"] == "cash":
        return f"break {asked['break']}: cash from {decimal(asked['from'])} to {decimal(asked['to'])} USD"
    at = "no cash moves" if asked["price"] is None else f"at {decimal(asked['price'])} USD a share"
    return f"break {asked['break']}: {asked['symbol']} from {asked['from']:,} to {asked['to']:,} shares, {at}"


def no_correction(tx: Read, request: Request) -> str:
    """Why a correction can no longer be decided; "" where it can."""
    found = find_break(tx, request.subject["break"])
    if found.resolved_at is not None:
        return f"break {found.break_id} is resolved"
    return _moved(tx, found, request.subject)


def book_correction(tx: Write, request: Request, now: datetime) -> str:
    """Book an approved correction and resolve its break; returns what was done and what is left."""
    found = find_break(tx, request.subject["break"])
    people = " and ".join(request.agreed)
    entry = _entry(tx, found, request.subject, f"{CORRECTION}:{request.request_id}", request.reason)
    post(tx, entry, CORRECTION, booking_instant(tx, found.book, now))
    resolve_break(tx, found.break_id, f"corrected: {request.reason}", people, now)
    explained = [
        each.break_id
        for each in open_breaks(tx, found.book)
        if each.difference.kind == "cash" and abs(cash(tx, found.book) - each.difference.theirs) <= MICROS_PER_CENT
    ]
    also = f"; cash is now as in break {explained[0]}: grodt breaks resolve {explained[0]} --reason WHY" if explained else ""
    return f"booked as {entry.entry_id[:23]}, break {found.break_id} is resolved{also}"


def deposit(tx: Write, book: str, amount: Micros, following: Callable[[date], date], *, by: str, reason: str, now: datetime) -> Entry:
    """Book cash that was brought into the book's account at the broker.

    Args:
        tx: the transaction.
        book: whose.
        amount: micros, > 0.
        following: the session after one, in the book's calendar.
        by, reason: who, and why.
        now: instant.

    Raises:
        ConfigError: the amount is not above zero, the book has not run yet, or name or reason is empty.
    """
    _require_positive(amount)
    session = _flow_session(tx, book, following)
    memo = f"{require_reason(reason)} ({require_person(by)})"
    count = tx.connection.execute(select(func.count()).select_from(entries).where(entries.c.book == book, entries.c.kind == "deposit"))
    entry = transfer_entry(f"deposit:{book}:{session}:{count.scalar_one()}", book, amount, session, memo)
    post(tx, entry, "deposit", now)
    return entry


def ask_to_withdraw(
    tx: Write, book: str, amount: Micros, following: Callable[[date], date], *, by: str, reason: str, now: datetime
) -> Request:
    """Ask for cash to be booked as taken out of the account; arguments as `deposit`.

    Raises:
        ConfigError: the amount is not above zero or more than the cash, the book has not run yet, or name or reason is empty.
    """
    _require_positive(amount)
    subject = {"amount": amount, "session": _flow_session(tx, book, following).isoformat()}
    short = _short(tx, book, amount)
    if short:
        raise ConfigError(short)
    return ask(tx, kind=WITHDRAWAL, book=book, subject=subject, people=2, by=by, reason=reason, now=now, expires_at=now + TERM)


def what_is_withdrawn(request: Request) -> str:
    """The withdrawal that a request asks for, in one line."""
    return f"{decimal(request.subject['amount'])} USD out of the book"


def no_withdrawal(tx: Read, request: Request) -> str:
    """Why a withdrawal can no longer be decided; "" where it can."""
    day = date.fromisoformat(request.subject["session"])
    if mark_of(tx, request.book, day) is not None:
        return f"session {day} is valued since, with the cash in it; ask for it anew"
    return _short(tx, request.book, Micros(request.subject["amount"]))


def book_withdrawal(tx: Write, request: Request, now: datetime) -> str:
    """Book an approved withdrawal; returns what was done."""
    day, amount = date.fromisoformat(request.subject["session"]), Micros(request.subject["amount"])
    entry = transfer_entry(f"{WITHDRAWAL}:{request.request_id}", request.book, Micros(-amount), day, request.reason)
    post(tx, entry, WITHDRAWAL, now)
    return f"booked in session {day}; {decimal(cash(tx, request.book))} USD are left"


def _entry(tx: Read, found: OpenBreak, asked: Mapping[str, Any], entry_id: str, reason: str) -> Entry:
    change = asked["to"] - asked["from"]
    session = settled(tx, found.book) or found.last_session
    if asked["kind"] == "cash":
        return cash_correction_entry(entry_id, found.book, Micros(change), session, reason)
    held, price = holding(tx, found.book, asked["symbol"]), None if asked["price"] is None else Micros(asked["price"])
    return share_correction_entry(entry_id, found.book, asked["symbol"], held, change, price, session, reason)


def _moved(tx: Read, found: OpenBreak, asked: Mapping[str, Any]) -> str:
    """Why the figures that were asked about are not those of now; "" where they are."""
    ours = cash(tx, found.book) if asked["kind"] == "cash" else holding(tx, found.book, asked["symbol"]).quantity
    if ours != asked["from"] or (found.difference.ours, found.difference.theirs) != (asked["from"], asked["to"]):
        return "our side or theirs has moved since; run the cycle again, which compares them anew, and correct what is left"
    return ""


def _flow_session(tx: Read, book: str, following: Callable[[date], date]) -> date:
    """The session whose mark takes the money in: the last settled one if it is not valued yet, else the one after it."""
    last = settled(tx, book)
    if last is None:
        raise ConfigError(f"book {book} has not run yet; its capital in the books file is its first deposit")
    return last if mark_of(tx, book, last) is None else following(last)


def _short(tx: Read, book: str, amount: Micros) -> str:
    have = cash(tx, book)
    return f"book {book} has {decimal(have)} USD in cash, less than {decimal(amount)}" if amount > have else ""


def _require_positive(amount: Micros) -> None:
    if amount <= 0:
        raise ConfigError(f"amount {decimal(amount)} is not above zero")
