"""Interactive Brokers' trades, executions and positions as ib_async tells them, and what they become. Pure functions.

Quantities and prices come as floats and are taken as their shortest decimal text. Our id is in `orderRef`, theirs are `permId` of an
order and `execId` of an execution. An execution id ends in the number of its version: 01, and more when it is corrected.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from grodt.brokers.protocol import BrokerOrder
from grodt.money import Micros, micros_from_float
from grodt.orders.fill import Fill
from grodt.orders.order import Order, Side
from grodt.orders.states import OPEN, OrderState

if TYPE_CHECKING:
    import ib_async

#: Neither taken nor refused yet.
PENDING = ("", "PendingSubmit", "ApiPending")
#: Interactive Brokers has it, and it is not said that an exchange has: it is on its way, held until its time or its price comes, or
#: somebody has asked for its cancel.
AT_BROKER = (*PENDING, "PreSubmitted", "PendingCancel", "ValidationError", "ApiUpdate")
WORKING = ("Submitted", *AT_BROKER)
OVER = ("Cancelled", "ApiCancelled", "Inactive")
_ACTIONS = {"BUY": Side.BUY, "SELL": Side.SELL, "SSHORT": Side.SELL}
#: Their types; and the time in force of those that have it in their name.
_KINDS = {"MKT": ("market", ""), "LMT": ("limit", ""), "STP": ("stop", ""), "MOC": ("market", "cls"), "LOC": ("limit", "cls")}
_SIDES = {"BOT": Side.BUY, "SLD": Side.SELL}
#: ib_async's mark for a number that was not told.
_UNSET = 1e300
_FIRST_VERSION = "01"
#: OCA type "reduce with block": what one leg fills the other no longer closes, and one alone is at an exchange at any time.
REDUCE_WITH_BLOCK = 2
#: Between a bracket's name and its shares.
_OF = "-of-"
OTHER_LEG_FILLED = "its other leg filled"


def symbol_of(contract: "ib_async.Contract") -> str:
    """Our symbol: a class of shares is written with a dot, BRK.B, theirs with a space; what is no share has its kind behind it."""
    symbol = contract.symbol.replace(" ", ".")
    return symbol if contract.secType == "STK" else f"{symbol} {contract.secType}"


def kind_of(order: Order) -> tuple[str, str, str]:
    """Type and time in force as they write them, and the field that the price is in. What is for the close is a type of its own there."""
    types = {"market": "MKT", "limit": "LMT", "stop": "STP"}
    field = "auxPrice" if order.order_type == "stop" else "lmtPrice"
    if order.time_in_force == "cls":
        return {"market": "MOC", "limit": "LOC"}[order.order_type], "DAY", field
    return types[order.order_type], order.time_in_force.upper(), field


def terms_of(order: "ib_async.Order") -> tuple[str | None, str | None, Decimal | None]:
    """Type, time in force and price of an order of theirs, as ours have them; None: not told, or no price."""
    kind, tif = _KINDS.get(order.orderType, (order.orderType.lower(), ""))
    told = {"limit": order.lmtPrice, "stop": order.auxPrice}.get(kind)
    return kind or None, tif or order.tif.lower() or None, None if told is None or told >= _UNSET else _exact(told)


def group_of(order: Order) -> str:
    """The OCA group of a leg that has another one: the bracket's name, and the shares that both close together; "" of every other order.

    Interactive Brokers tells a leg whose other one has filled in part with fewer shares than it was ordered with; how many it was ordered
    with is told by the group alone.
    """
    return f"{order.group}{_OF}{order.quantity}" if order.is_leg and order.other else ""


def reference_of(order: "ib_async.Order | ib_async.Execution") -> str:
    """Our id of an order; what has no reference is known by their id, and so is none of ours."""
    number = f"permId {order.permId}" if order.permId else f"order {order.orderId} of client {order.clientId}"
    return order.orderRef or number


def key_of(order: "ib_async.Order") -> int | tuple[int, int, str]:
    """What tells one order of the account from another: their id, and of one that has none yet its number, its client and its reference."""
    return order.permId or (order.clientId, order.orderId, order.orderRef)


def broker_order(trades: Sequence["ib_async.Trade"]) -> BrokerOrder:
    """The order under one id of ours, as GRODT sees it.

    Interactive Brokers lets two orders have one reference. When more than one under ours was taken, the state is `unknown`, as where
    something of it is not known or not whole. A leg of a pair is told as it was ordered, with what its other leg has filled beside it.
    """
    taken = [trade for trade in trades if _filled(trade) or trade.orderStatus.status not in OVER]
    trade = (taken or list(trades))[-1]
    doubts = [f"{len(taken)} orders under one reference"] if len(taken) > 1 else []
    side = _ACTIONS.get(trade.order.action)
    if side is None:
        doubts.append(f"action {trade.order.action!r}")
    filled = _filled(trade)
    together = shares_together(trade.order)
    # Of an order that is over, only what filled may be told.
    ordered = together or _exact(trade.order.totalQuantity) or filled
    left = _left(trade, filled)
    if together and left % 1:
        doubts.append(f"{left} left")
    if ordered % 1 or filled % 1 or ordered < filled:
        doubts.append(f"{filled} filled of {ordered}")
    status = trade.orderStatus.status
    if status == "Filled" and together and 0 < filled < together:
        state = OrderState.CANCELLED
    elif status == "Filled":
        state = OrderState.FILLED
        doubts += [f"status 'Filled' with {filled} filled of {ordered}"] if filled != ordered else []
    elif status in WORKING:
        unfilled = OrderState.SUBMITTED if status in AT_BROKER else OrderState.ACCEPTED
        state = OrderState.PARTIALLY_FILLED if filled else unfilled
    elif status in OVER:
        state = OrderState.REJECTED if status == "Inactive" and not filled else OrderState.CANCELLED
    else:
        doubts.append(f"status {status!r}")
        state = OrderState.UNKNOWN
    reason = words_of(trade) if state in (OrderState.CANCELLED, OrderState.REJECTED) else ""
    reason = OTHER_LEG_FILLED if status == "Filled" and reason else reason
    theirs = str(trade.order.permId or "")
    if doubts:
        state, reason = OrderState.UNKNOWN, f"Interactive Brokers' order {theirs or 'without a permId'} has {', '.join(doubts)}"
    quantity = max(1, -int(-ordered // 1))
    symbol = symbol_of(trade.contract)
    reduced = int(ordered - filled - left) if together and state in OPEN else 0
    kind, tif, price = terms_of(trade.order)
    return BrokerOrder(
        reference_of(trade.order),
        theirs,
        symbol,
        side or Side.BUY,
        quantity,
        state,
        int(filled),
        reason,
        reduced,
        order_type=kind,
        time_in_force=tif,
        price=price,
        says_quantity=bool(together or trade.order.totalQuantity) or status == "Filled",
    )


def words_of(trade: "ib_async.Trade") -> str:
    """The broker's last words on an order, or its status."""
    said = [entry.message for entry in trade.log if entry.message]
    return said[-1] if said else f"{trade.orderStatus.status} at Interactive Brokers"


