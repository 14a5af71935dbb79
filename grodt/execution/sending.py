"""One call of `send`: orders go out in groups, whose intents are committed together, in one transaction that also read the halts.

A group is one order, but at a broker that takes more (`TakesGroups`). Then the answers to a group and the intents of the next are one
commit. Between two orders of a group nothing is written.

Right before an order leaves, and after all that its broker waits for and asks before, comes a last look: lease, halts and its window once
more. In a group, where nothing is waited for, they are read only when anybody has committed anything to the ledger since. What must not go
out any more is taken back: marked as approved again, for it never left, or as unknown, where it may have left before.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from itertools import islice
from typing import NoReturn

from grodt.brokers.protocol import Broker, BrokerOrder, TakesGroups
from grodt.errors import HaltActive, OrderOutcomeUnknown, ReconciliationBreak
from grodt.execution.breaching import children_of, halt_on_breach
from grodt.execution.outcome import TAKEN, another, halt_unknown, look_up, record_answers
from grodt.execution.sending_checks import checks_of_sending
from grodt.execution.stopping import stopping, stops_the_rest
from grodt.execution.throttle import Throttle
from grodt.execution.windows import Windows
from grodt.ledger.halts import Halt, active
from grodt.ledger.later_checks import BASKET, record_later
from grodt.ledger.leases import Lease, require_current
from grodt.ledger.order_life import Move, transitions
from grodt.ledger.orders import find_orders
from grodt.ledger.runs import Run
from grodt.ledger.unit import Ledger, Read, Write
from grodt.orders.basket import Basket
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from grodt.risk.check import Check
from grodt.risk.controls import Evaluation

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


class _TakenBack(Exception):
    """A last look does not let an order go out."""


@dataclass(slots=True)
class _Marked:
    """What one transaction made of the orders it looked at."""

    going: list[Order] = field(default_factory=list)
    looked_at: int = 0
    cancelled: int = 0
    stopped_by: tuple[Halt, ...] = ()
    stopped: Order | None = None


@dataclass(slots=True)
class Sending:
    """Its parts, its tally, and what the next commit will record: answers, and orders that are taken back.

    Attributes:
        heeded: numbers of halts of strategies that the basket was decided with.
        held: symbols in which the basket withdraws what still stands, and its cancel was not asked for, each with the reason in words. What
            kept it from that was to keep the symbol's orders too; one that a later look lets go waits for another attempt.
        waiting: those of them in which an order was so let go, likewise.
        gone: our ids of orders of the basket that did not go out, or are over unfilled: legs that are attached to one do not go out either.
        doubtful: our ids of orders that went out before without an answer, and were looked up and not found.
        decided: whether people decided about the basket.
    """

    ledger: Ledger
    lease: Lease | None
    broker: Broker
    run: Run
    heeded: frozenset[int]
    throttle: Throttle
    windows: Windows
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    sent: Sent
    dealt_with: Callable[[], None]
    answers: list[tuple[Order, BrokerOrder]] = field(default_factory=list)
    back: list[Order] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    decided: bool = False
    seen: str = ""
    disturbed: bool = False

    def adopt(self, orders: Sequence[Order]) -> frozenset[str]:
        """Look up orders that a call before this one sent without hearing the answer; returns the ids of those found."""
        found = look_up(self.broker, [order.client_order_id for order in orders], self.sleep)
        for order in orders:
            if order.client_order_id in found:
                self._take(order, found[order.client_order_id], adopted=True)
                self.record()
        self.doubtful |= {order.client_order_id for order in orders} - found.keys()
        return frozenset(found)

    def send(self, orders: Sequence[Order]) -> None:
        """Send orders and learn their answers; the next commit records the last of these."""
        pending = deque(orders)
        size, together = _groups(self.broker)
        while pending:
            going = self._intend(pending, size)
            called, error = self._call(going, together)
            self.back = going[called + (error is not None) :]
            pending.extendleft(reversed(self.back))
            if error is not None:
                self._learn(going[called], error)

    def record(self, done: Basket | None = None) -> None:
        """Commit the last answers, and the halt that control 22 makes of them; with them, what controls said of a basket that is done."""
        now = self.now()
        with self.ledger.write(self.lease) as tx:
            self._write(tx, now)
            breach = self.throttle.rejects()
            if self.answers and not breach.passed[0]:
                self._breached(tx, breach, None, now)
            if done is not None:
                record_later(tx, self.run, BASKET, checks_of_sending(tx, self.run, done, self.throttle, self.windows), now)
        self._written()

    def _breached(self, tx: Write, breach: Evaluation, order: Order | None, now: datetime) -> Halt:
        """Halt the book by a control, with the row of what it said."""
        scope, symbol = breach.control.scope, order.symbol if order is not None and breach.control.scope == "order" else ""
        record_later(tx, self.run, BASKET, [Check.of(breach, scope=scope, symbol=symbol)], now)
        return halt_on_breach(tx, self.run.book, breach, now)

    def _intend(self, pending: deque[Order], size: int) -> list[Order]:
        """Commit what is known, and the intents to send the next orders, which leave the queue; so do those that are cancelled instead."""
        now = self.now()
        with self.ledger.write(self.lease) as tx:
            self._write(tx, now)
            halts = active(tx, self.run.book, now)
            marked = self._mark(tx, list(islice(pending, size)), halts, now)
        self._written()
        for _ in range(marked.looked_at):
            pending.popleft()
        if marked.stopped is not None:
            raise HaltActive(
                f"book {self.run.book} is halted, so {marked.stopped.client_order_id} and what follows it in run {self.run.run_id} was not "
                f"sent: {'; '.join(map(str, marked.stopped_by))}. `grodt rearm` when it may trade again, then run the cycle again"
            )
        for _ in range(marked.cancelled):
            self.sent.cancelled += 1
            self.dealt_with()
        self.disturbed = len(marked.going) == 1  # its broker may wait before it sends it
        if len(marked.going) > 1:
            self.seen = self.ledger.state()  # from here on others' commits count; what came between ours and here is read
            with self.ledger.read() as tx:
                if self.lease is not None:
                    require_current(tx, self.lease)
                self.disturbed = active(tx, self.run.book, now) != halts
        return marked.going

    def _mark(self, tx: Write, orders: Sequence[Order], halts: tuple[Halt, ...], now: datetime) -> _Marked:
        """Mark orders as being sent, or denied, up to the first that a halt or a control stops."""
        marked = _Marked()
        children, messages = children_of(tx, orders), self.throttle.messages(now, max(len(orders), 1))
        open_now: dict[tuple[date, str], bool] = {}
        moves: list[Move] = []
        for place, order in enumerate(orders):
            if halts:  # what they stop depends on what is in flight
                self._move(tx, moves, now)
            stops = stopping(tx, order, halts, self.heeded)
            breach = self._breach(messages, len(marked.going), children, place)
            if breach is not None and not any(map(stops_the_rest, stops)):
                if marked.going:
                    break  # nothing goes out after a halt: what was let out before goes first, and this is asked again
                stops = (self._breached(tx, breach, order, now),)
            whole = tuple(each for each in stops if stops_the_rest(each))
            if whole:
                if not marked.going:
                    marked.stopped, marked.stopped_by = order, whole
                break
            marked.looked_at += 1
            kind = (order.session, order.time_in_force)
            if kind not in open_now:
                open_now[kind] = self.windows.refusal(order, now) is None
            if self._lacks_entry(order):
                self._deny(tx, order, f"not sent: its entry {order.protects} did not go out", marked, moves)
            elif stops:
                self._deny(tx, order, f"not sent: {stops[0]}", marked, moves)
            elif not open_now[kind] and (refused := self.windows.refusal(order, now)) is not None:
                self._deny(tx, order, refused.reason, marked, moves)
                record_later(tx, self.run, BASKET, [refused], now)
            elif order.symbol in self.held:
                self.waiting[order.symbol] = self.held[order.symbol]
            else:
                self.throttle.sent(now)
                moves.append(Move(order.client_order_id, OrderState.SENDING))
                marked.going.append(order)
        self._move(tx, moves, now)
        return marked

    def _deny(self, tx: Read, order: Order, reason: str, marked: _Marked, moves: list[Move]) -> None:
        """Mark an order as one that does not go out."""
        marked.cancelled += 1
        moves.append(_not_out(tx, order, reason))
        self.gone.add(order.client_order_id)

    def _lacks_entry(self, order: Order) -> bool:
        """Whether it is a leg whose entry did not go out."""
        return order.attached and order.protects in self.gone

    def _breach(self, messages: Evaluation, going: int, children: Evaluation, place: int) -> Evaluation | None:
        """The first of controls 22, 20 and 19 that does not let an order out, one of them after so many others; None where all do."""
        asked = ((self.throttle.rejects(), 0), (messages, going), (children, place))
        return next((each.at(at) for each, at in asked if not each.passed[at]), None)

    def _call(self, going: Sequence[Order], together: Callable[[], AbstractContextManager[None]]) -> tuple[int, Exception | None]:
        """Send a group, as long as a last look lets the next one go out.

        Returns:
            How many were sent and answered, and what is wrong with the answer to the next one; None where it was not sent.
        """
        if not going:
            return 0, None
        with together():
            for place, order in enumerate(going):
                if self._lacks_entry(order):
                    return place, None
                worked = self.windows.worked(order, self.now, decided=self.decided)
                try:
                    answer = self.broker.submit(worked, order.session, partial(self._last_look, order))
                except _TakenBack:
                    return place, None
                except OrderOutcomeUnknown as error:
                    return place, error
                if (other := another(order, answer)) is not None:
                    return place, other
                self._take(order, answer)
        return len(going), None

    def _last_look(self, order: Order) -> None:
        """Let the order leave only where it still may: by control 22, by the lease and the halts that are committed, and by its window.

        Raises:
            _TakenBack: it may not.
            LeaseHeld: another has been given the lease.
        """
        if not self.throttle.rejects().passed[0]:
            raise _TakenBack
        if not self.disturbed and self.ledger.state() == self.seen:
            return
        self.disturbed = True
        now = self.now()
        with self.ledger.read() as tx:
            if self.lease is not None:
                require_current(tx, self.lease)
            stops = stopping(tx, order, active(tx, self.run.book, now), self.heeded)
        if stops or self.windows.refusal(order, now) is not None:
            raise _TakenBack

    def _learn(self, order: Order, error: Exception) -> None:
        """Find out what became of an order that got no answer, or another's; send it once more where the broker never had it.

        Raises:
            OrderOutcomeUnknown: what became of it is not known; its symbol is halted.
            ReconciliationBreak: another order has its id at the broker; it is over as rejected, and its symbol is halted.
            BrokerUnavailable: a look-up got no answer.
            HaltActive: it may not be sent again.
        """
        for sends in range(1, SENDS + 1):
            if isinstance(error, ReconciliationBreak):
                self._refuse(order, error)
            self._unknown(order, str(error))
            found = look_up(self.broker, [order.client_order_id], self.sleep)
            if order.client_order_id in found:
                self._take(order, found[order.client_order_id], adopted=True)
                return
            if sends == SENDS:
                break
            self.doubtful.add(order.client_order_id)
            again = self._again(order)
            if again is None:
                return
            error = again
        raise OrderOutcomeUnknown(
            f"order {order.client_order_id} ({order.side} {order.quantity} {order.symbol}): {SENDS} sends got no answer and the broker "
            f"does not find it; {order.symbol} is halted. {self._halt(order, 'order of unknown outcome')}"
        )

    def _again(self, order: Order) -> Exception | None:
        """Send an order that the broker never had once more; what is wrong with the answer.

        Raises:
            HaltActive: it may not be sent again.
        """
        while going := self._intend(deque([order]), 1):
            called, error = self._call(going, nullcontext)
            if called or error is not None:
                return error
            self.back = going
        return None

    def _refuse(self, order: Order, other: ReconciliationBreak) -> NoReturn:
        """End an order whose id another one has, as rejected, and halt its symbol: what fills under the id is none of ours."""
        now = self.now()
        with self.ledger.write(self.lease) as tx:
            self._write(tx, now)
            self._move(tx, [Move(order.client_order_id, OrderState.REJECTED, reason=TAKEN)], now)
            halt_unknown(tx, self.run.book, order.symbol, f"{TAKEN}: {order.client_order_id}", now)
        self._written()
        raise ReconciliationBreak(
            f"{other} Ours is over as rejected and {order.symbol} is halted. Look it up at the broker, and cancel it there if it is open; "
            f"then `grodt rearm --book {self.run.book} --reason WHY`. Running the cycle again sends what else its basket has."
        )

    def _take(self, order: Order, answer: BrokerOrder, *, adopted: bool = False) -> None:
        if (other := another(order, answer)) is not None:
            self._refuse(order, other)
        self.answers.append((order, answer))
        self.throttle.answered(rejected=answer.state is OrderState.REJECTED)
        self.sent.adopted += adopted
        if answer.state is OrderState.REJECTED:
            self.sent.rejected += 1
            self.gone.add(order.client_order_id)
        else:
            self.sent.accepted += 1
        self.dealt_with()

    def _unknown(self, order: Order, reason: str) -> None:
        """Commit what is known, and that of this order nothing is."""
        now = self.now()
        with self.ledger.write(self.lease) as tx:
            self._write(tx, now)
            self._move(tx, [Move(order.client_order_id, OrderState.UNKNOWN, reason=reason)], now)
        self._written()

    def _write(self, tx: Write, now: datetime) -> None:
        self.throttle.taken_back(len(self.back))  # before it is asked of the next
        record_answers(tx, self.answers, self.run.run_id, now)
        self._move(tx, list(map(self._taken_back, self.back)), now)

    def _taken_back(self, order: Order) -> Move:
        """Approved again, for it never left; one that may have left before is still looked up before it is sent."""
        if order.client_order_id in self.doubtful:
            return Move(order.client_order_id, OrderState.UNKNOWN, reason="taken back: not sent again")
        return Move(order.client_order_id, OrderState.APPROVED, reason="taken back: not sent")

    def _written(self) -> None:
        self.answers, self.back = [], []

    def _move(self, tx: Write, moves: list[Move], now: datetime) -> None:
        transitions(tx, moves, run_id=self.run.run_id, now=now)
        moves.clear()

    def _halt(self, order: Order, reason: str) -> str:
        """Halt the order's symbol; returns the operator's next step."""
        with self.ledger.write(self.lease) as tx:
            halt_unknown(tx, self.run.book, order.symbol, reason, self.now())
        return f"Look it up at the broker, then `grodt rearm --book {self.run.book} --reason WHY` and run the cycle again."


def _groups(broker: Broker) -> tuple[int, Callable[[], AbstractContextManager[None]]]:
    return (broker.group, broker.together) if isinstance(broker, TakesGroups) else (1, nullcontext)


def _not_out(tx: Read, order: Order, reason: str) -> Move:
    """That an order does not go out: denied by us; cancelled where it was sent before, because then a late fill is booked."""
    before = find_orders(tx, [order.client_order_id])[order.client_order_id].state
    state = OrderState.DENIED if before is OrderState.APPROVED else OrderState.CANCELLED
    return Move(order.client_order_id, state, reason=reason)
