"""Orders: what was decided, and what became of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import batched
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select

from grodt.ledger.rows import rows_of
from grodt.ledger.tables_orders import baskets, order_events, order_status, orders
from grodt.ledger.tables_postings import fills
from grodt.ledger.transaction import Read
from grodt.money import Micros, divide_half_even
from grodt.orders.order import Order, Side
from grodt.orders.states import OrderState

# Statements that run once per order are built once: building one costs more than running it.
# What the order that an attached leg goes out with has still to fill; NULL of every other order.
_ENTRY, _OF_ENTRY = orders.alias("entry"), order_status.alias("of_entry")
_WAITS = (
    select(_ENTRY.c.quantity - _OF_ENTRY.c.filled_quantity)
    .join(_OF_ENTRY, _OF_ENTRY.c.client_order_id == _ENTRY.c.client_order_id)
    .where(_ENTRY.c.client_order_id == orders.c.protects, _ENTRY.c.run_id == orders.c.run_id)
    .correlate(orders)
    .scalar_subquery()
)
_OF_ORDER = fills.c.client_order_id == orders.c.client_order_id
_ORDERS: Select[Any] = (
    select(
        orders,
        baskets.c.basket_hash,
        order_status.c.state,
        order_status.c.filled_quantity,
        order_status.c.venue_order_id,
        order_status.c.reason,
        select(func.sum(fills.c.quantity)).where(_OF_ORDER).scalar_subquery().label("booked_quantity"),
        select(func.sum(fills.c.notional)).where(_OF_ORDER).scalar_subquery().label("booked_notional"),
        _WAITS.label("waits"),
    )
    .join(order_status, order_status.c.client_order_id == orders.c.client_order_id)
    .join(baskets, baskets.c.run_id == orders.c.run_id)
    .order_by(orders.c.session, orders.c.run_id, orders.c.sequence)
)
#: Orders asked for in one statement.
_AT_ONCE = 5_000
_FILLED = (
    "SELECT o.client_order_id, o.quantity, s.filled_quantity, "
    "(SELECT coalesce(sum(f.quantity), 0) FROM fills AS f WHERE f.client_order_id = o.client_order_id) "
    "FROM orders AS o JOIN order_status AS s ON s.client_order_id = o.client_order_id WHERE o.client_order_id IN {keys}"
)
_ORDER = _ORDERS.where(orders.c.client_order_id == bindparam("key"))
_SIDES = {side.value: side for side in Side}
_STATES = {state.value: state for state in OrderState}


@dataclass(frozen=True, slots=True)
class LedgerOrder:
    """An order with what became of it.

    Attributes:
        order: as decided.
        run_id, basket_hash: the run that decided it, the basket it belongs to.
        state: reached.
        filled_quantity: shares filled, as far as the broker told us.
        venue_order_id: the broker's id; "" before it was accepted.
        reason: words that came with the state; "" where none.
        booked_quantity, booked_notional: shares and micros of the fills in the ledger.
        waits: of an attached leg, shares that it does not close because the order that it goes out with has not filled them; 0 of others.
    """

    order: Order
    run_id: str
    state: OrderState
    filled_quantity: int
    venue_order_id: str
    reason: str
    basket_hash: str
    booked_quantity: int
    booked_notional: Micros
    waits: int = 0

    @property
    def average_fill_price(self) -> Micros | None:
        """Mean price of the booked fills, rounded half-even; None before a fill."""
        return Micros(divide_half_even(self.booked_notional, self.booked_quantity)) if self.booked_quantity else None


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One state that an order reached, with the shares filled by then, the words that came with it, and the run that learned it."""

    state: OrderState
    filled_quantity: int
    reason: str
    run_id: str
    at: datetime


def orders_of(tx: Read, run_id: str, symbol: str | None = None) -> tuple[LedgerOrder, ...]:
    """The orders of a run, in sending order; of one symbol alone, if one is named."""
    return _orders(tx, orders.c.run_id == run_id, *(() if symbol is None else (orders.c.symbol == symbol,)))


