"""Pairs at Interactive Brokers in the ledger: fills, in part, over nights and restarts; what makes way; what is refused; breaks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pytest

from grodt.bars.market import SessionMarket
from grodt.brokers.ib import IbBroker
from grodt.brokers.ib_settings import IbAccount
from grodt.errors import HaltActive, OrderOutcomeUnknown, ReconciliationBreak, TransientError
from grodt.execution import settle
from grodt.execution.cancelling import cancel_covered
from grodt.ledger.fills import fills_in
from grodt.ledger.halts import halt
from grodt.ledger.orders import find_orders
from grodt.ledger.postings import holdings
from grodt.ledger.runs import Run
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from grodt.sessions import Calendar
from tests.brokers.brackets import legs
from tests.brokers.world import BOOK, MON, THU, TUE, WED, market, order, split_of
from tests.execution.desk import Desk, FaultyBroker, Killed
from tests.execution.test_withdrawing import decided
from tests.fakes.alpaca_trading import evening
from tests.fakes.ib import ACCOUNT, FakeIb
from tests.ledger.people import rearmed

STOP, TAKE = PAIR = legs("AAPL", 250, "95", "105")
KEYS = [each.client_order_id for each in PAIR]
SUBMITTED, PARTLY, FILLED, CANCELLED = OrderState.SUBMITTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCELLED


@dataclass
class Account:
    """A desk whose broker is an account at Interactive Brokers, which fills a tenth of a session's volume."""

    desk: Desk
    there: FakeIb

    def restart(self) -> None:
        """Another process: what it knows of the account is what it is told."""
        self.desk.broker.close()
        self.desk.broker = FaultyBroker(self.opened(), self.desk.fuse)

    def opened(self) -> IbBroker:
        async def no_time(_seconds: float) -> None:
            return None

        return IbBroker(BOOK, IbAccount(account=ACCOUNT), Calendar("XNYS"), client=self.there.client, sleep=no_time)

    def day(self, session: date, told: SessionMarket) -> Run:
        """A session at the account, whose evening tells nothing of earlier days that is over, and what settles it; the evening's run."""
        self.there.executions.clear()
        self.there.over.clear()
        self.there.play(told)
        self.restart()
        return self.settled(session, told)

    def settled(self, session: date, told: SessionMarket) -> Run:
        run = self.desk.open(session)
        settle(self.desk.ledger, None, self.desk.broker, None, [told], run=run, file=self.desk.file, now=self.desk.now)
        return run

    def states(self, orders: Sequence[Order] = PAIR) -> list[OrderState]:
        with self.desk.real_ledger.read() as tx:
            found = find_orders(tx, [each.client_order_id for each in orders])
        return [found[each.client_order_id].state for each in orders]

    def held(self) -> int:
        with self.desk.real_ledger.read() as tx:
            return {symbol: each.quantity for symbol, each in holdings(tx, BOOK).items()}.get("AAPL", 0)

    def open_at(self) -> list[str]:
        return sorted(each.order.orderRef for each in self.there.open)


@pytest.fixture
def bought(desk: Desk) -> Iterator[Account]:
    """250 AAPL bought on Tuesday at 100; its evening."""
    account = Account(desk, FakeIb(evening(MON), "1000000", participation=0.1))
    desk.broker = FaultyBroker(account.opened(), desk.fuse)
    run = desk.open(MON)
    desk.decide(run, {"AAPL": 250})
    desk.send(run)
    account.day(TUE, market(TUE, {"AAPL": "100"}))
    yield account
    desk.broker.close()


@pytest.fixture
def resting(bought: Account) -> Account:
    """The pair rests since Tuesday evening."""
    assert bought.desk.send(decided(bought.desk, bought.desk.open(TUE), PAIR)).accepted == 2
    return bought


def test_both_legs_are_one_group_there_that_reduces_with_block(resting: Account) -> None:
    told = [(each.order.orderType, each.order.tif, each.order.ocaType, each.order.ocaGroup) for each in resting.there.open]
    assert told == [("STP", "GTC", 2, f"{KEYS[0]}-of-250"), ("LMT", "GTC", 2, f"{KEYS[0]}-of-250")]
    assert resting.desk.reconcile(resting.desk.open(TUE)).open_orders == 2


