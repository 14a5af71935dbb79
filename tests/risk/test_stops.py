"""What halts of a side, a strategy, or of a symbol's opening leave of a basket, with its evidence."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.risk.assess import Proposal, assess
from grodt.risk.exact import MOST_QUANTITY
from grodt.risk.glance import approved_at_a_glance
from grodt.risk.limits import Limits
from grodt.risk.stops import Stops
from tests.examples import examples
from tests.risk.plain import plainly, wishes
from tests.risk.proposals import limits, proposal, row, verdicts
from tests.risk.strategies import any_limits, proposals


def _stops(buyable: list[int | None], sellable: list[int | None], reducing: list[bool]) -> Stops:
    """None: nothing is stopped."""

    def rooms(given_: list[int | None]) -> Any:
        return np.array([MOST_QUANTITY if one is None else one for one in given_], dtype=np.int64)

    return Stops(rooms(buyable), rooms(sellable), np.array(reducing), rooms(buyable), rooms(sellable))


def test_a_halted_side_is_refused_in_the_basket_and_the_other_is_asked_nothing() -> None:
    asked = proposal([100, -40], position=[0, 50], stops=_stops([0, 0], [None, None], [False, False]))
    found = assess(asked, limits())
    assert found.quantity.tolist() == [0, -40]
    assert verdicts(found, 29) == {"": "pass", "S0": "reject"}
    assert row(found, 29, "S0") | {"run_id": "", "session": None} == row(found, 29, "S0") | {
        "value": 100.0,
        "limit": 0.0,
        "headroom": -100.0,
        "reason": "order_halted: a halt holds for its side, or for the strategy that asks for it",
        "run_id": "",
        "session": None,
    }


def test_what_a_halted_strategy_alone_asks_for_is_clipped_away() -> None:
    asked = proposal([100, 100], stops=_stops([30, 100], [0, 0], [False, False]))
    found = assess(asked, limits())
    assert found.quantity.tolist() == [30, 100]
    assert verdicts(found, 29) == {"": "pass", "S0": "clip", "S1": "pass"}


def test_a_symbol_that_may_only_be_reduced_is_closed_at_most_and_the_others_go_on() -> None:
    position = [50, 50, -30, 0]
    nothing: list[int | None] = [None] * 4
    asked = proposal([-80, 20, 50, 10], position=position, shortable=[True] * 4, stops=_stops(nothing, nothing, [True, True, True, False]))
    found = assess(asked, limits())
    assert found.quantity.tolist() == [-50, 0, 30, 10]
    assert verdicts(found, 28) == {"": "pass", "S0": "clip", "S1": "reject", "S2": "clip"}
    assert found.reduce_only == ""


def test_a_basket_of_which_a_halt_stops_a_part_is_never_passed_at_a_glance() -> None:
    plain = proposal([100])
    assert approved_at_a_glance(plain, limits()) is not None
    assert approved_at_a_glance(dataclasses.replace(plain, stops=Stops.none(1)), limits()) is None


@pytest.mark.parametrize(
    ("buyable", "sellable", "reducing"),
    [
        (np.array([1.0]), np.array([1]), np.array([False])),
        (np.array([1]), np.array([1, 2]), np.array([False])),
        (np.array([1]), np.array([1]), np.array([0])),
        (np.array([-1]), np.array([1]), np.array([False])),
    ],
)
def test_stops_of_the_wrong_shape_type_or_sign_are_refused(buyable: Any, sellable: Any, reducing: Any) -> None:
    with pytest.raises(ValueError, match="stops: "):
        Stops(buyable, sellable, reducing, buyable, sellable)


def test_stops_of_other_symbols_than_the_proposal_s_are_refused() -> None:
    with pytest.raises(ValueError, match="stops are of 2 symbols, not 1"):
        proposal([100], stops=Stops.none(2))


@st.composite
def stopped(draw: st.DrawFn) -> Proposal:
    """Any proposal, with halts of parts."""
    asked = draw(proposals(calm=True))
    count = len(asked.symbols)
    rooms = st.lists(st.one_of(st.just(MOST_QUANTITY), st.just(0), st.integers(0, 80)), min_size=count, max_size=count)
    reducing = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    buyable, sellable = (np.array(draw(rooms), dtype=np.int64) for _ in range(2))
    stops = Stops(buyable, sellable, np.array(reducing, dtype=np.bool_), buyable, sellable)
    return dataclasses.replace(asked, stops=stops)


@examples(150)
@given(stopped(), any_limits())
def test_nothing_beyond_what_the_halts_leave_is_approved(asked: Proposal, bound: Limits) -> None:
    found = assess(asked, bound)
    assert {symbol: quantity for symbol, quantity in zip(asked.symbols, found.quantity.tolist(), strict=True) if quantity} == plainly(
        asked, bound
    )
    assert asked.stops is not None
    for wish, approved in zip(wishes(asked, bound), found.quantity.tolist(), strict=True):
        room = asked.stops.buyable if approved > 0 else asked.stops.sellable
        assert abs(approved) <= room[wish.place]
        assert not (approved and asked.stops.reducing[wish.place]) or wish.reduces(approved)
