"""Alpaca's orders, activities, positions and account as they come, and what they become. Pure functions.

Quantities, prices and cash are texts there, and are read as exact decimals. What Alpaca says that is not known here is no error: an
order is then `unknown` and a fill unreadable, both with the words, and execution halts the symbol.
"""

from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, TypeAdapter

from grodt.brokers.protocol import BrokerOrder
from grodt.errors import DataError
from grodt.money import Micros, micros
from grodt.orders.fill import Fill
from grodt.orders.order import Side
from grodt.orders.states import OrderState

#: Alpaca has it, and it is not said that an exchange has: not routed yet, routed and not acknowledged, held or looked at by Alpaca, or
#: somebody has asked for its cancel or for another in its place.
_AT_BROKER = ("accepted", "pending_new", "pending_review", "held", "pending_cancel", "pending_replace")
#: The order may still fill, or is being counted up.
_WORKING = (
    *_AT_BROKER,
    "new",
    "accepted_for_bidding",
    "partially_filled",
    "stopped",
    "suspended",
    "calculated",
    "done_for_day",
)
_OVER = {
    "canceled": OrderState.CANCELLED,
    "replaced": OrderState.REPLACED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}
#: Those that are understood; any other halts its symbol.
KNOWN_STATUSES = (*_WORKING, *_OVER, "filled")
_SIDES = {"buy": Side.BUY, "sell": Side.SELL, "sell_short": Side.SELL}
_FILL_TYPES = ("fill", "partial_fill")