def broker_fill(told: "ib_async.Fill", session: date) -> Fill:
    """An execution as a fill. A corrected one is not readable: whether its first version is booked is for a person to see."""
    execution = told.execution
    doubts = []
    side = _SIDES.get(execution.side)
    if side is None:
        doubts.append(f"side {execution.side!r}")
    shares = _exact(execution.shares)
    if shares <= 0 or shares % 1:
        doubts.append(f"quantity {shares}")
    if not execution.price > 0:
        doubts.append(f"price {execution.price}")
    if execution.execId.rpartition(".")[2] != _FIRST_VERSION:
        doubts.append("a corrected execution")
    return Fill(
        execution_id=execution.execId,
        client_order_id=reference_of(execution),
        symbol=symbol_of(told.contract),
        side=side or Side.BUY,
        quantity=0 if doubts else int(shares),
        price=Micros(0) if doubts else micros_from_float(execution.price),
        commission=Micros(0) if doubts else micros_from_float(told.commissionReport.commission),
        session=session,
        filled_at=execution.time,
        unreadable=f"Interactive Brokers' execution {execution.execId} has {', '.join(doubts)}" if doubts else "",
    )


def exact_shares(position: "ib_async.Position") -> Decimal:
    """Shares of a position."""
    return _exact(position.position)


def shares_together(order: "ib_async.Order") -> Decimal:
    """Shares that a leg and its other one were ordered to close together; 0 of what is no leg of ours with another."""
    name, _, shares = order.ocaGroup.rpartition(_OF)
    return Decimal(shares) if order.orderRef and name and shares.isdecimal() else Decimal(0)


def _left(trade: "ib_async.Trade", filled: Decimal) -> Decimal:
    """Shares that an open order may still fill: the status tells it, or else what was ordered less what filled."""
    remaining = _exact(trade.orderStatus.remaining)
    return remaining if remaining > 0 else _exact(trade.order.totalQuantity) - filled


def _filled(trade: "ib_async.Trade") -> Decimal:
    """Shares filled: a completed order tells it with the order, an open one with its status."""
    told = trade.order.filledQuantity
    return max(_exact(trade.orderStatus.filled), _exact(told) if told < _UNSET else Decimal(0))


def _exact(number: float | Decimal) -> Decimal:
    return number if isinstance(number, Decimal) else Decimal(repr(float(number)))
