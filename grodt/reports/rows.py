"""Rows for programs of what people look at: the same from the command line (`--json`) and the desk."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from grodt.lake.manifest import Snapshot
from grodt.lake.store import Lake
from grodt.ledger.acts import kind_of
from grodt.ledger.breaks import OpenBreak, money_value
from grodt.ledger.cancels import Cancel, ended_by_cancel
from grodt.ledger.halts import Halt
from grodt.ledger.limits import LimitChange, shown
from grodt.ledger.orders import LedgerOrder
from grodt.ledger.requests import Request
from grodt.ledger.runs import Run
from grodt.ledger.transaction import Read
from grodt.money import decimal
from grodt.orders.states import OPEN
from grodt.reports.limits_in_use import LimitInUse
from grodt.risk.limit_values import Key

#: Of an order that the ledger has as open and the broker has not.
OVER_AT_BROKER = "over at the broker, cancelled by a halt: the next cycle books it"


def request_row(request: Request) -> dict[str, Any]:
    """Something that waits, or waited, for people."""
    return {
        "id": request.short,
        "request_id": request.request_id,
        "kind": request.kind,
        "book": request.book or "all",
        "what": kind_of(request).what(request),
        "asked_by": request.asked_by,
        "asked_at": request.asked_at,
        "reason": request.reason,
        "people": request.people,
        "agreed": list(request.agreed),
        "still_needed": request.missing,
        "expires_at": request.expires_at,
        "subject": dict(request.subject),
    }


def halt_row(each: Halt, asked: Sequence[Cancel], now: datetime) -> dict[str, Any]:
    """A halt, what the broker was asked because of it, and how it is ended."""
    ended = None if each.ended_at is None else f"{each.end_author}, {each.ended_at:%Y-%m-%d %H:%M} UTC: {each.end_reason}"
    if ended is None and not each.holds(now):
        ended = f"expiry, {each.expires_at:%Y-%m-%d %H:%M} UTC"
    return {
        **asdict(each),
        "book": each.book or "all",
        "what": {"all": "all books", "book": each.book, "strategy": each.strategy, "symbol": each.symbol}[each.scope],
        "since": each.started_at,
        "until": each.expires_at,
        "holds": each.holds(now),
        "people": 2 if each.of_two else 1,
        "how_to_end": each.end if ended is None else None,
        "ended_by": ended,
        "cancels": [asdict(one) for one in asked],
    }


def break_row(tx: Read, each: OpenBreak, now: datetime) -> dict[str, Any]:
    """A difference from the broker, what it is worth and whose it is."""
    found, value = each.difference, money_value(tx, each)
    ours, theirs = found.shown(found.ours), found.shown(found.theirs)
    return {
        "break_id": each.break_id,
        "book": each.book,
        "kind": found.kind,
        "symbol": found.symbol,
        "ours": ours,
        "theirs": theirs,
        "difference": ours - theirs,
        "unit": "USD" if found.in_cash else "shares",
        "value": None if value is None else decimal(value),
        "first_seen": each.first_session,
        "age_days": each.age(now).days,
        "last_seen": each.last_session,
        "owner": each.owner,
        "resolution": each.resolved_reason,
        "resolved_by": each.resolved_author,
        "run_id": each.run_id,
    }


def limit_row(each: LimitInUse, run_id: str | None) -> dict[str, Any]:
    """A limit in force and how much of it is used, as the evidence of a run says."""
    by = each.set_by
    return {
        "name": each.key.name,
        "symbol": each.key.symbol,
        "group": each.key.group,
        "in_force": each.value,
        "use": each.use.value,
        "used": each.use.used,
        "closest": each.use.symbol or None,
        "run_id": run_id,
        **({"set_by": None, "set_at": None, "reason": None} if by is None else {"set_by": by.author, "set_at": by.at, "reason": by.reason}),
    }


def change_row(each: LimitChange) -> dict[str, Any]:
    """A change of a limit."""
    return {
        "change_id": each.change_id,
        "changed_at": each.at,
        "limit": each.key.name,
        "of": limit_of(each.key),
        "symbol": each.key.symbol,
        "group": each.key.group,
        "before": shown(each.before),
        "after": shown(each.after),
        "author": each.author,
        "reason": each.reason,
        "request_id": each.request_id,
    }


def limit_of(key: Key) -> str:
    """What a limit is of."""
    return key.symbol or (f"group {key.group}" if key.group else "book")


def order_row(each: LedgerOrder) -> dict[str, Any]:
    """An order, with the state it has reached."""
    return {
        "client_order_id": each.order.client_order_id,
        "symbol": each.order.symbol,
        "side": str(each.order.side),
        "quantity": each.order.quantity,
        "order_type": each.order.order_type,
        "time_in_force": each.order.time_in_force,
        "order_price": None if each.order.price is None else decimal(each.order.price),
        "reference_price": decimal(each.order.reference_price),
        "state": str(each.state),
        "filled_quantity": each.filled_quantity,
        "average_fill_price": None if each.average_fill_price is None else decimal(each.average_fill_price),
        "reason": each.reason,
        "basket_hash": each.basket_hash,
        "run_id": each.run_id,
    }


def order_rows(tx: Read, found: Sequence[LedgerOrder], runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The orders of a session, and where its runs are of slots, in which slot each was decided.

    The state is the ledger's. Where the broker has said meanwhile that an order is over, as a halt had it cancelled, its reason says so.

    Args:
        tx: the ledger.
        found: the orders.
        runs: of the book in that session.
    """
    slots = {each.run_id: each.slot for each in runs if each.slot}
    over = ended_by_cancel(tx, [each.order.client_order_id for each in found if each.state in OPEN])
    rows = [order_row(each) | ({"slot": slots[each.run_id]} if slots else {}) for each in found]
    return [row | {"reason": OVER_AT_BROKER} if row["client_order_id"] in over else row for row in rows]


def position_rows(lake: Lake, current: Snapshot, book: str, session: date) -> list[dict[str, Any]]:
    """What a book held at the close of a session that is done, by symbol."""
    return lake.read("positions", current, source=book, start=session, end=session).sort("symbol").to_dicts()
