"""Statistics over the last bars: standard deviation, z-score, rank, beta."""

import math

import numpy as np

from grodt.signals.indicators.averages import LONGEST
from grodt.signals.indicators.compiled import evaluate
from grodt.signals.indicators.recurrence import BoolArray
from grodt.signals.panel import FloatArray
from grodt.signals.parameters import require_count


def standard_deviation(values: FloatArray, window: int, *, sample: bool = False, listed: BoolArray | None = None) -> FloatArray:
    """Standard deviation of the last `window` values, the bar's own included.

    *Population* (over window) unless `sample` (over window − 1) is asked for. First value at bar window − 1; values that stand still have
    exactly 0. (Textbook; TA-Lib STDDEV and Stock.Indicators agree with the population form, pandas `rolling.std` with the
    sample form.)

    Args:
        values: (T, N), NaN where there is no bar.
        window: bars, at least 2.
        sample: whether to divide by window − 1.
        listed: see `evaluate` in `compiled`.
    """
    require_count("standard_deviation", "window", window, low=2, high=LONGEST)
    scale = 1.0 / math.sqrt(window - int(sample))
    return evaluate("standard_deviation", (values,), counts=(window,), factors=(scale,), listed=listed)[0]


def z_score(values: FloatArray, window: int, *, sample: bool = False, listed: BoolArray | None = None) -> FloatArray:
    """(x − mean) / standard deviation of the last `window` values, the bar's own included.

    Conventions as in `standard_deviation`. First value at bar window − 1; NaN where the values stand still. (Textbook; Stock.Indicators'
    z-score agrees.)

    Args:
        values: (T, N), NaN where there is no bar.
        window: bars, at least 2.
        sample: whether the standard deviation divides by window − 1.
        listed: see `evaluate` in `compiled`.
    """
    require_count("z_score", "window", window, low=2, high=LONGEST)
    scale = math.sqrt(window - int(sample))
    return evaluate("z_score", (values,), counts=(window,), factors=(scale,), listed=listed)[0]


def rolling_rank(values: FloatArray, window: int, listed: BoolArray | None = None) -> FloatArray:
    """Percentile of the value among the last `window` values, its own included: its rank over `window`, 1/window to 1, ties averaged.

    First value at bar window − 1. The cost grows with the window. (Textbook mid-rank; pandas `rolling.rank(pct=True)` agrees.)

    Args:
        values: (T, N), NaN where there is no bar.
        window: bars.
        listed: see `evaluate` in `compiled`.
    """
    require_count("rolling_rank", "window", window, low=1, high=LONGEST)
    return evaluate("rolling_rank", (values,), counts=(window,), listed=listed)[0]


def beta(returns: FloatArray, index: FloatArray, window: int = 252, listed: BoolArray | None = None) -> FloatArray:
    """Slope of a symbol's returns on an index's over the last `window` bars: covariance over the index's variance.

    Both over the same bars, those where symbol and index have a return, the bar's own included; the divisor cancels. First value at bar
    window − 1; NaN where the index stands still. (Sharpe, "Capital Asset Prices", Journal of Finance 19, 1964; least squares with an
    intercept. TA-Lib BETA takes prices and simple returns.)

    Args:
        returns: (T, N), NaN where there is none.
        index: (T,), the index's returns, NaN where there is none.
        window: bars, at least 2.
        listed: see `evaluate` in `compiled`.

    Raises:
        ValueError: `index` is not as long as `returns`.
    """
    require_count("beta", "window", window, low=2, high=LONGEST)
    if index.shape != returns.shape[:1]:
        raise ValueError(f"beta: the index has shape {index.shape}; it must be {returns.shape[:1]}, one return per session")
    everywhere = np.broadcast_to(index[:, None], returns.shape)
    return evaluate("beta", (returns, everywhere), counts=(window,), listed=listed)[0]
