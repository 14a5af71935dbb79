"""Forecasts to weights to whole lots."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from grodt.errors import DataError
from grodt.targets.book_volatility import expected_volatility
from tests.targets.decisions import NAN, PLAIN, decide


def test_weight_is_forecast_times_target_over_volatility_over_the_number_of_symbols() -> None:
    got = decide(forecast=[1.0, -2.0], volatility=[0.2, 0.4])
    # 1 · (0.1 / 0.2) / 2 and −2 · (0.1 / 0.4) / 2
    assert got.weight.tolist() == [0.25, -0.25]
    assert got.quantity.tolist() == [25, -25]
    assert got.quantity.dtype == np.int64


def test_symbols_without_forecast_volatility_or_price_do_not_count_and_are_left() -> None:
    got = decide(
        forecast=[1.0, NAN, 1.0, 1.0, 1.0], volatility=[0.2, 0.2, NAN, 0.0, 0.2], position=[0, 7, 8, 9, 0], tradable=[1, 1, 1, 1, 0]
    )
    assert got.weight.tolist() == [0.5, 0.0, 0.0, 0.0, 0.0]
    assert got.quantity.tolist() == [50, 0, 0, 0, 0]
    assert got.current.tolist() == [0, 7, 8, 9, 0]


def test_the_book_is_scaled_to_the_volatility_its_weights_had_over_the_last_sessions() -> None:
    # weight 0.5; portfolio returns ±0.5 %: a root mean square of 0.005 · √252 = 7.94 % a year, so the scale is 0.1 / 0.0794
    got = decide(forecast=[1.0], returns=[[0.01], [-0.01]])
    assert got.weight[0] == pytest.approx(0.5 * 0.1 / (0.005 * sqrt(252)), rel=1e-12)
    assert got.quantity[0] == 62


def test_only_the_last_sessions_count_and_a_missing_return_is_zero() -> None:
    short = replace(PLAIN, history=2)
    got = decide(short, forecast=[1.0, 1.0], returns=[[9.0, 9.0], [0.02, NAN], [NAN, -0.02]])
    # weights 0.25 each: portfolio returns 0.5 %, −0.5 %
    assert got.weight == pytest.approx([0.25 * 0.1 / (0.005 * sqrt(252))] * 2, rel=1e-12)
    assert expected_volatility(np.array([0.5]), np.array([[0.02], [-0.02]])) == pytest.approx(0.01 * sqrt(252), rel=1e-15)


def test_a_book_whose_past_returns_are_all_zero_or_missing_is_not_scaled() -> None:
    assert decide(forecast=[1.0], returns=[[NAN], [0.0]]).weight.tolist() == [0.5]
    assert decide(forecast=[0.0], returns=[[0.1], [0.1]]).weight.tolist() == [0.0]


def test_the_weight_cap_comes_after_scaling_and_the_gross_cap_after_it() -> None:
    # 0.75, 0.25, −0.25 are capped to 0.4, 0.25, −0.25, then Σ 0.9 is scaled down to 0.45
    construction = replace(PLAIN, weight_cap=0.4, gross_cap=0.45)
    got = decide(construction, forecast=[2.0, 1.0, -1.0], volatility=[0.2 / 2.25, 0.2 / 1.5, 0.2 / 1.5])
    assert got.weight == pytest.approx([0.2, 0.125, -0.125], rel=1e-9)
    assert np.abs(got.weight).sum() <= 0.45
    assert got.quantity.tolist() == [20, 12, -12]


def test_long_only_makes_a_negative_forecast_an_exit() -> None:
    got = decide(replace(PLAIN, long_only=True), forecast=[1.0, -1.0], position=[0, 30])
    assert got.weight.tolist() == [0.25, 0.0]
    assert got.quantity.tolist() == [25, 0]


def test_a_symbol_that_may_not_be_sold_short_is_no_hedge() -> None:
    # S1 would have offset S0: without it the book is sized by what S0 alone does, ±0.5 % at a weight of 0.5
    returns = [[0.01, 0.01], [-0.01, -0.01]]
    got = decide(forecast=[2.0, -1.0], returns=returns, shortable=[1, 0], position=[0, -30])
    assert got.weight == pytest.approx([0.5 * 0.1 / (0.005 * sqrt(252)), 0.0], rel=1e-12)
    assert got.quantity.tolist() == [62, 0]
    kept = decide(replace(PLAIN, no_trade_band=0.1), forecast=[0.05, 0.0], position=[-1, 0], price=[10.0, 10.0], shortable=[0, 1])
    assert kept.quantity.tolist() == [12, 0]  # not even inside the band


def test_a_change_inside_the_band_keeps_the_quantity_and_its_weight() -> None:
    construction = replace(PLAIN, no_trade_band=0.02)
    got = decide(construction, forecast=[1.0, 1.0], position=[24, 22])
    assert got.quantity.tolist() == [24, 25]
    assert got.weight.tolist() == [0.24, 0.25]


def test_a_change_of_just_the_band_is_traded() -> None:
    assert decide(replace(PLAIN, no_trade_band=0.25), forecast=[1.0, 1.0], position=[0, 50]).quantity.tolist() == [25, 25]


def test_an_exit_to_zero_goes_through_the_band() -> None:
    assert decide(replace(PLAIN, no_trade_band=0.02), forecast=[0.0, NAN], position=[1, -1]).quantity.tolist() == [0, 0]


def test_a_holding_over_the_weight_cap_is_cut_although_it_is_inside_the_band() -> None:
    construction = replace(PLAIN, weight_cap=0.4, no_trade_band=0.02)
    got = decide(construction, forecast=[2.0, 2.0], position=[41, 40])
    assert got.quantity.tolist() == [40, 40]


def test_holdings_inside_the_band_that_lift_the_book_over_the_gross_cap_are_cut() -> None:
    construction = replace(PLAIN, gross_cap=0.5, weight_cap=0.5, no_trade_band=0.02)
    got = decide(construction, forecast=[2.0, 2.0], position=[26, 25])
    assert got.quantity.tolist() == [25, 25]
    assert got.weight == pytest.approx([0.25, 0.25])
    assert decide(construction, forecast=[2.0, 2.0], position=[26, 24]).quantity.tolist() == [26, 24]


def test_a_short_is_not_kept_by_the_band_when_long_only() -> None:
    construction = replace(PLAIN, long_only=True, no_trade_band=0.1)
    got = decide(construction, forecast=[0.05], position=[-1], price=[10.0])
    assert got.quantity.tolist() == [25]


def test_what_may_not_trade_or_has_no_price_keeps_its_quantity_and_takes_room_under_the_gross_cap() -> None:
    construction = replace(PLAIN, gross_cap=1.0, weight_cap=0.5)
    got = decide(
        construction, forecast=[2.0, 2.0, NAN, 2.0], position=[0, 0, 70, 5], tradable=[1, 1, 0, 1], price=[100.0, 100.0, 100.0, NAN]
    )
    assert got.quantity.tolist() == [15, 15, 70, 5]  # 0.7 is taken, 0.15 each is left
    assert got.weight == pytest.approx([0.15, 0.15, 0.7, 0.0])
    assert np.isnan(got.price).tolist() == [False, False, False, True]


def test_where_untradable_holdings_alone_exceed_the_gross_cap_all_else_is_left() -> None:
    construction = replace(PLAIN, gross_cap=1.0)
    assert decide(construction, forecast=[2.0, NAN], position=[3, 120], tradable=[1, 0]).quantity.tolist() == [0, 120]


def test_quantities_are_whole_lots_towards_zero() -> None:
    got = decide(forecast=[1.99, -1.99, 1.0], lot=[10, 10, 100], volatility=[0.2 / 3] * 3)
    assert got.weight == pytest.approx([0.995, -0.995, 0.5])
    assert got.quantity.tolist() == [90, -90, 0]


def test_a_price_beyond_64_bits_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"S0: price 1e\+20 does not fit 64 bits of micros"):
        decide(price=[1e20])


@pytest.mark.parametrize("equity", [0.0, -1.0, NAN, float("inf")])
def test_a_book_without_equity_is_not_sized(equity: float) -> None:
    with pytest.raises(DataError, match=rf"equity {equity} is not a finite number > 0"):
        decide(forecast=[1.0], equity=equity)


def test_returns_out_of_all_range_are_refused() -> None:
    with pytest.raises(DataError, match="expected volatility is inf"):
        decide(forecast=[1.0], returns=[[1e200], [-1e200]])


def test_arrays_must_be_aligned_to_the_symbols() -> None:
    with pytest.raises(ValueError, match=r"price has shape \(1,\), not \(2,\)"):
        decide(forecast=[1.0, 1.0], price=[1.0])
    with pytest.raises(ValueError, match=r"returns have shape \(3, 1\), not \(sessions, 2\)"):
        decide(forecast=[1.0, 1.0], returns=np.zeros((3, 1)))
    with pytest.raises(ValueError, match="S1: lot 0 must be at least 1"):
        decide(lot=[1, 0])


def test_an_empty_universe_has_no_targets() -> None:
    got = decide(forecast=[], returns=np.empty((60, 0)))
    assert got.symbols == ()
    assert got.quantity.shape == (0,)


def test_symbols_that_hold_nothing_do_not_change_a_bit_of_the_others() -> None:
    rng = np.random.default_rng(5)
    returns, forecast, price = rng.normal(0, 0.02, (60, 40)), rng.normal(1, 1, 40), rng.uniform(5, 500, 40)
    construction = replace(PLAIN, weight_cap=0.2, gross_cap=1.0)
    some = decide(construction, forecast=forecast, price=price, returns=returns)
    idle = np.sort(rng.integers(0, 40, 25))
    wider = decide(
        construction,
        forecast=np.insert(forecast, idle, NAN),
        price=np.insert(price, idle, 10.0),
        returns=np.insert(returns, idle, 0.3, axis=1),
    )
    held = ~np.isnan(np.insert(forecast, idle, NAN))
    assert wider.weight[held].tobytes() == some.weight.tobytes()
    assert wider.quantity[held].tobytes() == some.quantity.tobytes()
