"""Send a basket, exactly once.

Before an order goes out, its intent is committed in a transaction that also read the halts and the clock; after it, the broker's answer.
Both stand in one commit between two sends: the answer to the last order and the intent of the next. An order whose answer was
lost is looked up by our id before anything else happens, and is sent again under the same id only after the broker twice said
that it never had it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from grodt.brokers.protocol import Broker, BrokerOrder
from grodt.errors import GrodtError, HaltActive, OrderOutcomeUnknown, ReconciliationBreak
from grodt.execution.breaching import children_of, halt_on_breach
from grodt.execution.outcome import halt_unknown, is_same, look_up, record_answer
from grodt.execution.sending_checks import checks_of_sending
from grodt.execution.stopping import stopping
from grodt.execution.throttle import Throttle
from grodt.execution.windows import Windows
from grodt.ledger.halts import Halt, active
from grodt.ledger.later_checks import BASKET, basket_is_told, record_later
from grodt.ledger.leases import Lease
from grodt.ledger.limits import limits_in_force
from grodt.ledger.orders import approvals_of, basket_of, decided_since, orders_of, transition
from grodt.ledger.runs import Run
from grodt.ledger.unit import Ledger, Read
from grodt.orders.basket import Basket
from grodt.orders.order import Order
from grodt.orders.states import IN_FLIGHT, OrderState
from grodt.risk.check import Check
from grodt.risk.controls import Evaluation
from grodt.risk.limits import Limits

#: Sends of one order in one call: the first, and one more after a confirmed "never had it".
SENDS = 2


@dataclass(slots=True)
class Sent:
    """What became of a basket's orders in one call of `send`.

    Attributes:
        orders: in the basket.
        accepted, rejected: by the broker, those found by look-up included.
        adopted: of these, the ones whose answer was lost and that were found by look-up.
        cancelled: not sent because a halt of their symbol, their side or of all but reductions holds, or outside the window of their type.
        already: sent by an earlier call.
    """

    orders: int
    accepted: int = 0
    rejected: int = 0
    adopted: int = 0
    cancelled: int = 0
    already: int = 0


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
        states = {each.order.client_order_id: each.state for each in orders_of(tx, run.run_id)}
        throttle = Throttle.of_run(tx, run, limits_in_force(tx, run.book, file).limits)
        decided_at = decided_since(tx, run.run_id)
        told = basket_is_told(tx, run.run_id)
    sending = _Sending(ledger, lease, broker, run, decided_at, throttle, windows, now, sleep, Sent(len(basket.orders)))
    in_flight = [order for order in basket.orders if states[order.client_order_id] in IN_FLIGHT]
    to_send = {OrderState.APPROVED, *IN_FLIGHT}
    adopted = sending.adopt(in_flight)
    for done, order in enumerate(basket.orders, 1):
        if states[order.client_order_id] not in to_send:
            sending.sent.already += 1
        elif order.client_order_id not in adopted:
            sending.send(order)
        progress(done, len(basket.orders))
    if sending.answer is not None or (basket.orders and not told):
        sending.record(basket)
    return sending.sent


def _approved_basket(basket: Basket | None, is_approved: Callable[[str], bool], run: Run) -> Basket:
    if basket is None:
        raise GrodtError(f"run {run.run_id} has no basket to send; run its cycle again")
    if not is_approved(basket.hash):
        raise GrodtError(f"basket {basket.hash[:12]} of run {run.run_id} is not approved, so nothing is sent; run its cycle again")
    return basket.require_intact()


def _stops_the_rest(each: Halt) -> bool:
    """Whether nothing more of the basket goes out, rather than this order alone. A strategy's halt that stops one is younger than it."""
    return each.whole or each.scope == "strategy"


