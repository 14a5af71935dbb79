"""Send a basket, exactly once.

Before an order goes out, its intent is committed in a transaction that also read the halts and the clock; after it, the broker's answer.
Both stand in one commit between two groups of orders: the answers to the last and the intents of the next. An order whose answer was
lost is looked up by our id before anything else happens, and is sent again under the same id only after the broker twice said
that it never had it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from grodt.brokers.protocol import Broker
from grodt.errors import GrodtError, TransientError
from grodt.execution.sending import Sending, Sent
from grodt.execution.stopping import heeded_by, stopping, stops_the_rest
from grodt.execution.throttle import Throttle
from grodt.execution.windows import Windows
from grodt.execution.withdrawing import Withdrawn, not_sent, withdraw
from grodt.ledger.baskets import approvals_of, basket_of
from grodt.ledger.halts import active
from grodt.ledger.later_checks import BASKET, basket_is_told, record_later
from grodt.ledger.leases import Lease
from grodt.ledger.limits import limits_in_force
from grodt.ledger.orders import LedgerOrder, find_orders, states_of
from grodt.ledger.runs import Run
from grodt.ledger.unit import Ledger
from grodt.orders.basket import Basket
from grodt.orders.order import Order
from grodt.orders.states import ENDED, IN_FLIGHT, OPEN, OrderState
from grodt.risk.controls import why as why_not
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
        now: the clock, read once per commit and per last look.
        sleep: waits that many seconds.
        progress: told (orders dealt with, orders in the basket) after each.

    What the basket withdraws is cancelled before what takes its place goes out (`withdraw`): rests first, and legs of brackets symbol by
    symbol, each when it is its symbol's turn, so that nothing that stops the rest leaves positions without their legs. Where an order of
    the symbol may not go out, its legs stay, and none of its orders goes out. What nothing takes the place of waits for no window.

    Raises:
        TransientError: the broker has not confirmed a cancel; the orders of its symbol stay approved, all others are sent, and calling
            again asks again.
        HaltActive: a halt of the book or of everything was found, or controls 19, 20 or 22 made one; nothing was sent after it.
        OrderOutcomeUnknown: no answer, and not found by look-up; the symbol is halted.
        ReconciliationBreak: the broker has another order under our id: ours is over as rejected and the symbol is halted; calling again
            sends the rest.
        BrokerUnavailable: a look-up got no answer; calling again looks up first.
        DataError: the basket does not have the hash that was approved.
        GrodtError: the run has no approved basket.
    """
    with ledger.read() as tx:
        basket = _approved_basket(basket_of(tx, run.run_id), lambda digest: bool(approvals_of(tx, digest)), run)
        heeded = heeded_by(tx, run)
    alone, first, legs = _withdrawals(ledger, basket)
    before, held, stopped = Withdrawn(), dict[str, str](), frozenset[str]()
    if alone or first:
        halted, shut = _kept_by(ledger, basket, run, windows, now(), heeded)
        with ledger.read() as tx:
            held = _standing(find_orders(tx, first).values(), halted or shut) if halted or shut else {}
        if not (halted or shut):
            kept, stopped = _keep_rests(ledger, lease, basket, first, run, now(), heeded)
            first = [key for key in first if key not in kept]
        if going := [] if halted else [*alone] if shut else [*alone, *first]:
            before = withdraw(ledger, lease, broker, basket, going, run, now=now, sleep=sleep)
    with ledger.read() as tx:
        states = states_of(tx, run.run_id)
        throttle = Throttle.of_run(tx, run, limits_in_force(tx, run.book, file).limits)
        told = basket_is_told(tx, run.run_id)
    total = len(basket.orders)
    over = sum(state is not OrderState.APPROVED and state not in IN_FLIGHT for state in states.values())
    cancelled = len(before.cancelled | stopped)
    sent = Sent(total, cancelled=cancelled, already=over - cancelled)

    def dealt_with() -> None:
        progress(sent.already + sent.accepted + sent.rejected + sent.cancelled, total)

    gone = {key for key, state in states.items() if state in ENDED or state is OrderState.DENIED}
    parts = (ledger, lease, broker, run, heeded, throttle, windows, now, sleep, sent, dealt_with)
    sending = Sending(*parts, held=held, gone=gone, decided=bool(basket.basis))
    adopted = sending.adopt([order for order in basket.orders if states[order.client_order_id] in IN_FLIGHT])
    to_send = {OrderState.APPROVED, *IN_FLIGHT}
    pending = [each for each in basket.orders if states[each.client_order_id] in to_send and each.client_order_id not in adopted]
    waiting = dict(before.waiting)
    waiting |= _send_in_turn(sending, basket, [each for each in pending if each.symbol not in waiting], legs)
    if sending.answers or (basket.orders and not told):
        sending.record(basket)
    if waiting:
        raise TransientError(
            f"book {run.book} session {run.session}: {'; '.join(waiting.values())}. Nothing was sent in {', '.join(waiting)}: "
            "run the cycle again before its window is over, and look at the broker's page whether the position still has its stop"
        )
    return sent


