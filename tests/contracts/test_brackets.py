"""What every broker must do that takes both legs of a bracket as one."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from grodt.brokers.protocol import TakesPairs
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from tests.brokers.brackets import legs
from tests.brokers.world import MON, THU, TUE, WED, market, order
from tests.contracts.venues import TAKEN, VENUES, Venue, ib, paper_in_parts

VENUES_WITH_BRACKETS = {name: opened for name, opened in VENUES.items() if name.startswith(("ib", "paper"))}
#: They fill a tenth of a session's volume.
VENUES_WITH_BRACKETS_IN_PARTS = {"paper in parts": paper_in_parts, "ib in parts": partial(ib, participation=0.1)}


@pytest.fixture(params=sorted(VENUES_WITH_BRACKETS))
def venue_with_brackets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    with VENUES_WITH_BRACKETS[request.param](tmp_path) as opened:
        assert isinstance(opened[0], TakesPairs)
        yield opened


@pytest.fixture(params=sorted(VENUES_WITH_BRACKETS_IN_PARTS))
def pair_in_parts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    with VENUES_WITH_BRACKETS_IN_PARTS[request.param](tmp_path) as opened:
        yield opened


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