@dataclass(slots=True)
class _Sending:
    """One call of `send`: its parts, its tally, and the answer that the next commit will record."""

    ledger: Ledger
    lease: Lease | None
    broker: Broker
    run: Run
    decided_at: datetime
    throttle: Throttle
    windows: Windows
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    sent: Sent
    answer: tuple[Order, BrokerOrder] | None = field(default=None)

    def adopt(self, orders: Sequence[Order]) -> frozenset[str]:
        """Look up orders that a call before this one sent without hearing the answer; returns the ids of those found."""
        found = look_up(self.broker, [order.client_order_id for order in orders], self.sleep)
        for order in orders:
            if order.client_order_id in found:
                self._take(order, found[order.client_order_id], adopted=True)
                self.record()
        return frozenset(found)

    def send(self, order: Order) -> None:
        """Send one order and learn its answer; the next commit records it."""
        for _ in range(SENDS):
            if not self._intend(order):
                self.sent.cancelled += 1
                return
            try:
                self._take(order, self.broker.submit(order, order.session))
            except OrderOutcomeUnknown as error:
                self._transition(order, OrderState.UNKNOWN, str(error))
            else:
                return
            found = look_up(self.broker, [order.client_order_id], self.sleep)
            if found:
                self._take(order, found[order.client_order_id], adopted=True)
                return
        raise OrderOutcomeUnknown(
            f"order {order.client_order_id} ({order.side} {order.quantity} {order.symbol}): {SENDS} sends got no answer and the broker "
            f"does not find it; {order.symbol} is halted. {self._halt(order, 'order of unknown outcome')}"
        )

    def record(self, done: Basket | None = None) -> None:
        """Commit the last answer, if there is one that is not yet; with it, what controls said of a basket that is done."""
        self._commit(None, done)

    def _intend(self, order: Order) -> bool:
        """Commit the last answer and the intent to send this order; False when it is cancelled instead, by a halt of a part or by 27."""
        halts, refused = self._commit(order)
        stopping = [each for each in halts if _stops_the_rest(each)]
        if stopping:
            raise HaltActive(
                f"book {self.run.book} is halted, so {order.client_order_id} and what follows it in run {self.run.run_id} was not sent: "
                f"{'; '.join(map(str, stopping))}. `grodt rearm` when it may trade again, then run the cycle again"
            )
        return not halts and not refused

    def _commit(self, order: Order | None, done: Basket | None = None) -> tuple[tuple[Halt, ...], bool]:
        """One transaction: the last answer; the halts that stop the order, and one that controls 19, 20 and 22 make; its new state.

        What a control stops leaves its row here, and a basket that is done the rows of all that was sent of it.

        Returns:
            Those halts, and whether control 27 refuses the order.
        """
        now = self.now()
        with self.ledger.write(self.lease) as tx:
            if self.answer is not None:
                record_answer(tx, *self.answer, self.run.run_id, now)
            halts: tuple[Halt, ...] = ()
            if order is not None:
                halts = stopping(tx, order, active(tx, self.run.book, now), self.decided_at)
            breach = self._breach(tx, order, now) if order is not None or self.answer is not None else None
            if breach is not None and not any(map(_stops_the_rest, halts)):
                halts = (halt_on_breach(tx, self.run.book, breach, now),)
                scope, symbol = breach.control.scope, order.symbol if order is not None and breach.control.scope == "order" else ""
                record_later(tx, self.run, BASKET, [Check.of(breach, scope=scope, symbol=symbol)], now)
            refusal = None if order is None or halts else self.windows.refusal(order, now)
            if order is not None:
                if refusal is not None:
                    transition(tx, order.client_order_id, OrderState.CANCELLED, run_id=self.run.run_id, now=now, reason=refusal.reason)
                    record_later(tx, self.run, BASKET, [refusal], now)
                elif not halts:
                    self.throttle.sent(now)
                    transition(tx, order.client_order_id, OrderState.SENDING, run_id=self.run.run_id, now=now)
                elif not any(map(_stops_the_rest, halts)):
                    reason = f"not sent: {halts[0]}"
                    transition(tx, order.client_order_id, OrderState.CANCELLED, run_id=self.run.run_id, now=now, reason=reason)
            if done is not None:
                record_later(tx, self.run, BASKET, checks_of_sending(tx, self.run, done, self.throttle, self.windows), now)
        self.answer = None
        return halts, refusal is not None

    def _breach(self, tx: Read, order: Order | None, now: datetime) -> Evaluation | None:
        """The first of controls 22, 20 and 19 that does not let the order out, or the cycle go on; None where all do."""
        asked = [self.throttle.rejects()]
        if order is not None:
            asked += [self.throttle.messages(now), children_of(tx, order)]
        return next((each for each in asked if not each.passed[0]), None)

    def _take(self, order: Order, answer: BrokerOrder, *, adopted: bool = False) -> None:
        if answer.state is not OrderState.REJECTED and not is_same(order, answer):
            self._transition(order, OrderState.UNKNOWN, "the broker has another order under this id")
            raise ReconciliationBreak(
                f"order {order.client_order_id}: we sent {order.side} {order.quantity} {order.symbol}, the broker has {answer.side} "
                f"{answer.quantity} {answer.symbol} as {answer.venue_order_id}. {self._halt(order, 'another order under our id')}"
            )
        self.answer = (order, answer)
        self.throttle.answered(rejected=answer.state is OrderState.REJECTED)
        self.sent.adopted += adopted
        if answer.state is OrderState.REJECTED:
            self.sent.rejected += 1
        else:
            self.sent.accepted += 1

    def _transition(self, order: Order, state: OrderState, reason: str) -> None:
        with self.ledger.write(self.lease) as tx:
            transition(tx, order.client_order_id, state, run_id=self.run.run_id, now=self.now(), reason=reason)

    def _halt(self, order: Order, reason: str) -> str:
        """Halt the order's symbol; returns the operator's next step."""
        with self.ledger.write(self.lease) as tx:
            halt_unknown(tx, self.run.book, order.symbol, reason, self.now())
        return f"Look it up at the broker, then `grodt rearm --book {self.run.book} --reason WHY` and run the cycle again."
