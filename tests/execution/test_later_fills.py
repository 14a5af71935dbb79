"""Fills of a session that goes on while the one before is run again: no break, and booked once, with their session."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from grodt.brokers.ccxt_payloads import venue_client_id
from grodt.errors import BrokerUnavailable, ReconciliationBreak
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.halts import active
from grodt.ledger.order_life import transition
from grodt.money import Micros
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from grodt.reconciliation import Reconciled
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import BOOK, MON, TUE, WED, market, order, usd
from tests.execution.always import ETH, MARKET, REST, Always, books, breaks, corrected, lived, opened_always, order_of
from tests.execution.desk import CASH, Desk, FaultyBroker, make_basket
from tests.fakes.alpaca_trading import FakeTrading, evening


@pytest.fixture
def always(desk: Desk) -> Iterator[Always]:
    with opened_always(desk) as opened:
        yield opened


@pytest.mark.parametrize("sent", [MARKET, REST], ids=["market", "rest"])
def test_what_filled_since_midnight_waits_for_its_session_and_is_booked_once(always: Always, sent: Order) -> None:
    always.send(sent)
    always.fill("4", "99")
    always.fill("6")
    for _ in range(2):
        assert lived(always.desk, MON)[1] == Reconciled(positions=0, open_orders=1, cash=CASH, waiting=2)
    assert books(always.desk) == ({}, CASH)
    always.account.play(market(TUE, {}))
    for _ in range(2):
        assert lived(always.desk, TUE)[1].waiting == 0
        assert books(always.desk) == ({ETH: 10}, CASH - usd("996.996"))
    assert order_of(always.desk) == (OrderState.FILLED, 10)


def test_a_rest_that_has_filled_in_part_is_open_on_both_sides(always: Always) -> None:
    always.send(REST)
    always.fill("4")
    assert lived(always.desk, MON)[1] == Reconciled(positions=0, open_orders=1, cash=CASH, waiting=1)
    assert lived(always.desk, TUE)[1] == Reconciled(positions=1, open_orders=1, cash=books(always.desk)[1])
    assert order_of(always.desk) == (OrderState.PARTIALLY_FILLED, 4)


def test_one_that_was_cancelled_after_a_part_ends_with_its_session(always: Always) -> None:
    always.send(REST)
    always.fill("4")
    always.account.orders[0]["status"] = "canceled"
    assert lived(always.desk, MON)[1].waiting == 1
    assert lived(always.desk, TUE)[1].open_orders == 0
    assert order_of(always.desk) == (OrderState.CANCELLED, 4)


def test_a_break_beside_them_has_the_figures_without_them_and_its_correction_books_nothing_twice(always: Always) -> None:
    always.send(MARKET)
    always.fill("10")
    always.account.fee = lambda value: {}
    always.by_hand("5", "90")
    with pytest.raises(ReconciliationBreak, match=r"Without 1 fill of later sessions[^$]*not booked:\n  ETH/USD:t1 of binance ETH/USD o2"):
        lived(always.desk, MON)
    assert breaks(always.desk) == [("position", ETH, 0, 5), ("cash", "", CASH, CASH - usd("450"))]
    corrected(always.desk, "90")
    assert lived(always.desk, MON)[1].waiting == 1
    for _ in range(2):
        lived(always.desk, TUE)
        assert books(always.desk) == ({ETH: 15}, CASH - usd("1451"))
    assert breaks(always.desk) == []


def test_one_that_cannot_be_read_is_a_break_and_is_dealt_with_once_it_is_corrected(always: Always) -> None:
    always.account.fee = lambda value: {"cost": "0", "currency": "USD"}
    always.send(MARKET)
    always.fill("10", fee={"cost": "0.001", "currency": "BNB"})
    with pytest.raises(ReconciliationBreak, match=r"a fee of 0\.001 BNB"):
        lived(always.desk, MON)
    assert ("position", ETH, 0, 10) in breaks(always.desk)
    with always.desk.real_ledger.read() as tx:
        assert {(each.scope, each.symbol) for each in active(tx, BOOK, always.desk.now())} == {("book", ""), ("symbol", ETH)}
    corrected(always.desk, "100")
    always.account.trades[0]["fee"] = {"cost": "0", "currency": "USD"}  # it can be read now
    for day in (TUE, WED):
        always.account.play(market(day, {}))
        lived(always.desk, day)
        assert books(always.desk) == ({ETH: 10}, CASH - usd("1000"))


def test_one_of_another_order_under_our_id_is_a_break(always: Always) -> None:
    run, _ = lived(always.desk, MON)
    basket = make_basket(run, [MARKET])
    with always.desk.ledger.write() as tx:
        record_basket(tx, basket, run.run_id, always.desk.now())
        approve_basket(tx, basket.hash, "automatic", always.desk.now())
        transition(tx, MARKET.client_order_id, OrderState.SENDING, run_id=run.run_id, now=always.desk.now())
    always.account.take(symbol=ETH, amount="20", clientOrderId=venue_client_id(MARKET.client_order_id))
    always.fill("10")
    with pytest.raises(ReconciliationBreak, match="the answer to its order is not known"):
        lived(always.desk, MON)
    assert ("position", ETH, 0, 10) in breaks(always.desk)


def test_an_order_that_fills_while_the_account_is_read_is_no_break(always: Always, monkeypatch: pytest.MonkeyPatch) -> None:
    always.send(REST)
    always.fill("1")
    _meanwhile(always, monkeypatch, times=3)
    assert lived(always.desk, MON)[1].waiting == 4
    assert breaks(always.desk) == []


def test_one_that_fills_each_time_leaves_nothing_compared(always: Always, monkeypatch: pytest.MonkeyPatch) -> None:
    always.send(REST)
    always.fill("1")
    _meanwhile(always, monkeypatch, times=9)
    with pytest.raises(BrokerUnavailable, match="orders filled each of 5 times that the account was read; nothing is compared, run again"):
        lived(always.desk, MON)
    assert breaks(always.desk) == []


def _meanwhile(always: Always, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Each of so many questions for the cash comes just before a trade."""
    asked, left = always.desk.broker.cash, iter(range(times))

    def told() -> int:
        found = asked()
        if next(left, None) is not None:
            always.fill("1")
        return found

    monkeypatch.setattr(always.desk.broker, "cash", told)


def test_at_alpaca_an_order_of_last_evening_that_fills_before_its_cycle_is_run_again(desk: Desk) -> None:
    with FakeTrading(evening(MON), "1000000").served() as account, opened_at(account) as broker:
        desk.broker = FaultyBroker(broker, desk.fuse)
        run, _ = lived(desk, MON)
        desk.decide(run, {"AAPL": 10, "KO": 5})
        assert desk.send(run).accepted == 2
        account.now = datetime(2026, 3, 3, 16, tzinfo=UTC)
        account.fill(order("AAPL", 10).client_order_id, "10", "101")
        account.fill(order("KO", 5).client_order_id, "2", "99")
        assert lived(desk, MON)[1] == Reconciled(positions=0, open_orders=2, cash=CASH, waiting=2)
        account.play(market(TUE, {"KO": "99"}))
        assert lived(desk, TUE)[1] == Reconciled(positions=2, open_orders=0, cash=Micros(CASH - usd("1505")))
        assert books(desk) == ({"AAPL": 10, "KO": 5}, CASH - usd("1505"))
