"""What happens in an account at Alpaca beside our orders is a break, each thing under its own name."""

from collections.abc import Iterator

import pytest

from grodt.bars.market import SessionMarket
from grodt.errors import ReconciliationBreak
from grodt.execution import settle
from grodt.ledger.breaks import Break, open_breaks
from grodt.ledger.runs import Run
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import BOOK, MON, TUE, WED, dividend_of, market, split_of, usd
from tests.execution.desk import Desk, FaultyBroker
from tests.fakes.alpaca_trading import FakeTrading, evening


@pytest.fixture
def account(desk: Desk) -> Iterator[FakeTrading]:
    """30 AAPL bought on Tuesday, in the account and in the ledger."""
    with FakeTrading(evening(MON), "1000000").served() as fake, opened_at(fake) as broker:
        desk.broker = FaultyBroker(broker, desk.fuse)
        monday = desk.open(MON)
        desk.decide(monday, {"AAPL": 30})
        desk.send(monday)
        fake.play(market(TUE, {"AAPL": "100"}))
        _settled(desk, desk.open(TUE), market(TUE, {"AAPL": "100"}))
        yield fake


def _settled(desk: Desk, run: Run, day: SessionMarket) -> None:
    settle(desk.ledger, None, desk.broker, None, [day], run=run, file=desk.file, now=desk.now)
    desk.reconcile(run)


def _breaks(desk: Desk, day: SessionMarket) -> list[Break]:
    """Those of Wednesday."""
    with pytest.raises(ReconciliationBreak):
        _settled(desk, desk.open(WED), day)
    with desk.real_ledger.read() as tx:
        return [each.difference for each in open_breaks(tx, BOOK)]


def test_a_trade_by_hand_is_a_break_of_its_position_and_of_cash(desk: Desk, account: FakeTrading) -> None:
    account.take(symbol="MSFT", qty="7", client_order_id="by hand")
    account.fill("by hand", "7", "10")
    cash = int(account.cash * 1_000_000)
    assert _breaks(desk, market(WED, {})) == [Break("position", "MSFT", 0, 7), Break("cash", "", cash + usd("70"), cash)]


def test_an_order_by_hand_is_a_break_while_it_is_open(desk: Desk, account: FakeTrading) -> None:
    account.take(symbol="MSFT", notional="500", client_order_id="by hand")
    assert _breaks(desk, market(WED, {})) == [Break("order", "by hand", 0, 1)]


def test_shares_and_dust_that_were_transferred_are_breaks(desk: Desk, account: FakeTrading) -> None:
    account.move("AAPL", "5")
    account.move("IBM", "0.000000001")
    assert _breaks(desk, market(WED, {})) == [Break("position", "AAPL", 30, 35), Break("fraction", "IBM", 0, 1)]


@pytest.mark.parametrize("booked_by_us", [True, False])
def test_a_split_that_only_one_side_has_booked_is_a_break(desk: Desk, account: FakeTrading, booked_by_us: bool) -> None:
    if booked_by_us:
        assert _breaks(desk, market(WED, {}, split_of("AAPL", WED, 2, 1))) == [Break("position", "AAPL", 60, 30)]
    else:
        account.move("AAPL", "30")
        assert _breaks(desk, market(WED, {})) == [Break("position", "AAPL", 30, 60)]


def test_a_dividend_that_the_paper_account_does_not_pay_is_a_break_of_cash(desk: Desk, account: FakeTrading) -> None:
    cash = int(account.cash * 1_000_000)
    assert _breaks(desk, market(WED, {}, dividend_of("AAPL", WED, "0.25", WED))) == [Break("cash", "", cash + usd("7.50"), cash)]
