"""Average value and Parkinson's volatility: worked by hand, and the same bits however they are reached."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from grodt.bars.liquidity import FIGURE_SESSIONS, bar_terms, figures_of, trading_figures

Floats = NDArray[np.float64]


def _bars(sessions: int, ratio: float, close: float = 10.0, volume: float = 1_000.0) -> tuple[Floats, Floats, Floats, Floats]:
    shape = (sessions, 1)
    return np.full(shape, 8.0 * ratio), np.full(shape, 8.0), np.full(shape, close), np.full(shape, volume)


def test_a_range_of_two_is_half_the_root_of_its_logarithm() -> None:
    # √(ln(2)² / (4 ln 2)) = √(ln 2) / 2
    average, volatility = trading_figures(*_bars(20, 2.0))
    assert volatility[0] == pytest.approx(math.sqrt(math.log(2)) / 2, rel=1e-15)
    assert average.tolist() == [10_000.0]


def test_a_session_without_a_bar_traded_nothing_and_has_no_range() -> None:
    high, low, close, volume = _bars(20, 2.0)
    for field in (high, low, close, volume):
        field[:15] = np.nan
    average, volatility = trading_figures(high, low, close, volume)
    assert average.tolist() == [2_500.0]
    assert volatility[0] == pytest.approx(math.sqrt(math.log(2)) / 2, rel=1e-15)


def test_sessions_before_the_first_count_as_sessions_without_a_bar() -> None:
    average, _ = trading_figures(*_bars(5, 2.0))
    assert average.tolist() == [2_500.0]


def test_a_still_bar_has_no_range() -> None:
    high, low, close, volume = _bars(4, 2.0)
    high[1:] = low[1:]
    _, volatility = trading_figures(high, low, close, volume)
    assert volatility[0] == pytest.approx(math.sqrt(math.log(2)) / 4, rel=1e-15)


def test_without_any_bar_there_is_no_volatility() -> None:
    average, volatility = figures_of(np.full((20, 2), np.nan), np.zeros((20, 2)))
    assert average.tolist() == [0.0, 0.0]
    assert np.isnan(volatility).all()


def test_a_split_in_the_window_changes_nothing() -> None:
    """Eight for one: prices an eighth, shares eight times as many."""
    high, low, close, volume = _bars(20, 2.0)
    before = trading_figures(high, low, close, volume)
    for price in (high, low, close):
        price[10:] /= 8
    volume[10:] *= 8
    assert [each.tolist() for each in trading_figures(high, low, close, volume)] == [each.tolist() for each in before]


@given(sessions=st.integers(1, 60), symbols=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_one_symbol_in_one_session_has_the_bits_of_all_of_them_at_once(sessions: int, symbols: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    low = np.exp(random.normal(3, 1, (sessions, symbols)))
    high = low * np.exp(np.abs(random.normal(0, 0.02, low.shape)))
    close, volume = np.sqrt(low * high), random.lognormal(10, 2, low.shape)
    missing = random.random(low.shape) < 0.2
    for field in (low, high, close, volume):
        field[missing] = np.nan
    padded = [
        np.vstack([np.full((FIGURE_SESSIONS, symbols), fill), terms])
        for fill, terms in zip((np.nan, 0.0), bar_terms(high, low, close, volume), strict=True)
    ]
    windows = [np.moveaxis(sliding_window_view(terms, FIGURE_SESSIONS, axis=0)[:-1], -1, 0) for terms in padded]
    all_average, all_volatility = figures_of(*windows)
    for session in range(sessions):
        window = slice(max(0, session - FIGURE_SESSIONS), session)
        for symbol in range(symbols):
            alone = [field[window, symbol : symbol + 1] for field in (high, low, close, volume)]
            average, volatility = trading_figures(*alone)
            assert average.tobytes() == all_average[session, symbol : symbol + 1].tobytes()
            assert np.array_equal(volatility, all_volatility[session, symbol : symbol + 1], equal_nan=True)


def test_terms_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 20 sessions"):
        figures_of(np.zeros((21, 1)), np.zeros((21, 1)))
    with pytest.raises(ValueError, match="not of one shape"):
        figures_of(np.zeros((3, 1)), np.zeros((3, 2)))