def _send_in_turn(sending: Sending, basket: Basket, orders: Sequence[Order], legs: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Send orders, and have legs cancelled when it is their symbol's turn; returns symbols in which a cancel is not confirmed, and why.

    Args:
        sending: the call.
        basket: whose orders.
        orders: to be sent.
        legs: our ids of legs that are withdrawn, by symbol.
    """
    waiting: dict[str, str] = {}
    dropped: set[str] = set()
    turn: list[Order] = []
    left = dict(legs)
    for order in orders:
        if order.symbol in left:
            sending.send(turn)
            turn = []
            mine = [each for each in orders if each.symbol == order.symbol]
            found = _make_way(sending, basket, mine, left.pop(order.symbol))
            waiting |= found.waiting
            dropped |= found.cancelled
        if order.symbol not in waiting and order.client_order_id not in dropped:
            turn.append(order)
    sending.send(turn)
    return waiting | sending.waiting


def _make_way(sending: Sending, basket: Basket, orders: Sequence[Order], keys: Sequence[str]) -> Withdrawn:
    """Have legs of one symbol cancelled, where all that takes their place may go out, or an attempt before this one has begun with it.

    Where something stops the whole basket they stay, and the next send says so. Where it has passed by then, nothing goes out there.
    """
    if sending.answers:
        sending.record()
    run, now = sending.run, sending.now()
    with sending.ledger.write(sending.lease) as tx:
        halts = active(tx, run.book, now)
        found_legs = find_orders(tx, keys)
        closing = {each.order.side for each in found_legs.values() if each.order.is_leg}
        # What closes reduces once the legs are over, and would close too much beside them.
        of_closing = [each for each in halts if each.scope == "strategy" or each.side != "reduce_only"]
        stops = [each for order in orders for each in stopping(tx, order, of_closing if order.side in closing else halts, sending.heeded)]
        breaches = [each for each in (sending.throttle.rejects(), sending.throttle.messages(now)) if not each.passed[0]]
        whole = next(filter(stops_the_rest, stops), None)
        if whole is not None or breaches:
            sending.held |= _standing(found_legs.values(), str(whole) if whole is not None else why_not(breaches[0]))
            return Withdrawn()
        # A rest that is over, and legs that ended with it because it had filled nothing, are no attempt that has begun.
        closed = [each for each in found_legs.values() if each.order.is_leg and each.state not in OPEN and each.waits < each.order.quantity]
        stand = not closed and any(each.state in OPEN for each in found_legs.values())
        refused = [check for order in orders if (check := sending.windows.refusal(order, now)) is not None]
        why = str(stops[0]) if stops else refused[0].reason if refused else ""
        if why and stand:
            kept = not_sent(
                tx, basket, {orders[0].symbol: f"its legs stay, because not all that takes their place may go out: {why}"}, run, now
            )
            record_later(tx, run, BASKET, refused, now)
            found = Withdrawn(kept)
    if not (why and stand):
        found = withdraw(sending.ledger, sending.lease, sending.broker, basket, keys, run, now=sending.now, sleep=sending.sleep)
    for _ in found.cancelled:
        sending.sent.cancelled += 1
        sending.dealt_with()
    return found


def _keep_rests(
    ledger: Ledger, lease: Lease | None, basket: Basket, rests: Sequence[str], run: Run, now: datetime, heeded: frozenset[int]
) -> tuple[frozenset[str], frozenset[str]]:
    """Our ids of rests that stay, because a halt stops what is to take their place; and of that, which is cancelled: it is decided anew.

    A rest that the halt covers was asked to be cancelled with it, unless it is to keep orders; one that it does not cover may work.
    """
    with ledger.read() as tx:
        halts = active(tx, run.book, now)
        standing = [each.order for each in find_orders(tx, rests).values() if each.state in OPEN] if halts else []
    if not standing:
        return frozenset(), frozenset()
    with ledger.write(lease) as tx:
        halts, going = active(tx, run.book, now), frozenset(rests)
        states = states_of(tx, run.run_id)
        mine = [each for each in basket.orders if states[each.client_order_id] is OrderState.APPROVED]
        stops = {each: found[0] for each in mine if (found := stopping(tx, each, halts, heeded, without=going))}
        stay = {order.symbol for order in standing}
        why = {
            each.symbol: f"what it was to take the place of stays, because {each.client_order_id} may not go out: {halt}"
            for each, halt in stops.items()
            if each.symbol in stay
        }
        stopped = not_sent(tx, basket, why, run, now)
    return frozenset(order.client_order_id for order in standing if order.symbol in why), stopped


def _withdrawals(ledger: Ledger, basket: Basket) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """Our ids of what the basket withdraws: in symbols in which nothing is ordered; rests of others; legs of these, by symbol."""
    if not basket.withdraws:
        return [], [], {}
    with ledger.read() as tx:
        found = [each.order for each in find_orders(tx, basket.withdraws).values()]
    ordered = {order.symbol for order in basket.orders}
    in_turn = {order.symbol for order in found if order.is_leg and order.symbol in ordered}
    alone = [order.client_order_id for order in found if order.symbol not in ordered]
    first = [order.client_order_id for order in found if order.symbol in ordered - in_turn]
    return alone, first, {symbol: [each.client_order_id for each in found if each.symbol == symbol] for symbol in sorted(in_turn)}


def _approved_basket(basket: Basket | None, is_approved: Callable[[str], bool], run: Run) -> Basket:
    if basket is None:
        raise GrodtError(f"run {run.run_id} has no basket to send; run its cycle again")
    if not is_approved(basket.hash):
        raise GrodtError(f"basket {basket.hash[:12]} of run {run.run_id} is not approved, so nothing is sent; run its cycle again")
    return basket.require_intact()


def _kept_by(ledger: Ledger, basket: Basket, run: Run, windows: Windows, now: datetime, heeded: frozenset[int]) -> tuple[str, str]:
    """What keeps orders from being withdrawn, in words: a halt that stops the whole basket, any; that no window is open, rests."""
    with ledger.read() as tx:
        halts = [each for each in active(tx, run.book, now) if each.whole or (each.scope == "strategy" and each.halt_id not in heeded)]
    whole = str(halts[0]) if halts else ""
    refused = [check for order in basket.orders if (check := windows.refusal(order, now)) is not None]
    return whole, refused[0].reason if refused and len(refused) == len(basket.orders) else ""


def _standing(orders: Iterable[LedgerOrder], why: str) -> dict[str, str]:
    """Symbols in which one of these still stands, and in words why it does; see `Sending.held`."""
    standing = (each.order for each in orders if each.state in OPEN)
    return {order.symbol: f"{order.client_order_id} was not cancelled: {why}" for order in standing}