def _exact(value: Any) -> Any:
    """The number that a text writes."""
    if not isinstance(value, str):
        raise ValueError("is no text with a number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError("is no text with a number") from None
    if not number.is_finite():
        raise ValueError("is no finite number")
    return number


Exact = Annotated[Decimal, BeforeValidator(_exact)]


class _Row(BaseModel):
    """Fields that we do not use are let be."""

    model_config = ConfigDict(frozen=True)


class AlpacaOrder(_Row):
    """An order of `/v2/orders`. One for an amount of money has a `notional` instead of a `qty`."""

    id: str
    client_order_id: str
    symbol: str
    side: str
    qty: Exact | None = None
    notional: Exact | None = None
    filled_qty: Exact
    type: str
    time_in_force: str
    limit_price: Exact | None = None
    stop_price: Exact | None = None
    status: str
    created_at: AwareDatetime
    submitted_at: AwareDatetime | None = None
    replaced_by: str | None = None


class AlpacaActivity(_Row):
    """A fill of `/v2/account/activities/FILL`."""

    id: str
    order_id: str
    symbol: str
    side: str
    type: str
    qty: Exact
    price: Exact
    transaction_time: AwareDatetime


class AlpacaPosition(_Row):
    """A position of `/v2/positions`; short ones have a negative quantity."""

    symbol: str
    qty: Exact


class AlpacaAccountState(_Row):
    """`/v2/account`."""

    currency: str
    cash: Exact


class AlpacaRefusal(_Row):
    """The body of a 4xx."""

    code: int = 0
    message: str = ""


ORDER = TypeAdapter(AlpacaOrder)
ORDERS = TypeAdapter(list[AlpacaOrder])
ACTIVITIES = TypeAdapter(list[AlpacaActivity])
POSITIONS = TypeAdapter(list[AlpacaPosition])
ACCOUNT = TypeAdapter(AlpacaAccountState)
REFUSAL = TypeAdapter(AlpacaRefusal)


def broker_order(told: AlpacaOrder) -> BrokerOrder:
    """The order as GRODT sees it.

    One that was replaced is over: its successor is another order, and not ours. Where something of it is not known, or not whole, its
    state is `unknown`, and side and quantity are the nearest that can be said: a fraction rounded up, so that it is never nothing.
    """
    doubts: list[str] = []
    side = _SIDES.get(told.side)
    if side is None:
        doubts.append(f"side {told.side!r}")
    if told.qty is None:
        doubts.append(f"notional {told.notional} without a quantity")
    elif told.qty <= 0 or told.qty % 1:
        doubts.append(f"quantity {told.qty}")
    if told.filled_qty < 0 or told.filled_qty % 1:
        doubts.append(f"filled quantity {told.filled_qty}")
    quantity = max(1, int(told.qty.to_integral_value(ROUND_CEILING))) if told.qty is not None else 1
    filled = max(0, int(told.filled_qty.to_integral_value(ROUND_FLOOR)))
    state = _state(told.status, filled, quantity)
    if state is OrderState.UNKNOWN:
        doubts.append(f"status {told.status!r} with {told.filled_qty} filled of {told.qty}")
    reason = f"{told.status} at Alpaca" if state in _OVER.values() else ""
    if told.status == "replaced":
        reason = f"replaced at Alpaca by order {told.replaced_by}"
    if doubts:
        state, reason = OrderState.UNKNOWN, f"Alpaca's order {told.id} has {', '.join(doubts)}"
    return BrokerOrder(
        told.client_order_id,
        told.id,
        told.symbol,
        side or Side.BUY,
        quantity,
        state,
        filled,
        reason,
        order_type=told.type,
        time_in_force=told.time_in_force,
        price=told.limit_price if told.type == "limit" else told.stop_price,
    )


def _state(status: str, filled: int, quantity: int) -> OrderState:
    if filled > quantity or (status == "filled" and filled != quantity) or (status == "rejected" and filled):
        return OrderState.UNKNOWN
    if status == "filled" or (status in _WORKING and filled == quantity):
        return OrderState.FILLED
    if status in _WORKING:
        unfilled = OrderState.SUBMITTED if status in _AT_BROKER else OrderState.ACCEPTED
        return OrderState.PARTIALLY_FILLED if filled else unfilled
    return _OVER.get(status, OrderState.UNKNOWN)


def broker_fill(told: AlpacaActivity, client_order_id: str, session: date) -> Fill:
    """The activity as a fill of the order with that id, in that session. Alpaca takes fees from the account apart from fills."""
    doubts: list[str] = []
    side = _SIDES.get(told.side)
    if side is None:
        doubts.append(f"side {told.side!r}")
    if told.type not in _FILL_TYPES:
        doubts.append(f"type {told.type!r}")
    if told.qty <= 0 or told.qty % 1:
        doubts.append(f"quantity {told.qty}")
    try:
        price = micros(told.price)
    except ValueError:
        price = Micros(0)
    if price <= 0:
        doubts.append(f"price {told.price}")
    return Fill(
        execution_id=told.id,
        client_order_id=client_order_id,
        symbol=told.symbol,
        side=side or Side.BUY,
        quantity=0 if doubts else int(told.qty),
        price=Micros(0) if doubts else price,
        commission=Micros(0),
        session=session,
        filled_at=told.transaction_time,
        unreadable=f"Alpaca's fill {told.id} has {', '.join(doubts)}" if doubts else "",
    )


def broker_positions(told: list[AlpacaPosition], asker: str) -> dict[str, Decimal]:
    """Shares by symbol, exactly.

    Raises:
        DataError: a symbol comes twice.
    """
    held = {each.symbol: each.qty for each in told if each.qty}
    if len(held) != sum(1 for each in told if each.qty):
        twice = sorted({each.symbol for each in told if sum(other.symbol == each.symbol for other in told) > 1})
        raise DataError(f"{asker}: Alpaca tells the position of {', '.join(twice)} more than once; nothing is compared: ask Alpaca")
    return dict(sorted(held.items()))


def broker_cash(told: AlpacaAccountState, asker: str) -> Micros:
    """Cash in micros; finer digits, which interest may bring, are rounded half-even.

    Raises:
        DataError: the account is not in USD.
    """
    if told.currency != "USD":
        raise DataError(f"{asker}: the account is in {told.currency}, books are in USD; name an account in USD")
    return micros(told.cash.quantize(Decimal("0.000001"), ROUND_HALF_EVEN))
