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
from grodt.ledger.cash_entries import BY_PEOPLE, FLOWS, CashKind, as_cash_kind, cash_entry
from grodt.ledger.entries import Entry, share_correction_entry
from grodt.ledger.leases import holder_of
from grodt.ledger.marks import mark_of
from grodt.ledger.postings import cash, holding, post, settled
from grodt.ledger.requests import Request, ask, require_person, require_reason
from grodt.ledger.reserved import reserved_for_buys
from grodt.ledger.tables_postings import entries, postings
from grodt.ledger.transaction import Read, Write
from grodt.money import MICROS_PER_CENT, Micros, decimal

CORRECTION, DEPOSIT, WITHDRAWAL = BY_PEOPLE
#: How long such a request waits.
TERM = timedelta(hours=24)
_OTHER_WAYS = {
    "fraction": "the ledger keeps whole shares; sell the fraction at the broker, then resolve the break",
    "order": "an order is corrected at the broker: cancel it there, or run the cycle again, then resolve the break; one that the broker "
    "does not have any more is ended by `grodt breaks correct` without a price, which asks the broker",
    "action": "book its effect by correcting the break of the position or of cash that the broker shows, then resolve this one; one that "
    "is booked under another ex date already has no effect to book: resolve it",
}


def propose_correction(
    tx: Write,
    break_id: int,
    price: Micros | None,
    *,
    booked_as: CashKind = "correction",
    following: Callable[[date], date],
    by: str,
    reason: str,
    now: datetime,
) -> Request:
    """Ask for the entry that brings our side of a break to theirs.

    Args:
        tx: the transaction.
        break_id: of a position or of cash.
        price: what a share was paid with, micros; None: no cash moved.
        booked_as: what the cash was, of a break of cash.
        following: the session after one, in the book's calendar.
        by: the person, who agrees by asking.
        reason: why, for the entry.
        now: instant.

    Raises:
        ConfigError: there is no such open break, or it is closed in another way; our side has moved since it was seen; a price is given for
            cash, is not above zero, or is missing; shares are to be booked as something that cash is, or cash that went out as a deposit.
    """
    found = require_open(tx, break_id)
    kind, symbol = found.difference.kind, found.difference.symbol
    if kind in _OTHER_WAYS:
        raise ConfigError(f"break {break_id} is of kind {kind}: {_OTHER_WAYS[kind]}")
    if price is not None and (kind == "cash" or price <= 0):
        raise ConfigError(f"break {break_id}: a price is above zero, and given for a position alone")
    if kind != "cash" and booked_as != "correction":
        raise ConfigError(f"break {break_id} is of a position: shares are booked as a correction alone, and --as is for cash")
    subject: dict[str, Any] = {
        "break": break_id,
        "kind": kind,
        "symbol": symbol,
        "from": found.difference.ours,
        "to": found.difference.theirs,
        "price": price,
        "as": booked_as,
    }
    if booked_as in FLOWS:
        subject["session"] = _flow_session(tx, found.book, following).isoformat()
    moved = _moved(tx, found, subject)
    if moved:
        raise ConfigError(f"break {break_id}: {moved}")
    _entry(tx, found, subject, CORRECTION, reason)  # refuses what could not be booked
    return ask(tx, kind=CORRECTION, book=found.book, subject=subject, people=2, by=by, reason=reason, now=now, expires_at=now + TERM)


def what_is_corrected(request: Request) -> str:
    """The correction that a request asks for, in one line."""
    asked = request.subject
    if asked["kind"] == "cash":
        named = "" if _booked_as(asked) == "correction" else f", booked as {_booked_as(asked)}"
        return f"break {asked['break']}: cash from {decimal(asked['from'])} to {decimal(asked['to'])} USD{named}"
    at = "no cash moves" if asked["price"] is None else f"at {decimal(asked['price'])} USD a share"
    return f"break {asked['break']}: {asked['symbol']} from {asked['from']:,} to {asked['to']:,} shares, {at}"