def states_of(tx: Read, run_id: str) -> dict[str, OrderState]:
    """The state of every order of a run, by our id."""
    query = select(orders.c.client_order_id, order_status.c.state).where(orders.c.run_id == run_id)
    joined = query.join(order_status, order_status.c.client_order_id == orders.c.client_order_id)
    return {key: _STATES[state] for key, state in tx.connection.execute(joined).all()}


def orders_decided(tx: Read, book: str, session: date) -> tuple[LedgerOrder, ...]:
    """The orders that a book decided in a session, in sending order."""
    return _orders(tx, orders.c.book == book, orders.c.session == session)


def order_symbols(tx: Read, book: str) -> dict[str, str]:
    """The symbol of every order of a book, by our id."""
    query = select(orders.c.client_order_id, orders.c.symbol).where(orders.c.book == book)
    return dict(tx.connection.execute(query).tuples().all())


def books_with_orders(tx: Read, states: Iterable[OrderState]) -> tuple[str, ...]:
    """Books that have an order in one of those states, by name."""
    query = select(order_status.c.book).where(order_status.c.state.in_([each.value for each in states])).distinct().order_by("book")
    return tuple(tx.connection.execute(query).scalars())


def orders_in(tx: Read, book: str, states: Iterable[OrderState]) -> tuple[LedgerOrder, ...]:
    """A book's orders that are in one of the states, earliest session first."""
    return _orders(tx, order_status.c.book == book, order_status.c.state.in_([state.value for state in states]))


def find_orders(tx: Read, client_order_ids: Iterable[str]) -> dict[str, LedgerOrder]:
    """Those of the orders that there are, by our id."""
    found: dict[str, LedgerOrder] = {}
    for some in batched(sorted(client_order_ids), _AT_ONCE):
        found |= {each.order.client_order_id: each for each in _orders(tx, orders.c.client_order_id.in_(some))}
    return found


