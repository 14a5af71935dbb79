"""What every broker must do; see `tests.contracts.venues`."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from grodt.brokers.protocol import TellsCash
from grodt.execution.outcome import is_same
from grodt.orders.order import Order, Side
from grodt.orders.states import OrderState
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.brackets import legs
from tests.brokers.world import MON, THU, TUE, WED, instant, market, order, usd
from tests.contracts.venues import TAKEN, VENUES, Venue
from tests.fakes.alpaca import KEY
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.ib import ACCOUNT

#: They know an open, a close and a session.
VENUES_WITH_SESSIONS = {name: opened for name, opened in VENUES.items() if name != "ccxt"}
#: They tell what moves cash apart from fills.
VENUES_THAT_TELL_CASH = ("alpaca",)


@pytest.fixture(params=sorted(VENUES))
def venue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    with VENUES[request.param](tmp_path) as opened:
        yield opened


def test_each_names_its_account_without_being_asked_for_anything(venue: Venue) -> None:
    broker, _ = venue
    key = sha256(KEY.encode()).hexdigest()[:12]
    assert broker.account in {"paper demo", f"alpaca paper, key {key}", f"ib {ACCOUNT}", "ccxt binance sandbox, key none"}


@pytest.fixture(params=sorted(VENUES_WITH_SESSIONS))
def venue_with_sessions(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    with VENUES_WITH_SESSIONS[request.param](tmp_path) as opened:
        yield opened


def test_an_order_is_accepted_and_found_by_our_id(venue: Venue) -> None:
    broker, _ = venue
    buy = order("AAPL", 10)
    taken = broker.submit(buy, MON)
    assert taken.state in TAKEN
    assert taken.venue_order_id
    assert (taken.symbol, taken.side, taken.quantity, taken.filled_quantity) == ("AAPL", Side.BUY, 10, 0)
    assert broker.find(buy.client_order_id) == taken
    assert broker.orders([buy.client_order_id, "never sent"]) == {buy.client_order_id: taken}
    assert broker.open_orders() == (taken,)


def test_an_order_the_broker_never_had_is_none(venue: Venue) -> None:
    broker, _ = venue
    assert broker.find("never sent") is None
    assert broker.orders([]) == {}


def test_the_same_order_sent_twice_is_one_order(venue: Venue) -> None:
    broker, advance = venue
    buy = order("AAPL", 10)
    assert broker.submit(buy, MON) == broker.submit(buy, MON)
    assert len(broker.open_orders()) == 1
    advance(market(TUE, {"AAPL": "100"}))
    assert broker.submit(buy, MON).state is OrderState.FILLED
    assert broker.positions() == {"AAPL": 10}


def test_what_a_last_look_does_not_let_go_was_never_there(venue: Venue) -> None:
    broker, _ = venue
    buy = order("AAPL", 10)

    def refuse() -> None:
        raise KeyError("a kill was committed")

    with pytest.raises(KeyError, match="a kill was committed"):
        broker.submit(buy, MON, refuse)
    assert (broker.find(buy.client_order_id), broker.open_orders()) == (None, ())
    looks: list[str] = []
    assert broker.submit(buy, MON, lambda: looks.append("once")).state in TAKEN
    assert looks == ["once"]
    assert [each.client_order_id for each in broker.open_orders()] == [buy.client_order_id]


def test_another_order_under_a_known_id_is_not_taken_and_changes_nothing(venue: Venue) -> None:
    broker, _ = venue
    buy = order("AAPL", 10)
    taken = broker.submit(buy, MON)
    another = order("AAPL", 11)
    assert broker.submit(another, MON) == broker.find(buy.client_order_id) == taken
    assert (is_same(buy, taken), is_same(another, taken)) == (True, False)


def test_open_orders_are_sorted_by_our_id(venue: Venue) -> None:
    broker, _ = venue
    for symbol in ("MSFT", "AAPL", "IBM"):
        broker.submit(order(symbol, 1), MON)
    assert [each.symbol for each in broker.open_orders()] == ["AAPL", "IBM", "MSFT"]


def test_a_fill_moves_position_and_cash_by_its_own_figures(venue: Venue) -> None:
    broker, advance = venue
    before = broker.cash()
    broker.submit(order("AAPL", 10), MON)
    broker.submit(order("IBM", 5), MON)
    advance(market(TUE, {"AAPL": "100", "IBM": "33.33"}))
    fills = broker.fills(MON)
    assert len({fill.execution_id for fill in fills}) == len(fills)
    assert {fill.symbol: fill.quantity for fill in fills} == {"AAPL": 10, "IBM": 5} == broker.positions()
    assert all(fill.session == TUE and fill.filled_at.tzinfo is not None for fill in fills)
    assert broker.cash() == before - sum(fill.quantity * fill.price + fill.commission for fill in fills)
    assert broker.open_orders() == ()
    assert broker.fills(TUE) == fills
    assert broker.fills(WED) == ()


def test_a_position_sold_out_is_absent(venue: Venue) -> None:
    broker, advance = venue
    broker.submit(order("AAPL", 10), MON)
    advance(market(TUE, {"AAPL": "100"}))
    broker.submit(order("AAPL", -10, TUE), TUE)
    advance(market(WED, {"AAPL": "101"}))
    assert broker.positions() == {}


def test_an_order_in_a_symbol_that_does_not_trade_is_over_in_the_brokers_words(venue: Venue) -> None:
    broker, advance = venue
    buy = order("AAPL", 10)
    broker.submit(buy, MON)
    advance(market(TUE, {"IBM": "1"}))
    found = broker.find(buy.client_order_id)
    assert found is not None
    assert found.state in (OrderState.EXPIRED, OrderState.CANCELLED)  # Interactive Brokers knows no expiry
    assert found.reason
    assert (broker.positions(), broker.open_orders()) == ({}, ())


def test_a_cancelled_order_does_not_fill_and_a_cancel_of_what_is_over_does_nothing(venue: Venue) -> None:
    broker, advance = venue
    kept, dropped = order("AAPL", 10), order("IBM", 10)
    broker.submit(kept, MON)
    broker.submit(dropped, MON)
    broker.cancel(dropped.client_order_id)
    advance(market(TUE, {"AAPL": "100", "IBM": "100"}))
    broker.cancel(kept.client_order_id)
    broker.cancel("never sent")
    assert {each.symbol: each.state for each in broker.orders([kept.client_order_id, dropped.client_order_id]).values()} == {
        "AAPL": OrderState.FILLED,
        "IBM": OrderState.CANCELLED,
    }
    assert broker.positions() == {"AAPL": 10}


#: A session that opens at 100, goes down to 95 and up to 106, and closes at 103.
SWING = market(TUE, {"AAPL": "100"}, at_close={"AAPL": "103"}, ranges={"AAPL": ("95", "106")})
_BUYS = {
    "market on close": ("market", "cls", None, "103"),
    "market in the session": ("market", "day", None, "100"),
    "limit at the open or better": ("limit", "opg", "100.5", "100"),
    "limit that the open is beyond": ("limit", "opg", "99.5", None),
    "limit that the close is at": ("limit", "cls", "103", "103"),
    "limit that the close is beyond": ("limit", "cls", "102.99", None),
    "limit that the session trades through": ("limit", "day", "95.01", "95.01"),
    "limit that the session only touches": ("limit", "day", "95", None),
    "stop that the open is beyond": ("stop", "day", "99", "100"),
    "stop that the session reaches": ("stop", "day", "106", "106"),
    "stop that it does not reach": ("stop", "day", "106.01", None),
}
_SELLS = {
    "limit at the open or better": ("limit", "opg", "99.5", "100"),
    "limit that the session trades through": ("limit", "gtc", "105.99", "105.99"),
    "limit that the session only touches": ("limit", "day", "106", None),
    "stop that the session reaches": ("stop", "gtc", "95", "95"),
    "stop that it does not reach": ("stop", "day", "94.99", None),
}


def _typed(quantity: int, session: date, kind: tuple[str, str, str | None]) -> Order:
    name, tif, price = kind
    return replace(order("AAPL", quantity, session), order_type=name, time_in_force=tif, price=None if price is None else usd(price))


def _checked(venue: Venue, sent: Order, price: str | None) -> None:
    """What the session did to the order."""
    broker, _ = venue
    found = broker.find(sent.client_order_id)
    assert found is not None
    fills = [fill for fill in broker.fills(sent.session) if fill.client_order_id == sent.client_order_id]
    if price is None:
        assert (fills, found.filled_quantity) == ([], 0)
        assert found.state in (OrderState.EXPIRED, OrderState.CANCELLED)
        return
    assert [(fill.quantity, found.state) for fill in fills] == [(sent.quantity, OrderState.FILLED)]
    # The account of a venue with costs pays them in the price, and a limit is never passed.
    assert abs(fills[0].price - usd(price)) <= usd(price) // 1000
    if sent.order_type == "limit" and sent.price is not None:
        assert fills[0].price <= sent.price if sent.side is Side.BUY else fills[0].price >= sent.price


@pytest.mark.parametrize(("kind", "tif", "price", "fills_at"), _BUYS.values(), ids=_BUYS)
def test_a_buy_of_each_kind_fills_where_its_rule_says(
    venue_with_sessions: Venue, kind: str, tif: str, price: str | None, fills_at: str | None
) -> None:
    broker, advance = venue_with_sessions
    sent = _typed(10, MON, (kind, tif, price))
    taken = broker.submit(sent, MON)
    assert taken.state in TAKEN
    assert is_same(sent, taken)
    assert broker.submit(sent, MON) == taken
    advance(SWING)
    _checked(venue_with_sessions, sent, fills_at)


@pytest.mark.parametrize(("kind", "tif", "price", "fills_at"), _SELLS.values(), ids=_SELLS)
def test_a_sell_of_each_kind_fills_where_its_rule_says(
    venue_with_sessions: Venue, kind: str, tif: str, price: str | None, fills_at: str | None
) -> None:
    broker, advance = venue_with_sessions
    broker.submit(order("AAPL", 10), MON)
    advance(market(TUE, {"AAPL": "100"}))
    sent = _typed(-10, TUE, (kind, tif, price))
    assert broker.submit(sent, TUE).state in TAKEN
    advance(replace(SWING, session=WED, opens_at=instant(WED, 14), closes_at=instant(WED, 21)))
    _checked(venue_with_sessions, sent, fills_at)


def test_another_price_under_a_known_id_is_another_order(venue: Venue) -> None:
    broker, _ = venue
    sent, another = (_typed(10, MON, ("limit", "gtc", price)) for price in ("99", "99.01"))
    taken = broker.submit(sent, MON)
    assert broker.submit(another, MON) == taken
    assert (is_same(sent, taken), is_same(another, taken)) == (True, False)


def test_a_good_till_cancelled_order_goes_on_until_it_fills_or_is_cancelled(venue: Venue) -> None:
    broker, advance = venue
    low, lower = _typed(10, MON, ("limit", "gtc", "90")), replace(_typed(5, MON, ("limit", "gtc", "80")), client_order_id="lower")
    broker.submit(low, MON)
    broker.submit(lower, MON)
    advance(market(TUE, {"AAPL": "100"}))
    assert {each.client_order_id for each in broker.open_orders()} == {low.client_order_id, "lower"}
    advance(market(WED, {"AAPL": "89"}))
    broker.cancel("lower")
    advance(market(THU, {"AAPL": "70"}))
    assert broker.positions() == {"AAPL": 10}
    assert broker.open_orders() == ()


@pytest.mark.parametrize("open_price", ["94", "96"])
def test_a_stop_rests_until_it_is_reached_and_a_cancel_of_it_leaves_nothing(venue_with_sessions: Venue, open_price: str) -> None:
    broker, advance = venue_with_sessions
    broker.submit(order("AAPL", 10), MON)
    advance(market(TUE, {"AAPL": "100"}))
    (stop,) = legs("AAPL", 10, "95")
    taken = broker.submit(stop, TUE)
    assert (taken.client_order_id, taken.state in TAKEN, taken.quantity) == (stop.client_order_id, True, 10)
    assert broker.submit(stop, TUE) == taken
    assert broker.open_orders() == (taken,)
    advance(market(WED, {"AAPL": open_price}))
    broker.cancel(stop.client_order_id)
    found = broker.find(stop.client_order_id)
    assert found is not None
    reached = open_price == "94"
    assert (found.state, found.filled_quantity) == ((OrderState.FILLED, 10) if reached else (OrderState.CANCELLED, 0))
    assert [(fill.client_order_id, fill.quantity) for fill in broker.fills(WED)] == ([(stop.client_order_id, 10)] if reached else [])
    assert (broker.positions(), broker.open_orders()) == ({} if reached else {"AAPL": 10}, ())


def test_fills_are_no_activities_of_cash_and_only_a_broker_that_can_tell_them_says_so(request: pytest.FixtureRequest, venue: Venue) -> None:
    broker, advance = venue
    assert isinstance(broker, TellsCash) == (request.node.callspec.params["venue"] in VENUES_THAT_TELL_CASH)
    if isinstance(broker, TellsCash):
        broker.submit(order("AAPL", 10), MON)
        advance(market(TUE, {"AAPL": "100"}))
        assert broker.cash_activities(MON) == ()


def test_what_moves_cash_apart_from_fills_is_told_by_its_id_as_often_as_it_is_asked_for(tmp_path: Path) -> None:
    with FakeTrading(evening(TUE)).served() as account, opened_at(account) as broker:
        before = broker.cash()
        for code, amount in (("FEE", "-0.27"), ("INT", "3.5"), ("CSD", "1000")):
            account.charge(code, amount)
        told = broker.cash_activities(TUE)
        assert broker.cash() == before + sum(each.amount for each in told)
        assert len({each.activity_id for each in told}) == 3
        assert (broker.cash_activities(MON), broker.cash_activities(WED)) == (told, ())
