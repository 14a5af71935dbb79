"""Fills: facts from the broker, each booked once, by its execution id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import batched
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, insert, select

from grodt.errors import DataError
from grodt.ledger.order_life import Event, append_events
from grodt.ledger.orders import LedgerOrder, find_orders
from grodt.ledger.postings import FLAT, fill_entry, holdings_of, post_all
from grodt.ledger.tables import fills, orders
from grodt.ledger.transaction import Read, Write
from grodt.money import Micros
from grodt.orders.fill import Fill
from grodt.orders.order import Side
from grodt.orders.states import OrderState

_INT64_MAX = 2**63 - 1
#: A fill proves that the broker took an order whose answer we never saw.
_UNANSWERED = (OrderState.SENDING, OrderState.UNKNOWN)
#: A late fill is booked, and the order stays over.
_STAYS = (OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REPLACED)

# Statements that run once per fill are built once: building one costs more than running it.
_LAST_NUMBER = select(func.coalesce(func.max(fills.c.number), 0)).where(fills.c.book == bindparam("of_book"))
_ADD_FILLS = insert(fills)
_SAME = select(fills).where(fills.c.execution_id.in_(bindparam("execution_ids", expanding=True)))
#: Fills asked for in one statement.
_AT_ONCE = 5_000


class Overfilled(DataError):
    """The broker tells more fills of an order than were ordered: control 19 halts the book.

    Attributes:
        symbol, filled, ordered: of the order; with the fill that was too much.
    """

    def __init__(self, message: str, symbol: str, filled: int, ordered: int) -> None:
        super().__init__(message)
        self.symbol, self.filled, self.ordered = symbol, filled, ordered


@dataclass(frozen=True, slots=True)
class BookedFill:
    """A fill with the run that booked it."""

    fill: Fill
    run_id: str


def record_fill(tx: Write, fill: Fill, book: str, run_id: str, now: datetime) -> bool:
    """Book one fill; see `record_fills`. False if it is booked already."""
    return bool(record_fills(tx, [fill], book, run_id, now))


def record_fills(tx: Write, told: Sequence[Fill], book: str, run_id: str, now: datetime) -> tuple[Fill, ...]:
    """Book fills, one after the other: the fact, its postings at average cost, and the order's progress.

    Fills may come twice, late and in any order.

    Returns:
        Those that were not booked already.

    Raises:
        DataError: an execution id is known with other content, we sent no such order, a fill does not match it, or the order
            would be overfilled; none of them is booked.
    """
    known = _known(tx, [fill.execution_id for fill in told])
    new = {fill.execution_id: fill for fill in reversed(told) if fill.execution_id not in known}
    for fill in told:
        _require_same(fill, book, known.get(fill.execution_id, (new.get(fill.execution_id), book)))
    booked = tuple(dict.fromkeys(fill for fill in told if fill.execution_id in new))
    if not booked:
        return ()
    progress = find_orders(tx, {fill.client_order_id for fill in booked})
    held = holdings_of(tx, book, {fill.symbol for fill in booked})
    number: int = tx.connection.execute(_LAST_NUMBER, {"of_book": book}).scalar_one()
    rows, made = [], []
    events: list[Event] = []
    for fill in booked:
        order = _order_of(progress, fill, book)
        notional = fill.quantity * fill.price
        if not 0 < notional <= _INT64_MAX or not abs(fill.commission) <= _INT64_MAX:
            raise DataError(f"{_named(fill, book)}: value {notional} micros is not positive or leaves 64 bits; {_NEXT}")
        entry = fill_entry(fill, book, held.get(fill.symbol, FLAT))
        held[fill.symbol] = held.get(fill.symbol, FLAT).after(entry, fill.symbol)
        made.append(entry)
        number += 1
        rows.append(_row(fill, book, number, notional, run_id, now))
        progress[fill.client_order_id] = _advanced(order, fill, notional, events)
    post_all(tx, made, run_id, now)
    tx.connection.execute(_ADD_FILLS, rows)
    append_events(tx, events, run_id=run_id, now=now)
    return booked


def fills_since(tx: Read, book: str, session: date) -> dict[str, Fill]:
    """The fills that traded in a session or later, by execution id."""
    found = _fills(tx, fills.c.book == book, fills.c.session >= session)
    return {booked.fill.execution_id: booked.fill for booked in found}


def fills_of(tx: Read, run_id: str) -> tuple[Fill, ...]:
    """The fills that a run booked, in the order they were booked."""
    return tuple(booked.fill for booked in _fills(tx, fills.c.run_id == run_id))


def fills_in(tx: Read, book: str, session: date) -> tuple[Fill, ...]:
    """The fills that traded in a session, in the order they were booked."""
    return tuple(booked.fill for booked in booked_fills(tx, book, session))


def booked_fills(tx: Read, book: str, session: date) -> tuple[BookedFill, ...]:
    """The fills that traded in a session with the run that booked each, in the order they were booked."""
    return _fills(tx, fills.c.book == book, fills.c.session == session)


def fills_of_order(tx: Read, client_order_id: str) -> tuple[BookedFill, ...]:
    """The fills of one order with the run that booked each, in the order they were booked."""
    return _fills(tx, fills.c.client_order_id == client_order_id)


def traded_until(tx: Read, book: str, session: date) -> list[tuple[date, str, str, int, Micros, Micros, Micros]]:
    """Session, symbol, side, quantity, price, notional and commission of a book's fills up to a session, in the order they traded."""
    columns = (fills.c.session, fills.c.symbol, fills.c.side, fills.c.quantity, fills.c.price, fills.c.notional, fills.c.commission)
    query = select(*columns).where(fills.c.book == book, fills.c.session <= session).order_by(fills.c.session, fills.c.number)
    return [tuple(row) for row in tx.connection.execute(query)]


