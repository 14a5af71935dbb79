"""True range and its average."""

import numpy as np
from numpy.typing import NDArray

from grodt.signals.indicators.averages import LONGEST, wilder_decay
from grodt.signals.indicators.decay import chunks, first_rows, picked, smoothed, spare
from grodt.signals.indicators.dense import Columns, evaluate
from grodt.signals.indicators.recurrence import BoolArray
from grodt.signals.panel import FloatArray
from grodt.signals.parameters import require_count


def true_range(high: FloatArray, low: FloatArray, close: FloatArray, listed: BoolArray | None = None) -> FloatArray:
    """True range, the greatest of high − low, |high − previous close| and |low − previous close|.

    The first bar has no previous close and no value: bar 1 is the first with one. (Wilder, New Concepts in Technical Trading Systems,
    1978; TA-Lib TRANGE agrees.)

    Args:
        high, low, close: (T, N), NaN where there is no bar; low ≤ high.
        listed: see `evaluate` in `dense`.
    """

    def kernel(inputs: Columns, outs: Columns) -> None:
        (out,), room = outs, spare(outs[0].shape)
        for rows in chunks(0, len(out), out.shape[1]):
            fill_true_range(inputs, rows, None, out[rows], room)

    return evaluate(kernel, (high, low, close), 1, listed)[0]


def atr(high: FloatArray, low: FloatArray, close: FloatArray, length: int = 14, listed: BoolArray | None = None) -> FloatArray:
    """Average true range: Wilder's smoothing of the true range.

    Seed: the mean of the first `length` true ranges, of bars 1 to length, at bar length, the first with a value; bar 0 has no true range
    and counts for nothing. (Wilder, 1978; TA-Lib ATR and Stock.Indicators agree.)

    Args:
        high, low, close: (T, N), NaN where there is no bar; low ≤ high.
        length: bars.
        listed: see `evaluate` in `dense`.
    """
    require_count("atr", "length", length, low=1, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        average_true_range(inputs, outs[0], length)

    return evaluate(kernel, (high, low, close), 1, listed)[0]


def average_true_range(prices: Columns, out: FloatArray, length: int) -> None:
    """`atr` of dense columns; prices are high, low, close."""
    room = spare(out.shape)

    def fill(rows: slice, columns: NDArray[np.int64] | None, weight: float, terms: FloatArray) -> None:
        fill_true_range(prices, rows, columns, terms[:, 0], room)
        terms *= weight

    first = first_rows(prices[2]) + 1
    for _ in smoothed(fill, first, length, wilder_decay(length), weight=1.0 / length, rows=len(out), out=out):
        pass


def fill_true_range(prices: Columns, rows: slice, columns: NDArray[np.int64] | None, out: FloatArray, room: FloatArray) -> None:
    """True range of these rows: the greater of high and previous close, less the lesser of low and previous close.

    `room` is `spare` of the whole shape; it is used for all columns, picked ones bring their own.
    """
    low, high = max(rows.start, 1), rows.stop
    out[: low - rows.start] = np.nan
    out = out[low - rows.start :]
    highs, lows, _ = (picked(one, slice(low, high), columns) for one in prices)
    previous = picked(prices[2], slice(low - 1, high - 1), columns)
    np.minimum(lows, previous, out=out)
    greater = np.maximum(highs, previous, out=room[: len(out)] if columns is None else None)
    np.subtract(greater, out, out=out)
