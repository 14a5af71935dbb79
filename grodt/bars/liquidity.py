"""What the last sessions say of a symbol's trading: average value and daily volatility, for the price impact of an order.

Both are made of terms that each come from one bar alone, as it was traded, so no split or dividend between the bars disturbs them. The sums
run over the sessions from the oldest to the newest, so a session has the same bits whether it is read alone or as a row of ten years.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Sessions before the one that is traded in.
FIGURE_SESSIONS = 20
#: ln(high / low)² of a Brownian path without drift is 4 ln 2 times its variance on average.
_PARKINSON = 4 * np.log(2.0)


def bar_terms(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What each bar adds to the sums: ln(high / low)², NaN where there is no bar, and close · volume, 0 where there is none.

    Args:
        high, low, close: prices as traded, > 0, of any one shape; NaN where there is no bar.
        volume: shares traded as they were counted then, same shape.
    """
    ratio = np.ascontiguousarray(high / low)
    logarithm = np.log(ratio)
    value = close * volume
    return logarithm * logarithm, np.where(np.isnan(value), 0.0, value)


def figures_of(range_squared: FloatArray, value: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Average value traded and daily volatility over the sessions of a window.

    average value = Σ value / 20: a session without a bar, or before the first one, traded nothing.
    volatility = √(mean(ln(high / low)²) / (4 ln 2)) over the bars there are: Parkinson, "The extreme value method for estimating the
    variance of the rate of return", Journal of Business 53 (1980). Per session, not per year; NaN where there is no bar.

    Args:
        range_squared, value: of `bar_terms`, (W, …) with the oldest session first, W at most 20. The dimensions after the first are
            whatever there are: (W, N) is one session, and a sliding view (20, T, N) is all sessions at once.

    Returns:
        Average value in currency units and volatility, of the shape without the first dimension.

    Raises:
        ValueError: the shapes differ, or the window is longer than 20 sessions.
    """
    if range_squared.shape != value.shape or range_squared.ndim < 1 or range_squared.shape[0] > FIGURE_SESSIONS:
        raise ValueError(
            f"terms {range_squared.shape} and {value.shape} are not of one shape with at most {FIGURE_SESSIONS} sessions, oldest first"
        )
    squares, traded = np.zeros(value.shape[1:]), np.zeros(value.shape[1:])
    bars = np.zeros(value.shape[1:], dtype=np.int64)
    for own_squares, own_value in zip(range_squared, value, strict=True):  # not np.sum, whose order depends on the shape
        present = ~np.isnan(own_squares)
        squares += np.where(present, own_squares, 0.0)
        traded += own_value
        bars += present
    mean = np.divide(squares, bars, out=np.full(squares.shape, np.nan), where=bars > 0)
    return traded / FIGURE_SESSIONS, np.sqrt(mean / _PARKINSON)


def trading_figures(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`figures_of` the bars of the sessions before the one that is traded in, (W, N) each with the oldest first."""
    return figures_of(*bar_terms(high, low, close, volume))
