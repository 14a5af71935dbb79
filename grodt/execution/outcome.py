"""What became of an order that was sent: looking it up, and writing the broker's answer into the ledger."""

from collections.abc import Callable, Iterable
from datetime import datetime

from grodt.brokers.protocol import Broker, BrokerOrder
from grodt.errors import ReconciliationBreak
from grodt.ledger.halts import halt
from grodt.ledger.order_life import Move, transitions
from grodt.ledger.unit import Write
from grodt.money import decimal
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from grodt.risk.controls import UNKNOWN_ORDER

#: Between the two look-ups that together say "the broker never had it": a send may still be on its way.
LOOK_UP_PAUSE_SECONDS = 2.0
#: Why an order of ours is over whose id stands for another one there.
TAKEN = "the broker has another order under this id"


def look_up(broker: Broker, client_order_ids: Iterable[str], sleep: Callable[[float], None]) -> dict[str, BrokerOrder]:
    """Those of the orders that the broker has. One that it has not was asked for twice, with a pause between.

    Raises:
        BrokerUnavailable: no answer, which says nothing about any order.
    """
    asked = list(client_order_ids)
    found = _find(broker, asked)
    missing = [each for each in asked if each not in found]
    if missing:
        sleep(LOOK_UP_PAUSE_SECONDS)
        found |= _find(broker, missing)
    return found


def is_same(order: Order, answer: BrokerOrder) -> bool:
    """Whether what the broker has under our id is our order, by all that it says of it."""
    quantity = answer.quantity == order.quantity if answer.says_quantity else answer.filled_quantity <= order.quantity
    price = None in (answer.price, order.price) or answer.price == decimal(order.price or 0)
    kind = answer.order_type in (None, order.order_type) and answer.time_in_force in (None, order.time_in_force)
    names = (answer.client_order_id, answer.symbol, answer.side) == (order.client_order_id, order.symbol, order.side)
    return names and quantity and kind and price


def described(answer: BrokerOrder) -> str:
    """What the broker has, in words: side, quantity, symbol and terms as far as it says them, and its id."""
    terms = (answer.order_type, answer.time_in_force, None if answer.price is None else f"at {answer.price.normalize():f}")
    quantity = answer.quantity if answer.says_quantity else f"{answer.filled_quantity} filled of"
    words = (answer.side, quantity, answer.symbol, *terms, f"as {answer.venue_order_id}" if answer.venue_order_id else None)
    return " ".join(str(word) for word in words if word is not None)


def another(order: Order, answer: BrokerOrder) -> ReconciliationBreak | None:
    """That the broker has another order under our id; None where it has ours, or has refused it."""
    if answer.state is OrderState.REJECTED or is_same(order, answer):
        return None
    at = "" if order.price is None else f" at {decimal(order.price).normalize():f}"
    return ReconciliationBreak(
        f"order {order.client_order_id}: we sent {order.side} {order.quantity} {order.symbol} {order.order_type} "
        f"{order.time_in_force}{at}, the broker has {described(answer)}."
    )


def record_answers(tx: Write, answers: Iterable[tuple[Order, BrokerOrder]], run_id: str, now: datetime) -> None:
    """Write the answers to sends: refused, submitted or accepted. What has happened to an order since is for `settle`, with its fills.

    An answer that cannot be read says that the broker has the order, no more, and halts its symbol.
    """
    told = list(answers)
    transitions(tx, [_move(order, answer) for order, answer in told], run_id=run_id, now=now)
    for order, answer in told:
        if answer.state is OrderState.UNKNOWN:
            halt_unread(tx, order.book, order.symbol, answer.reason, now)


def record_answer(tx: Write, order: Order, answer: BrokerOrder, run_id: str, now: datetime) -> None:
    """Write one answer; see `record_answers`."""
    record_answers(tx, [(order, answer)], run_id, now)


def halt_unread(tx: Write, book: str, symbol: str, told: str, now: datetime) -> None:
    """Halt a symbol of which the broker told what GRODT cannot read."""
    halt_unknown(tx, book, symbol, f"not understood: {told}", now)


def halt_unknown(tx: Write, book: str, symbol: str, reason: str, now: datetime) -> None:
    """Halt a symbol in which nobody knows what was ordered or traded (control 30). Its open orders stay, to be looked up."""
    halt(
        tx,
        scope="symbol",
        book=book,
        symbol=symbol,
        kind="fault",
        control=UNKNOWN_ORDER.number,
        keep_orders=True,
        reason=reason,
        author="execution",
        now=now,
    )


def _move(order: Order, answer: BrokerOrder) -> Move:
    if answer.state is OrderState.REJECTED:
        return Move(order.client_order_id, OrderState.REJECTED, answer.venue_order_id, answer.reason)
    has_it = answer.state in (OrderState.SUBMITTED, OrderState.UNKNOWN)
    return Move(order.client_order_id, OrderState.SUBMITTED if has_it else OrderState.ACCEPTED, answer.venue_order_id)


def _find(broker: Broker, client_order_ids: list[str]) -> dict[str, BrokerOrder]:
    answers = ((each, broker.find(each)) for each in client_order_ids)
    return {each: answer for each, answer in answers if answer is not None}
