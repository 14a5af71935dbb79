"""Forecasts to weights to whole lots."""

from dataclasses import replace
from decimal import Decimal
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.money import micros, micros_from_float
from grodt.targets.book_volatility import expected_volatility
from grodt.targets.construction import Construction
from grodt.targets.rounding import whole_lots
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


def test_a_float_a_hair_under_a_whole_lot_is_that_lot() -> None:
    assert 0.57 * 10_000 / 100 < 57  # 56.99999999999999: what truncating the float gets wrong
    lots = whole_lots(np.array([0.57, 0.69, -0.57]), np.array([100.0] * 3), np.ones(3, np.int64), 10_000.0, ("a", "b", "c"))
    assert lots.tolist() == [57, 69, -57]


def test_a_value_a_micro_under_a_share_is_no_share() -> None:
    got = whole_lots(np.array([0.299999999, 0.3]), np.array([300.0, 300.0]), np.ones(2, np.int64), 1000.0, ("a", "b"))
    assert got.tolist() == [0, 1]


def test_the_value_of_a_position_and_the_price_are_those_the_money_module_gives() -> None:
    price = 93.699
    (quantity,) = whole_lots(np.array([1.0]), np.array([price]), np.ones(1, np.int64), float(Decimal("93.699") * 7), ("a",)).tolist()
    assert quantity == 7
    assert quantity * micros_from_float(price) == micros(Decimal("655.893"))


@pytest.mark.parametrize("equity", [1e13, 1e300])
def test_a_value_beyond_64_bits_is_refused_by_name(equity: float) -> None:
    with pytest.raises(DataError, match=r"b: target value 1e\+\d+ does not fit 64 bits"):
        whole_lots(np.array([0.0, 1.0]), np.array([1.0, 1.0]), np.ones(2, np.int64), equity, ("a", "b"))


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


_figure = st.one_of(st.sampled_from([NAN, 0.0, -1.0, float("inf"), 5e-324, 1e-9]), st.floats(0.01, 2000.0))


@st.composite
def _decisions(draw: st.DrawFn) -> tuple[Construction, dict[str, Any]]:
    width, rows = draw(st.integers(0, 8)), draw(st.integers(0, 6))
    gross = draw(st.floats(0.1, 4.0))
    cap = draw(st.floats(0.01, 1.0)) * gross
    construction = Construction(
        volatility_target=draw(st.floats(0.01, 0.5)),
        weight_cap=cap,
        gross_cap=gross,
        no_trade_band=draw(st.floats(0.0, 0.5)) * cap,
        long_only=draw(st.booleans()),
        history=draw(st.integers(2, 6)),
    )

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=width, max_size=width))

    returns = st.one_of(st.just(NAN), st.floats(-0.5, 0.5))
    return construction, {
        "forecast": column(st.one_of(st.sampled_from([NAN, 0.0, float("inf")]), st.floats(-2.0, 2.0))),
        "volatility": column(st.one_of(_figure, st.floats(0.01, 1.0))),
        "price": column(_figure),
        "position": column(st.integers(-500, 500)),
        "lot": column(st.sampled_from([1, 1, 10, 100])),
        "tradable": column(st.booleans()),
        "shortable": column(st.booleans()),
        "equity": draw(st.floats(1.0, 1e9)),
        "returns": np.array([column(returns) for _ in range(rows)], dtype=np.float64).reshape(rows, width),
    }


@settings(max_examples=400, deadline=None)
@given(_decisions())
@example((PLAIN, {"forecast": [1.0, 0.0], "volatility": [5e-324, 0.2], "returns": np.full((2, 2), 1e-300)}))
def test_caps_and_lots_hold_and_nothing_is_nan_whatever_comes_in(decision: tuple[Construction, dict[str, Any]]) -> None:
    construction, given_ = decision
    got = decide(construction, **given_)
    width = len(got.symbols)
    equity = given_.get("equity", 10_000.0)
    lot = np.array(given_.get("lot", [1] * width), dtype=np.int64)
    tradable = np.array(given_.get("tradable", [True] * width), dtype=np.bool_)
    assert np.isfinite(got.weight).all()
    assert got.quantity.dtype == np.int64
    free = tradable & ~np.isnan(got.price)
    # what may not trade is kept as it is
    assert (got.quantity[~free] == got.current[~free]).all()
    # whole lots, or what is held
    assert ((got.quantity % lot == 0) | (got.quantity == got.current)).all()
    # the shares are worth no more than the weight, to the micro
    value = np.abs(got.quantity * np.where(np.isnan(got.price), 0.0, got.price))
    traded = free & (got.quantity != got.current)
    micro = 1e-6 + 1e-12 * equity + 5e-7 * np.abs(got.quantity)  # the last term: prices under a micro's grid
    assert (value <= np.abs(got.weight) * equity + micro)[traded].all()
    # caps at the end, in weights and in shares
    assert (np.abs(got.weight[free]) <= construction.weight_cap * (1 + 1e-12)).all()
    locked = np.abs(got.weight[~free]).sum()
    assert np.abs(got.weight[free]).sum() <= max(0.0, construction.gross_cap - locked) * (1 + 1e-12) + 1e-12
    assert (value <= construction.weight_cap * equity + micro)[free].all()
    shortable = np.array(given_.get("shortable", [True] * width), dtype=np.bool_) & (not construction.long_only)
    assert (got.quantity[free & ~shortable] >= 0).all()
    # the same again, byte for byte
    again = decide(construction, **given_)
    assert got.quantity.tobytes() == again.quantity.tobytes()
    assert got.weight.tobytes() == again.weight.tobytes()


@given(
    st.floats(0.0, 1.0),
    st.integers(1, 10**9).map(lambda cents: cents / 100),
    st.decimals("0.01", "9999", places=6),
    st.integers(1, 100),
)
def test_whole_lots_are_the_exact_integer_quotient(weight: float, equity: float, price: Decimal, lot: int) -> None:
    (quantity,) = whole_lots(np.array([weight]), np.array([float(price)]), np.array([lot]), equity, ("a",)).tolist()
    value = round(weight * equity * 1_000_000)
    assert quantity * micros(price) <= value < (quantity + lot) * micros(price)
    assert quantity % lot == 0
