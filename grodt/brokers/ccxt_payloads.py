"""Orders, trades and balances as ccxt tells them, all numbers as texts, and what they become. Pure functions.

Venues take ids of their own shapes: 36 characters here, a UUID there. So what is sent is a UUID that is a function of our id, and what
comes back is ours where it is the UUID of an id of ours.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from grodt.brokers.protocol import BrokerOrder
from grodt.errors import DataError
from grodt.money import Micros, micros
from grodt.orders.order import Order, Side
from grodt.orders.states import OrderState

#: How ccxt writes a market's number.
type Cut = Callable[[str, str], str]

_NAMES = uuid.UUID("6f0d2c1e-5a8b-5d1c-9a64-3b1f6f1f7a10")
#: As ccxt names them.
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_OVER = {"canceled": OrderState.CANCELLED, "expired": OrderState.EXPIRED, "rejected": OrderState.REJECTED}
_MICRO = Decimal("0.000001")


def venue_client_id(client_order_id: str) -> str:
    """Our id as the venue has it."""
    return str(uuid.uuid5(_NAMES, client_order_id))


def kind_problem(order: Order) -> str:
    """Why such an order is not sent to a crypto venue; "" where it is. One that never closes has no auctions and no sessions."""
    kind = (order.order_type, order.time_in_force)
    if kind == ("market", "opg") or (order.order_type == "limit" and order.time_in_force in ("gtc", "ioc", "fok")):
        return ""
    return (
        f"{order.order_type} {order.time_in_force} orders are not sent to a crypto venue: it takes market orders, and limits that are gtc"
    )


def exact(told: Any) -> Decimal:
    """The number that a text writes; nothing told is zero.

    Raises:
        DataError: it is none.
    """
    try:
        number = Decimal(told or 0)
    except (InvalidOperation, TypeError, ValueError):
        raise DataError(f"{told!r} is no number") from None
    if not number.is_finite():
        raise DataError(f"{told!r} is no finite number")
    return number


def broker_order(told: Mapping[str, Any], client_order_id: str) -> BrokerOrder:
    """An order as GRODT sees it; `unknown` where something of it is not known, or it is for a fraction of a coin."""
    doubts: list[str] = []
    side = SIDES.get(told.get("side") or "")
    if side is None:
        doubts.append(f"side {told.get('side')!r}")
    ordered, filled = exact(told.get("amount")), exact(told.get("filled"))
    if ordered <= 0 or ordered % 1 or not 0 <= filled <= ordered:
        doubts.append(f"{filled} filled of {ordered}")
    status = told.get("status")
    state = _state(status, filled, ordered)
    if state is OrderState.UNKNOWN:
        doubts.append(f"status {status!r} with {filled} filled of {ordered}")
    reason = f"{status} at the venue" if state in _OVER.values() else ""
    if doubts:
        state, reason = OrderState.UNKNOWN, f"the venue's order {told.get('id')} has {', '.join(doubts)}"
    quantity, whole = max(1, int(ordered.to_integral_value(ROUND_CEILING))), max(0, int(filled.to_integral_value(ROUND_FLOOR)))
    kind = told.get("type")
    # Of a market order, venues tell a time in force that nobody gave it, and what it traded at for its price.
    limited = kind == "limit"
    return BrokerOrder(
        client_order_id,
        str(told["id"]),
        str(told["symbol"]),
        side or Side.BUY,
        quantity,
        state,
        whole,
        reason,
        order_type=kind,
        time_in_force=str(told["timeInForce"]).lower() if limited and told.get("timeInForce") else None,
        price=exact(told.get("price")) or None if limited else None,
        beside=filled % 1 if 0 <= filled <= ordered else Decimal(0),
    )


def one_order(rows: Sequence[Mapping[str, Any]], client_order_id: str) -> BrokerOrder:
    """The order under one id of ours. A venue may have two under one id; the state is `unknown` then, for both may fill."""
    told = {(row["symbol"], row["id"]): row for row in rows}  # the later word on an order counts
    order = broker_order(list(told.values())[-1], client_order_id)
    if len(told) == 1:
        return order
    names = ", ".join(sorted(str(venue_order_id) for _, venue_order_id in told))
    return replace(order, state=OrderState.UNKNOWN, reason=f"the venue has {len(told)} orders under one id of ours: {names}")


def _state(status: Any, filled: Decimal, ordered: Decimal) -> OrderState:
    if status == "rejected" and filled:
        return OrderState.UNKNOWN
    if status in ("open", "closed") and filled == ordered > 0:
        return OrderState.FILLED
    if status == "open":
        return OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED
    if status == "closed":  # over, and not filled whole: what is left was cancelled
        return OrderState.CANCELLED
    return _OVER.get(status, OrderState.UNKNOWN)


def may_be(told: Mapping[str, Any], order: Order) -> bool:
    """Whether an order without a client id is as ours would be."""
    return told.get("side") == order.side.value and exact(told.get("amount")) == order.quantity


def precision_problem(order: Order, price: str | None, cut_amount: Cut, cut_price: Cut) -> str:
    """Why the venue would have another order than ours, as ccxt cuts numbers to the market's digits; "" where it cuts nothing."""
    amount = str(order.quantity)
    cuts = [("quantity", amount, cut_amount(order.symbol, amount))]
    if price is not None:
        cuts.append(("price", price, cut_price(order.symbol, price)))
    return "; ".join(
        f"{name} {ours} is none that the venue takes for {order.symbol}, and would be cut to {theirs}: not sent"
        for name, ours, theirs in cuts
        if exact(theirs) != exact(ours)
    )


def broker_positions(balance: Mapping[str, Any], symbols: Sequence[str], quote: str) -> dict[str, Decimal]:
    """What is held by symbol, exactly. What has no market in the quote is none of the book's, and is named by itself."""
    held = {str(coin): exact(amount) for coin, amount in (balance.get("total") or {}).items()}
    known = set(symbols)
    named = ((f"{coin}/{quote}", coin, amount) for coin, amount in held.items() if coin != quote and amount)
    return dict(sorted((symbol if symbol in known else coin, amount) for symbol, coin, amount in named))


def broker_cash(balance: Mapping[str, Any], quote: str) -> Micros:
    """Cash in the quote currency; digits beyond a micro are rounded half-even."""
    return micros(exact((balance.get("total") or {}).get(quote)).quantize(_MICRO, ROUND_HALF_EVEN))
