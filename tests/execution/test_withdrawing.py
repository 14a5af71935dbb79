"""What a basket withdraws is over before anything of it goes out, or nothing of it goes out there."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from grodt.brokers.protocol import Broker
from grodt.brokers.windows import ALPACA
from grodt.errors import BrokerUnavailable, HaltActive, ReconciliationBreak, TransientError
from grodt.execution import Sent, settle
from grodt.execution.decision import Closes
from grodt.execution.resting import unwanted, without
from grodt.execution.send import send
from grodt.execution.windows import Windows
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.fills import record_fill
from grodt.ledger.halts import halt
from grodt.ledger.later_checks import evidence_of
from grodt.ledger.order_life import Move, transitions
from grodt.ledger.orders import books_with_orders, find_orders, orders_in
from grodt.ledger.runs import Run, find_run
from grodt.orders.basket import Basket, basket_hash
from grodt.orders.fill import Fill
from grodt.orders.order import Order, Side
from grodt.orders.states import OPEN, OrderState
from grodt.orders.terms import OrderTerms
from grodt.sessions import Calendar
from grodt.targets.quantities import Targets
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.brackets import legs
from tests.brokers.world import BOOK, MON, TUE, WED, market, order, usd
from tests.execution.desk import Desk, FaultyBroker
from tests.execution.test_decision import state_of
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.ledger.people import rearmed
from tests.risk.proposals import limits

PAIR = legs("AAPL", 100, "95", "105")
KEYS = [each.client_order_id for each in PAIR]
SELL, SMALLER = order("AAPL", -40, WED), legs("AAPL", 60, "95", "105", WED)
OTHER = order("IBM", 5, WED)
#: What the book of a resting limit orders.
GTC = OrderTerms("limit", Decimal(100), "gtc")
#: Long over, by the clock of the desk, or not begun.
_SHUT = Windows(Calendar("XNYS"), ALPACA)


@pytest.fixture
def protected(desk: Desk) -> Desk:
    """100 AAPL bought on Monday's decision, with both legs open since Tuesday's; Wednesday is settled."""
    desk.cycle(MON, [], {"AAPL": 100})
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "100"}))
    desk.send(decided(desk, run, PAIR))
    return desk


def decided(desk: Desk, run: Run, orders: Sequence[Order], withdraws: Sequence[str] = ()) -> Run:
    identity = {"book": run.book, "kind": run.kind, "session": run.session, "run_id": run.run_id}
    digest = basket_hash(**identity, orders=orders, withdraws=withdraws)  # type: ignore[arg-type]
    with desk.ledger.write() as tx:
        booked = {key: each.booked_quantity for key, each in find_orders(tx, withdraws).items()}
        basket = Basket(**identity, orders=tuple(orders), hash=digest, withdraws=tuple(withdraws), withdrawn_filled=booked)  # type: ignore[arg-type]
        record_basket(tx, basket, run.run_id, desk.now())
        approve_basket(tx, basket.hash, "automatic", desk.now())
    return run


def _wednesday(desk: Desk) -> Run:
    run = desk.open(WED)
    desk.settle(run, market(WED, {"AAPL": "100"}))
    return decided(desk, run, [SELL, OTHER, *SMALLER], KEYS)


def _states(desk: Desk, orders: Sequence[Order]) -> list[OrderState]:
    with desk.real_ledger.read() as tx:
        found = find_orders(tx, [each.client_order_id for each in orders])
    return [found[each.client_order_id].state for each in orders]


def test_old_legs_are_over_before_what_takes_their_place_goes_out(protected: Desk) -> None:
    sent = protected.send(_wednesday(protected))
    assert (sent.accepted, sent.cancelled) == (4, 0)
    assert _states(protected, PAIR) == [OrderState.CANCELLED] * 2
    assert [each.client_order_id for each in protected.paper.open_orders()] == sorted(
        each.client_order_id for each in [SELL, OTHER, *SMALLER]
    )


def test_sent_again_nothing_is_cancelled_or_sent_twice(protected: Desk) -> None:
    run = _wednesday(protected)
    protected.send(run)
    before, sends = protected.state(), len(protected.broker.sends)
    assert protected.send(run).already == 4
    assert (protected.state(), len(protected.broker.sends)) == (before, sends)


def test_a_leg_that_filled_since_the_decision_keeps_its_symbol_undecided_and_others_go_out(protected: Desk) -> None:
    run = _wednesday(protected)
    protected.paper.cancel(OTHER.client_order_id)
    protected.paper._connection.execute("UPDATE orders SET state = 'filled', filled_quantity = 100 WHERE client_order_id = ?", KEYS[:1])
    sent = protected.send(run)
    assert (sent.accepted, sent.cancelled) == (1, 3)
    assert _states(protected, [OTHER]) == [OrderState.ACCEPTED]
    with protected.real_ledger.read() as tx:
        found = find_orders(tx, [SELL.client_order_id])[SELL.client_order_id]
    assert found.reason == (f"not sent: {KEYS[0]} has filled 100 and not the 0 that the basket was decided on; decided anew next time")
    assert not any("AAPL" in each and "20260304" in each for each in protected.broker.sends)


def test_a_leg_that_filled_between_two_attempts_and_was_booked_keeps_its_symbol_undecided(protected: Desk) -> None:
    """Killed after the broker's cancel and before the commit: the next attempt settles a late fill of 40 first, which ends the leg."""
    run = _wednesday(protected)
    for key in KEYS:
        protected.paper.cancel(key)
    with protected.ledger.write() as tx:
        fill = Fill("late", KEYS[0], "AAPL", Side.SELL, 40, usd("95"), usd("0"), WED, protected.now())
        record_fill(tx, fill, BOOK, run.run_id, protected.now())
        transitions(tx, [Move(key, OrderState.CANCELLED) for key in KEYS], run_id=run.run_id, now=protected.now())
    sent = protected.send(run)
    assert (sent.accepted, sent.cancelled) == (1, 3)
    with protected.real_ledger.read() as tx:
        found = find_orders(tx, [SELL.client_order_id])[SELL.client_order_id]
    assert found.reason == (f"not sent: {KEYS[0]} has filled 40 and not the 0 that the basket was decided on; decided anew next time")