def filled_of(tx: Read, client_order_ids: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Shares ordered of each order, and shares filled: as told by the broker or as booked, whichever is more."""
    rows = rows_of(tx, _FILLED, client_order_ids)
    return {key: (quantity, max(filled, booked)) for key, quantity, filled, booked in rows}


def orders_sent(tx: Read, client_order_ids: Iterable[str]) -> frozenset[str]:
    """Those of the orders that were once marked as being sent."""
    query = select(order_events.c.client_order_id).where(order_events.c.state == OrderState.SENDING.value)
    found: set[str] = set()
    for some in batched(sorted(client_order_ids), _AT_ONCE):
        found |= set(tx.connection.execute(query.where(order_events.c.client_order_id.in_(some))).scalars())
    return frozenset(found)


def sent_at(tx: Read, client_order_ids: Iterable[str]) -> dict[str, datetime]:
    """When each of the orders was marked as being sent, the last time; without those that never were."""
    key, at = order_events.c.client_order_id, func.max(order_events.c.recorded_at)
    query = select(key, at).where(order_events.c.state == OrderState.SENDING.value).group_by(key)
    found: dict[str, datetime] = {}
    for some in batched(sorted(client_order_ids), _AT_ONCE):
        found |= dict(tx.connection.execute(query.where(key.in_(some))).tuples().all())
    return found


def orders_with_unbooked_fills(tx: Read, book: str) -> tuple[str, ...]:
    """A book's orders of which the broker has told more shares filled than are booked, by our id, ascending."""
    key, booked = order_status.c.client_order_id, func.coalesce(func.sum(fills.c.quantity), 0)
    joined = select(key).outerjoin(fills, fills.c.client_order_id == key).where(order_status.c.book == book)
    of_each = joined.where(order_status.c.filled_quantity > 0).group_by(key, order_status.c.filled_quantity)
    return tuple(tx.connection.execute(of_each.having(order_status.c.filled_quantity > booked).order_by(key)).scalars())


def orders_at_broker(tx: Read, book: str, most: int, since: datetime | None = None) -> dict[str, str]:
    """The broker's ids of a book's latest orders that it has given one, of those decided after an instant, by our id, latest first."""
    query = select(order_status.c.client_order_id, order_status.c.venue_order_id).where(
        order_status.c.book == book, order_status.c.venue_order_id != ""
    )
    latest = query.join(orders, orders.c.client_order_id == order_status.c.client_order_id).order_by(
        orders.c.recorded_at.desc(), orders.c.client_order_id
    )
    decided = latest if since is None else latest.where(orders.c.recorded_at > since)
    return dict(tx.connection.execute(decided.limit(most)).tuples().all())


def orders_protecting(tx: Read, client_order_id: str) -> tuple[LedgerOrder, ...]:
    """The orders that close what an order opened or added to, earliest session first."""
    return _orders(tx, orders.c.protects == client_order_id)


def find_order(tx: Read, client_order_id: str) -> LedgerOrder | None:
    """The order with our id."""
    row = tx.connection.execute(_ORDER, {"key": client_order_id}).first()
    return None if row is None else _ledger_order(row)


def events_of(tx: Read, client_order_id: str) -> tuple[OrderEvent, ...]:
    """The life of an order, oldest event first."""
    query = select(order_events).where(order_events.c.client_order_id == client_order_id).order_by(order_events.c.event_id)
    rows = tx.connection.execute(query)
    return tuple(OrderEvent(OrderState(row.state), row.filled_quantity, row.reason, row.run_id, row.recorded_at) for row in rows)


def touched_sessions(tx: Read, book: str, run_id: str) -> set[date]:
    """Sessions whose decided orders moved in this run, the run's own included: those whose export is stale."""
    query = (
        select(orders.c.session)
        .join(order_events, order_events.c.client_order_id == orders.c.client_order_id)
        .where(order_events.c.run_id == run_id, orders.c.book == book)
        .distinct()
    )
    return set(tx.connection.execute(query).scalars())


def count_by_state(tx: Read, book: str) -> dict[OrderState, int]:
    """How many of a book's orders are in each state; states with none are absent."""
    query = select(order_status.c.state, func.count()).where(order_status.c.book == book).group_by(order_status.c.state)
    return {OrderState(state): count for state, count in tx.connection.execute(query)}


def _orders(tx: Read, *where: ColumnElement[bool]) -> tuple[LedgerOrder, ...]:
    return tuple(map(_ledger_order, tx.connection.execute(_ORDERS.where(*where)).all()))


def _ledger_order(row: Row[Any]) -> LedgerOrder:
    """Of a row of `_ORDERS`."""
    *_, basket_hash, state, filled, venue_order_id, reason, booked, notional, waits = row
    order = order_of_row(row, attached=waits is not None)
    return LedgerOrder(
        order=order,
        run_id=row[1],
        state=_STATES[state],
        filled_quantity=filled,
        venue_order_id=venue_order_id,
        reason=reason,
        basket_hash=basket_hash,
        booked_quantity=booked or 0,
        booked_notional=Micros(notional or 0),
        waits=min(waits or 0, order.quantity),
    )


def order_of_row(row: Row[Any], *, attached: bool) -> Order:
    """The order of a row that begins with the columns of the table; `attached`: it goes out with the order that it protects."""
    key, _, _, book, session, symbol, side, quantity, reference, kind, tif, _, price, *rest = row
    works_from, role, protects, other, other_price, *_ = rest
    return Order.recorded(
        client_order_id=key,
        book=book,
        session=session,
        symbol=symbol,
        side=_SIDES[side],
        quantity=quantity,
        reference_price=reference,
        order_type=kind,
        time_in_force=tif,
        price=price,
        works_from=works_from,
        role=role or "",
        protects=protects or "",
        other=other or "",
        other_price=other_price,
        attached=attached,
    )
