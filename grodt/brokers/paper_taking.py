"""Taking an order at the paper broker: what it refuses, and what it keeps."""

import sqlite3
from datetime import UTC, date
from typing import NamedTuple

from grodt.brokers.paper_bars import has_ended
from grodt.brokers.paper_legs import OPEN_STATES, free_to_close, why_unattached
from grodt.brokers.paper_orders import FIND, broker_order
from grodt.brokers.protocol import BrokerOrder
from grodt.orders.order import Order, Side
from grodt.orders.states import OrderState
from grodt.orders.terms import problem_of

# Of each order of a basket: built once, and no more of them than it takes.
_STANDING = (
    "SELECT (SELECT max(session) FROM sessions), cash, reserved, EXISTS (SELECT 1 FROM orders WHERE client_order_id = ?) FROM account"
)
_INSERT = (
    "INSERT INTO orders (client_order_id, session, symbol, side, quantity, reference_price, order_type, time_in_force, "
    "price, role, other, entry, state, filled_quantity, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)"
)


class Rules(NamedTuple):
    """What an account takes: orders of its book; sells beyond what is held, or not; orders within a session, or for the next one."""

    book: str
    allow_short: bool
    intraday: bool


class _Standing(NamedTuple):
    """The account as an order comes in: the last session played, cash, and what of it is reserved."""

    last: str | None
    cash: int
    reserved: int


def take(connection: sqlite3.Connection, order: Order, session: date, rules: Rules) -> BrokerOrder:
    """Keep an order as accepted or refused, or refuse a malformed one without a trace; one that is known stays as it is."""
    *stands, known = connection.execute(_STANDING, (order.client_order_id,)).fetchone()
    if known:
        return broker_order(connection.execute(FIND, (order.client_order_id,)).fetchone())
    malformed = _malformed(order, session, rules)
    if malformed:
        return _refused(order, malformed)
    refusal = _refusal(connection, order, session, rules, _Standing(*stands))
    state = OrderState.REJECTED if refusal else OrderState.ACCEPTED
    content = (
        session.isoformat(),
        order.symbol,
        order.side.value,
        order.quantity,
        order.reference_price,
        order.order_type,
        order.time_in_force,
        order.price,
        order.role,
        order.other,
        order.protects if order.attached else "",
    )
    number = connection.execute(_INSERT, (order.client_order_id, *content, state.value, refusal)).lastrowid
    if order.works_from is not None:
        starts = (order.client_order_id, order.works_from.astimezone(UTC).isoformat())
        connection.execute("INSERT INTO starts VALUES (?, ?)", starts)
    if not refusal and not order.is_leg:
        connection.execute("UPDATE account SET reserved = reserved + ?", (_signed(order) * order.reference_price,))
    terms = (order.order_type, order.time_in_force, order.price)
    waits = order.quantity if order.attached else 0
    return broker_order(
        (order.client_order_id, number or 0, order.symbol, order.side.value, order.quantity, state.value, 0, refusal, waits, *terms)
    )


def _malformed(order: Order, session: date, rules: Rules) -> str:
    if order.book != rules.book:
        return f"the account is of book {rules.book}, not {order.book}"
    if order.session != session:
        return f"the order was decided in session {order.session}, not {session}"
    if order.quantity < 1 or order.reference_price < 1 or not order.symbol:
        return f"quantity {order.quantity} and price {order.reference_price} must be above zero, symbol {order.symbol!r} not empty"
    if rules.intraday and (order.order_type != "market" or order.time_in_force not in ("opg", "day")):
        return f"{order.order_type} {order.time_in_force} orders are not taken of an intraday book, market opg and day orders are"
    if order.is_leg and (order.order_type == "market" or order.time_in_force != "gtc"):
        return f"a {order.order_type} {order.time_in_force} order is no leg of a bracket, which waits at its price until it is cancelled"
    return problem_of(order.order_type, order.time_in_force, order.price)


def _refusal(connection: sqlite3.Connection, order: Order, session: date, rules: Rules, stands: _Standing) -> str:
    told = session.isoformat()
    if stands.last is not None and stands.last > told:
        return f"session {stands.last} has been played since {session}: the open it was for has passed"
    if rules.intraday and order.time_in_force == "day" and (stands.last != told or has_ended(connection, session)):
        return f"session {session} is not going on: an order for the day works between its open and its close"
    if order.is_leg:
        if order.role == "take_profit" and order.other and not _is_open(connection, order.other):
            return f"its stop {order.other} is not open, and a take profit is not placed without it"
        if order.attached:
            return why_unattached(connection, order)
        free = free_to_close(connection, order)
        return f"a leg only closes: {order.quantity} shares to close, {free} free" if order.quantity > free else ""
    if order.side is Side.BUY:
        value, free = order.quantity * order.reference_price, stands.cash - stands.reserved
        if value > free:
            return f"insufficient buying power: {value} micros wanted, {free} free"
    elif not rules.allow_short:
        free = free_to_close(connection, order)
        if order.quantity > free:
            return f"short sale is not allowed: {order.quantity} shares to sell, {free} free"
    return ""


def _is_open(connection: sqlite3.Connection, client_order_id: str) -> bool:
    query = f"SELECT 1 FROM orders WHERE client_order_id = ? AND state IN {OPEN_STATES}"
    return connection.execute(query, (client_order_id,)).fetchone() is not None


def _signed(order: Order) -> int:
    return order.quantity if order.side is Side.BUY else -order.quantity


def _refused(order: Order, reason: str) -> BrokerOrder:
    return BrokerOrder(order.client_order_id, "", order.symbol, order.side, order.quantity, OrderState.REJECTED, 0, reason)
