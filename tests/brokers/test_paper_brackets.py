"""The paper broker's own rules of brackets."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.brokers.fills import FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from tests.brokers.brackets import legs
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED, market, order, split_of, usd

PARTS = FillTerms(participation=Decimal("0.1"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PaperBroker]:
    with PaperBroker(tmp_path / "paper.db", BOOK, usd("100000"), PARTS, allow_short=True) as opened:
        yield opened


def _holding(broker: PaperBroker, quantity: int) -> PaperBroker:
    broker.submit(order("AAPL", quantity), MON)
    broker.advance(market(TUE, {"AAPL": "100"}))
    return broker


def _sent(broker: PaperBroker, *made: Order) -> None:
    for each in made:
        taken = broker.submit(each, each.session)
        assert taken.state is OrderState.ACCEPTED, taken.reason


def _told(broker: PaperBroker, *made: Order) -> list[tuple[OrderState, int, str]]:
    found = broker.orders([each.client_order_id for each in made])
    return [(each.state, each.filled_quantity, each.reason) for each in (found[one.client_order_id] for one in made)]


def test_a_bar_that_reaches_both_legs_takes_the_stop(broker: PaperBroker) -> None:
    pair = legs("AAPL", 100, "95", "105")
    _sent(_holding(broker, 100), *pair)
    broker.advance(market(WED, {"AAPL": "100"}, ranges={"AAPL": ("94", "106")}))
    assert _told(broker, *pair) == [(OrderState.FILLED, 100, ""), (OrderState.CANCELLED, 0, "its other leg filled")]
    assert [fill.price for fill in broker.fills(WED)] == [usd("95")]
    assert broker.positions() == {}


def test_a_gap_through_the_stop_fills_at_the_open(broker: PaperBroker) -> None:
    _sent(_holding(broker, 100), *legs("AAPL", 100, "95", "105"))
    broker.advance(market(WED, {"AAPL": "90"}))
    assert [fill.price for fill in broker.fills(WED)] == [usd("90")]


def test_the_legs_of_a_short_position_buy_it_back(broker: PaperBroker) -> None:
    pair = legs("AAPL", -100, "105", "95")
    _sent(_holding(broker, -100), *pair)
    broker.advance(market(WED, {"AAPL": "100"}, ranges={"AAPL": ("94", "101")}))
    assert [state for state, _, _ in _told(broker, *pair)] == [OrderState.CANCELLED, OrderState.FILLED]
    assert broker.positions() == {}


def test_what_one_leg_fills_in_part_the_other_no_longer_closes(broker: PaperBroker) -> None:
    pair = legs("AAPL", 250, "95", "105")
    _sent(_holding(broker, 250), *pair)
    broker.advance(market(WED, {"AAPL": "104"}, volume={"AAPL": 1_000}, ranges={"AAPL": ("104", "106")}))
    assert _told(broker, *pair) == [(OrderState.ACCEPTED, 0, ""), (OrderState.PARTIALLY_FILLED, 100, "")]
    broker.advance(market(THU, {"AAPL": "94"}, volume={"AAPL": 10_000}))
    assert _told(broker, *pair) == [
        (OrderState.CANCELLED, 150, "its other leg filled"),
        (OrderState.CANCELLED, 100, "its other leg filled"),
    ]
    assert broker.positions() == {}


def test_a_stop_that_triggered_closes_the_rest_whatever_the_price_does_then(broker: PaperBroker) -> None:
    pair = legs("AAPL", 250, "95", "105")
    _sent(_holding(broker, 250), *pair)
    broker.advance(market(WED, {"AAPL": "94"}, volume={"AAPL": 0}))
    broker.advance(market(THU, {"AAPL": "110"}, volume={"AAPL": 10_000}))
    assert [state for state, _, _ in _told(broker, *pair)] == [OrderState.FILLED, OrderState.CANCELLED]


def test_a_leg_beyond_what_is_held_is_refused_and_both_legs_close_the_same_shares(broker: PaperBroker) -> None:
    _holding(broker, 100)
    too_much = replace(legs("AAPL", 101, "95")[0], client_order_id="too much")
    assert "a leg only closes: 101 shares to close, 100 free" in broker.submit(too_much, TUE).reason
    _sent(broker, *legs("AAPL", 100, "95", "105"))
    second = replace(legs("AAPL", 1, "95")[0], client_order_id="another group")
    assert "1 shares to close, 0 free" in broker.submit(second, TUE).reason
    wrong_side = replace(legs("AAPL", -1, "105")[0], client_order_id="buys")
    assert "1 shares to close, 0 free" in broker.submit(wrong_side, TUE).reason


def test_legs_beside_a_sell_of_the_rest_close_what_is_left(broker: PaperBroker) -> None:
    _sent(_holding(broker, 100), order("AAPL", -40, TUE))
    too_much = replace(legs("AAPL", 61, "95")[0], client_order_id="too much")
    assert "61 shares to close, 60 free" in broker.submit(too_much, TUE).reason
    _sent(broker, *legs("AAPL", 60, "95", "105"))
    broker.advance(market(WED, {"AAPL": "94"}))
    assert broker.positions() == {}


def test_a_cancel_of_one_leg_is_a_cancel_of_both(broker: PaperBroker) -> None:
    pair = legs("AAPL", 100, "95", "105")
    _sent(_holding(broker, 100), *pair)
    broker.cancel(pair[1].client_order_id)
    assert [state for state, _, _ in _told(broker, *pair)] == [OrderState.CANCELLED] * 2
    assert broker.open_orders() == ()


def test_legs_set_no_cash_aside(broker: PaperBroker) -> None:
    _sent(_holding(broker, 900), *legs("AAPL", 900, "95", "105"))
    assert (
        broker.submit(order("IBM", 101, TUE), TUE).state is OrderState.REJECTED
    )  # 10,000 are left, and legs bring nothing before they fill
    assert broker.submit(replace(order("IBM", 99, TUE), client_order_id="less"), TUE).state is OrderState.ACCEPTED


def test_a_split_cancels_both_legs(broker: PaperBroker) -> None:
    pair = legs("AAPL", 100, "95", "105")
    _sent(_holding(broker, 100), *pair)
    broker.advance(market(WED, {"AAPL": "50"}, split_of("AAPL", WED, 2, 1), closes={"AAPL": "100"}))
    assert [state for state, _, _ in _told(broker, *pair)] == [OrderState.CANCELLED] * 2


_PRICES = st.integers(80, 120)
_BARS = st.lists(st.tuples(_PRICES, _PRICES, _PRICES, st.sampled_from([0, 500, 1_000, 10_000])), min_size=2, max_size=2)


@given(quantity=st.integers(1, 300), short=st.booleans(), bars=_BARS, paired=st.booleans())
def test_whatever_the_bars_are_legs_never_turn_a_position_round(
    tmp_path_factory: pytest.TempPathFactory, quantity: int, short: bool, bars: list[tuple[int, int, int, int]], paired: bool
) -> None:
    held, ends = (-quantity, ("105", "95")) if short else (quantity, ("95", "105"))
    with PaperBroker(tmp_path_factory.mktemp("paper") / "paper.db", BOOK, usd("100000"), PARTS, allow_short=True) as broker:
        pair = legs("AAPL", held, ends[0], ends[1] if paired else None)
        _sent(_holding(broker, held), *pair)
        for session, (open_at, one, other, volume) in zip((WED, THU), bars, strict=True):
            low, high = min(open_at, one, other), max(open_at, one, other)
            broker.advance(market(session, {"AAPL": str(open_at)}, volume={"AAPL": volume}, ranges={"AAPL": (str(low), str(high))}))
            left = int(broker.positions().get("AAPL", 0))
            assert 0 <= left * (-1 if short else 1) <= quantity
            filled = sum(each.filled_quantity for each in broker.orders([each.client_order_id for each in pair]).values())
            assert filled == quantity - abs(left)
            assert bool(broker.open_orders()) == (left != 0)
        broker.advance(market(FRI, {"AAPL": "100"}))
