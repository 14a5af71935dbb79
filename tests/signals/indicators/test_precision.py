"""A value that has left a window has left nothing behind: against exact arithmetic, on hostile prices."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.signals import indicators as ind
from grodt.signals.panel import FloatArray
from tests.examples import examples
from tests.signals.indicators import by_hand

#: Prices over twelve decades: quiet ones around some level, and now and then one that is absurd.
_PRICES = st.lists(
    st.one_of(st.floats(1e-3, 2e-3), st.floats(99.9, 100.1), st.sampled_from([1e9, 123456789.123, 1e-3, 1e-9])), min_size=8, max_size=40
)


def _column(values: Sequence[float]) -> FloatArray:
    return np.array(values, dtype=float)[:, None]


@examples(150)
@given(prices=_PRICES, window=st.integers(2, 9))
def test_means_deviations_and_scores_are_exact_to_ten_digits(prices: list[float], window: int) -> None:
    mean, spread = ind.sma(_column(prices), window)[:, 0], ind.standard_deviation(_column(prices), window)[:, 0]
    score = ind.z_score(_column(prices), window)[:, 0]
    for end in range(window, len(prices) + 1):
        part = prices[end - window : end]
        assert mean[end - 1] == pytest.approx(by_hand.mean(part), rel=1e-12)
        assert spread[end - 1] == pytest.approx(by_hand.deviation(part), rel=1e-10, abs=0)
        assert score[end - 1] == pytest.approx(by_hand.z(part), rel=1e-9, abs=1e-9, nan_ok=True)


def test_a_price_of_a_billion_leaves_later_windows_as_if_it_had_never_been() -> None:
    rng = np.random.default_rng(1)
    quiet = 1e-3 * (1 + 0.01 * rng.random((300, 1)))
    poisoned = quiet.copy()
    poisoned[50] = 1e9
    poisoned[51] = 1.0
    for of in (
        lambda x: ind.sma(x, 20),
        lambda x: ind.standard_deviation(x, 20),
        lambda x: ind.z_score(x, 20),
        lambda x: ind.bollinger(x, 20).upper,
        lambda x: ind.donchian(x, x, 20).upper,
        lambda x: ind.volume_ratio(x, 19),
        lambda x: ind.rolling_rank(x, 20),
    ):
        np.testing.assert_array_equal(of(poisoned)[72:], of(quiet)[72:])


def test_the_deviation_of_a_millionth_around_a_million_has_six_digits_and_of_nothing_is_nothing() -> None:
    rng = np.random.default_rng(2)
    prices = 1e6 + 1e-6 * rng.integers(0, 100, (200, 3))
    got = ind.standard_deviation(prices, 60)
    for row in (59, 100, 199):
        assert got[row, 0] == pytest.approx(by_hand.deviation([float(x) for x in prices[row - 59 : row + 1, 0]]), rel=1e-10)
    still = np.full((50, 1), 0.1)
    assert (ind.standard_deviation(still, 7)[6:] == 0.0).all()
    assert np.isnan(ind.z_score(still, 7)).all()


@examples(60)
@given(seed=st.integers(0, 2**32 - 1), window=st.integers(2, 12), level=st.sampled_from([0.0, 1.0, 1e6]))
def test_beta_is_least_squares_in_exact_arithmetic(seed: int, window: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    index, own = level + rng.normal(0, 0.01, 40), level + rng.normal(0, 0.02, 40)
    got = ind.beta(own[:, None], index, window)[:, 0]
    want = by_hand.beta(own.tolist(), index.tolist(), window)
    sizes = [math.nan] * 40
    for end in range(window, 41):
        part = slice(end - window, end)
        sizes[end - 1] = math.sqrt(by_hand.variance(own[part].tolist(), 0) / by_hand.variance(index[part].tolist(), 0))
    for ours, exact, size in zip(got, want, sizes, strict=True):
        assert ours == pytest.approx(exact, abs=0 if math.isnan(size) else 1e-11 * size, nan_ok=True)


def test_an_exponential_average_over_a_million_bars_does_not_wander_off() -> None:
    rng = np.random.default_rng(3)
    prices = 100 + rng.random((200_000, 1))
    got = ind.ema(prices, 9)[-1, 0]
    weight, total = Fraction(1, 5), Fraction(0)
    for back in range(200):
        total += weight * Fraction(float(prices[-1 - back, 0]))
        weight *= Fraction(4, 5)
    assert got == pytest.approx(float(total / (1 - weight * 5)), rel=1e-14)
