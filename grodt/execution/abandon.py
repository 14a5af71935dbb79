"""Give up what an earlier, unfinished cycle did not send: its session is over, its orders must not go out late."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from grodt.brokers.protocol import Broker
from grodt.execution.outcome import TAKEN, described, halt_unknown, is_same, look_up, record_answer
from grodt.ledger.leases import Lease
from grodt.ledger.order_life import transition
from grodt.ledger.orders import orders_of
from grodt.ledger.runs import Run, close_run
from grodt.ledger.unit import Ledger
from grodt.orders.states import IN_FLIGHT, OrderState


@dataclass(frozen=True, slots=True)
class Abandoned:
    """What became of a run's orders: `cancelled` were never at the broker, `adopted` were and had no recorded answer."""

    run_id: str
    cancelled: int
    adopted: int


def abandon(
    ledger: Ledger,
    lease: Lease | None,
    broker: Broker,
    earlier: Run,
    *,
    run: Run,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> Abandoned:
    """Close an unfinished run of an earlier session, in one transaction.

    Orders never sent are cancelled; those sent without a recorded answer are looked up and adopted, or cancelled when the
    broker twice said that it never had them. Orders it has stay open: they are settled as any other.

    Args:
        ledger: the book of record.
        lease: the book's; every write checks it.
        broker: asked about orders without an answer.
        earlier: the run to close.
        run: the run that does it; events are recorded under its id.
        now: the clock.
        sleep: waits that many seconds.

    Raises:
        BrokerUnavailable: a look-up got no answer; nothing was changed.
    """
    with ledger.read() as tx:
        orders = orders_of(tx, earlier.run_id)
    in_flight = [each.order.client_order_id for each in orders if each.state in IN_FLIGHT]
    found = look_up(broker, in_flight, sleep)
    cancelled = adopted = 0
    at = now()
    with ledger.write(lease) as tx:
        for each in orders:
            order = each.order
            answer = found.get(order.client_order_id)
            ended = OrderState.CANCELLED
            if each.state is OrderState.APPROVED:
                reason = "not sent before the session ended"
            elif each.state not in IN_FLIGHT:
                continue
            elif answer is None:
                reason = "the broker never had it"
            elif is_same(order, answer):
                record_answer(tx, order, answer, run.run_id, at)
                adopted += 1
                continue
            else:
                ended, reason = OrderState.REJECTED, f"{TAKEN}: {described(answer)}"
                halt_unknown(tx, order.book, order.symbol, f"{TAKEN}: {order.client_order_id}", at)
            transition(tx, order.client_order_id, ended, run_id=run.run_id, now=at, reason=reason)
            cancelled += 1
        close_run(tx, earlier.run_id, "abandoned", at)
    return Abandoned(earlier.run_id, cancelled, adopted)
