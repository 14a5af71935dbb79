"""What weights start from: known answers by hand."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from grodt.targets.construction import Construction
from tests.targets.decisions import NAN, PLAIN, decide

#: Equal weights of a book that is not scaled, long only.
EQUAL = Construction(volatility_target=None, weight_cap=0.9, gross_cap=0.9, no_trade_band=0.0, long_only=True, sizing="equal_weight")
BOTH = replace(EQUAL, long_only=False)
#: Inverse volatility of a book that is not scaled.
INVERSE = replace(BOTH, sizing="inverse_volatility")


def test_equal_weight_gives_each_symbol_with_a_forecast_above_zero_the_same_share_of_the_gross_cap() -> None:
    got = decide(EQUAL, forecast=[1.0, 0.0, NAN, 0.3, -1.0])
    assert got.weight.tolist() == [0.45, 0.0, 0.0, 0.45, 0.0]
    assert got.quantity.tolist() == [45, 0, 0, 45, 0]


def test_equal_weight_sells_short_what_has_a_forecast_below_zero_where_that_is_allowed() -> None:
    assert decide(BOTH, forecast=[2.0, -0.1, 1.0]).weight == pytest.approx([0.3, -0.3, 0.3], rel=1e-15)
    assert decide(BOTH, forecast=[2.0, -0.1, 1.0], shortable=[1, 0, 1]).weight.tolist() == [0.45, 0.0, 0.45]


def test_the_top_decile_is_held_in_equal_parts_and_the_rest_is_left() -> None:
    score = np.arange(20.0)
    for rest in (0.0, NAN):
        got = decide(EQUAL, forecast=np.where(score >= 18, 1.0, rest), position=[7] * 20)
        assert got.quantity.tolist() == [0] * 18 + [45, 45]


def test_equal_weight_asks_for_no_volatility_and_the_others_do() -> None:
    assert decide(EQUAL, forecast=[1.0, 1.0], volatility=[NAN, 0.0]).weight.tolist() == [0.45, 0.45]
    assert decide(INVERSE, forecast=[1.0, 1.0], volatility=[NAN, 0.0], position=[5, 5]).quantity.tolist() == [0, 0]


def test_without_a_volatility_target_inverse_volatility_shares_the_gross_cap() -> None:
    # forecast over volatility: 10, −5, 0; 15 together make 0.9
    got = decide(INVERSE, forecast=[1.0, -2.0, 0.0], volatility=[0.1, 0.4, 0.2], returns=np.full((60, 3), 0.5))
    assert got.weight == pytest.approx([0.6, -0.3, 0.0], rel=1e-15)


def test_with_a_volatility_target_equal_weights_are_scaled_to_it_and_capped() -> None:
    # 0.9 in one symbol of ±1 %: scaled to 0.1 / (0.01 · √252) = 0.63; in one of ±0.1 % to 6.3, which the cap holds
    target = replace(EQUAL, volatility_target=0.1)
    assert decide(target, forecast=[1.0], returns=[[0.01], [-0.01]]).weight == pytest.approx([0.1 / (0.01 * sqrt(252))], rel=1e-12)
    assert decide(target, forecast=[1.0], returns=[[0.001], [-0.001]]).weight.tolist() == [0.9]
    assert decide(target, forecast=[1.0]).weight.tolist() == [0.9], "no returns: not scaled"


@pytest.mark.parametrize("construction", [EQUAL, BOTH, INVERSE, replace(EQUAL, volatility_target=0.1)])
def test_where_nothing_is_wanted_nothing_is_held(construction: Construction) -> None:
    assert decide(construction, forecast=[0.0, NAN], position=[3, 4]).quantity.tolist() == [0, 0]


def test_a_share_over_the_weight_cap_is_cut_and_handed_to_nobody() -> None:
    assert decide(replace(EQUAL, weight_cap=0.2), forecast=[1.0, 1.0]).weight.tolist() == [0.2, 0.2]


def test_a_dollar_neutral_book_scales_its_larger_side_down_to_the_smaller() -> None:
    neutral = replace(BOTH, dollar_neutral=True)
    # 0.3 each; two longs come down to the one short
    assert decide(neutral, forecast=[1.0, 1.0, -1.0]).weight == pytest.approx([0.15, 0.15, -0.3], rel=1e-12)
    assert decide(neutral, forecast=[1.0, -1.0, -1.0]).weight == pytest.approx([0.3, -0.15, -0.15], rel=1e-12)
    assert decide(neutral, forecast=[1.0, 1.0], position=[4, 0]).quantity.tolist() == [0, 0], "a side without the other is left"


def test_a_dollar_neutral_book_is_neutral_after_the_caps_too() -> None:
    # forecasts 3, 1, −2, −2 at one volatility: 0.75, 0.25, −0.5, −0.5 of gross 2; the cap makes it 0.4, 0.25, −0.4, −0.4
    construction = replace(INVERSE, gross_cap=2.0, weight_cap=0.4, dollar_neutral=True)
    got = decide(construction, forecast=[3.0, 1.0, -2.0, -2.0])
    assert got.weight == pytest.approx([0.4, 0.25, -0.325, -0.325], rel=1e-12)


def test_neutral_weights_are_what_the_book_is_scaled_by() -> None:
    # all of one market, ±1 %: the neutral book has no volatility to scale, and is not scaled
    construction = replace(BOTH, volatility_target=0.1, dollar_neutral=True)
    got = decide(construction, forecast=[1.0, 1.0, -1.0], returns=[[0.01] * 3, [-0.01] * 3])
    assert np.abs(got.weight).sum() <= 0.9
    assert got.weight.sum() == pytest.approx(0.0, abs=1e-12)


def test_plain_sizing_is_what_it_was() -> None:
    assert PLAIN.sizing == "inverse_volatility"
    assert decide(PLAIN, forecast=[1.0, -2.0], volatility=[0.2, 0.4]).weight.tolist() == [0.25, -0.25]
