"""Send a basket, exactly once.

Before an order goes out, its intent is committed in a transaction that also read the halts and the clock; after it, the broker's answer.
Both stand in one commit between two groups of orders: the answers to the last and the intents of the next. An order whose answer was
lost is looked up by our id before anything else happens, and is sent again under the same id only after the broker twice said
that it never had it.
"""

from collections.abc import Callable
from datetime import datetime

from grodt.brokers.protocol import Broker
from grodt.errors import GrodtError
from grodt.execution.sending import Sending, Sent
from grodt.execution.throttle import Throttle
from grodt.execution.windows import Windows
from grodt.execution.withdrawing import withdraw
from grodt.ledger.halts import active
from grodt.ledger.later_checks import basket_is_told
from grodt.ledger.leases import Lease
from grodt.ledger.limits import limits_in_force
from grodt.ledger.orders import approvals_of, basket_of, decided_since, states_of
from grodt.ledger.runs import Run
from grodt.ledger.unit import Ledger
from grodt.orders.basket import Basket
from grodt.orders.states import IN_FLIGHT, OrderState
from grodt.risk.limits import Limits

__all__ = ["Sent", "send"]


def send(
    ledger: Ledger,
    lease: Lease | None,
    broker: Broker,
    run: Run,
    *,
    file: Limits,
    windows: Windows,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sent:
    """Send what the run's approved basket still has to send, in its order.

    Args:
        ledger: the book of record.
        lease: the book's; every write checks it.
        broker: where the orders go.
        run: whose basket is sent.
        file: limits of the books file; controls 20 and 22 take those in force when sending begins.
        windows: of its broker, for control 27, which refuses an order and goes on with the next.
        now: the clock, read once per commit.
        sleep: waits that many seconds.
        progress: told (orders dealt with, orders in the basket) after each.

    What the basket withdraws is cancelled first (`withdraw`), unless nothing of the basket may go out: then it stays, legs that protect
    positions above all.

    Raises:
        HaltActive: a halt of the book or of everything was found, or controls 19, 20 or 22 made one; nothing was sent after it.
        OrderOutcomeUnknown: no answer, and not found by look-up; the symbol is halted.
        ReconciliationBreak: the broker has another order under our id; the symbol is halted.
        BrokerUnavailable: a look-up got no answer; calling again looks up first.
        DataError: the basket does not have the hash that was approved.
        GrodtError: the run has no approved basket.
    """
    with ledger.read() as tx:
        basket = _approved_basket(basket_of(tx, run.run_id), lambda digest: bool(approvals_of(tx, digest)), run)
    undecided = 0
    if basket.withdraws and _may_go_out(ledger, basket, run, windows, now()):
        undecided = withdraw(ledger, lease, broker, basket, run, now=now, sleep=sleep)
    with ledger.read() as tx:
        states = states_of(tx, run.run_id)
        throttle = Throttle.of_run(tx, run, limits_in_force(tx, run.book, file).limits)
        decided_at = decided_since(tx, run.run_id)
        told = basket_is_told(tx, run.run_id)
    total = len(basket.orders)
    over = sum(state is not OrderState.APPROVED and state not in IN_FLIGHT for state in states.values())
    sent = Sent(total, cancelled=undecided, already=over - undecided)

    def dealt_with() -> None:
        progress(sent.already + sent.accepted + sent.rejected + sent.cancelled, total)

    sending = Sending(ledger, lease, broker, run, decided_at, throttle, windows, now, sleep, sent, dealt_with)
    adopted = sending.adopt([order for order in basket.orders if states[order.client_order_id] in IN_FLIGHT])
    to_send = {OrderState.APPROVED, *IN_FLIGHT}
    sending.send([each for each in basket.orders if states[each.client_order_id] in to_send and each.client_order_id not in adopted])
    if sending.answers or (basket.orders and not told):
        sending.record(basket)
    return sent


def _approved_basket(basket: Basket | None, is_approved: Callable[[str], bool], run: Run) -> Basket:
    if basket is None:
        raise GrodtError(f"run {run.run_id} has no basket to send; run its cycle again")
    if not is_approved(basket.hash):
        raise GrodtError(f"basket {basket.hash[:12]} of run {run.run_id} is not approved, so nothing is sent; run its cycle again")
    return basket.require_intact()


def _may_go_out(ledger: Ledger, basket: Basket, run: Run, windows: Windows, now: datetime) -> bool:
    """Whether no halt of all the book does holds, and the window of an order of the basket is open; always where it has no orders."""
    with ledger.read() as tx:
        if any(each.whole for each in active(tx, run.book, now)):
            return False
    return not basket.orders or any(windows.refusal(order, now) is None for order in basket.orders)
