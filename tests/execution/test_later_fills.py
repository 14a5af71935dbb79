"""Fills of a session that goes on while the one before is run again: no break, and booked once, with their session."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from grodt.brokers.ccxt import CcxtBroker
from grodt.brokers.ccxt_payloads import venue_client_id
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.brokers.windows import CCXT
from grodt.errors import BrokerUnavailable, ReconciliationBreak
from grodt.execution import settle
from grodt.execution.windows import Windows
from grodt.ledger.acts import act
from grodt.ledger.breaks import open_breaks, resolve_break
from grodt.ledger.corrections import propose_correction
from grodt.ledger.halts import active
from grodt.ledger.order_life import transition
from grodt.ledger.orders import approve_basket, find_order, order_symbols, record_basket
from grodt.ledger.postings import cash, holdings
from grodt.ledger.runs import Run
from grodt.money import Micros
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from grodt.reconciliation import Reconciled
from grodt.sessions import Calendar
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import BOOK, MON, TUE, WED, market, order, usd
from tests.execution.desk import CASH, Desk, FaultyBroker, make_basket
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.ccxt_account import FakeCcxtAccount
from tests.ledger.people import rearmed

ETH = "ETH/USD"
MARKET = order(ETH, 10)
REST = replace(MARKET, order_type="limit", time_in_force="gtc", price=usd("100"))


@dataclass
class Always:
    """A crypto book: Monday is over, and Tuesday has begun."""

    desk: Desk
    account: FakeCcxtAccount

    def send(self, sent: Order) -> Run:
        """Monday's cycle, up to a process that ends once its order is out."""
        run = _lived(self.desk, MON)[0]
        basket = make_basket(run, [sent])
        with self.desk.ledger.write() as tx:
            record_basket(tx, basket, run.run_id, self.desk.now())
            approve_basket(tx, basket.hash, "automatic", self.desk.now())
        assert self.desk.send(run).accepted == 1
        return run

    def fill(self, amount: str, price: str = "100", **changes: Any) -> None:
        """The order trades, an hour into Tuesday."""
        self.account.now += timedelta(hours=1)
        self.account.fill(self.account.orders[0], Decimal(amount), Decimal(price), **changes)

    def by_hand(self, amount: str, price: str) -> None:
        """Somebody trades on Tuesday."""
        self.account.fill(self.account.take(symbol=ETH, amount=amount), Decimal(amount), Decimal(price))


@pytest.fixture
def always(desk: Desk) -> Iterator[Always]:
    account = FakeCcxtAccount(datetime(2026, 3, 3, 0, 5, tzinfo=UTC), cash="1000000")
    account.markets = [ETH]
    calendar = Calendar("24/7")

    def ours() -> Mapping[str, str]:
        with desk.real_ledger.read() as tx:
            return order_symbols(tx, BOOK)

    settings = CcxtAccount(venue="binance", quote="USD")
    broker = CcxtBroker(BOOK, settings, calendar, client=account.client, ours=ours, now=lambda: account.now)
    desk.broker, desk.windows = FaultyBroker(broker, desk.fuse), Windows(calendar, CCXT)
    desk.now = lambda: account.now  # type: ignore[method-assign]
    yield Always(desk, account)
    broker.close()


def _lived(desk: Desk, day: date) -> tuple[Run, Reconciled]:
    run = desk.open(day)
    settle(desk.ledger, None, desk.broker, None, [market(day, {})], run=run, file=desk.file, now=desk.now)
    return run, desk.reconcile(run)


def _books(desk: Desk) -> tuple[dict[str, int], Micros]:
    with desk.real_ledger.read() as tx:
        return {symbol: each.quantity for symbol, each in holdings(tx, BOOK).items()}, cash(tx, BOOK)


def _breaks(desk: Desk) -> list[tuple[str, str, int, int]]:
    with desk.real_ledger.read() as tx:
        found = [each.difference for each in open_breaks(tx, BOOK)]
    return [(each.kind, each.symbol, each.ours, each.theirs) for each in found]


def _order(desk: Desk, key: str = MARKET.client_order_id) -> tuple[OrderState, int]:
    with desk.real_ledger.read() as tx:
        found = find_order(tx, key)
    assert found is not None
    return found.state, found.booked_quantity


def _corrected(desk: Desk, price: str) -> None:
    """Two people correct the break of the position, look at the others, and arm the book."""
    with desk.real_ledger.write() as tx:
        found = next(each for each in open_breaks(tx, BOOK) if each.difference.kind == "position")
        asked = propose_correction(tx, found.break_id, usd(price), by="ann", reason="the statement has it", now=desk.now())
        act(tx, asked.request_id, "approve", by="bob", reason="seen", now=desk.now())
        for each in open_breaks(tx, BOOK):
            resolve_break(tx, each.break_id, "explained by it", "ann", desk.now())
        rearmed(tx, BOOK, desk.now())


@pytest.mark.parametrize("sent", [MARKET, REST], ids=["market", "rest"])
def test_what_filled_since_midnight_waits_for_its_session_and_is_booked_once(always: Always, sent: Order) -> None:
    always.send(sent)
    always.fill("4", "99")
    always.fill("6")
    for _ in range(2):
        assert _lived(always.desk, MON)[1] == Reconciled(positions=0, open_orders=1, cash=CASH, waiting=2)
    assert _books(always.desk) == ({}, CASH)
    always.account.play(market(TUE, {}))
    for _ in range(2):
        assert _lived(always.desk, TUE)[1].waiting == 0
        assert _books(always.desk) == ({ETH: 10}, CASH - usd("996.996"))
    assert _order(always.desk) == (OrderState.FILLED, 10)