class _Deaf:
    """A broker that never cancels."""

    def __init__(self, inner: Broker) -> None:
        self._inner = inner

    def cancel(self, client_order_id: str) -> None:
        """Nothing happens."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def test_where_a_cancel_is_not_confirmed_nothing_takes_the_orders_place(protected: Desk) -> None:
    run = _wednesday(protected)
    deaf: Broker = _Deaf(protected.broker)  # type: ignore[assignment]
    with pytest.raises(TransientError, match=rf"{KEYS[0]} is still accepted at the broker .* Nothing was sent in AAPL: run the"):
        send(protected.ledger, None, deaf, run, file=limits(), windows=protected.windows, now=protected.now, sleep=protected.pauses.append)
    assert protected.pauses == [2.0] * 8
    assert _states(protected, PAIR) == [OrderState.ACCEPTED] * 2  # they still protect the position
    assert _states(protected, [OTHER, SELL, *SMALLER]) == [OrderState.ACCEPTED, *[OrderState.APPROVED] * 3]
    sent = protected.send(run)  # the broker hears
    assert (sent.accepted, sent.already) == (3, 1)
    assert _states(protected, PAIR) == [OrderState.CANCELLED] * 2


def test_a_cancel_that_was_never_confirmed_ends_with_the_window(protected: Desk) -> None:
    run = _wednesday(protected)
    deaf: Broker = _Deaf(protected.broker)  # type: ignore[assignment]
    with pytest.raises(TransientError):
        send(protected.ledger, None, deaf, run, file=limits(), windows=protected.windows, now=protected.now, sleep=protected.pauses.append)
    sent = send(protected.ledger, None, deaf, run, file=limits(), windows=_SHUT, now=protected.now, sleep=protected.pauses.append)
    assert (sent.cancelled, sent.already) == (3, 1)
    assert _states(protected, [SELL, *SMALLER]) == [OrderState.CANCELLED] * 3
    assert _states(protected, PAIR) == [OrderState.ACCEPTED] * 2
    with protected.real_ledger.read() as tx:
        refused = evidence_of(tx, run.run_id).filter(control=27, scope="order")
    assert set(refused.select("symbol", "verdict").rows()) == {("AAPL", "reject")}


def test_an_order_that_may_not_go_out_keeps_the_legs_of_its_symbol_and_sends_nothing_there(protected: Desk) -> None:
    run = _wednesday(protected)
    with protected.real_ledger.write() as tx:
        halt(
            tx,
            scope="symbol",
            book=BOOK,
            symbol="AAPL",
            side="sells",
            kind="pause",
            keep_orders=True,
            reason="x",
            author="ann",
            now=protected.now(),
        )
    sent = protected.send(run)
    assert (sent.accepted, sent.cancelled) == (1, 3)
    assert _states(protected, PAIR) == [OrderState.ACCEPTED] * 2


@pytest.mark.parametrize("begun", [False, True])
def test_legs_take_the_place_of_those_that_an_attempt_before_has_cancelled_whatever_is_stopped_beside_them(
    protected: Desk, begun: bool
) -> None:
    run = protected.open(WED)
    protected.settle(run, market(WED, {"AAPL": "100"}))
    decided(protected, run, [*legs("AAPL", 100, "94", "105", WED), order("AAPL", 20, WED)], KEYS)
    if begun:
        for key in KEYS:
            protected.paper.cancel(key)
        with protected.ledger.write() as tx:
            transitions(tx, [Move(key, OrderState.CANCELLED) for key in KEYS], run_id=run.run_id, now=protected.now())
    with protected.real_ledger.write() as tx:
        halt(tx, scope="symbol", book=BOOK, symbol="AAPL", side="buys", kind="pause", reason="x", author="ann", now=protected.now())
    sent = protected.send(run)
    assert (sent.accepted, sent.cancelled) == ((2, 1) if begun else (0, 3))
    assert len(protected.paper.open_orders()) == 2


def test_a_book_that_may_only_reduce_reduces_and_has_its_legs_made_anew(protected: Desk) -> None:
    run = _wednesday(protected)
    with protected.real_ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, side="reduce_only", kind="pause", reason="storm", author="ann", now=protected.now())
    sent = protected.send(run)
    assert (sent.accepted, sent.cancelled) == (3, 1)
    assert _states(protected, [SELL, *SMALLER]) == [OrderState.ACCEPTED] * 3


def test_an_add_that_a_halt_of_all_but_reductions_stops_leaves_the_legs(protected: Desk) -> None:
    run = protected.open(WED)
    protected.settle(run, market(WED, {"AAPL": "100"}))
    decided(protected, run, [order("AAPL", 20, WED)], KEYS)
    with protected.real_ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, side="reduce_only", kind="pause", reason="storm", author="ann", now=protected.now())
    assert protected.send(run).cancelled == 1
    assert _states(protected, PAIR) == [OrderState.ACCEPTED] * 2


def test_legs_are_cancelled_when_it_is_their_symbols_turn_so_that_a_halt_before_it_leaves_them(protected: Desk) -> None:
    run = protected.open(WED)
    protected.settle(run, market(WED, {"AAPL": "100"}))
    decided(protected, run, [OTHER, SELL, *SMALLER], KEYS)

    def storm(number: int) -> None:
        with protected.real_ledger.write() as tx:
            halt(tx, scope="book", book=BOOK, kind="pause", keep_orders=True, reason="storm", author="ann", now=protected.now())

    protected.broker.before_send = storm
    with pytest.raises(HaltActive):
        protected.send(run)
    assert _states(protected, [OTHER, SELL]) == [OrderState.ACCEPTED, OrderState.APPROVED]
    assert _states(protected, PAIR) == [OrderState.ACCEPTED] * 2


def test_without_an_answer_nothing_is_sent_and_a_second_call_does_it_all(protected: Desk) -> None:
    run = _wednesday(protected)
    before = len(protected.broker.sends)
    protected.broker.down = True
    with pytest.raises(BrokerUnavailable):
        protected.send(run)
    assert len(protected.broker.sends) == before
    protected.broker.down = False
    assert protected.send(run).accepted == 4


def test_a_halted_book_keeps_the_legs_that_protect_it(protected: Desk) -> None:
    run = _wednesday(protected)
    with protected.real_ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, kind="pause", keep_orders=True, reason="storm", author="ann", now=protected.now())
    with pytest.raises(HaltActive):
        protected.send(run)
    assert _states(protected, PAIR) == [OrderState.ACCEPTED] * 2


# -- what keeps an order from being cancelled, and is over a moment later


def _clock(desk: Desk, moves_at: int, seconds: float) -> None:
    """The desk's clock stands, and moves on once, when so many commits have been made."""
    base, commits = desk.now(), desk.fuse.steps.count("after a commit")

    def now() -> datetime:
        late = desk.fuse.steps.count("after a commit") - commits >= moves_at
        return base + timedelta(seconds=seconds) if late else base

    desk.now = now  # type: ignore[method-assign]


