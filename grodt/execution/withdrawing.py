"""Cancel what a basket withdraws, before what takes its place goes out.

An order that has filled since the basket was decided leaves its symbol undecided: nothing of the basket goes out there, and the next cycle
decides anew. So does one that was replaced at the broker: what stands there in its place is none of ours, and still works. One that has
filled a fraction of a share that is in no fill yet is not cancelled, works on, and leaves its symbol undecided too. One that is not known
to be over leaves its symbol waiting: nothing goes out there either, until another attempt within the window finds that it is. So what
takes an order's place is never beside it, and no leg closes what was sold already.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from grodt.brokers.protocol import Broker, BrokerOrder, TellsParts
from grodt.ledger.leases import Lease
from grodt.ledger.order_life import Move, transitions
from grodt.ledger.orders import find_orders
from grodt.ledger.runs import Run
from grodt.ledger.transaction import Write
from grodt.ledger.unit import Ledger
from grodt.orders.basket import Basket
from grodt.orders.states import ENDED, OPEN, OrderState

#: Questions about one order after its cancel was asked for: a venue takes a moment to do it.
_ASKS = 5
_PAUSE_SECONDS = 2.0
_OVER = ENDED | {OrderState.FILLED}


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What came of it.

    Attributes:
        cancelled: our ids of orders of the basket that are not sent, because an order they take the place of has filled.
        waiting: symbols in which an order is not known to be over, each with the reason in words; their orders stay approved.
        undecided: symbols in which an order has ended otherwise than the basket was decided on.
    """

    cancelled: frozenset[str] = frozenset()
    waiting: Mapping[str, str] = field(default_factory=dict)
    undecided: frozenset[str] = frozenset()