def test_a_rest_that_has_filled_in_part_is_open_on_both_sides(always: Always) -> None:
    always.send(REST)
    always.fill("4")
    assert _lived(always.desk, MON)[1] == Reconciled(positions=0, open_orders=1, cash=CASH, waiting=1)
    assert _lived(always.desk, TUE)[1] == Reconciled(positions=1, open_orders=1, cash=_books(always.desk)[1])
    assert _order(always.desk) == (OrderState.PARTIALLY_FILLED, 4)


def test_one_that_was_cancelled_after_a_part_ends_with_its_session(always: Always) -> None:
    always.send(REST)
    always.fill("4")
    always.account.orders[0]["status"] = "canceled"
    assert _lived(always.desk, MON)[1].waiting == 1
    assert _lived(always.desk, TUE)[1].open_orders == 0
    assert _order(always.desk) == (OrderState.CANCELLED, 4)


def test_a_break_beside_them_has_the_figures_without_them_and_its_correction_books_nothing_twice(always: Always) -> None:
    always.send(MARKET)
    always.fill("10")
    always.account.fee = lambda value: {}
    always.by_hand("5", "90")
    with pytest.raises(ReconciliationBreak, match=r"Without 1 fill of later sessions[^$]*not booked:\n  ETH/USD:t1 of binance ETH/USD o2"):
        _lived(always.desk, MON)
    assert _breaks(always.desk) == [("position", ETH, 0, 5), ("cash", "", CASH, CASH - usd("450"))]
    _corrected(always.desk, "90")
    assert _lived(always.desk, MON)[1].waiting == 1
    for _ in range(2):
        _lived(always.desk, TUE)
        assert _books(always.desk) == ({ETH: 15}, CASH - usd("1451"))
    assert _breaks(always.desk) == []


def test_one_that_cannot_be_read_is_a_break_and_is_dealt_with_once_it_is_corrected(always: Always) -> None:
    always.account.fee = lambda value: {"cost": "0", "currency": "USD"}
    always.send(MARKET)
    always.fill("10", fee={"cost": "0.001", "currency": "BNB"})
    with pytest.raises(ReconciliationBreak, match=r"a fee of 0\.001 BNB"):
        _lived(always.desk, MON)
    assert ("position", ETH, 0, 10) in _breaks(always.desk)
    with always.desk.real_ledger.read() as tx:
        assert {(each.scope, each.symbol) for each in active(tx, BOOK, always.desk.now())} == {("book", ""), ("symbol", ETH)}
    _corrected(always.desk, "100")
    always.account.trades[0]["fee"] = {"cost": "0", "currency": "USD"}  # it can be read now
    for day in (TUE, WED):
        always.account.play(market(day, {}))
        _lived(always.desk, day)
        assert _books(always.desk) == ({ETH: 10}, CASH - usd("1000"))


def test_one_of_another_order_under_our_id_is_a_break(always: Always) -> None:
    run, _ = _lived(always.desk, MON)
    basket = make_basket(run, [MARKET])
    with always.desk.ledger.write() as tx:
        record_basket(tx, basket, run.run_id, always.desk.now())
        approve_basket(tx, basket.hash, "automatic", always.desk.now())
        transition(tx, MARKET.client_order_id, OrderState.SENDING, run_id=run.run_id, now=always.desk.now())
    always.account.take(symbol=ETH, amount="20", clientOrderId=venue_client_id(MARKET.client_order_id))
    always.fill("10")
    with pytest.raises(ReconciliationBreak, match="the answer to its order is not known"):
        _lived(always.desk, MON)
    assert ("position", ETH, 0, 10) in _breaks(always.desk)


def test_an_order_that_fills_while_the_account_is_read_is_no_break(always: Always, monkeypatch: pytest.MonkeyPatch) -> None:
    always.send(REST)
    always.fill("1")
    _meanwhile(always, monkeypatch, times=3)
    assert _lived(always.desk, MON)[1].waiting == 4
    assert _breaks(always.desk) == []


def test_one_that_fills_each_time_leaves_nothing_compared(always: Always, monkeypatch: pytest.MonkeyPatch) -> None:
    always.send(REST)
    always.fill("1")
    _meanwhile(always, monkeypatch, times=9)
    with pytest.raises(BrokerUnavailable, match="orders filled each of 5 times that the account was read; nothing is compared, run again"):
        _lived(always.desk, MON)
    assert _breaks(always.desk) == []


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
        run, _ = _lived(desk, MON)
        desk.decide(run, {"AAPL": 10, "KO": 5})
        assert desk.send(run).accepted == 2
        account.now = datetime(2026, 3, 3, 16, tzinfo=UTC)
        account.fill(order("AAPL", 10).client_order_id, "10", "101")
        account.fill(order("KO", 5).client_order_id, "2", "99")
        assert _lived(desk, MON)[1] == Reconciled(positions=0, open_orders=2, cash=CASH, waiting=2)
        account.play(market(TUE, {"KO": "99"}))
        assert _lived(desk, TUE)[1] == Reconciled(positions=2, open_orders=0, cash=Micros(CASH - usd("1505")))
        assert _books(desk) == ({"AAPL": 10, "KO": 5}, CASH - usd("1505"))
