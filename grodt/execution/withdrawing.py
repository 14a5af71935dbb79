"""Cancel what a basket withdraws, before anything of it goes out.

An order that is not known to be over, or has filled since the basket was decided, leaves its symbol undecided: nothing of the basket goes
out there, and the next cycle decides anew. So what takes an order's place is never beside it, and no leg closes what was sold already.
"""

from collections.abc import Callable
from datetime import datetime

from grodt.brokers.protocol import Broker, BrokerOrder
from grodt.ledger.leases import Lease
from grodt.ledger.order_life import Move, transitions
from grodt.ledger.orders import LedgerOrder, find_orders
from grodt.ledger.runs import Run
from grodt.ledger.unit import Ledger
from grodt.orders.basket import Basket
from grodt.orders.states import OPEN, OrderState

#: Questions about one order after its cancel was asked for: a venue takes a moment to do it.
_ASKS = 5
_PAUSE_SECONDS = 2.0
_OVER = frozenset({OrderState.CANCELLED, OrderState.EXPIRED, OrderState.FILLED, OrderState.REJECTED, OrderState.REPLACED})


def withdraw(
    ledger: Ledger,
    lease: Lease | None,
    broker: Broker,
    basket: Basket,
    run: Run,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> int:
    """Have the broker cancel what the basket withdraws, and end what it calls over.

    It may be called again: what the ledger has as over is not asked about, and a cancel that is asked for twice does no more than once.

    Args:
        ledger: the book of record.
        lease: the book's; every write checks it.
        broker: where the orders are.
        basket: approved.
        run: whose basket it is.
        now: the clock.
        sleep: waits that many seconds.

    Returns:
        How many orders of the basket are not sent because of what became of an order they take the place of.

    Raises:
        BrokerUnavailable: no answer; nothing of the basket was sent.
    """
    if not basket.withdraws:
        return 0
    with ledger.read() as tx:
        found = find_orders(tx, basket.withdraws)
    open_here = [each for each in found.values() if each.state in OPEN]
    answers = {each.order.client_order_id: _cancelled(broker, each.order.client_order_id, sleep) for each in open_here}
    undecided: dict[str, str] = {}
    moves: list[Move] = []
    for each in open_here:
        key, answer = each.order.client_order_id, answers[each.order.client_order_id]
        doubt = _doubt(basket.withdrawn_filled.get(key), answer)
        if doubt:
            undecided.setdefault(each.order.symbol, f"{key} {doubt}")
        elif answer is not None:
            moves.append(Move(key, answer.state, reason=f"withdrawn by {run.run_id}"))
    at = now()
    with ledger.write(lease) as tx:
        transitions(tx, moves, run_id=run.run_id, now=at)
        # What an attempt before this one has found out: over with more filled than the basket was decided on.
        for each in (each for each in found.values() if each.state not in OPEN):
            decided_on = basket.withdrawn_filled.get(each.order.client_order_id)
            if more := _other_fills(decided_on, max(each.booked_quantity, each.filled_quantity)):
                undecided.setdefault(each.order.symbol, f"{each.order.client_order_id} {more}")
        standing = find_orders(tx, [order.client_order_id for order in basket.orders if order.symbol in undecided])
        stopped = [each for each in standing.values() if each.state is OrderState.APPROVED]
        transitions(tx, [_not_sent(each, undecided) for each in stopped], run_id=run.run_id, now=at)
    return len(stopped)


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


def _doubt(decided_on: int | None, answer: BrokerOrder | None) -> str:
    """Why it is not known that the order is over with what the basket was decided on; "" where it is."""
    if answer is None:
        return "is not at the broker"
    if answer.state not in _OVER:
        return f"is still {answer.state} at the broker after its cancel was asked for"
    return _other_fills(decided_on, answer.filled_quantity)


def _other_fills(decided_on: int | None, filled: int) -> str:
    if decided_on is None:
        return f"has filled {filled:,}, and what the basket was decided on is not recorded"
    return f"has filled {filled:,} and not the {decided_on:,} that the basket was decided on" if filled != decided_on else ""


def _not_sent(order: LedgerOrder, undecided: dict[str, str]) -> Move:
    return Move(
        order.order.client_order_id, OrderState.CANCELLED, reason=f"not sent: {undecided[order.order.symbol]}; decided anew next time"
    )
