"""The broker at a crypto venue, on a fake of ccxt's client: what is its own beside the contract suite."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import ccxt
import pytest

from grodt.bars.credentials import Credentials
from grodt.brokers.ccxt import CcxtBroker, client_class
from grodt.brokers.ccxt_payloads import broker_order, venue_client_id
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.errors import BrokerUnavailable, ConfigError, DataError, OrderOutcomeUnknown
from grodt.orders.states import OrderState
from grodt.sessions import Calendar
from tests.brokers.world import BOOK, MON, TUE, WED, market, order, usd
from tests.fakes.alpaca_trading import evening
from tests.fakes.ccxt_account import FakeCcxtAccount

ACCOUNT = CcxtAccount(venue="kraken", quote="USD")
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


def _opened(account: FakeCcxtAccount, **ours: str) -> CcxtBroker:
    def now() -> object:
        return account.now

    return CcxtBroker(BOOK, ACCOUNT, Calendar("24/7"), client=account.client, ours=lambda: ours, now=now)  # type: ignore[arg-type]


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
    with pytest.raises(OrderOutcomeUnknown, match="the venue has an order under this id"):
        broker.submit(BUY, MON)


def test_a_wrong_key_is_a_configuration_error_and_nothing_was_sent(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    account.down = ccxt.AuthenticationError("invalid key")
    with pytest.raises(ConfigError, match=r"kraken .sandbox.: AuthenticationError invalid key; correct the key kraken"):
        broker.submit(BUY, MON)
    assert account.sent == []


@pytest.mark.parametrize("ask", ["cash", "positions", "open_orders"])
def test_a_question_without_an_answer_is_never_an_empty_one(account: FakeCcxtAccount, broker: CcxtBroker, ask: str) -> None:
    account.down = ccxt.NetworkError("gone")
    with pytest.raises(BrokerUnavailable, match="no answer from kraken: NetworkError gone"):
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


@pytest.mark.parametrize("one_list", [False, True])
def test_another_process_finds_orders_and_fills_by_the_ledger_s_ids_over_many_pages(account: FakeCcxtAccount, one_list: bool) -> None:
    account.one_list = one_list
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


def test_what_others_do_in_the_account_has_no_id_of_ours(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    broker.submit(LIMIT, MON)
    theirs = account.take(symbol="AAPL/USD", amount="2", type="limit", price="90")
    account.fill(theirs, Decimal(1), Decimal(90))
    assert [each.client_order_id for each in broker.open_orders()] == [LIMIT.client_order_id, "kraken o2"]
    assert [fill.client_order_id for fill in broker.fills(MON)] == ["kraken o2"]


def test_holdings_are_exact_and_by_market(account: FakeCcxtAccount, broker: CcxtBroker) -> None:
    account.balance |= {"AAPL": Decimal("10.123456789012345678"), "DUST": Decimal("0.5"), "IBM": Decimal(0), "USD": Decimal("1.23456789")}
    assert broker.positions() == {"AAPL/USD": Decimal("10.123456789012345678"), "DUST": Decimal("0.5")}
    assert broker.cash() == usd("1.234568")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fee": {"cost": "0.01", "currency": "AAPL"}}, "a fee of 0.01 AAPL"),
        ({"amount": "0.5"}, "quantity 0.5"),
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
        ({"filled": "0.5"}, OrderState.UNKNOWN),
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
    import asyncio

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
    assert (ACCOUNT.key_name, ACCOUNT.variables.key) == ("kraken", "KRAKEN_API_KEY")
    assert CcxtAccount(venue="kraken", quote="USD", key="desk").variables.secret == "DESK_API_SECRET"
    assert "KRAKEN_API_KEY" not in os.environ