@pytest.mark.parametrize(("opens", "ended"), [("94", [FILLED, CANCELLED]), ("106", [CANCELLED, FILLED])])
def test_a_fill_of_one_leg_ends_the_other_in_the_ledger(resting: Account, opens: str, ended: list[OrderState]) -> None:
    run = resting.day(WED, market(WED, {"AAPL": opens}))
    assert (resting.states(), resting.held()) == (ended, 0)
    assert resting.desk.reconcile(run).open_orders == 0
    with resting.desk.real_ledger.read() as tx:
        assert {each.client_order_id for each in fills_in(tx, BOOK, WED)} == {KEYS[ended.index(FILLED)]}


@pytest.mark.parametrize("tells_reduced", [True, False])
@pytest.mark.parametrize("tells_today", [True, False])
def test_what_one_leg_fills_in_part_is_no_break_and_the_other_closes_the_rest(
    resting: Account, tells_reduced: bool, tells_today: bool
) -> None:
    resting.there.tells_reduced, resting.there.tells_today = tells_reduced, tells_today
    run = resting.day(WED, market(WED, {"AAPL": "106"}, volume={"AAPL": 1_000}))
    assert (resting.states(), resting.held()) == ([SUBMITTED, PARTLY], 150)
    assert resting.desk.reconcile(run).open_orders == 2
    run = resting.day(THU, market(THU, {"AAPL": "100"}))  # a night, and a day in which nothing trades
    assert (resting.states(), resting.held()) == ([SUBMITTED, PARTLY], 150)
    assert resting.desk.reconcile(run).open_orders == 2
    after = date(2026, 3, 6)
    run = resting.day(after, market(after, {"AAPL": "94"}))
    assert (resting.states(), resting.held()) == ([CANCELLED, CANCELLED], 0)
    assert resting.desk.reconcile(run).open_orders == 0
    with resting.desk.real_ledger.read() as tx:
        assert [(each.client_order_id, each.quantity) for each in fills_in(tx, BOOK, after)] == [(KEYS[0], 150)]
        assert find_orders(tx, KEYS[:1])[KEYS[0]].reason == "its other leg filled"


@pytest.mark.parametrize(
    ("trades", "left"), [([(0, 250)], 0), ([(1, 250)], 0), ([(1, 100)], 150), ([(0, 40), (0, 60)], 150), ([(1, 100), (0, 150)], 0)]
)
def test_legs_that_fill_while_the_evening_before_is_run_again_wait_for_their_session(
    resting: Account, trades: list[tuple[int, int]], left: int
) -> None:
    resting.there.executions.clear()
    resting.there.over.clear()
    resting.there.now = evening(WED)
    for leg, shares in trades:
        resting.there.fill(resting.there.of(KEYS[leg]), shares, 106.0 if leg else 95.0)
    resting.restart()
    run = resting.settled(TUE, market(TUE, {"AAPL": "100"}))
    assert (resting.desk.reconcile(run).waiting, resting.held()) == (len(trades), 250)
    run = resting.settled(WED, market(WED, {"AAPL": "100"}))
    assert (resting.desk.reconcile(run).waiting, resting.held()) == (0, left)


def test_a_leg_that_the_broker_does_not_reduce_is_a_break(resting: Account) -> None:
    resting.there.fill(resting.there.of(KEYS[1]), 100, 106.0)
    stop = resting.there.of(KEYS[0])
    stop.order.totalQuantity, stop.orderStatus.remaining = 250, 250
    run = resting.settled(WED, market(WED, {"AAPL": "100"}))
    with pytest.raises(ReconciliationBreak, match=rf"order +{KEYS[0]} +-150 +-250"):
        resting.desk.reconcile(run)


