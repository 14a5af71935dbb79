"""The broker at a crypto venue, on a fake of ccxt's client: what is its own beside the contract suite."""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from grodt.bars.credentials import Credentials
from grodt.brokers.ccxt import CcxtBroker
from grodt.brokers.ccxt_client import client_class
from grodt.brokers.ccxt_payloads import broker_order, venue_client_id
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.brokers.ccxt_venues import VENUES, Offsets, Windows
from grodt.errors import BrokerUnavailable, ConfigError, DataError, OrderOutcomeUnknown
from grodt.orders.states import OrderState
from grodt.sessions import Calendar
from tests.brokers.world import BOOK, MON, TUE, WED, market, noted, order, usd
from tests.fakes.alpaca_trading import evening
from tests.fakes.ccxt_account import FakeCcxtAccount

ACCOUNT = CcxtAccount(venue="binance", quote="USD")
BUY = order("AAPL/USD", 10)
LIMIT = replace(BUY, order_type="limit", time_in_force="gtc", price=usd("99.5"))
LOST = [
    ccxt.RequestTimeout("slow"),
    ccxt.ExchangeNotAvailable("502"),
    ccxt.RateLimitExceeded("429"),
    ccxt.BadResponse("<html>"),
    OSError("reset"),
]


@pytest.fixture
def account() -> FakeCcxtAccount:
    made = FakeCcxtAccount(evening(MON))
    made.markets = ["AAPL/USD", "IBM/USD"]
    return made


@pytest.fixture
def broker(account: FakeCcxtAccount) -> Iterator[CcxtBroker]:
    opened = _opened(account)
    yield opened
    opened.close()


def _opened(account: FakeCcxtAccount, *, hidden_in: Callable[[str], str] = str, **ours: str) -> CcxtBroker:
    def now() -> datetime:
        return account.now

    return CcxtBroker(BOOK, ACCOUNT, Calendar("24/7"), client=account.client, ours=lambda: ours, now=now, hidden_in=hidden_in)


def test_the_last_look_comes_after_the_look_up_and_right_before_the_order(account: FakeCcxtAccount) -> None:
    calls: list[str] = []
    opened = CcxtBroker(BOOK, ACCOUNT, Calendar("24/7"), client=lambda: noted(account.client(), calls), ours=dict, now=lambda: evening(MON))
    opened.submit(BUY, MON, lambda: calls.append("last look"))
    opened.close()
    placed = calls.index("create_order")
    assert calls[placed - 1] == "last look"
    assert {"fetch_open_orders", "load_markets"} <= set(calls[: placed - 1])


