"""Returns: worked by hand, what is undefined, what is refused, and what holds for any series."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.replay import benchmark as against
from grodt.replay import returns as r
from grodt.replay import tails
from grodt.replay.drawdowns import calmar
from grodt.signals.panel import FloatArray
from tests.replay.courses import random_returns, series

HAND = np.array([0.10, -0.05, 0.02, -0.10])


def test_a_series_worked_by_hand() -> None:
    # mean -0.0075; squared deviations 0.01155625 + 0.00180625 + 0.00075625 + 0.00855625 = 0.022675
    deviation = math.sqrt(0.022675 / 3)
    assert r.total_return(HAND) == pytest.approx(1.1 * 0.95 * 1.02 * 0.9 - 1)
    assert r.annual_return(HAND, 8) == pytest.approx((1.1 * 0.95 * 1.02 * 0.9) ** 2 - 1)
    assert r.annual_volatility(HAND, 4) == pytest.approx(2 * deviation)
    assert r.sharpe(HAND, 0.0, 4) == pytest.approx(2 * -0.0075 / deviation)
    assert r.sortino(HAND, 0.0, 4) == pytest.approx(2 * -0.0075 / math.sqrt((0.05**2 + 0.1**2) / 4))
    assert r.hit_rate(HAND) == 0.5
    assert r.profit_factor(HAND) == pytest.approx(0.12 / 0.15)
    assert tails.historical_var(HAND) == pytest.approx(-0.10 + 0.15 * 0.05)
    assert tails.historical_cvar(HAND) == pytest.approx(-0.10)


def test_the_risk_free_rate_is_per_year_and_compounds() -> None:
    assert (1 + r.per_session(0.05)) ** 252 == pytest.approx(1.05)
    assert r.sharpe(HAND, 0.05) == pytest.approx(r.sharpe(HAND - r.per_session(0.05)))
    assert r.sortino(HAND, 0.05) == pytest.approx(r.sortino(HAND - r.per_session(0.05)))


def test_sessions_that_brought_nothing_are_neither_hit_nor_miss() -> None:
    assert r.hit_rate(np.array([0.0, 0.01, 0.0, 0.0])) == 1.0
    assert math.isnan(r.hit_rate(np.zeros(3)))


EMPTY, SINGLE, FLAT, GAINS = np.array([]), np.array([0.01]), np.full(20, 0.01), np.array([0.01, 0.02, 0.03])


@pytest.mark.parametrize(
    ("statistic", "undefined"),
    [
        (r.total_return, [EMPTY]),
        (r.annual_return, [EMPTY]),
        (r.annual_volatility, [EMPTY, SINGLE]),
        (r.sharpe, [EMPTY, SINGLE, FLAT, np.cumprod(np.full(20, 1.01))[1:] / np.cumprod(np.full(20, 1.01))[:-1] - 1]),
        (r.sortino, [EMPTY, GAINS, FLAT]),
        (r.profit_factor, [EMPTY, GAINS]),
        (r.hit_rate, [EMPTY]),
        (tails.historical_var, [EMPTY]),
        (tails.historical_cvar, [EMPTY]),
        (tails.gaussian_var, [EMPTY, SINGLE]),
        (tails.gaussian_cvar, [EMPTY, SINGLE]),
        (tails.skewness, [EMPTY, SINGLE, GAINS[:2], FLAT]),
        (tails.excess_kurtosis, [EMPTY, SINGLE, GAINS, FLAT]),
        (tails.tail_ratio, [EMPTY, np.zeros(5)]),
        (lambda x: calmar(r.growth_of(x)), [EMPTY, GAINS]),
        (lambda x: against.beta(x, x), [EMPTY, SINGLE, FLAT]),
        (lambda x: against.alpha(x, x), [EMPTY, SINGLE, FLAT]),
        (lambda x: against.correlation(x, x), [EMPTY, SINGLE, FLAT]),
        (lambda x: against.information_ratio(x, x), [EMPTY, SINGLE, FLAT, GAINS]),
        (lambda x: against.tracking_error(x, x), [EMPTY, SINGLE]),
    ],
)
def test_what_a_series_cannot_give_is_nan(statistic: Callable[[FloatArray], float], undefined: list[FloatArray]) -> None:
    assert [math.isnan(statistic(each)) for each in undefined] == [True] * len(undefined)


def test_growth_that_extrapolates_beyond_any_number_is_nan() -> None:
    assert math.isnan(r.annual_return(np.array([1e9])))
    assert r.annual_return(np.array([-0.999999])) == -1.0


def test_volatility_and_tracking_error_of_what_never_varies_are_zero() -> None:
    assert r.annual_volatility(FLAT) == 0.0
    assert against.tracking_error(HAND, HAND) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1.0, -1.5])
def test_a_bad_return_is_an_error_that_names_it(bad: float) -> None:
    with pytest.raises(DataError, match=r"returns: number 1 of 3 is .*each must be finite and > -1"):
        r.sharpe(np.array([0.01, bad, 0.02]))


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -5.0])
def test_bad_equity_is_an_error_that_names_it(bad: float) -> None:
    with pytest.raises(DataError, match=r"equity: number 2 of 3 is .*finite and > 0"):
        r.returns_of(np.array([1.0, 2.0, bad]))


def test_what_is_no_series_is_an_error() -> None:
    with pytest.raises(DataError, match=r"returns have shape \(2, 2\)"):
        r.sharpe(np.zeros((2, 2)))
    with pytest.raises(DataError, match=r"equity has shape \(0,\)"):
        r.returns_of(np.array([]))
    with pytest.raises(DataError, match=r"level 0\.4 is not between"):
        tails.historical_var(HAND, 0.4)
    with pytest.raises(DataError, match="risk-free rate nan"):
        r.sharpe(HAND, math.nan)
    with pytest.raises(DataError, match="one finite number each"):
        r.hit_rate(np.array([math.nan]))
    with pytest.raises(DataError, match="4 returns beside 3 of the benchmark"):
        against.beta(HAND, HAND[1:])


@given(returns=series, leverage=st.floats(0.1, 2.0))
def test_leverage_changes_no_sharpe_sortino_skewness_or_correlation(returns: FloatArray, leverage: float) -> None:
    assume(np.ptp(returns) > 0)
    for statistic in (r.sharpe, r.sortino, tails.skewness, tails.excess_kurtosis, r.profit_factor, r.hit_rate):
        plain, levered = statistic(returns), statistic(leverage * returns)
        assert levered == pytest.approx(plain, rel=1e-6, abs=1e-9, nan_ok=True)
    assert r.annual_volatility(leverage * returns) == pytest.approx(leverage * r.annual_volatility(returns), rel=1e-9)
    assert against.beta(leverage * returns, returns) == pytest.approx(leverage, rel=1e-9)
    assert abs(against.correlation(leverage * returns, returns)) == pytest.approx(1.0)


@given(returns=series, level=st.floats(0.51, 0.999))
def test_the_shortfall_is_never_a_smaller_loss_than_the_value_at_risk(returns: FloatArray, level: float) -> None:
    assert returns.min() - 1e-15 <= tails.historical_cvar(returns, level) <= tails.historical_var(returns, level) + 1e-15
    assert tails.gaussian_cvar(returns, level) <= tails.gaussian_var(returns, level) + 1e-15


@given(first=series, second=series)
def test_total_returns_of_periods_one_after_another_multiply(first: FloatArray, second: FloatArray) -> None:
    whole = r.total_return(np.concatenate((first, second)))
    assert 1 + whole == pytest.approx((1 + r.total_return(first)) * (1 + r.total_return(second)), rel=1e-12)


@given(returns=series)
def test_returns_and_growth_undo_each_other(returns: FloatArray) -> None:
    np.testing.assert_allclose(r.returns_of(r.growth_of(returns)), returns, atol=1e-12)


def test_a_series_is_its_own_benchmark_and_alpha_is_what_is_added_each_session() -> None:
    base = random_returns(3, 500)
    assert against.alpha(base + 0.001, base, 0.03) == pytest.approx(0.252, rel=1e-9)
    assert against.alpha(2 * base, base, 0.03) == pytest.approx(r.per_session(0.03) * 252, rel=1e-9)


def test_rolling_figures_are_the_plain_ones_of_each_window() -> None:
    returns = random_returns(4, 80)
    returns[20:40] = 0.001
    ratio, volatility = r.rolling(returns, 15, 0.02)
    assert np.isnan(ratio[:14]).all()
    assert np.isnan(volatility[:14]).all()
    for end in range(15, 81):
        assert ratio[end - 1] == pytest.approx(r.sharpe(returns[end - 15 : end], 0.02), rel=1e-9, nan_ok=True)
        assert volatility[end - 1] == pytest.approx(r.annual_volatility(returns[end - 15 : end]), rel=1e-9)
    assert np.isnan(ratio[35])
    assert [np.isnan(each).all() for each in r.rolling(returns[:10], 15)] == [True, True]
    with pytest.raises(DataError, match="window 1 is less than 2"):
        r.rolling(returns, 1)