def _pause(desk: Desk, seconds: float) -> None:
    """A pause of the book, which ends by itself."""
    now = desk.now()
    with desk.real_ledger.write() as tx:
        end = now + timedelta(seconds=seconds)
        halt(tx, scope="book", book=BOOK, kind="pause", keep_orders=True, reason="tea", author="ann", now=now, expires_at=end)


def test_legs_that_a_pause_kept_stay_alone_where_it_ends_before_what_takes_their_place_goes_out(protected: Desk) -> None:
    run = _wednesday(protected)
    _pause(protected, 5)
    _clock(protected, 1, 10)
    with pytest.raises(TransientError, match=rf"{KEYS[1]} was not cancelled: halt 1 .* tea.* Nothing was sent in AAPL: run the"):
        protected.send(run)
    assert _states(protected, PAIR) == [OrderState.ACCEPTED] * 2
    assert _states(protected, [SELL, *SMALLER, OTHER]) == [*[OrderState.APPROVED] * 3, OrderState.ACCEPTED]
    sent = protected.send(run)
    assert (sent.accepted, sent.cancelled, sent.already) == (3, 0, 1)
    assert _states(protected, PAIR) == [OrderState.CANCELLED] * 2


def test_so_do_those_that_the_limit_of_a_minute_kept(protected: Desk) -> None:
    run = protected.open(WED)
    protected.settle(run, market(WED, {"AAPL": "100"}))
    decided(protected, run, [order("A", 1, WED), order("B", 1, WED), SELL], KEYS)
    _clock(protected, 4, 61)  # the intents of A and B, the answer to B, and the look at the legs
    with pytest.raises(TransientError, match=rf"{KEYS[1]} was not cancelled: messages_above_limit: .*control 20: value is 3, limit 2"):
        protected.send(run, minute_messages=2)
    assert _states(protected, PAIR) == [OrderState.ACCEPTED] * 2
    assert _states(protected, [SELL]) == [OrderState.APPROVED]
    assert protected.send(run, minute_messages=2).accepted == 1
    assert _states(protected, PAIR) == [OrderState.CANCELLED] * 2