def test_an_order_goes_out_once_under_an_id_that_is_a_function_of_ours(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    taken = broker.submit(LIMIT, MON)
    assert broker.submit(LIMIT, MON) == taken
    name = venue_client_id(LIMIT.client_order_id)
    told = {"symbol": "AAPL/USD", "type": "limit", "side": "buy", "amount": 10, "price": "99.5"}
    assert account.sent == [told | {"clientOrderId": name}]
    assert len(name) == 36


@pytest.mark.parametrize("lost", LOST, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_order_without_an_answer_is_of_unknown_outcome_and_found_if_it_was_taken(
    account: FakeCcxtAccount, broker: CcxtBroker, lost: Exception, when: str
) -> None:
    setattr(account, when, lost)
    with pytest.raises(OrderOutcomeUnknown, match=BUY.client_order_id):
        broker.submit(BUY, MON)
    setattr(account, when, None)
    found = broker.find(BUY.client_order_id)
    assert (found is not None) == (when == "after")
    assert broker.submit(BUY, MON).state is OrderState.ACCEPTED
    assert len(account.orders) == 1


@pytest.mark.parametrize("refusal", [ccxt.InsufficientFunds("no"), ccxt.InvalidOrder("size"), ccxt.BadSymbol("none")])
def test_what_the_venue_refuses_is_rejected_in_its_words(account: FakeCcxtAccount, broker: CcxtBroker, refusal: Exception) -> None:
    account.before = refusal
    refused = broker.submit(BUY, MON)
    assert (refused.state, refused.reason) == (OrderState.REJECTED, str(refusal))
    assert broker.find(BUY.client_order_id) is None


def test_a_refusal_because_of_its_id_is_looked_up(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    account.before = ccxt.DuplicateOrderId("there")
    with pytest.raises(OrderOutcomeUnknown, match=r"DuplicateOrderId there; the venue may have an order under this id"):
        broker.submit(BUY, MON)


def test_an_order_that_the_venue_says_is_not_found_may_be_there_and_what_it_says_is_without_the_key(account: FakeCcxtAccount) -> None:
    broker = _opened(account, hidden_in=lambda text: text.replace("s3cret", "***"))
    account.after = ccxt.OrderNotFound("s3cret")
    with pytest.raises(OrderOutcomeUnknown, match=r"OrderNotFound \*\*\*; the venue may have an order"):
        broker.submit(BUY, MON)
    assert broker.submit(BUY, MON).state is OrderState.ACCEPTED
    assert len(account.orders) == 1
    broker.close()


def test_a_refusal_of_an_order_that_is_there_all_the_same_is_none(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    account.after = ccxt.InvalidOrder("Duplicate order sent.")
    assert broker.submit(BUY, MON).state is OrderState.ACCEPTED


def test_a_key_that_fails_after_the_order_was_taken_does_not_say_that_it_was_not(
    account: FakeCcxtAccount, broker: CcxtBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.bare, take = True, account.take

    def taken(**told: Any) -> dict[str, Any]:
        account.down = ccxt.AuthenticationError("revoked")
        return take(**told)

    monkeypatch.setattr(account, "take", taken)
    with pytest.raises(OrderOutcomeUnknown, match="sent, and not looked up: AuthenticationError revoked"):
        broker.submit(BUY, MON)


def test_another_price_under_our_id_is_the_venue_s_order_as_it_stands(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    taken = broker.submit(LIMIT, MON)
    assert broker.submit(replace(LIMIT, price=usd("99.51")), MON) == taken


def test_two_orders_under_one_id_of_ours_are_not_one(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    broker.submit(LIMIT, MON)
    account.take(**{**account.orders[0], "amount": "7"})
    told = broker.find(LIMIT.client_order_id)
    assert told is not None
    assert (told.state, told.reason) == (OrderState.UNKNOWN, "the venue has 2 orders under one id of ours: o1, o2")
    assert broker.open_orders() == (told,)
    broker.cancel(LIMIT.client_order_id)
    assert [each["status"] for each in account.orders] == ["canceled", "canceled"]


def test_an_open_order_without_a_client_id_may_be_ours_and_nothing_is_sent(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    account.after = OSError("reset")
    with pytest.raises(OrderOutcomeUnknown, match="reset"):
        broker.submit(LIMIT, MON)
    account.orders[0]["clientOrderId"] = None
    with pytest.raises(BrokerUnavailable, match="AAPL/USD has the open order o1 without one"):
        broker.find(LIMIT.client_order_id)
    with pytest.raises(OrderOutcomeUnknown, match="AAPL/USD has the open order o1 without one"):
        broker.submit(LIMIT, MON)
    assert len(account.orders) == 1


def test_a_price_that_the_venue_would_cut_is_not_sent(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    account.digits = 0
    refused = broker.submit(LIMIT, MON)
    assert refused.state is OrderState.REJECTED
    assert "price 99.5 is none that the venue takes for AAPL/USD, and would be cut to 100: not sent" in refused.reason
    assert account.sent == []


def test_orders_of_two_markets_may_have_one_id(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    other = order("IBM/USD", 5)
    broker.submit(BUY, MON)
    broker.submit(other, MON)
    account.orders[1]["id"] = account.orders[0]["id"]
    for each in account.orders:
        account.fill(each, Decimal(each["amount"]), Decimal(100))
    assert [fill.client_order_id for fill in broker.fills(MON)] == [BUY.client_order_id, other.client_order_id]


def test_a_full_page_of_one_instant_is_not_taken_for_all(
    account: FakeCcxtAccount, broker: CcxtBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VENUES, "binance", Windows(timedelta(days=1), 2))
    crowded = _opened(account)
    crowded.submit(BUY, MON)
    for _ in range(2):
        account.fill(account.orders[0], Decimal(1), Decimal(100), timestamp=account.milliseconds() // 1000 * 1000)
    with pytest.raises(BrokerUnavailable, match="AAPL/USD: a page of 2 trades at"):
        crowded.fills(MON)
    crowded.close()


def test_a_venue_whose_paging_is_not_stated_is_refused(account: FakeCcxtAccount) -> None:
    other = CcxtAccount(venue="bybit", quote="USDT")
    with pytest.raises(ConfigError, match=r"venue 'bybit': .*a fill could be missed; broker kind ccxt trades at binance, kraken"):
        CcxtBroker(BOOK, other, Calendar("24/7"), client=account.client, ours=dict, now=lambda: account.now)


class _Kraken:
    """Its trades, over ccxt's own class: newest first, so many at a time, with no word of the market."""

    def __init__(self, trades: int) -> None:
        import ccxt.async_support

        self.client = ccxt.async_support.kraken()
        self.client.number = str
        markets = [self.client.safe_market_structure(_market(base)) for base in ("ADA", "DOT")]
        self.client.set_markets(markets)
        self.client.privatePostTradesHistory = self.told
        self.client.privatePostClosedOrders = self.over
        self.trades = {f"T{number}": _trade(number) for number in reversed(range(trades))}
        self.turns = False

    async def told(self, request: dict[str, Any]) -> dict[str, Any]:
        assert set(request) == {"start", "ofs"}
        offset = 0 if self.turns else request["ofs"]
        names = [name for name, each in self.trades.items() if each["time"] > request["start"]][offset : offset + 50]
        return {"result": {"trades": {name: dict(self.trades[name]) for name in names}, "count": len(self.trades)}}

    async def over(self, request: dict[str, Any]) -> dict[str, Any]:
        description = {"pair": "ADAUSD", "type": "buy", "ordertype": "market", "price": "0"}
        order = {"status": "closed", "opentm": 1.5, "vol": "10", "vol_exec": "10", "descr": description, "cl_ord_id": "ours"}
        return {"result": {"closed": {"O1": order} if request == {"cl_ord_id": "ours"} or self.turns else {}}}


def _market(base: str) -> dict[str, Any]:
    return {"id": f"{base}USD", "symbol": f"{base}/USD", "base": base, "quote": "USD", "type": "spot", "spot": True, "precision": {}}


def _trade(number: int) -> dict[str, Any]:
    told = {"ordertxid": "O1", "pair": ("ADAUSD", "DOTUSD")[number % 2], "time": 1_772_400_000 + number / 100, "type": "buy"}
    return told | {"ordertype": "market", "price": "2", "cost": "2", "fee": "0.01", "vol": "1"}


def test_kraken_s_trades_are_read_to_the_empty_page_and_a_page_that_comes_again_is_an_error() -> None:
    kraken, since = _Kraken(120), datetime.fromtimestamp(1_772_400_000, UTC)
    told = asyncio.run(Offsets().trades(kraken.client, ["ADA/USD"], since, since))
    assert sorted(int(each["id"][1:]) for each in told) == list(range(0, 120, 2))
    assert told[0]["fee"] == {"cost": "0.01", "currency": "USD"}
    kraken.turns = True
    with pytest.raises(BrokerUnavailable, match="the page of trades at offset 50 before"):
        asyncio.run(Offsets().trades(kraken.client, ["ADA/USD"], since, since))


def test_kraken_tells_an_order_that_is_over_by_our_id_and_what_is_another_s_is_an_error() -> None:
    kraken = _Kraken(0)
    (found,) = asyncio.run(Offsets().over(kraken.client, "ADA/USD", "ours"))
    assert (found["id"], broker_order(found, "c").state) == ("O1", OrderState.FILLED)
    assert asyncio.run(Offsets().over(kraken.client, "ADA/USD", "other")) == []
    kraken.turns = True
    with pytest.raises(BrokerUnavailable, match="under other, the venue told O1"):
        asyncio.run(Offsets().over(kraken.client, "ADA/USD", "other"))


def test_a_wrong_key_is_a_configuration_error_and_nothing_was_sent(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    account.down = ccxt.AuthenticationError("invalid key")
    with pytest.raises(ConfigError, match=r"binance .sandbox.: AuthenticationError invalid key; correct the key binance"):
        broker.submit(BUY, MON)
    assert account.sent == []


@pytest.mark.parametrize("ask", ["cash", "positions", "open_orders"])
def test_a_question_without_an_answer_is_never_an_empty_one(account: FakeCcxtAccount, broker: CcxtBroker, ask: str) -> None:
    account.down = ccxt.NetworkError("gone")
    with pytest.raises(BrokerUnavailable, match="no answer from binance: NetworkError gone"):
        getattr(broker, ask)()


@pytest.mark.parametrize(("kind", "tif"), [("market", "cls"), ("limit", "day"), ("limit", "opg"), ("stop", "gtc")])
def test_a_kind_of_order_that_needs_a_session_is_refused_here(account: FakeCcxtAccount, broker: CcxtBroker, kind: str, tif: str) -> None:
    price = None if kind == "market" else usd("99")
    assert broker.submit(replace(BUY, order_type=kind, time_in_force=tif, price=price), MON).state is OrderState.REJECTED
    assert account.sent == []


def test_an_acknowledgement_with_an_id_alone_is_looked_up(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    account.bare = True
    taken = broker.submit(BUY, MON)
    assert (taken.state, taken.quantity) == (OrderState.ACCEPTED, 10)


def test_another_process_finds_orders_and_fills_by_the_ledger_s_ids_over_many_pages(
    account: FakeCcxtAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VENUES, "binance", Windows(timedelta(days=1), 3))
    sent = [order("AAPL/USD", 1, leg=number) for number in range(8)]
    first = _opened(account)
    for each in sent:
        first.submit(each, MON)
    account.play(market(TUE, {"AAPL/USD": "100"}))
    first.close()
    again = _opened(account, **{each.client_order_id: each.symbol for each in sent})
    fills = again.fills(MON)
    assert [fill.client_order_id for fill in fills] == [each.client_order_id for each in sent]
    assert {fill.session for fill in fills} == {TUE}
    assert {fill.commission for fill in fills} == {usd("0.1")}
    assert again.fills(WED) == ()
    assert all(each.state is OrderState.FILLED for each in again.orders([each.client_order_id for each in sent]).values())
    again.close()


def test_an_old_order_that_fills_late_is_found_by_the_venue_s_id(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    broker.submit(LIMIT, MON)
    account.now += timedelta(days=90)
    account.fill(account.orders[0], Decimal(10), Decimal("99.5"))
    (fill,) = broker.fills(TUE)
    assert fill.client_order_id == LIMIT.client_order_id


def test_fees_told_apart_are_one_commission(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    broker.submit(BUY, MON)
    fees = [{"cost": "0.25", "currency": "USD"}, {"cost": "0.5", "currency": "USD"}, {"cost": "0", "currency": "BNB"}]
    account.fill(account.orders[0], Decimal(10), Decimal(100), fee={"cost": None}, fees=fees)
    (fill,) = broker.fills(MON)
    assert (fill.commission, fill.unreadable) == (usd("0.75"), "")


def test_what_others_do_in_the_account_has_no_id_of_ours(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    broker.submit(LIMIT, MON)
    theirs = account.take(symbol="AAPL/USD", amount="2", type="limit", price="90")
    account.fill(theirs, Decimal(1), Decimal(90))
    assert [each.client_order_id for each in broker.open_orders()] == ["binance AAPL/USD o2", LIMIT.client_order_id]
    assert [fill.client_order_id for fill in broker.fills(MON)] == ["binance AAPL/USD o2"]


def test_holdings_are_exact_and_by_market(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    account.balance |= {"AAPL": Decimal("10.123456789012345678"), "DUST": Decimal("0.5"), "IBM": Decimal(0), "USD": Decimal("1.23456789")}
    assert broker.positions() == {"AAPL/USD": Decimal("10.123456789012345678"), "DUST": Decimal("0.5")}
    assert broker.cash() == usd("1.234568")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fee": {"cost": "0.01", "currency": "AAPL"}}, "a fee of 0.01 AAPL"),
        ({"fee": {"cost": None}, "fees": [{"cost": "1", "currency": "USD"}, {"cost": "2", "currency": "BNB"}]}, "a fee of 2 BNB"),
        ({"amount": "-1"}, "quantity -1"),
        ({"price": "0"}, "price 0"),
        ({"side": "borrow"}, "side 'borrow'"),
    ],
)
def test_a_trade_that_is_not_understood_is_unreadable(
    account: FakeCcxtAccount, broker: CcxtBroker, changes: dict[str, object], told: str
) -> None:
    broker.submit(BUY, MON)
    account.fill(account.orders[0], Decimal(10), Decimal(100), **changes)
    (fill,) = broker.fills(MON)
    assert (fill.quantity, fill.price) == (0, 0)
    assert told in fill.unreadable


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"status": "closed", "filled": "10"}, OrderState.FILLED),
        ({"status": "open", "filled": "4"}, OrderState.PARTIALLY_FILLED),
        ({"status": "closed", "filled": "4"}, OrderState.CANCELLED),
        ({"status": "expired"}, OrderState.EXPIRED),
        ({"status": "rejected"}, OrderState.REJECTED),
        ({"status": "rejected", "filled": "1"}, OrderState.UNKNOWN),
        ({"status": "paused"}, OrderState.UNKNOWN),
        ({"filled": "11"}, OrderState.UNKNOWN),
        ({"filled": "0.5"}, OrderState.PARTIALLY_FILLED),
        ({"status": "canceled", "filled": "1.5"}, OrderState.CANCELLED),
        ({"amount": "0.5"}, OrderState.UNKNOWN),
    ],
)
def test_what_the_venue_says_of_an_order(changes: dict[str, str], state: OrderState) -> None:
    told = {"id": "o1", "symbol": "AAPL/USD", "side": "buy", "amount": "10", "filled": "0", "status": "open"}
    found = broker_order(told | changes, "c")
    assert found.state is state
    assert bool(found.reason) == (state in (OrderState.EXPIRED, OrderState.REJECTED, OrderState.CANCELLED, OrderState.UNKNOWN))
    with pytest.raises(DataError, match="'many' is no number"):
        broker_order(told | {"filled": "many"}, "c")


def test_a_client_has_texts_for_numbers_and_trades_no_money_unless_told() -> None:
    async def made() -> tuple[object, str]:
        client = client_class(BOOK, CcxtAccount(venue="binance", quote="USDT"), Credentials("k", "s"))()
        try:
            return client.number, client.urls["api"]["private"]
        finally:
            await client.close()

    number, url = asyncio.run(made())
    assert number is str
    assert "testnet" in url
    with pytest.raises(ConfigError, match="knows no venue 'nowhere'"):
        client_class(BOOK, CcxtAccount(venue="nowhere", quote="USD"), Credentials("k", "s"))


def test_the_key_is_looked_for_under_the_venue_s_name_or_its_own() -> None:
    assert (ACCOUNT.key_name, ACCOUNT.variables.key) == ("binance", "BINANCE_API_KEY")
    assert CcxtAccount(venue="binance", quote="USD", key="desk").variables.secret == "DESK_API_SECRET"
    assert "BINANCE_API_KEY" not in os.environ