def test_legs_that_both_fill_halt_the_book_and_nothing_of_the_session_is_booked(resting: Account) -> None:
    for key, shares, price in ((KEYS[1], 100, 106.0), (KEYS[0], 250, 95.0)):
        trade = resting.there.of(key)
        trade.order.ocaGroup = ""  # the tie breaks
        resting.there.fill(trade, shares, price)
    with pytest.raises(HaltActive, match=r"control 19"):
        resting.settled(WED, market(WED, {"AAPL": "100"}))
    assert resting.held() == 250


def test_fewer_shares_that_a_person_wrote_there_are_a_break(resting: Account) -> None:
    stop = resting.there.of(KEYS[0])
    stop.order.totalQuantity = stop.orderStatus.remaining = 200
    run = resting.settled(WED, market(WED, {"AAPL": "100"}))
    with pytest.raises(ReconciliationBreak, match=rf"order +{KEYS[0]} +-250 +-200"):
        resting.desk.reconcile(run)


def test_more_shares_that_a_person_wrote_there_halt_the_book(resting: Account) -> None:
    stop = resting.there.of(KEYS[0])
    stop.order.totalQuantity = stop.orderStatus.remaining = 300
    with pytest.raises(HaltActive, match=rf"control 19: value is 300, limit 250\): {KEYS[0]} at the broker"):
        resting.settled(WED, market(WED, {"AAPL": "100"}))


@pytest.mark.parametrize(("ties", "ended"), [(True, [CANCELLED, CANCELLED]), (False, [SUBMITTED, CANCELLED])])
def test_a_leg_that_ends_there_is_cancelled_and_the_other_is_as_the_broker_has_it(
    resting: Account, ties: bool, ended: list[OrderState]
) -> None:
    resting.there.ties = ties
    resting.there.cancel(resting.there.of(KEYS[1]))
    run = resting.settled(WED, market(WED, {"AAPL": "100"}))
    assert (resting.states(), resting.held()) == (ended, 250)
    assert resting.desk.reconcile(run).open_orders == ended.count(SUBMITTED)


def test_a_split_ends_both(resting: Account) -> None:
    resting.there.split("AAPL", 2)
    told = market(WED, {"AAPL": "50"}, split_of("AAPL", WED, 2, 1), closes={"AAPL": "100"})
    run = resting.settled(WED, told)
    assert (resting.states(), resting.held()) == ([CANCELLED, CANCELLED], 500)
    assert resting.desk.reconcile(run).positions


SMALLER = legs("AAPL", 150, "95", "105", WED)
_CHANGES: dict[str, tuple[Sequence[Order], Sequence[str]]] = {
    "it shrinks": ([order("AAPL", -100, WED), *SMALLER], KEYS),
    "it is left": ([order("AAPL", -250, WED)], KEYS),
    "it turns round": ([order("AAPL", -300, WED)], KEYS),
    "it grows": ([order("AAPL", 50, WED)], []),
}


@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize(("orders", "withdraws"), _CHANGES.values(), ids=_CHANGES)
def test_legs_make_way_before_what_takes_their_place(
    resting: Account, ties: bool, orders: Sequence[Order], withdraws: Sequence[str]
) -> None:
    resting.there.ties = ties
    run = resting.day(WED, market(WED, {"AAPL": "100"}))
    sent = resting.desk.send(decided(resting.desk, run, orders, withdraws))
    assert (sent.accepted, sent.rejected, sent.cancelled) == (len(orders), 0, 0)
    assert resting.states() == [CANCELLED if withdraws else SUBMITTED] * 2
    assert resting.open_at() == sorted([each.client_order_id for each in orders] + ([] if withdraws else KEYS))
    assert resting.desk.reconcile(run).open_orders == len(resting.there.open)


def test_new_legs_after_a_part_close_what_is_left_and_never_more(resting: Account) -> None:
    run = resting.day(WED, market(WED, {"AAPL": "106"}, volume={"AAPL": 1_000}))
    resting.desk.send(decided(resting.desk, run, SMALLER, KEYS))
    assert resting.states() == [CANCELLED, CANCELLED]
    assert {each.order.ocaGroup for each in resting.there.open} == {f"{SMALLER[0].client_order_id}-of-150"}
    run = resting.day(THU, market(THU, {"AAPL": "94"}))
    assert (resting.states(SMALLER), resting.held()) == ([FILLED, CANCELLED], 0)
    assert resting.desk.reconcile(run).open_orders == 0


