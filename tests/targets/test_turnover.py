"""Trades made smaller: known answers by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.targets.construction import Construction
from grodt.targets.turnover import partial_trade
from tests.targets.decisions import NAN, decide

#: 0.4 each of two symbols.
EQUAL = Construction(volatility_target=None, weight_cap=0.8, gross_cap=0.8, no_trade_band=0.0, long_only=True, sizing="equal_weight")
HALF = replace(EQUAL, trade_share=0.5)
COSTLY = replace(EQUAL, turnover_penalty=0.05)


def test_a_share_of_the_way_is_traded() -> None:
    got = decide(HALF, forecast=[1.0, 1.0], position=[20, 44])
    assert got.weight == pytest.approx([0.3, 0.42], rel=1e-12)
    assert got.quantity.tolist() == [30, 42]


def test_a_trade_stops_short_of_the_aim_by_the_penalty_and_is_none_within_it() -> None:
    got = decide(COSTLY, forecast=[1.0, 1.0], position=[20, 42])
    assert got.weight == pytest.approx([0.35, 0.42], rel=1e-12)
    assert got.quantity.tolist() == [35, 42]
    assert decide(COSTLY, forecast=[1.0, 0.0], position=[90, 0]).quantity.tolist() == [80, 0], "the gross cap holds all the same"


def test_both_together() -> None:
    # 0.2 below the aim, less 0.05, a half of it
    got = decide(replace(COSTLY, trade_share=0.5), forecast=[1.0, 1.0], position=[20, 40])
    assert got.weight == pytest.approx([0.275, 0.4], rel=1e-12)


def test_where_nothing_is_traded_not_even_an_odd_lot_is() -> None:
    got = decide(COSTLY, forecast=[1.0, 1.0], position=[37, 43], lot=[10, 10])
    assert got.quantity.tolist() == [37, 43]


def test_an_exit_by_its_forecast_is_partial_and_ends_at_nothing() -> None:
    construction, held, course = replace(HALF, turnover_penalty=0.05, no_trade_band=0.02), 40, []
    while held:
        (_, held) = decide(construction, forecast=[1.0, 0.0], position=[40, held]).quantity.tolist()
        course.append(held)
    assert course == [20, 10, 5, 2, 1, 0], "neither the penalty nor the band leaves a remainder"


def test_what_has_no_forecast_or_may_not_be_held_is_left_whole() -> None:
    assert decide(HALF, forecast=[1.0, NAN], position=[0, 40]).quantity.tolist() == [40, 0]
    assert decide(HALF, forecast=[1.0, 1.0], position=[0, 40], eligible=[True, False]).quantity.tolist() == [40, 0]


def test_a_short_that_is_not_allowed_is_bought_back_at_once() -> None:
    assert decide(HALF, forecast=[1.0, 0.0], position=[40, -40]).quantity.tolist() == [60, 0]


def test_caps_hold_after_a_partial_trade() -> None:
    # 0.6 held is half way to 0.4 at 0.5, over the cap
    assert decide(replace(HALF, weight_cap=0.45), forecast=[1.0, 1.0], position=[60, 0]).quantity.tolist() == [45, 20]
    got = decide(HALF, forecast=[1.0, 1.0], position=[60, 60])
    assert np.abs(got.weight).sum() <= 0.8


_weight = st.floats(-2, 2).map(lambda x: round(x, 6))


@given(_weight, _weight, st.floats(0.01, 1.0), st.floats(0.0, 0.5))
def test_a_trade_lies_between_what_is_held_and_the_aim(aim: float, held: float, share: float, penalty: float) -> None:
    construction = Construction(None, 1.0, 1.0, 0.0, False, trade_share=share, turnover_penalty=penalty)
    (found,) = partial_trade(np.array([aim]), np.array([held]), construction).tolist()
    assert min(aim, held) - 1e-12 <= found <= max(aim, held) + 1e-12
    assert abs(found - held) <= share * abs(aim - held) + 1e-12


@given(_weight.filter(bool), _weight, st.floats(0.01, 1.0), st.floats(0.0, 0.3), st.floats(-0.5, 0.5))
def test_a_trade_is_where_its_cost_is_least(aim: float, held: float, share: float, penalty: float, off: float) -> None:
    construction = Construction(None, 1.0, 1.0, 0.0, False, trade_share=share, turnover_penalty=penalty)
    (found,) = partial_trade(np.array([aim]), np.array([held]), construction).tolist()

    def cost(weight: float) -> float:
        away = weight - held
        return (weight - aim) ** 2 / 2 + penalty * abs(away) + (1 / share - 1) * away**2 / 2

    assert cost(found) <= cost(found + off) + 1e-9