@pytest.mark.parametrize("kept_by", ["a pause", "its window"])
def test_a_rest_that_was_kept_stays_alone_where_what_kept_it_is_over_before_what_takes_its_place_goes_out(desk: Desk, kept_by: str) -> None:
    rest, new = (
        replace(order("AAPL", quantity, day), order_type="limit", time_in_force="gtc", price=usd("90"))
        for quantity, day in ((100, MON), (60, TUE))
    )
    desk.send(decided(desk, desk.open(MON), [rest]))
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "100"}))
    decided(desk, run, [new], [rest.client_order_id])
    opens = datetime(2026, 3, 4, tzinfo=UTC)
    late = [opens - timedelta(milliseconds=20)]
    desk.now = lambda: late.pop() if late else opens  # type: ignore[method-assign]
    if kept_by == "a pause":
        _pause(desk, 0.02)
        late.append(opens - timedelta(milliseconds=10))
    else:
        desk.windows = _SHUT
    with pytest.raises(TransientError, match=rf"{rest.client_order_id} was not cancelled: .* Nothing was sent in AAPL"):
        desk.send(run)
    assert [each.client_order_id for each in desk.paper.open_orders()] == [rest.client_order_id]
    assert desk.send(run).accepted == 1
    assert [each.client_order_id for each in desk.paper.open_orders()] == [new.client_order_id]


def test_both_legs_of_a_pair_reduce_together_as_one(protected: Desk) -> None:
    """A halt of all but reductions cancels neither: the other leg is no second sale."""
    with protected.real_ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, side="reduce_only", kind="pause", reason="storm", author="ann", now=protected.now())
    from grodt.execution.cancelling import cancel_covered

    assert cancel_covered(protected.real_ledger, protected.paper, BOOK, protected.now) == ()