def test_where_earlier_fills_are_no_longer_told_legs_that_make_way_leave_the_symbol_to_the_next_cycle(resting: Account) -> None:
    """Whether more has filled since the decision cannot be told from the answer, so nothing goes out that might close too much."""
    resting.there.tells_today = True
    resting.day(WED, market(WED, {"AAPL": "106"}, volume={"AAPL": 1_000}))
    run = resting.day(THU, market(THU, {"AAPL": "100"}))
    smaller = legs("AAPL", 100, "95", "105", THU)
    sent = resting.desk.send(decided(resting.desk, run, [order("AAPL", -50, THU), *smaller], KEYS))
    assert (sent.accepted, sent.cancelled, resting.open_at()) == (0, 3, [])
    with resting.desk.real_ledger.read() as tx:
        found = find_orders(tx, [smaller[0].client_order_id])[smaller[0].client_order_id]
    assert f"{KEYS[1]} has filled 0 and not the 100" in found.reason
    after = date(2026, 3, 6)
    run = resting.day(after, market(after, {"AAPL": "100"}))
    assert (resting.states(), resting.held()) == ([CANCELLED, CANCELLED], 150)
    assert resting.desk.reconcile(run).open_orders == 0


def test_a_cancel_of_both_that_is_not_confirmed_leaves_them_and_sends_nothing_there(resting: Account) -> None:
    run = resting.day(WED, market(WED, {"AAPL": "100"}))
    decided(resting.desk, run, [order("AAPL", -100, WED), *SMALLER], KEYS)
    resting.there.deaf = True
    with pytest.raises(TransientError, match=rf"{KEYS[0]} is still submitted at the broker .* Nothing was sent in AAPL"):
        resting.desk.send(run)
    assert (resting.open_at(), resting.states()) == (KEYS, [SUBMITTED, SUBMITTED])
    resting.there.deaf = False
    assert resting.desk.send(run).accepted == 3
    assert resting.states() == [CANCELLED, CANCELLED]


def test_a_part_that_fills_between_decision_and_cancel_leaves_the_symbol_undecided(resting: Account) -> None:
    run = resting.day(WED, market(WED, {"AAPL": "100"}))
    decided(resting.desk, run, [order("AAPL", -100, WED), *SMALLER], KEYS)
    resting.there.fill(resting.there.of(KEYS[1]), 40, 106.0)
    sent = resting.desk.send(run)
    assert (sent.accepted, sent.cancelled, resting.open_at()) == (0, 3, [])


def _refuses(kind: str) -> Callable[[object], str]:
    return lambda asked: "Error 201: Order rejected - reason: price" if getattr(asked, "orderType", "") == kind else ""


def test_where_the_take_profit_is_rejected_the_stop_stands_alone(bought: Account) -> None:
    bought.there.refuses = _refuses("LMT")
    sent = bought.desk.send(decided(bought.desk, bought.desk.open(TUE), PAIR))
    assert (sent.accepted, sent.rejected) == (1, 1)
    assert (bought.states(), bought.open_at()) == ([SUBMITTED, OrderState.REJECTED], KEYS[:1])
    run = bought.day(WED, market(WED, {"AAPL": "94"}))
    assert (bought.states(), bought.held()) == ([FILLED, OrderState.REJECTED], 0)
    assert bought.desk.reconcile(run).open_orders == 0


