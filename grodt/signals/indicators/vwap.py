"""Volume-weighted average price: by session, from an anchor, over the last bars."""

import numpy as np
from numpy.typing import NDArray

from grodt.signals.indicators.averages import LONGEST
from grodt.signals.indicators.decay import chunks
from grodt.signals.indicators.dense import Columns, evaluate
from grodt.signals.indicators.recurrence import BoolArray
from grodt.signals.indicators.windows import window_sums
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
    return _vwap((high, low, close, volume), dict.fromkeys(rows.tolist(), slice(None)), listed)


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
    out = _vwap((high, low, close, volume), {int(row): np.flatnonzero(anchors == row) for row in np.unique(anchors)}, listed)
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
        listed: see `evaluate` in `dense`.
    """
    require_count("rolling_vwap", "window", window, low=1, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (typical, volume), (out,) = inputs, outs
        out[: window - 1] = np.nan
        for sums in window_sums(inputs, window, ((0, 1),)):
            # Σ p·v / Σ v with p and v less their values p₀ and v₀ at the seam: p₀ + (Σ (p − p₀)(v − v₀) + v₀ Σ (p − p₀)) / Σ v.
            price, shares, both = sums.terms
            price *= volume[sums.seam]
            both += price
            shares += window * volume[sums.seam]
            np.copyto(shares, np.nan, where=shares <= 0.0)
            both /= shares
            np.add(both, typical[sums.seam], out=out[sums.rows])

    typical = (high + low + close) * (1.0 / 3.0)
    return evaluate(kernel, (typical, volume), 1, listed)[0]


def _vwap(inputs: tuple[FloatArray, ...], resets: dict[int, slice | _IntArray], listed: BoolArray | None) -> FloatArray:
    """Sums of typical price · volume and of volume, set to zero in the given columns before the given rows."""
    arrays = [np.asarray(one, dtype=np.float64) for one in inputs]
    for one in (*arrays, *(() if listed is None else (listed,))):
        if one.ndim != 2 or one.shape != arrays[0].shape:
            raise ValueError(f"a VWAP's inputs have shapes {arrays[0].shape} and {one.shape}; they must be the same (sessions, symbols)")
    high, low, close, volume = arrays
    length, width = close.shape
    out, state = np.empty((length, width)), np.zeros((2, width))
    anew = np.zeros(length, dtype=np.bool_) if listed is None else listed.any(axis=1)
    room = np.empty((next(chunks(0, max(1, length), 2 * width)).stop, 2, width))
    with np.errstate(divide="ignore", invalid="ignore"):
        for rows in chunks(0, length, 2 * width):
            terms = room[: rows.stop - rows.start]
            traded, shares, part = terms[:, 0], terms[:, 1], out[rows]
            np.add(high[rows], low[rows], out=traded)
            traded += close[rows]
            traded *= 1.0 / 3.0
            traded *= volume[rows]
            np.copyto(shares, volume[rows])
            absent = np.isnan(traded)
            np.copyto(terms, 0.0, where=absent[:, None])
            before = state
            for row, term in enumerate(terms, start=rows.start):
                if row in resets or anew[row]:
                    before = before.copy()
                    if row in resets:
                        before[:, resets[row]] = 0.0
                    if listed is not None and anew[row]:
                        before[:, listed[row]] = 0.0
                np.add(term, before, out=term)
                before = term
            np.copyto(state, before)
            np.divide(traded, shares, out=part)
            np.copyto(part, np.nan, where=absent)
    return out