def test_what_a_person_replaced_at_the_broker_has_not_made_way_and_the_next_cycle_goes_on(desk: Desk) -> None:
    rest = replace(order("KO", 100, MON), order_type="limit", time_in_force="gtc", price=usd("90"))
    tuesday, wednesday = (replace(order("KO", 60, day), order_type="limit", time_in_force="gtc", price=usd("99")) for day in (TUE, WED))
    played = [market(TUE, {"KO": "100"}), market(WED, {"KO": "100"})]
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        desk.broker = FaultyBroker(broker, desk.fuse)

        def settled(run: Run, count: int) -> Run:
            settle(desk.ledger, None, desk.broker, None, played[:count], run=run, file=desk.file, now=desk.now)
            return run

        desk.send(decided(desk, desk.open(MON), [rest]))
        account.play(played[0])
        run = settled(desk.open(TUE), 1)
        desk.reconcile(run)
        decided(desk, run, [tuesday], [rest.client_order_id])
        successor = account.replace(rest.client_order_id, 100)
        for already in (0, 1):
            assert desk.send(run) == Sent(orders=1, cancelled=1 - already, already=already)
        assert [each.client_order_id for each in broker.open_orders()] == [successor["client_order_id"]]
        assert _states(desk, [rest, tuesday]) == [OrderState.REPLACED, OrderState.CANCELLED]
        with desk.real_ledger.read() as tx:
            (found,) = find_orders(tx, [tuesday.client_order_id]).values()
        assert found.reason == (
            f"not sent: {rest.client_order_id} is replaced at Alpaca by order {successor['id']}, which is none of ours and may still fill: "
            "cancel that one at the broker; decided anew next time"
        )

        with pytest.raises(ReconciliationBreak):
            desk.reconcile(run)
        broker.cancel(successor["client_order_id"])
        with desk.real_ledger.write() as tx:
            rearmed(tx, BOOK, desk.now())
        account.play(played[1])
        run = settled(desk.open(WED), 2)
        desk.reconcile(run)
        assert desk.send(decided(desk, run, [wednesday])).accepted == 1


# -- rests that are no longer wanted


def _rests(desk: Desk, quantity: int) -> object:
    made = order("S0000", quantity, MON)
    run = desk.open(MON)
    made = type(made)(
        **{**{name: getattr(made, name) for name in made.__slots__}, "order_type": "limit", "time_in_force": "gtc", "price": usd("90")}
    )
    desk.send(decided(desk, run, [made]))
    with desk.real_ledger.read() as tx:
        return orders_in(tx, BOOK, OPEN)


@pytest.mark.parametrize(
    ("position", "target", "goes"),
    [(0, 100, False), (0, 150, False), (0, 99, True), (0, 0, True), (20, 60, True), (20, 120, False), (50, 20, True)],
)
def test_a_rest_goes_where_targets_want_less_than_it_brings_or_the_other_side(desk: Desk, position: int, target: int, goes: bool) -> None:
    desk.paper.advance(market(MON, {"S0000": "100"}))
    rests = _rests(desk, 100)
    state = state_of(1, position=[position], open_buys=[100])
    assert state.symbols == ("S0000",)
    state = type(state)(**{**{name: getattr(state, name) for name in state.__slots__}, "rests": rests})
    closes = Closes(np.array([100.0]), np.array([100_000_000]), np.array([0]), np.zeros((1, 1)))
    targets = Targets(("S0000",), np.zeros(1), np.array([target]), np.array([position]), np.array([100.0]))
    found = unwanted(state, targets, closes, GTC, trades=True)
    assert bool(found) == goes
    assert without(state, found).working.tolist() == [0 if goes else 100]
    stale = Closes(closes.price, closes.micros, np.array([1]), closes.returns)
    assert unwanted(state, targets, stale, GTC, trades=True) == ()
    assert unwanted(state, targets, closes, GTC, trades=False) == ()
    assert unwanted(state, targets, closes, GTC, trades=False, closing={"S0000"}) == found
    for terms in (OrderTerms(), OrderTerms("limit", Decimal(0), "day"), OrderTerms("stop", Decimal(0), "gtc")):
        for trades in (True, False):  # of another kind than the book's orders now
            assert unwanted(state, targets, closes, terms, trades=trades) == rests
            assert unwanted(state, targets, stale, terms, trades=trades) == ()


