"""Stops at Alpaca: through faults drawn from a seed, filled in part, cancelled after they triggered, refused, and through a split."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random

import pytest

from grodt.brokers.protocol import Broker
from grodt.errors import BrokerUnavailable, OrderOutcomeUnknown
from grodt.execution import settle
from grodt.execution.withdrawing import withdraw
from grodt.ledger.baskets import basket_of
from grodt.ledger.fills import fills_in
from grodt.ledger.orders import find_orders
from grodt.ledger.postings import holdings
from grodt.ledger.runs import Run
from grodt.orders.states import OrderState
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.brackets import legs
from tests.brokers.world import BOOK, MON, THU, TUE, WED, market, split_of
from tests.execution.desk import Desk, FaultyBroker
from tests.execution.test_alpaca_faults import _spoilt_questions, _spoilt_sends
from tests.execution.test_withdrawing import decided
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.ledger.people import rearmed

HELD = {"AAPL": 10, "IBM": 25, "KO": 40}
FLAT = dict.fromkeys(HELD, "100")
STOPS = [each for symbol, quantity in HELD.items() for each in legs(symbol, quantity, "95")]
KEYS = [each.client_order_id for each in STOPS]


@pytest.mark.parametrize("seed", range(6))
def test_each_stop_is_there_once_and_its_fills_are_booked(desk: Desk, seed: int) -> None:
    draw = Random(seed)
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        run = _bought(desk, account, broker)
        decided(desk, run, STOPS)
        account.fail(*_spoilt_sends(draw), *_spoilt_questions(draw))
        for _ in range(40):  # each round is a process of its own, which knows what the ledger knows
            with opened_at(account) as again:
                desk.broker = FaultyBroker(again, desk.fuse)
                try:
                    desk.send(run)
                    break
                except (OrderOutcomeUnknown, BrokerUnavailable):
                    with desk.real_ledger.write() as tx:
                        rearmed(tx, BOOK, desk.now())
        assert _states(desk) == [OrderState.SUBMITTED] * len(KEYS)
        assert len(account.orders) == len(HELD) + len(KEYS)

        account.play(told := market(WED, FLAT, ranges={"AAPL": ("94", "106"), "IBM": ("96", "106"), "KO": ("90", "104")}))
        account.fail(*_spoilt_questions(draw))
        with opened_at(account) as again:
            desk.broker = FaultyBroker(again, desk.fuse)
            run = desk.open(WED)
            for _ in range(40):
                try:
                    settle(desk.ledger, None, desk.broker, None, [told], run=run, file=desk.file, now=desk.now)
                    break
                except BrokerUnavailable:
                    continue
        with desk.real_ledger.read() as tx:
            assert {each.client_order_id for each in fills_in(tx, BOOK, WED)} == {KEYS[0], KEYS[2]}
            assert {symbol: each.quantity for symbol, each in holdings(tx, BOOK).items()} == {"IBM": 25}
        assert _states(desk) == [OrderState.FILLED, OrderState.ACCEPTED, OrderState.FILLED]  # which Alpaca has routed since


@pytest.fixture
def resting(desk: Desk) -> Iterator[tuple[Desk, FakeTrading]]:
    """The stops rest since Tuesday evening."""
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        desk.send(decided(desk, _bought(desk, account, broker), STOPS))
        yield desk, account


def test_a_stop_that_fills_in_part_rests_for_what_is_left_and_ends_with_it(resting: tuple[Desk, FakeTrading]) -> None:
    desk, account = resting
    account.play(quiet := market(WED, FLAT))
    account.fill(KEYS[2], "15", "95")
    run = desk.open(WED)
    settle(desk.ledger, None, desk.broker, None, [quiet], run=run, file=desk.file, now=desk.now)
    assert _compared(desk, run)
    assert _states(desk)[2] is OrderState.PARTIALLY_FILLED
    account.play(told := market(THU, FLAT | {"KO": "90"}))
    run = desk.open(THU)
    settle(desk.ledger, None, desk.broker, None, [told], run=run, file=desk.file, now=desk.now)
    assert _compared(desk, run)
    assert _states(desk)[2] is OrderState.FILLED
    assert desk.broker.positions() == {"AAPL": 10, "IBM": 25}


def test_a_stop_that_has_triggered_is_withdrawn_and_what_it_filled_leaves_its_symbol_undecided(resting: tuple[Desk, FakeTrading]) -> None:
    desk, account = resting
    account.play(quiet := market(WED, FLAT))
    run = desk.open(WED)
    settle(desk.ledger, None, desk.broker, None, [quiet], run=run, file=desk.file, now=desk.now)
    smaller = legs("KO", 20, "95", session=WED)
    decided(desk, run, smaller, [KEYS[2]])
    account.fill(KEYS[2], "15", "95")  # it triggers between the decision and the basket
    with desk.real_ledger.read() as tx:
        basket = basket_of(tx, run.run_id)
    assert basket is not None
    withdrawn = withdraw(desk.ledger, None, desk.broker, basket, [KEYS[2]], run, now=desk.now, sleep=lambda _seconds: None)
    assert (withdrawn.cancelled, dict(withdrawn.waiting)) == ({smaller[0].client_order_id}, {})
    assert KEYS[2] not in {each.client_order_id for each in desk.broker.open_orders()}
    with desk.real_ledger.read() as tx:
        assert find_orders(tx, [smaller[0].client_order_id])[smaller[0].client_order_id].state is OrderState.CANCELLED


def test_a_stop_that_the_price_has_passed_is_refused_and_nothing_else_is(desk: Desk) -> None:
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        run = _bought(desk, account, broker)
        account.ask = {"KO": Decimal(94)}
        decided(desk, run, STOPS)
        sent = desk.send(run)
        assert (sent.accepted, sent.rejected) == (2, 1)
        with desk.real_ledger.read() as tx:
            assert "must be beyond the current price" in find_orders(tx, KEYS)[KEYS[2]].reason
        assert _states(desk) == [OrderState.SUBMITTED, OrderState.SUBMITTED, OrderState.REJECTED]
        assert _compared(desk, run)


def test_a_split_that_nobody_announced_fires_the_stop_for_the_shares_of_before_and_both_books_say_so(
    resting: tuple[Desk, FakeTrading],
) -> None:
    desk, account = resting
    before = desk.broker.open_orders()
    account.split("KO", 2, 1)
    assert desk.broker.open_orders() == before
    told = market(WED, FLAT | {"KO": "50"}, split_of("KO", WED, 2, 1), closes=FLAT)
    account.play(told)
    run = desk.open(WED)
    settle(desk.ledger, None, desk.broker, None, [told], run=run, file=desk.file, now=desk.now)
    assert _compared(desk, run)
    assert _states(desk)[2] is OrderState.FILLED
    assert desk.broker.positions() == HELD  # 40 of 80 are left


def _bought(desk: Desk, account: FakeTrading, broker: Broker) -> Run:
    """What is held, bought on Tuesday at 100; the run of Tuesday evening."""
    desk.broker = FaultyBroker(broker, desk.fuse)
    run = desk.open(MON)
    desk.decide(run, HELD)
    desk.send(run)
    account.play(market(TUE, FLAT))
    run = desk.open(TUE)
    settle(desk.ledger, None, desk.broker, None, [market(TUE, FLAT)], run=run, file=desk.file, now=desk.now)
    return run


def _states(desk: Desk) -> list[OrderState]:
    with desk.real_ledger.read() as tx:
        found = find_orders(tx, KEYS)
    return [found[key].state for key in KEYS]


def _compared(desk: Desk, run: Run) -> bool:
    """Whether both sides agree in positions and open orders."""
    return bool(desk.reconcile(run).positions)