def no_correction(tx: Read, request: Request) -> str:
    """Why a correction can no longer be decided; "" where it can."""
    found = find_break(tx, request.subject["break"])
    if found.resolved_at is not None:
        return f"break {found.break_id} is resolved"
    if _booked_as(request.subject) in FLOWS and (valued := _valued(tx, request)):
        return valued
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


def deposit(
    tx: Write,
    book: str,
    amount: Micros,
    following: Callable[[date], date],
    *,
    again: bool = False,
    by: str,
    reason: str,
    now: datetime,
) -> Entry:
    """Book cash that was brought into the book's account at the broker.

    Args:
        tx: the transaction.
        book: whose.
        amount: micros, > 0.
        following: the session after one, in the book's calendar.
        again: that the same amount came in once more; else one that is booked in that session already is taken for this one.
        by, reason: who, and why.
        now: instant.

    Raises:
        ConfigError: the amount is not above zero, people have booked the same in that session, the book has not run yet, or name or reason
            is empty.
    """
    _require_positive(amount)
    session = _flow_session(tx, book, following)
    memo = f"{require_reason(reason)} ({require_person(by)})"
    _require_first(tx, book, amount, session, again=again)
    count = tx.connection.execute(select(func.count()).select_from(entries).where(entries.c.book == book, entries.c.kind == "deposit"))
    entry = cash_entry(f"deposit:{book}:{session}:{count.scalar_one()}", "deposit", book, amount, session, memo)
    post(tx, entry, DEPOSIT, booking_instant(tx, book, now))
    return entry


def ask_to_withdraw(
    tx: Write,
    book: str,
    amount: Micros,
    following: Callable[[date], date],
    *,
    again: bool = False,
    by: str,
    reason: str,
    now: datetime,
) -> Request:
    """Ask for cash to be booked as taken out of the account; arguments as `deposit`. Asking twice while it waits asks once.

    Raises:
        ConfigError: the amount is not above zero or more than the cash that is not reserved for buys, people have booked the same in that
            session, the book has not run yet, or name or reason is empty.
    """
    _require_positive(amount)
    session = _flow_session(tx, book, following)
    _require_first(tx, book, Micros(-amount), session, again=again)
    subject = {"amount": amount, "session": session.isoformat()}
    short = _short(tx, book, amount)
    if short:
        raise ConfigError(short)
    return ask(tx, kind=WITHDRAWAL, book=book, subject=subject, people=2, by=by, reason=reason, now=now, expires_at=now + TERM)


def what_is_withdrawn(request: Request) -> str:
    """The withdrawal that a request asks for, in one line."""
    return f"{decimal(request.subject['amount'])} USD out of the book"


def no_withdrawal(tx: Read, request: Request) -> str:
    """Why a withdrawal can no longer be decided; "" where it can."""
    return _valued(tx, request) or _short(tx, request.book, Micros(request.subject["amount"]))


def book_withdrawal(tx: Write, request: Request, now: datetime) -> str:
    """Book an approved withdrawal; returns what was done.

    Raises:
        ConfigError: a cycle is at work, which may be deciding what to buy with this cash.
    """
    at_work = holder_of(tx, f"book:{request.book}")
    if at_work is not None and at_work.expires_at > now:
        raise ConfigError(
            f"book {request.book}: a cycle is at work ({at_work.holder}, until {at_work.expires_at:%Y-%m-%d %H:%M:%S} UTC) and may be "
            "deciding what to buy with this cash; nothing is booked: approve the withdrawal when it has ended"
        )
    day, amount = date.fromisoformat(request.subject["session"]), Micros(request.subject["amount"])
    entry = cash_entry(f"{WITHDRAWAL}:{request.request_id}", "withdrawal", request.book, Micros(-amount), day, request.reason)
    post(tx, entry, WITHDRAWAL, booking_instant(tx, request.book, now))
    return f"booked in session {day}; {decimal(cash(tx, request.book))} USD are left"


