"""Cancel at the broker what a halt covers. No lease is needed, and no risk control is asked.

Whoever halts a book asks for the cancels, while another process may hold the book's lease and be sending. That is safe: a cancel makes
no order and no position; asking twice, or for an order that is over or never arrived, does nothing; and no state of an order is written
here. The process with the lease writes it when it settles, after every fill that came before the cancel, or after it. An order that was
marked as being sent before the halt and arrives after its cancel was asked for is cancelled by the process that sent it, which asks once
more when it finds the halt.
"""

from collections.abc import Callable
from datetime import datetime

from grodt.brokers.protocol import Broker
from grodt.errors import GrodtError
from grodt.execution.stopping import covers
from grodt.ledger.cancels import Cancel, CancelOutcome, ended_by_cancel, record_cancels
from grodt.ledger.halts import active
from grodt.ledger.orders import orders_in
from grodt.ledger.unit import Ledger
from grodt.orders.states import IN_FLIGHT, OPEN, OrderState

_OUTCOMES: dict[OrderState, CancelOutcome] = {
    OrderState.CANCELLED: "cancelled",
    OrderState.FILLED: "filled",
    OrderState.EXPIRED: "over",
    OrderState.REJECTED: "over",
    OrderState.REPLACED: "over",
}


def cancel_covered(ledger: Ledger, broker: Broker, book: str, now: Callable[[], datetime]) -> tuple[Cancel, ...]:
    """Ask the broker to cancel every open order of a book that an active halt covers, unless the halt keeps them; keep the answers.

    An order that the broker has called over at an earlier request is not asked for again.

    Returns:
        What was asked, in the order of sending. An order without an answer has outcome `no_answer`: ask again.
    """
    with ledger.read() as tx:
        halts = [each for each in active(tx, book, now()) if not each.keep_orders]
        if not halts:
            return ()
        orders = [each.order for each in orders_in(tx, book, OPEN | IN_FLIGHT)]
        over = ended_by_cancel(tx, [order.client_order_id for order in orders])
        covered = {
            order.client_order_id: halt.halt_id
            for order in orders
            if order.client_order_id not in over
            for halt in reversed(halts)
            if covers(tx, halt, order, open_already=True)
        }
    asked = tuple(_cancel(broker, halt_id, name) for name, halt_id in covered.items())
    if asked:
        with ledger.write() as tx:
            record_cancels(tx, asked, now())
    return asked


def in_words(asked: tuple[Cancel, ...]) -> str:
    """How many of which outcome."""
    said = {"asked": "asked for and still open", "not_there": "not at the broker", "no_answer": "without an answer"}
    counts: dict[str, int] = {}
    for each in asked:
        word = said.get(each.outcome, each.outcome)
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{count:,} {word}" for word, count in counts.items())


def _cancel(broker: Broker, halt_id: int, client_order_id: str) -> Cancel:
    try:
        broker.cancel(client_order_id)
        found = broker.find(client_order_id)
    except Exception as error:  # noqa: BLE001 - whatever one order says, the others are asked for; who called fails because of it
        said = str(error) if isinstance(error, GrodtError) else f"not understood: {type(error).__name__}: {error}"
        return Cancel(halt_id, client_order_id, "no_answer", 0, said)
    if found is None:
        return Cancel(halt_id, client_order_id, "not_there", 0, "")
    return Cancel(halt_id, client_order_id, _OUTCOMES.get(found.state, "asked"), found.filled_quantity, found.reason)