def test_what_nothing_takes_the_place_of_waits_for_no_window_and_the_legs_of_an_order_that_does_stay(protected: Desk) -> None:
    run = protected.open(WED)
    protected.settle(run, market(WED, {"AAPL": "100"}))
    shut = {"file": limits(), "windows": _SHUT, "now": protected.now, "sleep": protected.pauses.append}
    alone = send(protected.ledger, None, protected.broker, decided(protected, run, [OTHER], KEYS), **shut)  # type: ignore[arg-type]
    assert (alone.accepted, alone.cancelled) == (0, 1)
    assert _states(protected, PAIR) == [OrderState.CANCELLED] * 2


# -- a halt that stops what takes a rest's place


@pytest.mark.parametrize(
    ("shares", "what"),
    [
        (-40, {"scope": "symbol", "symbol": "AAPL", "keep_orders": True}),
        (40, {"scope": "symbol", "symbol": "AAPL", "side": "buys"}),
        (40, {"scope": "book", "side": "buys"}),
        (-140, {"scope": "book", "side": "reduce_only"}),
        (-40, {"scope": "strategy", "strategy": "trend"}),
    ],
)
def test_a_rest_stays_where_a_halt_stops_what_takes_its_place(desk: Desk, shares: int, what: dict[str, Any]) -> None:
    rest, new = _replaced_rest(desk, shares)
    with desk.real_ledger.write() as tx:
        halt(tx, book=BOOK, reason="not now", author="ann", now=desk.now(), **what)
    if what["scope"] == "strategy":  # nobody can tell what is left of the basket
        with pytest.raises(HaltActive):
            desk.send(_run_of(desk, new))
        assert _states(desk, [rest, new]) == [OrderState.ACCEPTED, OrderState.APPROVED]
    else:
        assert desk.send(_run_of(desk, new)) == Sent(orders=1, cancelled=1)
        assert _states(desk, [rest, new]) == [OrderState.ACCEPTED, OrderState.CANCELLED]
        with desk.real_ledger.read() as tx:
            reason = find_orders(tx, [new.client_order_id])[new.client_order_id].reason
        assert reason.startswith(f"not sent: what it was to take the place of stays, because {new.client_order_id} may not go out: ")
    assert [each.client_order_id for each in desk.paper.open_orders()] == [rest.client_order_id]


def test_a_rest_goes_where_all_but_reductions_are_stopped_and_what_takes_its_place_reduces(desk: Desk) -> None:
    rest, new = _replaced_rest(desk, -40)
    with desk.real_ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, side="reduce_only", reason="smaller", author="ann", now=desk.now())
    desk.send(_run_of(desk, new))
    assert _states(desk, [rest, new]) == [OrderState.CANCELLED, OrderState.ACCEPTED]
    with desk.real_ledger.read() as tx:
        assert (books_with_orders(tx, OPEN), books_with_orders(tx, {OrderState.UNKNOWN})) == ((BOOK,), ())


def _replaced_rest(desk: Desk, shares: int) -> tuple[Order, Order]:
    """100 AAPL with a sell of all of it that rests, and Wednesday's basket, in which another order takes its place."""
    desk.cycle(MON, [], {"AAPL": 100})
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "100"}))
    rest = replace(order("AAPL", -100, TUE), order_type="limit", time_in_force="gtc", price=usd("120"))
    desk.send(decided(desk, run, [rest]))
    run = desk.open(WED)
    desk.settle(run, market(WED, {"AAPL": "100"}))
    new = replace(order("AAPL", shares, WED), order_type="limit", time_in_force="gtc", price=usd("121" if shares < 0 else "99"))
    decided(desk, run, [new], [rest.client_order_id])
    return rest, new


def _run_of(desk: Desk, of: Order) -> Run:
    with desk.real_ledger.read() as tx:
        found = find_run(tx, find_orders(tx, [of.client_order_id])[of.client_order_id].run_id)
    assert found is not None
    return found
