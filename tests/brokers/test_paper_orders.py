"""The paper broker's own rules of orders that are no market orders for the open."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.brokers.fills import FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.errors import DataError
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, MON, THU, TUE, WED, market, order, split_of, usd

COSTS = FillTerms(Decimal(50), Decimal(10), participation=Decimal("0.1"), carry_sessions=3)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PaperBroker]:
    with PaperBroker(tmp_path / "paper.db", BOOK, usd("100000"), COSTS) as opened:
        yield opened


def _sent(broker: PaperBroker, quantity: int, kind: str, tif: str, price: str | None = None) -> Order:
    one = replace(order("AAPL", quantity), order_type=kind, time_in_force=tif, price=None if price is None else usd(price))
    assert broker.submit(one, MON).state is OrderState.ACCEPTED
    return one


def _told(broker: PaperBroker, one: Order) -> tuple[OrderState, int, str]:
    found = broker.find(one.client_order_id)
    assert found is not None
    return found.state, found.filled_quantity, found.reason


def test_costs_never_carry_a_fill_beyond_its_limit_and_the_commission_is_of_the_price_paid(broker: PaperBroker) -> None:
    one = _sent(broker, 10, "limit", "day", "100.2")
    before = broker.cash()
    broker.advance(market(TUE, {"AAPL": "100"}))
    (fill,) = broker.fills(MON)
    assert (fill.price, fill.commission) == (usd("100.2"), usd("1.002"))  # 100.5 with half a percent of slippage
    assert before - broker.cash() == 10 * fill.price + fill.commission
    assert _told(broker, one) == (OrderState.FILLED, 10, "")


def test_a_limit_that_is_far_enough_pays_its_costs(broker: PaperBroker) -> None:
    _sent(broker, 10, "limit", "day", "101")
    broker.advance(market(TUE, {"AAPL": "100"}))
    assert [fill.price for fill in broker.fills(MON)] == [usd("100.5")]


def test_what_is_for_one_session_is_over_after_it_whatever_the_account_carries(broker: PaperBroker) -> None:
    met, unmet = _sent(broker, 250, "market", "day"), replace(order("IBM", 1), order_type="limit", time_in_force="day", price=usd("1"))
    broker.submit(unmet, MON)
    broker.advance(market(TUE, {"AAPL": "100", "IBM": "100"}, volume={"AAPL": 1_000, "IBM": 1_000}))
    assert _told(broker, met) == (OrderState.EXPIRED, 100, "the rest did not fill")
    assert _told(broker, unmet) == (OrderState.EXPIRED, 0, "its price was not met")


@pytest.mark.parametrize(("tif", "filled"), [("ioc", 100), ("fok", 0)])
def test_what_is_for_at_once_fills_in_part_or_not_at_all_and_is_cancelled(broker: PaperBroker, tif: str, filled: int) -> None:
    one, before = _sent(broker, 250, "market", tif), broker.cash()
    broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    assert _told(broker, one) == (OrderState.CANCELLED, filled, "did not fill at once")
    assert (broker.positions(), broker.cash() == before) == ({"AAPL": filled} if filled else {}, not filled)


def test_a_stop_that_filled_in_part_is_a_market_order_for_the_rest(broker: PaperBroker) -> None:
    one = _sent(broker, 250, "stop", "gtc", "105")
    broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}, ranges={"AAPL": ("100", "106")}))
    assert _told(broker, one) == (OrderState.PARTIALLY_FILLED, 100, "")
    broker.advance(market(WED, {"AAPL": "90"}, volume={"AAPL": 10_000}))
    assert [fill.price for fill in broker.fills(MON)] == [usd("105.525"), usd("90.45")]


def test_a_split_cancels_what_is_good_till_cancelled(broker: PaperBroker) -> None:
    one = _sent(broker, 10, "limit", "gtc", "90")
    broker.advance(market(TUE, {"AAPL": "100"}))
    broker.advance(market(WED, {"AAPL": "50"}, split_of("AAPL", WED, 2, 1)))
    assert _told(broker, one)[0] is OrderState.CANCELLED


def test_a_session_that_was_read_without_its_bars_plays_no_order_that_needs_them(broker: PaperBroker) -> None:
    assert not broker.works_by_bars()
    broker.submit(order("IBM", 1), MON)
    assert not broker.works_by_bars()
    _sent(broker, 10, "limit", "gtc", "90")
    assert broker.works_by_bars()
    with pytest.raises(DataError, match="AAPL 2026-03-03: an order fills by its high, and the session was read without"):
        broker.advance(replace(market(TUE, {"AAPL": "100", "IBM": "1"}), high={}))
    broker.advance(market(THU, {"AAPL": "80", "IBM": "1"}))
    assert not broker.works_by_bars()


# -- stops that triggered without a fill


def test_a_stop_that_triggered_and_found_no_volume_is_a_market_order_in_the_next_session(broker: PaperBroker) -> None:
    one = _sent(broker, 250, "stop", "gtc", "105")
    broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 0}, ranges={"AAPL": ("100", "106")}))
    assert _told(broker, one) == (OrderState.ACCEPTED, 0, "")
    broker.advance(market(WED, {"AAPL": "90"}, volume={"AAPL": 10_000}))
    assert [(fill.quantity, fill.price) for fill in broker.fills(MON)] == [(250, usd("90.45"))]


def test_a_stop_of_the_day_that_triggered_without_a_fill_says_so(broker: PaperBroker) -> None:
    one = _sent(broker, 250, "stop", "day", "105")
    broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 0}, ranges={"AAPL": ("100", "106")}))
    assert _told(broker, one) == (OrderState.EXPIRED, 0, "it was triggered and did not fill")
