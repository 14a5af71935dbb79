"""The probabilistic and the deflated Sharpe ratio, with the papers' own examples as known answers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.replay.deflated_sharpe import (
    Trials,
    deflated_sharpe_of,
    expected_largest_sharpe,
    probabilistic_sharpe,
    probabilistic_sharpe_of,
)
from grodt.replay.returns import sharpe
from grodt.replay.tails import moments
from tests.replay.courses import random_returns

# Bailey and López de Prado, The Deflated Sharpe Ratio, 2014, "A numerical example": five years of 250 sessions, an annual Sharpe ratio of
# 2.5, the trials' annual Sharpe ratios with a variance of 1/2, skewness −3 and kurtosis 10.
RATIO, VARIANCE, COUNT = 2.5 / math.sqrt(250), 0.5 / 250, 1250


def test_the_paper_expects_0_1132_of_the_best_of_a_hundred_trials() -> None:
    assert expected_largest_sharpe(Trials(100, VARIANCE)) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize(("trials", "skew", "kurtosis", "expected"), [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)])
def test_the_papers_deflated_sharpe_ratios(trials: int, skew: float, kurtosis: float, expected: float) -> None:
    found = probabilistic_sharpe(RATIO, expected_largest_sharpe(Trials(trials, VARIANCE)), COUNT, skew, kurtosis)
    assert found == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("skew", "kurtosis", "expected"), [(0, 3, 0.982), (-2.448, 10.164, 0.913)])
def test_the_probabilistic_sharpe_ratios_of_the_paper_of_2012(skew: float, kurtosis: float, expected: float) -> None:
    # The Sharpe Ratio Efficient Frontier, section 4: a monthly Sharpe ratio of 0.458 over two years
    assert probabilistic_sharpe(0.458, 0.0, 24, skew, kurtosis) == pytest.approx(expected, abs=5e-4)


def test_of_a_series_it_is_the_formula_on_its_own_moments() -> None:
    returns = random_returns(8, 700, 0.0008)
    skew, kurtosis = moments(returns)
    ratio = float(returns.mean() / returns.std(ddof=1))
    assert probabilistic_sharpe_of(returns) == pytest.approx(probabilistic_sharpe(ratio, 0.0, 700, skew, kurtosis))
    assert probabilistic_sharpe_of(returns, 0.02) == pytest.approx(
        probabilistic_sharpe(sharpe(returns, 0.02) / math.sqrt(252), 0.0, 700, skew, kurtosis)
    )


def test_one_trial_deflates_nothing_and_more_deflate_more() -> None:
    returns = random_returns(9, 700, 0.0008)
    deflated = [deflated_sharpe_of(returns, Trials(count, 0.002)) for count in (1, 5, 50, 500)]
    assert deflated[0] == probabilistic_sharpe_of(returns)
    assert deflated == sorted(deflated, reverse=True)
    assert len(set(deflated)) == 4


def test_it_is_undefined_without_variance_or_with_one_return() -> None:
    assert math.isnan(probabilistic_sharpe_of(np.full(50, 0.01)))
    assert math.isnan(probabilistic_sharpe_of(np.array([0.01])))
    assert math.isnan(probabilistic_sharpe(1.0, 0.0, 1))
    assert math.isnan(probabilistic_sharpe(1.0, math.nan, 100))
    assert math.isnan(probabilistic_sharpe(1.0, 0.0, 100, skew=5.0))


@pytest.mark.parametrize(
    ("count", "variance", "message"), [(0, 0.1, "0 trials"), (3, -0.1, "variance -0.1"), (3, math.nan, "variance nan")]
)
def test_impossible_trials_are_refused(count: int, variance: float, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Trials(count, variance)


@given(ratio=st.floats(-0.5, 0.5), benchmark=st.floats(-0.5, 0.5), count=st.integers(2, 5000), skew=st.floats(-1, 1))
def test_it_is_a_probability_and_one_half_at_the_benchmark(ratio: float, benchmark: float, count: int, skew: float) -> None:
    assert 0 <= probabilistic_sharpe(ratio, benchmark, count, skew, 4.0) <= 1
    assert probabilistic_sharpe(ratio, ratio, count, skew, 4.0) == 0.5


def test_the_expected_largest_is_near_the_mean_of_largest_draws() -> None:
    draws = np.random.default_rng(1).normal(0, 0.05, (20_000, 50)).max(axis=1).mean()
    assert expected_largest_sharpe(Trials(50, 0.05**2)) == pytest.approx(draws, rel=0.02)  # an approximation for many trials