def _entry(tx: Read, found: OpenBreak, asked: Mapping[str, Any], entry_id: str, reason: str) -> Entry:
    change = asked["to"] - asked["from"]
    session = date.fromisoformat(asked["session"]) if "session" in asked else settled(tx, found.book) or found.last_session
    if asked["kind"] == "cash":
        return cash_entry(entry_id, _booked_as(asked), found.book, Micros(change), session, reason)
    held, price = holding(tx, found.book, asked["symbol"]), None if asked["price"] is None else Micros(asked["price"])
    return share_correction_entry(entry_id, found.book, asked["symbol"], held, change, price, session, reason)


def _moved(tx: Read, found: OpenBreak, asked: Mapping[str, Any]) -> str:
    """Why the figures that were asked about are not those of now; "" where they are."""
    ours = cash(tx, found.book) if asked["kind"] == "cash" else holding(tx, found.book, asked["symbol"]).quantity
    if ours != asked["from"] or (found.difference.ours, found.difference.theirs) != (asked["from"], asked["to"]):
        return "our side or theirs has moved since; run the cycle again, which compares them anew, and correct what is left"
    return ""


def _booked_as(asked: Mapping[str, Any]) -> CashKind:
    """What a correction of cash is booked as; requests of before could not say."""
    return as_cash_kind(asked.get("as", "correction"))


def _valued(tx: Read, request: Request) -> str:
    """Why cash that comes in or goes out can no longer be booked in the session that was asked for; "" where it can."""
    day = date.fromisoformat(request.subject["session"])
    return f"session {day} is valued since, with the cash in it; ask for it anew" if mark_of(tx, request.book, day) is not None else ""


def _require_first(tx: Read, book: str, change: Micros, session: date, *, again: bool) -> None:
    """Refuse what people have booked in the session already, unless they say that it happened again."""
    same = (
        select(entries.c.memo, entries.c.recorded_at)
        .join(postings, postings.c.entry_id == entries.c.entry_id)
        .where(entries.c.book == book, entries.c.session == session, entries.c.run_id.in_(BY_PEOPLE))
        .where(postings.c.account == "capital", postings.c.amount == -change)
        .order_by(entries.c.recorded_at.desc())
        .limit(1)
    )
    known = tx.connection.execute(same).first()
    if known is not None and not again:
        what = "deposit" if change > 0 else "withdrawal"
        raise ConfigError(
            f"book {book}: a {what} of {decimal(abs(change))} USD is booked in session {session} already, at "
            f"{known.recorded_at:%Y-%m-%d %H:%M} UTC: {known.memo}. Nothing is booked; if the same amount moved once more, say --again"
        )


def _flow_session(tx: Read, book: str, following: Callable[[date], date]) -> date:
    """The session whose mark takes the money in: the last settled one if it is not valued yet, else the one after it."""
    last = settled(tx, book)
    if last is None:
        raise ConfigError(f"book {book} has not run yet; its capital in the books file is its first deposit")
    return last if mark_of(tx, book, last) is None else following(last)


def _short(tx: Read, book: str, amount: Micros) -> str:
    """Why that much cash cannot be taken out; "" where it can. What buys are to be paid with stays."""
    have, reserved = cash(tx, book), reserved_for_buys(tx, book)
    if amount <= have - reserved.amount:
        return ""
    held = f"book {book} has {decimal(have)} USD in cash"
    if not reserved.orders:
        return f"{held}, less than {decimal(amount)}"
    buys = "1 buy" if reserved.orders == 1 else f"{reserved.orders} buys"
    return (
        f"{held}, of which {decimal(reserved.amount)} USD are reserved for {buys} that may still be filled (grodt orders): "
        f"{decimal(Micros(max(have - reserved.amount, 0)))} USD are free, less than {decimal(amount)}. Wait for them, or cancel them; "
        "money that has left the account already is a break of cash, to be corrected with --as withdrawal"
    )


def _require_positive(amount: Micros) -> None:
    if amount <= 0:
        raise ConfigError(f"amount {decimal(amount)} is not above zero")
