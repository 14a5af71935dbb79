"""Trades in fractions of a coin: gathered into fills of whole ones, the same whenever they are asked for."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.brokers.ccxt import CcxtBroker
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.brokers.ccxt_trades import gather
from grodt.brokers.protocol import Part, TellsParts
from grodt.errors import BrokerUnavailable
from grodt.orders.fill import Fill
from grodt.orders.order import Order, Side
from grodt.sessions import Calendar
from tests.brokers.world import BOOK, MON, TUE, WED, order, usd
from tests.examples import examples
from tests.fakes.ccxt_account import FakeCcxtAccount

ETH = "ETH/USD"
MORNING = datetime(2026, 3, 3, 0, 5, tzinfo=UTC)
_LIMIT: dict[str, Any] = {"order_type": "limit", "time_in_force": "gtc", "price": usd("100")}


def _limit(quantity: int, leg: int = 0) -> Order:
    return replace(order(ETH, quantity, leg=leg), **_LIMIT)


@pytest.fixture
def account() -> FakeCcxtAccount:
    made = FakeCcxtAccount(MORNING)
    made.markets = [ETH]
    return made


@pytest.fixture
def broker(account: FakeCcxtAccount) -> Iterator[CcxtBroker]:
    opened = _opened(account)
    yield opened
    opened.close()


def _opened(account: FakeCcxtAccount, ours: Mapping[str, str] | None = None) -> CcxtBroker:
    settings = CcxtAccount(venue="binance", quote="USD")
    return CcxtBroker(BOOK, settings, Calendar("24/7"), client=account.client, ours=lambda: ours or {}, now=lambda: account.now)


def _fill(account: FakeCcxtAccount, *amounts: str, price: str = "100", number: int = 0, **changes: Any) -> None:
    for amount in amounts:
        account.fill(account.orders[number], Decimal(amount), Decimal(price), **changes)


def _figures(fills: tuple[Fill, ...]) -> list[tuple[str, int]]:
    return [(fill.execution_id.partition(":")[2].partition(":")[0], fill.quantity) for fill in fills]


def test_an_order_filled_in_fractions_is_one_fill_at_what_they_are_worth_together(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    """0.4 · 100.000001 + 1.6 · 100.25 = 200.4000004; fees of a thousandth: 0.2004000004."""
    broker.submit(order(ETH, 2), MON)
    _fill(account, "0.4", price="100.000001")
    _fill(account, "1.6", price="100.25")
    (fill,) = broker.fills(TUE)
    assert (fill.quantity, fill.notional, fill.commission) == (2, usd("200.4"), usd("0.2004"))
    assert (fill.price, fill.remainder, fill.unreadable) == (usd("100.2"), 0, "")
    assert fill.trades == ("ETH/USD:t0", "ETH/USD:t1")
    assert fill.filled_at == account.now


def test_what_does_not_divide_is_kept_beside_the_price(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    """0.5 · 100 + 2.5 · 100.000002 = 300.000005, a third of which is 100.0000017 to the micro 100.000002."""
    broker.submit(order(ETH, 3), MON)
    _fill(account, "0.5")
    _fill(account, "2.5", price="100.000002")
    (fill,) = broker.fills(TUE)
    assert (fill.price, fill.remainder, fill.notional) == (usd("100.000002"), -1, usd("300.000005"))


def test_whole_trades_are_fills_by_themselves_and_fractions_are_gathered_past_them(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    broker.submit(order(ETH, 10), MON)
    _fill(account, "0.4", "3", "0.5", "0.1", "2", "0.9", "1.1", "1", "1")
    fills = broker.fills(TUE)
    assert [(fill.quantity, len(fill.trades)) for fill in fills] == [(3, 1), (1, 3), (2, 1), (2, 2), (1, 1), (1, 1)]
    assert [fill.execution_id for fill in fills if len(fill.trades) == 1] == [f"ETH/USD:t{number}" for number in (1, 4, 7, 8)]
    assert len({fill.execution_id for fill in fills}) == len(fills)


def test_orders_are_gathered_apart(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    for leg in (1, 2):
        broker.submit(_limit(2, leg), MON)
    _fill(account, "0.4", number=0)
    _fill(account, "0.6", number=1)
    assert broker.fills(TUE) == ()
    _fill(account, "1.6", number=0)
    _fill(account, "1.4", number=1)
    assert [fill.trades for fill in broker.fills(TUE)] == [("ETH/USD:t0", "ETH/USD:t2"), ("ETH/USD:t1", "ETH/USD:t3")]


def test_a_rest_waits_while_its_order_works_and_is_told_as_part(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    assert isinstance(broker, TellsParts)
    limit = _limit(5)
    broker.submit(limit, MON)
    assert broker.parts() == ()
    _fill(account, "1", "0.4", "1.7")
    assert _figures(broker.fills(TUE)) == [("t0", 1)]
    expected = Part(limit.client_order_id, ETH, Side.BUY, Decimal("2.1"), usd("210"), usd("0.21"), ("ETH/USD:t1", "ETH/USD:t2"))
    assert broker.parts() == (expected,)
    _fill(account, "1.9")
    assert (_figures(broker.fills(TUE)), broker.parts()) == ([("t0", 1), ("t1+2", 4)], ())


def test_the_rest_of_an_order_that_is_over_cannot_be_read(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    limit = _limit(5)
    broker.submit(limit, MON)
    _fill(account, "0.4", "0.6", "0.7", "0.8")
    broker.cancel(limit.client_order_id)
    fills = broker.fills(TUE)
    assert [(fill.quantity, fill.unreadable) for fill in fills] == [
        (1, ""),
        (0, "the venue's trade t2 has quantity 0.7"),
        (0, "the venue's trade t3 has quantity 0.8"),
    ]
    assert broker.parts() == ()
    found = broker.find(limit.client_order_id)
    assert found is not None
    assert (found.filled_quantity, found.beside) == (2, Decimal("0.5"))


def test_a_fill_belongs_to_the_session_of_its_last_trade_and_needs_those_of_long_before(
    account: FakeCcxtAccount, broker: CcxtBroker
) -> None:
    broker.submit(_limit(1), MON)
    _fill(account, "0.4")
    account.now += timedelta(days=40)
    _fill(account, "0.6")
    (fill,) = broker.fills(account.now.date())
    assert (fill.session, len(fill.trades)) == (account.now.date(), 2)
    assert broker.fills(TUE) == (fill,)
    assert broker.fills(account.now.date() + timedelta(days=1)) == ()


def test_a_trade_that_nobody_can_book_is_told_at_once_and_holds_no_other(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    broker.submit(_limit(3), MON)
    _fill(account, "0.4", fee={"cost": "0.1", "currency": "BNB"})
    _fill(account, "0.5", "0.5")
    fills = broker.fills(TUE)
    assert [(fill.quantity, fill.unreadable) for fill in fills] == [(0, "the venue's trade t0 has a fee of 0.1 BNB"), (1, "")]


def test_fractions_of_others_are_told_one_by_one(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    broker.submit(_limit(3), MON)
    account.take(symbol=ETH, amount="2")
    _fill(account, "0.4", "1.6", number=1)
    assert [(fill.client_order_id, fill.quantity) for fill in broker.fills(TUE)] == [("binance ETH/USD o2", 0)] * 2
    assert broker.parts() == ()


def test_nothing_is_gathered_while_a_trade_is_not_told(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    """Without the second trade, the first and the third would be a fill, and the second never in one."""
    limit = _limit(3)
    broker.submit(limit, MON)
    _fill(account, "0.4", "0.5", "0.6")
    late = account.trades.pop(1)
    told = f"the trades that binance tells of order {limit.client_order_id} do not come to the 1.5 that it says have filled"
    for ask in (lambda: broker.fills(TUE), broker.parts):
        with pytest.raises(BrokerUnavailable, match=told):
            ask()
    account.trades.append(late)
    _fill(account, "0.5")
    assert [fill.trades for fill in broker.fills(TUE)] == [tuple(f"ETH/USD:t{number}" for number in range(4))]


#: Tenths of a coin.
_TENTHS = st.lists(st.integers(1, 25), min_size=1, max_size=9)


@examples(60)
@given(data=st.data(), tenths=_TENTHS)
def test_whenever_and_however_trades_are_told_the_fills_are_the_same(data: st.DataObject, tenths: list[int]) -> None:
    """At each instant the venue may leave trades out, tell some twice, and in any order; what it says has filled is true."""
    total = -(-sum(tenths) // 10)
    account = FakeCcxtAccount(MORNING, "10000000")
    account.markets = [ETH]
    limit = _limit(total)
    answers: list[tuple[Fill, ...]] = []
    with closing(_opened(account)) as broker:
        broker.submit(limit, MON)
        for number, amount in enumerate([*tenths, 10 * total - sum(tenths)]):
            if amount:
                _fill(account, str(Decimal(amount) / 10), price=str(100 + number))
            there = account.trades
            if data.draw(st.booleans(), label="asked"):
                account.trades = data.draw(st.lists(st.sampled_from(there), max_size=2 * len(there)), label="told")
                try:
                    answers.append(broker.fills(WED if data.draw(st.booleans(), label="later") else TUE))
                except BrokerUnavailable:
                    assert {each["id"] for each in account.trades} != {each["id"] for each in there}
                account.trades = there
        last = broker.fills(TUE)
    for fills in answers:
        assert set(fills) <= set(last)
    whole = {trade for fill in last for trade in fill.trades}
    assert len(whole) == sum(len(fill.trades) for fill in last) == len(account.trades)
    assert sum(fill.quantity for fill in last) == total
    assert sum(fill.notional for fill in last) == sum(usd(each["amount"]) * int(each["price"]) for each in account.trades)


@given(tenths=_TENTHS, data=st.data())
def test_what_is_gathered_of_the_first_trades_is_gathered_of_all(tenths: list[int], data: st.DataObject) -> None:
    trades = [
        {"id": str(number), "timestamp": number // 3, "side": "buy", "symbol": ETH, "amount": str(Decimal(amount) / 10), "price": "1"}
        for number, amount in enumerate(tenths)
    ]
    cut = data.draw(st.integers(0, len(trades)))
    first, every = gather(data.draw(st.permutations(trades[:cut])), "USD"), gather(data.draw(st.permutations(trades + trades)), "USD")
    assert set(map(_names, first.whole)) <= set(map(_names, every.whole))
    assert sorted(name for group in (*every.whole, every.rest) for name in _names(group)) == sorted(each["id"] for each in trades)


def _names(group: tuple[Mapping[str, Any], ...]) -> tuple[str, ...]:
    return tuple(each["id"] for each in group)
