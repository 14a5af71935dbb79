"""What the ledger has around a break: orders, fills, booked or not, and entries of its symbol, in the sessions about it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select

from grodt.ledger.account_says import Says, account_says
from grodt.ledger.breaks import Assignment, OpenBreak, assignments_of
from grodt.ledger.moved_actions import in_words
from grodt.ledger.orders import find_order
from grodt.ledger.tables_orders import order_events, order_status, orders
from grodt.ledger.tables_postings import entries, fills, postings
from grodt.ledger.transaction import Read
from grodt.ledger.unbooked import kept_in

#: Days before the first sight of a break that may have its cause.
DAYS_BEFORE = 7


@dataclass(frozen=True, slots=True)
class Evidence:
    """What may explain a break.

    Attributes:
        symbol: that it is about; "" for cash.
        start, end: dates whose rows are shown, both included.
        orders: of the symbol, decided in that time, each with its state, its reason and its events.
        fills: of the symbol, in that time.
        unbooked: fills that the broker told and that are not booked, of the symbol, or of all for cash; each with why, as it was told.
        said: of cash, what the account says that is not booked, each with what to do about it.
        entries: in that time, each with what it does to the figure that differs: shares of the symbol, or micros of cash.
        assignments: who was given the break, oldest first.
        elsewhere: of a corporate action that is booked under another ex date, what it is and how the break ends; "" otherwise.
    """

    symbol: str
    start: date
    end: date
    orders: tuple[dict[str, Any], ...]
    fills: tuple[dict[str, Any], ...]
    unbooked: tuple[dict[str, Any], ...]
    said: tuple[Says, ...]
    entries: tuple[dict[str, Any], ...]
    assignments: tuple[Assignment, ...]
    elsewhere: str


def evidence_of(tx: Read, found: OpenBreak) -> Evidence:
    """The evidence of a break. Of one of cash: every entry that moved cash, every fill that is not booked, and no order."""
    start, end = found.first_session - timedelta(days=DAYS_BEFORE), found.last_session
    symbol = _symbol(tx, found)
    of_orders = (orders.c.book == found.book, orders.c.symbol == symbol, orders.c.session.between(start, end))
    decided = (
        select(orders.c.client_order_id, orders.c.session, orders.c.side, orders.c.quantity, order_status.c.state, order_status.c.reason)
        .join(order_status, order_status.c.client_order_id == orders.c.client_order_id)
        .where(*of_orders)
        .order_by(orders.c.session, orders.c.sequence)
    )
    traded = (
        select(fills.c.execution_id, fills.c.session, fills.c.side, fills.c.quantity, fills.c.price, fills.c.commission, fills.c.run_id)
        .where(fills.c.book == found.book, fills.c.symbol == symbol, fills.c.session.between(start, end))
        .order_by(fills.c.number)
    )
    account = (postings.c.account == "position", postings.c.symbol == symbol) if symbol else (postings.c.account == "cash",)
    moved = (
        select(entries.c.entry_id, entries.c.kind, entries.c.session, entries.c.memo, func.sum(postings.c.amount).label("amount"))
        .join(postings, postings.c.entry_id == entries.c.entry_id)
        .where(entries.c.book == found.book, entries.c.session.between(start, end), *account)
        .group_by(entries.c.entry_id, entries.c.kind, entries.c.session, entries.c.memo)
        .order_by(entries.c.session, entries.c.entry_id)
    )
    return Evidence(
        symbol=symbol,
        start=start,
        end=end,
        orders=tuple(dict(row) | {"events": _events(tx, row["client_order_id"])} for row in tx.connection.execute(decided).mappings()),
        fills=tuple(dict(row) for row in tx.connection.execute(traded).mappings()),
        unbooked=_unbooked(tx, found.book, symbol, start, end),
        said=account_says(tx, found.book, start, end) if found.difference.kind == "cash" else (),
        entries=tuple(dict(row) for row in tx.connection.execute(moved).mappings()),
        assignments=assignments_of(tx, found.break_id),
        elsewhere=in_words(found.difference, found.break_id),
    )


def _unbooked(tx: Read, book: str, symbol: str, start: date, end: date) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "execution_id": each.fill.execution_id,
            "client_order_id": each.fill.client_order_id,
            "session": each.fill.session,
            "symbol": each.fill.symbol,
            "side": each.fill.side.value,
            "quantity": each.fill.quantity,
            "price": each.fill.price,
            "commission": each.fill.commission,
            "reason": each.reason,
            "run_id": each.run_id,
        }
        for each in kept_in(tx, book, start, end)
        if symbol in ("", each.fill.symbol)
    )


def _symbol(tx: Read, found: OpenBreak) -> str:
    if found.difference.kind == "order":
        known = find_order(tx, found.difference.symbol)
        return known.order.symbol if known is not None else found.difference.symbol
    return found.difference.symbol.split()[0] if found.difference.symbol else ""


def _events(tx: Read, client_order_id: str) -> list[dict[str, Any]]:
    query = (
        select(order_events.c.recorded_at, order_events.c.state, order_events.c.filled_quantity, order_events.c.reason)
        .where(order_events.c.client_order_id == client_order_id)
        .order_by(order_events.c.event_id)
    )
    return [dict(row) for row in tx.connection.execute(query).mappings()]