def test_where_the_stop_is_rejected_no_take_profit_is_placed_and_the_run_says_so(bought: Account) -> None:
    bought.there.refuses = _refuses("STP")
    sent = bought.desk.send(decided(bought.desk, bought.desk.open(TUE), PAIR))
    assert (sent.accepted, sent.rejected, bought.open_at()) == (0, 2, [])
    with bought.desk.real_ledger.read() as tx:
        found = find_orders(tx, KEYS)
    assert [found[key].reason for key in KEYS] == [
        "Error 201: Order rejected - reason: price",
        f"its stop {KEYS[0]} is not open, and a take profit is not placed without it",
    ]


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("arrives", [True, False])
def test_a_leg_of_unknown_outcome_is_looked_up_by_our_id_and_there_once(bought: Account, lost: int, arrives: bool) -> None:
    (bought.desk.broker.lose_after if arrives else bought.desk.broker.lose_before).add(lost)
    sent = bought.desk.send(decided(bought.desk, bought.desk.open(TUE), PAIR))
    assert (sent.accepted, sent.adopted) == (2, int(arrives))
    assert (bought.states(), bought.open_at()) == ([SUBMITTED, SUBMITTED], KEYS)
    assert {each.order.ocaGroup for each in bought.there.open} == {f"{KEYS[0]}-of-250"}


def test_a_leg_whose_answer_was_lost_is_taken_up_although_the_other_has_reduced_it_since(bought: Account) -> None:
    bought.desk.broker.lose_after, bought.desk.broker.hide = {1}, set(range(10))
    bought.desk.broker.lose_before = {2}
    with pytest.raises(OrderOutcomeUnknown):
        bought.desk.send(decided(bought.desk, bought.desk.open(TUE), PAIR))
    assert bought.states() == [SUBMITTED, OrderState.UNKNOWN]
    run = bought.day(WED, market(WED, {"AAPL": "94"}, volume={"AAPL": 1_000}))
    assert (bought.states(), bought.held()) == ([PARTLY, SUBMITTED], 150)
    assert bought.desk.reconcile(run).open_orders == 2


@pytest.mark.parametrize("killed_at", [0, 1])
def test_a_process_that_dies_between_the_legs_is_followed_by_one_that_places_the_other(bought: Account, killed_at: int) -> None:
    run = decided(bought.desk, bought.desk.open(TUE), PAIR)

    def dies(number: int) -> None:
        if number == killed_at:
            raise Killed("before the leg")

    bought.desk.broker.before_send = dies
    with pytest.raises(Killed):
        bought.desk.send(run)
    bought.restart()
    assert bought.desk.send(run).accepted == 2 - killed_at
    assert (bought.states(), bought.open_at()) == ([SUBMITTED, SUBMITTED], KEYS)
    assert {each.order.ocaGroup for each in bought.there.open} == {f"{KEYS[0]}-of-250"}


def test_a_take_profit_left_over_from_a_dead_process_is_not_placed_beside_no_stop(bought: Account) -> None:
    """The stop was placed, the process died, and somebody cancelled the stop before the cycle ran again."""
    run = decided(bought.desk, bought.desk.open(TUE), PAIR)

    def dies(number: int) -> None:
        if number == 1:
            raise Killed("before the take profit")

    bought.desk.broker.before_send = dies
    with pytest.raises(Killed):
        bought.desk.send(run)
    bought.there.cancel(bought.there.of(KEYS[0]))
    bought.restart()
    sent = bought.desk.send(run)
    assert (sent.rejected, bought.open_at()) == (1, [])


def test_a_halt_of_all_but_reductions_keeps_a_pair_that_filled_in_part(resting: Account) -> None:
    resting.day(WED, market(WED, {"AAPL": "106"}, volume={"AAPL": 1_000}))
    with resting.desk.real_ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, side="reduce_only", kind="pause", reason="storm", author="ann", now=resting.desk.now())
    assert cancel_covered(resting.desk.real_ledger, resting.desk.broker, BOOK, resting.desk.now) == ()
    with resting.desk.real_ledger.write() as tx:
        rearmed(tx, BOOK, resting.desk.now())
        halt(tx, scope="book", book=BOOK, kind="pause", reason="storm", author="ann", now=resting.desk.now())
    asked = cancel_covered(resting.desk.real_ledger, resting.desk.broker, BOOK, resting.desk.now)
    assert [(each.client_order_id, each.outcome) for each in asked] == [(key, "cancelled") for key in KEYS]
    assert resting.open_at() == []
