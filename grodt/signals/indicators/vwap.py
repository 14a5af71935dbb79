"""Volume-weighted average price: by session, from an anchor, over the last bars."""

import numpy as np
from numpy.typing import NDArray

from grodt.signals.indicators.averages import LONGEST
from grodt.signals.indicators.compiled import evaluate
from grodt.signals.indicators.recurrence import BoolArray
from grodt.signals.panel import FloatArray
from grodt.signals.parameters import require_count

_IntArray = NDArray[np.int64]


def session_vwap(
    high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, starts: _IntArray, listed: BoolArray | None = None
) -> FloatArray:
    """Volume-weighted average price since the session's first bar: Σ typical price · volume / Σ volume.

    Typical price is (high + low + close) / 3. Both sums start at zero in each session, and where a symbol is listed anew; the bar itself is
    included. NaN where there is no bar or nothing has been traded in the session yet. (Berkowitz, Logue and Noser, "The Total Cost of
    Transactions on the NYSE", Journal of Finance 43, 1988; Stock.Indicators agrees.)

    Args:
        high, low, close, volume: (T, N) of minute bars, say; NaN where there is no bar.
        starts: row of the first bar of each session, ascending from 0.
        listed: (T, N), True from where on a symbol is another one.

    Raises:
        ValueError: shapes differ, or `starts` is not as said.
    """
    rows = np.asarray(starts, dtype=np.int64)
    if rows.ndim != 1 or not rows.size or rows[0] != 0 or (np.diff(rows) <= 0).any() or rows[-1] >= max(1, len(close)):
        raise ValueError(f"session_vwap: starts are {rows.tolist()}; they must ascend from 0 to a row below {len(close)}")
    begins = np.zeros(np.shape(close), dtype=np.bool_)
    begins[rows[rows < len(close)]] = True
    return _vwap((high, low, close, volume), begins, listed)


def anchored_vwap(
    high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, anchor: int | _IntArray, listed: BoolArray | None = None
) -> FloatArray:
    """Volume-weighted average price since an anchor, such as a low or a report of earnings; as `session_vwap` otherwise.

    NaN before the anchor; its own bar is the first that counts. (Shannon, Maximum Trading Gains with Anchored VWAP, 2023; Stock.Indicators
    with a start date agrees.)

    Args:
        high, low, close, volume: (T, N), NaN where there is no bar.
        anchor: row, one for all symbols or one per symbol, (N,).
        listed: (T, N), True from where on a symbol is another one.

    Raises:
        ValueError: shapes differ, or an anchor is not a row of the arrays.
    """
    length, width = np.shape(close)
    anchors = np.broadcast_to(np.asarray(anchor, dtype=np.int64), (width,))
    if ((anchors < 0) | (anchors >= length)).any():
        raise ValueError(f"anchored_vwap: anchors lie from {anchors.min()} to {anchors.max()}; they must be rows from 0 to {length - 1}")
    out = _vwap((high, low, close, volume), np.arange(length)[:, None] == anchors, listed)
    out[np.arange(length)[:, None] < anchors] = np.nan
    return out


def rolling_vwap(
    high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, window: int, listed: BoolArray | None = None
) -> FloatArray:
    """Volume-weighted average price of the last `window` bars, the bar itself included; typical price as in `session_vwap`.

    First value at bar window − 1; NaN where nothing was traded in those bars. Where windows reach over splits, prices and volumes must
    be adjusted for them. (Textbook moving VWAP; pandas `rolling.sum` of price · volume over that of volume agrees.)

    Args:
        high, low, close, volume: (T, N), NaN where there is no bar.
        window: bars.
        listed: see `evaluate` in `compiled`.
    """
    require_count("rolling_vwap", "window", window, low=1, high=LONGEST)
    typical = (high + low + close) * (1.0 / 3.0)
    return evaluate("rolling_vwap", (typical, volume), counts=(window,), listed=listed)[0]


def _vwap(
    prices_and_volume: tuple[FloatArray, FloatArray, FloatArray, FloatArray], begins: BoolArray, listed: BoolArray | None
) -> FloatArray:
    """Since the last row that begins one, or the last listing."""
    return evaluate("running_vwap", prices_and_volume, listed=begins if listed is None else begins | listed)[0]