def latest_prices(tx: Read, book: str, count: int, since: datetime | None = None) -> list[tuple[Micros, Micros]]:
    """Price of a book's latest fills, and the reference price of each one's order, of those booked after an instant; latest first."""
    query = select(fills.c.price, orders.c.reference_price).join(orders, orders.c.client_order_id == fills.c.client_order_id)
    mine = query.where(fills.c.book == book) if since is None else query.where(fills.c.book == book, fills.c.recorded_at > since)
    return [tuple(row) for row in tx.connection.execute(mine.order_by(fills.c.number.desc()).limit(count))]


def fill_sessions(tx: Read, run_id: str) -> set[date]:
    """Sessions of the fills that a run booked: those whose export is stale."""
    return set(tx.connection.execute(select(fills.c.session).where(fills.c.run_id == run_id).distinct()).scalars())


_NEXT = "nothing of it is booked; compare `grodt orders` with the broker's statement, then run the cycle again"


def _named(fill: Fill, book: str) -> str:
    return f"fill {fill.execution_id} of order {fill.client_order_id} ({fill.symbol}, book {book}, {fill.session})"


def _known(tx: Read, execution_ids: Sequence[str]) -> dict[str, tuple[Fill, str]]:
    """Those of the fills that are booked, each with its book."""
    rows = (row for some in batched(execution_ids, _AT_ONCE) for row in tx.connection.execute(_SAME, {"execution_ids": some}))
    return {row.execution_id: (_fill(row), row.book) for row in rows}


def _require_same(fill: Fill, book: str, before: tuple[Fill | None, str]) -> None:
    if before != (fill, book):
        raise DataError(f"{_named(fill, book)} was reported before with other content: {before[0]} of book {before[1]}; {_NEXT}")


def _order_of(found: Mapping[str, LedgerOrder], fill: Fill, book: str) -> LedgerOrder:
    order = found.get(fill.client_order_id)
    if order is None:
        raise DataError(f"{_named(fill, book)}: we never sent that order; {_NEXT}")
    ours = (order.order.book, order.order.symbol, order.order.side)
    if ours != (book, fill.symbol, fill.side):
        raise DataError(
            f"{_named(fill, book)}: {fill.side} {fill.symbol} is not the order's {ours[2]} {ours[1]} of book {ours[0]}; {_NEXT}"
        )
    if order.state in (OrderState.APPROVED, OrderState.REJECTED):
        raise DataError(f"{_named(fill, book)}: the order is {order.state} and cannot have filled; {_NEXT}")
    filled, ordered = order.booked_quantity + fill.quantity, order.order.quantity
    if filled > ordered:
        message = f"{_named(fill, book)}: {fill.quantity} shares more would make {filled} filled of {ordered} ordered; {_NEXT}"
        raise Overfilled(message, fill.symbol, filled, ordered)
    return order


def _advanced(order: LedgerOrder, fill: Fill, notional: int, events: list[Event]) -> LedgerOrder:
    """The order after the fill; adds its events. Its filled quantity may be ahead of our fills, where the broker told it first."""
    booked = order.booked_quantity + fill.quantity
    filled = max(booked, order.filled_quantity)
    key, venue_order_id = order.order.client_order_id, order.venue_order_id
    if order.state in _UNANSWERED:
        events.append(Event(key, OrderState.ACCEPTED, order.filled_quantity, venue_order_id, "a fill proves it"))
    state = OrderState.PARTIALLY_FILLED
    if filled == order.order.quantity:
        state = OrderState.FILLED
    elif order.state in _STAYS:
        state = order.state
    reason = order.reason if state is order.state else ""
    events.append(Event(key, state, filled, venue_order_id, reason))
    value = Micros(order.booked_notional + notional)
    return replace(order, state=state, filled_quantity=filled, reason=reason, booked_quantity=booked, booked_notional=value)


def _row(fill: Fill, book: str, number: int, notional: int, run_id: str, now: datetime) -> dict[str, Any]:
    return {
        "execution_id": fill.execution_id,
        "number": number,
        "book": book,
        "client_order_id": fill.client_order_id,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "quantity": fill.quantity,
        "price": fill.price,
        "notional": notional,
        "commission": fill.commission,
        "session": fill.session,
        "filled_at": fill.filled_at,
        "run_id": run_id,
        "recorded_at": now,
    }


def _fills(tx: Read, *where: ColumnElement[bool]) -> tuple[BookedFill, ...]:
    query = select(fills).where(*where).order_by(fills.c.number)
    return tuple(BookedFill(_fill(row), row.run_id) for row in tx.connection.execute(query))


def _fill(row: Row[Any]) -> Fill:
    return Fill(
        execution_id=row.execution_id,
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        side=Side(row.side),
        quantity=row.quantity,
        price=Micros(row.price),
        commission=Micros(row.commission),
        session=row.session,
        filled_at=row.filled_at,
    )