def withdraw(
    ledger: Ledger,
    lease: Lease | None,
    broker: Broker,
    basket: Basket,
    keys: Collection[str],
    run: Run,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> Withdrawn:
    """Have the broker cancel orders that the basket withdraws, and end what it calls over.

    It may be called again: what the ledger has as over is not asked about, and a cancel that is asked for twice does no more than once.

    Args:
        ledger: the book of record.
        lease: the book's; every write checks it.
        broker: where the orders are.
        basket: approved.
        keys: our ids, of all that it withdraws in some symbols.
        run: whose basket it is.
        now: the clock.
        sleep: waits that many seconds.

    Raises:
        BrokerUnavailable: no answer; nothing of the basket was sent in these symbols.
    """
    with ledger.read() as tx:
        found = [each.order for each in find_orders(tx, keys).values()]
    rests = [order.client_order_id for order in found if not order.is_leg]
    before = _end(ledger, lease, broker, basket, rests, run, now, sleep) if rests else Withdrawn()
    unsettled, ordered = before.undecided | before.waiting.keys(), {order.symbol for order in basket.orders}
    legs = [
        order.client_order_id
        for order in found
        if order.is_leg and not (order.symbol in unsettled and (order.attached or order.symbol in ordered))
    ]
    if not legs:
        return before
    last = _end(ledger, lease, broker, basket, legs, run, now, sleep)
    waiting = {symbol: why for symbol, why in {**last.waiting, **before.waiting}.items() if symbol not in before.undecided | last.undecided}
    return Withdrawn(before.cancelled | last.cancelled, waiting, before.undecided | last.undecided)


def _end(
    ledger: Ledger,
    lease: Lease | None,
    broker: Broker,
    basket: Basket,
    keys: Collection[str],
    run: Run,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> Withdrawn:
    """`withdraw`, of rests alone or of legs alone."""
    with ledger.read() as tx:
        found = find_orders(tx, keys)
    open_here = [each for each in found.values() if each.state in OPEN]
    beside = _beside(broker, [each.order.client_order_id for each in open_here])
    undecided = {
        each.order.symbol: f"{key} has filled {beside[key]} of a share that is in no fill yet, and works on until it comes to whole ones"
        for each in open_here
        if (key := each.order.client_order_id) in beside
    }
    open_here = [each for each in open_here if each.order.client_order_id not in beside]
    answers = {each.order.client_order_id: _cancelled(broker, each.order.client_order_id, sleep) for each in open_here}
    waiting: dict[str, str] = {}
    moves: list[Move] = []
    for each in open_here:
        key, answer = each.order.client_order_id, answers[each.order.client_order_id]
        if answer is None:
            waiting.setdefault(each.order.symbol, f"{key} is not at the broker")
        elif answer.state not in _OVER:
            waiting.setdefault(each.order.symbol, f"{key} is still {answer.state} at the broker after its cancel was asked for")
        else:
            more = _news(answer.state, answer.filled_quantity, answer.reason, basket.withdrawn_filled.get(key))
            if more or answer.beside:
                undecided.setdefault(each.order.symbol, f"{key} {more or f'has filled {answer.beside} beside what is booked'}")
                if answer.filled_quantity > each.booked_quantity or answer.beside:
                    continue  # it is over once its fills are booked
            replaced = answer.state is OrderState.REPLACED
            moves.append(Move(key, answer.state, reason=answer.reason if replaced else f"withdrawn by {run.run_id}"))
    at = now()
    with ledger.write(lease) as tx:
        transitions(tx, moves, run_id=run.run_id, now=at)
        # What was found out before: over otherwise than the basket was decided on.
        for each in (each for each in found.values() if each.state not in OPEN):
            key, filled = each.order.client_order_id, max(each.booked_quantity, each.filled_quantity)
            if more := _news(each.state, filled, each.reason, basket.withdrawn_filled.get(key)):
                undecided.setdefault(each.order.symbol, f"{key} {more}")
        cancelled = not_sent(tx, basket, undecided, run, at)
    return Withdrawn(cancelled, {symbol: why for symbol, why in waiting.items() if symbol not in undecided}, frozenset(undecided))


def not_sent(tx: Write, basket: Basket, why: Mapping[str, str], run: Run, now: datetime) -> frozenset[str]:
    """Cancel what of a basket has not gone out in some symbols; returns our ids of it.

    Args:
        tx: the transaction.
        basket: whose orders.
        why: the reason in words, by symbol.
        run: whose basket it is.
        now: instant.
    """
    standing = find_orders(tx, [order.client_order_id for order in basket.orders if order.symbol in why])
    stopped = [each.order for each in standing.values() if each.state is OrderState.APPROVED]
    moves = [
        Move(order.client_order_id, OrderState.CANCELLED, reason=f"not sent: {why[order.symbol]}; decided anew next time")
        for order in stopped
    ]
    transitions(tx, moves, run_id=run.run_id, now=now)
    return frozenset(order.client_order_id for order in stopped)


def _beside(broker: Broker, keys: list[str]) -> dict[str, Decimal]:
    """Fractions that open orders have filled beside whole shares, by our id: cancelled now, nobody could book them."""
    found = broker.orders(keys) if keys and isinstance(broker, TellsParts) else {}
    return {key: order.beside for key, order in found.items() if order.beside and order.state not in _OVER}


def _cancelled(broker: Broker, client_order_id: str, sleep: Callable[[float], None]) -> BrokerOrder | None:
    """Ask for the cancel until the order is over, a few times at most; returns the last answer."""
    answer: BrokerOrder | None = None
    for ask in range(_ASKS):
        if ask:
            sleep(_PAUSE_SECONDS)
        broker.cancel(client_order_id)
        answer = broker.find(client_order_id)
        if answer is None or answer.state in _OVER:
            return answer
    return answer


def _news(state: OrderState, filled: int, reason: str, decided_on: int | None) -> str:
    """What has become of an order that is over, other than a cancel: what the basket was decided on does not hold any more."""
    if state is OrderState.REPLACED:
        by = reason or "replaced at the broker by another order"
        return f"is {by}, which is none of ours and may still fill: cancel that one at the broker"
    if decided_on is None:
        return f"has filled {filled:,}, and what the basket was decided on is not recorded"
    return f"has filled {filled:,} and not the {decided_on:,} that the basket was decided on" if filled != decided_on else ""
