"""What every broker must do. A new adapter joins by adding a venue to `VENUES`; a venue can be told to play a session."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from grodt.bars.market import SessionMarket
from grodt.brokers.ccxt import CcxtBroker
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.brokers.fills import FillTerms
from grodt.brokers.ib import IbBroker
from grodt.brokers.ib_settings import IbAccount
from grodt.brokers.paper import PaperBroker
from grodt.brokers.protocol import Broker, TakesPairs, TellsCash
from grodt.execution.outcome import is_same
from grodt.orders.order import Order, Side
from grodt.orders.states import OrderState
from grodt.sessions import Calendar
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.brackets import legs
from tests.brokers.world import BOOK, MON, THU, TUE, WED, instant, market, order, usd
from tests.fakes.alpaca import KEY
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.ccxt_account import FakeCcxtAccount
from tests.fakes.ib import ACCOUNT, FakeIb

#: What a broker calls an order that it has taken, as far as it tells what its venue has acknowledged.
TAKEN = frozenset({OrderState.SUBMITTED, OrderState.ACCEPTED})

Venue = tuple[Broker, Callable[[SessionMarket], None]]


@contextmanager
def _opened(path: Path, terms: FillTerms) -> Iterator[Venue]:
    with PaperBroker(path / "paper.db", BOOK, usd("100000"), terms) as broker:
        yield broker, broker.advance


def _paper(folder: Path) -> AbstractContextManager[Venue]:
    return _opened(folder, FillTerms.of(5.0, 1.0))


@contextmanager
def _alpaca(_folder: Path) -> Iterator[Venue]:
    with FakeTrading(evening(MON)).served() as account, opened_at(account) as broker:
        yield broker, account.play


@contextmanager
def _ib(_folder: Path, participation: float | None = None) -> Iterator[Venue]:
    account = FakeIb(evening(MON), participation=participation)
    broker = IbBroker(BOOK, IbAccount(account=ACCOUNT), Calendar("XNYS"), client=account.client)
    try:
        yield broker, account.play
    finally:
        broker.close()


@contextmanager
def _ccxt(_folder: Path) -> Iterator[Venue]:
    account = FakeCcxtAccount(evening(MON))
    told = CcxtAccount(venue="binance", quote="USD")
    broker = CcxtBroker(BOOK, told, Calendar("24/7"), client=account.client, ours=dict, now=lambda: account.now)
    try:
        yield broker, account.play
    finally:
        broker.close()


def _paper_with_every_cost(folder: Path) -> AbstractContextManager[Venue]:
    terms = FillTerms(
        Decimal(5),
        Decimal(1),
        usd("1"),
        commission_per_share=usd("0.005"),
        maximum_commission_bps=Decimal(100),
        fill_at="close",
        impact=Decimal("0.5"),
        participation=Decimal(1),
        borrow_bps=Decimal(50),
    )
    return _opened(folder, terms)


def _paper_in_parts(folder: Path) -> AbstractContextManager[Venue]:
    return _opened(folder, FillTerms(participation=Decimal("0.1"), carry_sessions=2))


VENUES = {"alpaca": _alpaca, "ccxt": _ccxt, "ib": _ib, "paper": _paper, "paper with every cost": _paper_with_every_cost}
#: They know an open, a close and a session.
VENUES_WITH_SESSIONS = {name: opened for name, opened in VENUES.items() if name != "ccxt"}
#: They know both legs of a bracket as one.
VENUES_WITH_BRACKETS = {name: opened for name, opened in VENUES.items() if name.startswith(("ib", "paper"))}
#: They tell what moves cash apart from fills.
VENUES_THAT_TELL_CASH = ("alpaca",)
#: They fill a tenth of a session's volume, and go on for two sessions more.
VENUES_IN_PARTS = {"paper in parts": _paper_in_parts}
#: They do both.
VENUES_WITH_BRACKETS_IN_PARTS = VENUES_IN_PARTS | {"ib in parts": partial(_ib, participation=0.1)}


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


@pytest.fixture(params=sorted(VENUES_WITH_BRACKETS))
def venue_with_brackets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    with VENUES_WITH_BRACKETS[request.param](tmp_path) as opened:
        assert isinstance(opened[0], TakesPairs)
        yield opened


@pytest.fixture(params=sorted(VENUES_WITH_BRACKETS_IN_PARTS))
def pair_in_parts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    with VENUES_WITH_BRACKETS_IN_PARTS[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture(params=sorted(VENUES_IN_PARTS))
def parting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    with VENUES_IN_PARTS[request.param](tmp_path) as opened:
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


def test_an_order_that_fills_in_parts_stays_open_until_they_add_up_to_it(parting: Venue) -> None:
    broker, advance = parting
    cash = broker.cash()
    buy = order("AAPL", 250)
    broker.submit(buy, MON)
    advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    found = broker.find(buy.client_order_id)
    assert found is not None
    assert (found.state, found.filled_quantity, found.quantity) == (OrderState.PARTIALLY_FILLED, 100, 250)
    assert broker.open_orders() == (found,)
    assert broker.positions() == {"AAPL": 100}
    advance(market(WED, {"AAPL": "101"}, volume={"AAPL": 10_000}))
    found = broker.find(buy.client_order_id)
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, 250)
    assert broker.open_orders() == ()
    fills = broker.fills(MON)
    assert [(fill.session, fill.quantity) for fill in fills] == [(TUE, 100), (WED, 150)]
    assert len({fill.execution_id for fill in fills}) == 2
    assert {fill.client_order_id for fill in fills} == {buy.client_order_id}
    assert broker.cash() == cash - sum(fill.quantity * fill.price + fill.commission for fill in fills)


def test_a_cancel_keeps_the_part_that_filled(parting: Venue) -> None:
    broker, advance = parting
    buy = order("AAPL", 250)
    broker.submit(buy, MON)
    advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    broker.cancel(buy.client_order_id)
    advance(market(WED, {"AAPL": "100"}))
    found = broker.find(buy.client_order_id)
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.CANCELLED, 100)
    assert (broker.positions(), broker.open_orders()) == ({"AAPL": 100}, ())


def test_what_does_not_fill_in_time_expires(parting: Venue) -> None:
    broker, advance = parting
    buy = order("AAPL", 350)
    broker.submit(buy, MON)
    advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    advance(market(WED, {}))
    advance(market(THU, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    found = broker.find(buy.client_order_id)
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.EXPIRED, 200)
    assert found.reason
    assert broker.open_orders() == ()


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


# -- brackets, of brokers that take both legs as one


def _bracketed(venue: Venue, quantity: int = 10) -> tuple[Order, Order]:
    """A position of AAPL at 100 with a stop at 95 and a take profit at 105, sent on Tuesday evening."""
    broker, advance = venue
    broker.submit(order("AAPL", quantity), MON)
    advance(market(TUE, {"AAPL": "100"}))
    stop, take = legs("AAPL", quantity, "95", "105")
    for each in (stop, take):
        taken = broker.submit(each, TUE)
        assert (taken.client_order_id, taken.state in TAKEN, taken.quantity) == (each.client_order_id, True, quantity)
        assert taken.venue_order_id
    return stop, take


def test_both_legs_of_a_bracket_are_open_under_our_ids(venue_with_brackets: Venue) -> None:
    broker, _ = venue_with_brackets
    pair = _bracketed(venue_with_brackets)
    keys = [each.client_order_id for each in pair]
    assert [each.client_order_id for each in broker.open_orders()] == keys
    assert [broker.find(key) for key in keys] == list(broker.orders(keys).values()) == list(broker.open_orders())
    assert len({each.venue_order_id for each in broker.open_orders()}) == 2


def test_a_bracket_that_is_sent_again_is_one_bracket(venue_with_brackets: Venue) -> None:
    broker, advance = venue_with_brackets
    pair = _bracketed(venue_with_brackets)
    before = broker.open_orders()
    assert tuple(broker.submit(each, TUE) for each in pair) == before == broker.open_orders()
    advance(market(WED, {"AAPL": "90"}))
    assert [broker.submit(each, TUE).state for each in pair] == [OrderState.FILLED, OrderState.CANCELLED]
    assert broker.positions() == {}


@pytest.mark.parametrize(("reaches", "leg"), [("90", 0), ("110", 1)])
def test_a_leg_that_fills_ends_the_other_and_its_fill_is_told_of_it(venue_with_brackets: Venue, reaches: str, leg: int) -> None:
    broker, advance = venue_with_brackets
    pair = _bracketed(venue_with_brackets)
    advance(market(WED, {"AAPL": reaches}))
    states = [broker.orders([each.client_order_id])[each.client_order_id].state for each in pair]
    assert (states[leg], states[1 - leg]) == (OrderState.FILLED, OrderState.CANCELLED)
    assert [(fill.client_order_id, fill.quantity) for fill in broker.fills(WED)] == [(pair[leg].client_order_id, 10)]
    assert (broker.positions(), broker.open_orders()) == ({}, ())


@pytest.mark.parametrize("leg", [0, 1])
def test_a_cancel_of_one_leg_is_a_cancel_of_both(venue_with_brackets: Venue, leg: int) -> None:
    broker, advance = venue_with_brackets
    pair = _bracketed(venue_with_brackets)
    broker.cancel(pair[leg].client_order_id)
    assert broker.open_orders() == ()
    advance(market(WED, {"AAPL": "90"}))
    assert broker.positions() == {"AAPL": 10}


def test_a_take_profit_whose_stop_is_not_open_is_rejected(venue_with_brackets: Venue) -> None:
    broker, advance = venue_with_brackets
    broker.submit(order("AAPL", 10), MON)
    advance(market(TUE, {"AAPL": "100"}))
    stop, take = legs("AAPL", 10, "95", "105")
    answer = broker.submit(take, TUE)
    assert (answer.state, answer.reason) == (
        OrderState.REJECTED,
        f"its stop {stop.client_order_id} is not open, and a take profit is not placed without it",
    )
    assert broker.open_orders() == ()


@pytest.mark.parametrize("leg", [0, 1])
def test_what_one_leg_fills_in_part_the_other_no_longer_closes(pair_in_parts: Venue, leg: int) -> None:
    broker, advance = pair_in_parts
    broker.submit(order("AAPL", 100), MON)
    advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    pair = legs("AAPL", 100, "95", "105")
    keys = [each.client_order_id for each in pair]
    for each in pair:
        assert broker.submit(each, TUE).state in TAKEN
    advance(market(WED, {"AAPL": ["94", "106"][leg]}, volume={"AAPL": 400}))
    told = [broker.orders(keys)[key] for key in keys]
    assert told[leg].state is OrderState.PARTIALLY_FILLED
    assert told[1 - leg].state in TAKEN
    assert [(told[at].quantity, told[at].filled_quantity, told[at].left) for at in (leg, 1 - leg)] == [(100, 40, 60), (100, 0, 60)]
    assert broker.open_orders() == tuple(told)
    assert broker.positions() == {"AAPL": 60}
    advance(market(THU, {"AAPL": "94"}, volume={"AAPL": 10_000}))
    ended = [(each.state, each.filled_quantity) for each in (broker.orders(keys)[key] for key in keys)]
    by_the_stop = [(OrderState.FILLED, 100), (OrderState.CANCELLED, 0)]
    by_both = [(OrderState.CANCELLED, 60), (OrderState.CANCELLED, 40)]
    assert ended == [by_the_stop, by_both][leg]
    assert (broker.positions(), broker.open_orders()) == ({}, ())
    assert {key: sum(fill.quantity for fill in broker.fills(WED) if fill.client_order_id == key) for key in keys} == {
        key: filled for key, (_, filled) in zip(keys, ended, strict=True)
    }


def test_a_cancel_of_a_pair_that_filled_in_part_keeps_the_part(pair_in_parts: Venue) -> None:
    broker, advance = pair_in_parts
    broker.submit(order("AAPL", 100), MON)
    advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    pair = legs("AAPL", 100, "95", "105")
    for each in pair:
        broker.submit(each, TUE)
    advance(market(WED, {"AAPL": "106"}, volume={"AAPL": 400}))
    broker.cancel(pair[0].client_order_id)
    found = [broker.find(each.client_order_id) for each in pair]
    assert [(each.state, each.filled_quantity) for each in found if each] == [(OrderState.CANCELLED, 0), (OrderState.CANCELLED, 40)]
    advance(market(THU, {"AAPL": "90"}, volume={"AAPL": 10_000}))
    assert broker.positions() == {"AAPL": 60}
