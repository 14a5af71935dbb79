"""Statistics over the last bars: standard deviation, z-score, rank, beta."""

import math

import numpy as np

from grodt.signals.indicators.averages import LONGEST
from grodt.signals.indicators.decay import chunks
from grodt.signals.indicators.dense import Columns, evaluate
from grodt.signals.indicators.recurrence import BoolArray
from grodt.signals.indicators.windows import window_squares, window_sums
from grodt.signals.panel import FloatArray
from grodt.signals.parameters import require_count

#: Comparisons a byte can count, two to a bar.
_BYTE = 127


def standard_deviation(values: FloatArray, window: int, *, sample: bool = False, listed: BoolArray | None = None) -> FloatArray:
    """Standard deviation of the last `window` values, the bar's own included.

    *Population* (over window) unless `sample` (over window − 1) is asked for. First value at bar window − 1; values that stand still have
    exactly 0. (Textbook; TA-Lib STDDEV and Stock.Indicators agree with the population form, pandas `rolling.std` with the
    sample form.)

    Args:
        values: (T, N), NaN where there is no bar.
        window: bars, at least 2.
        sample: whether to divide by window − 1.
        listed: see `evaluate` in `dense`.
    """
    require_count("standard_deviation", "window", window, low=2, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (dense,), (out,) = inputs, outs
        deviation(dense, out, window, 1.0 / math.sqrt(window - int(sample)))

    return evaluate(kernel, (values,), 1, listed)[0]


def deviation(dense: FloatArray, out: FloatArray, window: int, scale: float) -> None:
    """√(Σ (x − mean)²) · scale of dense columns."""
    out[: window - 1] = np.nan
    for sums, squares in window_squares(dense, window):
        np.sqrt(squares, out=squares)
        np.multiply(squares, scale, out=out[sums.rows])


def z_score(values: FloatArray, window: int, *, sample: bool = False, listed: BoolArray | None = None) -> FloatArray:
    """(x − mean) / standard deviation of the last `window` values, the bar's own included.

    Conventions as in `standard_deviation`. First value at bar window − 1; NaN where the values stand still. (Textbook; Stock.Indicators'
    z-score agrees.)

    Args:
        values: (T, N), NaN where there is no bar.
        window: bars, at least 2.
        sample: whether the standard deviation divides by window − 1.
        listed: see `evaluate` in `dense`.
    """
    require_count("z_score", "window", window, low=2, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (dense,), (out,) = inputs, outs
        out[: window - 1] = np.nan
        scale = math.sqrt(window - int(sample))
        for sums, squares in window_squares(dense, window):
            part, mean = out[sums.rows], sums.terms[0]
            mean *= 1.0 / window
            np.subtract(dense[sums.rows], dense[sums.seam], out=part)
            part -= mean
            part /= np.sqrt(squares, out=squares)  # 0 / 0 where the values stand still
            part *= scale

    return evaluate(kernel, (values,), 1, listed)[0]


def rolling_rank(values: FloatArray, window: int, listed: BoolArray | None = None) -> FloatArray:
    """Percentile of the value among the last `window` values, its own included: its rank over `window`, 1/window to 1, ties averaged.

    First value at bar window − 1. The cost grows with the window. (Textbook mid-rank; pandas `rolling.rank(pct=True)` agrees.)

    Args:
        values: (T, N), NaN where there is no bar.
        window: bars.
        listed: see `evaluate` in `dense`.
    """
    require_count("rolling_rank", "window", window, low=1, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (dense,), (out,) = inputs, outs
        out[: window - 1] = np.nan
        for rows in chunks(window - 1, len(dense), dense.shape[1]):
            now, part = dense[rows], out[rows]
            part.fill(2.0)
            count, beats = np.empty(now.shape, dtype=np.uint8), np.empty(now.shape, dtype=np.bool_)
            for first in range(1, window, _BYTE):
                count.fill(0)
                for back in range(first, min(first + _BYTE, window)):
                    then = dense[rows.start - back : rows.stop - back]
                    for compare in (np.less, np.less_equal):
                        compare(then, now, out=beats)
                        np.add(count, beats.view(np.uint8), out=count)
                part += count
            part *= 1.0 / (2 * window)
            for one in (now, dense[rows.start - window + 1 : rows.stop - window + 1]):
                np.copyto(part, np.nan, where=np.isnan(one))

    return evaluate(kernel, (values,), 1, listed)[0]


def beta(returns: FloatArray, index: FloatArray, window: int = 252, listed: BoolArray | None = None) -> FloatArray:
    """Slope of a symbol's returns on an index's over the last `window` bars: covariance over the index's variance.

    Both over the same bars, those where symbol and index have a return, the bar's own included; the divisor cancels. First value at bar
    window − 1; NaN where the index stands still. (Sharpe, "Capital Asset Prices", Journal of Finance 19, 1964; least squares with an
    intercept. TA-Lib BETA takes prices and simple returns.)

    Args:
        returns: (T, N), NaN where there is none.
        index: (T,), the index's returns, NaN where there is none.
        window: bars, at least 2.
        listed: see `evaluate` in `dense`.

    Raises:
        ValueError: `index` is not as long as `returns`.
    """
    require_count("beta", "window", window, low=2, high=LONGEST)
    if index.shape != returns.shape[:1]:
        raise ValueError(f"beta: the index has shape {index.shape}; it must be {returns.shape[:1]}, one return per session")

    def kernel(inputs: Columns, outs: Columns) -> None:
        (out,) = outs
        out[: window - 1] = np.nan
        for sums in window_sums(inputs, window, ((0, 1), (1, 1))):
            symbol, market, both, square = sums.terms
            symbol *= market
            market *= market
            symbol *= 1.0 / window
            market *= 1.0 / window
            both -= symbol
            square -= market
            np.copyto(square, np.nan, where=square <= 0.0)
            np.divide(both, square, out=out[sums.rows])

    return evaluate(kernel, (returns, np.broadcast_to(index[:, None], returns.shape)), 1, listed)[0]
