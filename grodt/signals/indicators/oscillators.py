"""Oscillators: RSI, MACD, rate of change, volume ratio."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grodt.signals.indicators.averages import LONGEST, wilder_decay
from grodt.signals.indicators.decay import averaged, chunks, first_rows, picked, smoothed
from grodt.signals.indicators.dense import Columns, evaluate
from grodt.signals.indicators.recurrence import BoolArray, decay_of
from grodt.signals.indicators.windows import window_sums
from grodt.signals.panel import FloatArray
from grodt.signals.parameters import require_count


def rsi(close: FloatArray, length: int = 14, listed: BoolArray | None = None) -> FloatArray:
    """Relative strength index, 100 · G / (G + L), G and L being Wilder's smoothing of gains and of losses from close to close.

    Seed: the means of the first `length` changes, at bar length, the first with a value. Only gains give exactly 100, only losses 0; a
    price that has stood still since its listing has no relative strength and NaN (TA-Lib gives 0). (Wilder, New
    Concepts in Technical Trading Systems, 1978; TA-Lib RSI and Stock.Indicators agree otherwise.)

    Args:
        close: (T, N), NaN where there is no bar.
        length: bars.
        listed: see `evaluate` in `dense`.
    """
    require_count("rsi", "length", length, low=1, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (dense,), (out,) = inputs, outs

        def fill(rows: slice, columns: NDArray[np.int64] | None, weight: float, terms: FloatArray) -> None:
            low = max(rows.start, 1)
            terms[: low - rows.start] = np.nan
            terms = terms[low - rows.start :]
            gain, loss = terms[:, 0], terms[:, 1]
            np.subtract(picked(dense, slice(low, rows.stop), columns), picked(dense, slice(low - 1, rows.stop - 1), columns), out=loss)
            loss *= weight
            np.maximum(loss, 0.0, out=gain)
            np.subtract(gain, loss, out=loss)

        first, decay = first_rows(dense) + 1, wilder_decay(length)
        for rows, averages in smoothed(fill, first, length, decay, weight=1.0 / length, rows=len(dense), terms=2):
            gain, loss, part = averages[:, 0], averages[:, 1], out[rows]
            np.add(gain, loss, out=part)
            np.divide(gain, part, out=part)
            part *= 100.0

    return evaluate(kernel, (close,), 1, listed)[0]


@dataclass(frozen=True, slots=True)
class Macd:
    """Moving average convergence/divergence, (T, N) each.

    Attributes:
        macd: fast less slow exponential average.
        signal: exponential average of `macd`.
        histogram: `macd` less `signal`.
    """

    macd: FloatArray
    signal: FloatArray
    histogram: FloatArray


def macd(close: FloatArray, fast: int = 12, slow: int = 26, signal: int = 9, listed: BoolArray | None = None) -> Macd:
    """Moving average convergence/divergence: `ema(fast)` less `ema(slow)`, and the exponential average of that difference.

    Seeds: each average with the mean of its own first values, the signal line with the mean of the first `signal` differences. First
    difference at bar slow − 1, first signal at bar slow + signal − 2. (Appel, Technical Analysis: Power Tools for Active Investors, 2005;
    Stock.Indicators agrees. TA-Lib MACD starts both averages at one bar, so it agrees only once the seed has faded.)

    Args:
        close: (T, N), NaN where there is no bar.
        fast, slow: spans in bars, fast < slow.
        signal: span of the signal line, in bars.
        listed: see `evaluate` in `dense`.
    """
    require_count("macd", "slow", slow, low=2, high=LONGEST)
    require_count("macd", "fast", fast, low=1, high=slow - 1)
    require_count("macd", "signal", signal, low=1, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (dense,), (difference, line, histogram) = inputs, outs
        averaged(dense, difference, fast, decay_of(fast))
        averaged(dense, histogram, slow, decay_of(slow))
        difference -= histogram
        averaged(difference, line, signal, decay_of(signal))
        np.subtract(difference, line, out=histogram)

    return Macd(*evaluate(kernel, (close,), 3, listed))


def roc(values: FloatArray, length: int, skip: int = 0, listed: BoolArray | None = None) -> FloatArray:
    """Rate of change in percent, 100 · (x_{t−skip} / x_{t−length} − 1); with length 252 and skip 21 it is 12-1 momentum.

    Bars are counted, not sessions. First value at bar `length`. (Textbook; TA-Lib ROC and Stock.Indicators agree for skip 0;
    Jegadeesh and Titman, Journal of Finance 48, 1993, for momentum.)

    Args:
        values: (T, N), NaN where there is no bar.
        length: bars back to the base.
        skip: bars back to the value compared with it.
        listed: see `evaluate` in `dense`.
    """
    require_count("roc", "length", length, low=1, high=LONGEST)
    require_count("roc", "skip", skip, low=0, high=length - 1)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (dense,), (out,) = inputs, outs
        out[:length] = np.nan
        for rows in chunks(length, len(dense), dense.shape[1]):
            part = out[rows]
            now, base = dense[rows.start - skip : rows.stop - skip], dense[rows.start - length : rows.stop - length]
            np.divide(now, base, out=part)
            part -= 1.0
            part *= 100.0
            if skip:  # a bar after the last one has no value, though the one it looks back on has
                np.copyto(part, np.nan, where=np.isnan(dense[rows]))

    return evaluate(kernel, (values,), 1, listed)[0]


def volume_ratio(volume: FloatArray, window: int = 20, listed: BoolArray | None = None) -> FloatArray:
    """Volume over the mean volume of the `window` bars before it.

    The bar's own volume is left out of the mean, so that a surge is not measured by itself. First value at bar `window`; NaN where
    nothing was traded in those bars. (Textbook relative volume.)

    Args:
        volume: (T, N), NaN where there is no bar; ≥ 0.
        window: bars.
        listed: see `evaluate` in `dense`.
    """
    require_count("volume_ratio", "window", window, low=1, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (dense,), (out,) = inputs, outs
        out[:window] = np.nan
        for sums in window_sums((dense[:-1],), window):
            rows = slice(sums.rows.start + 1, sums.rows.stop + 1)
            mean = sums.terms[0]
            mean *= 1.0 / window
            mean += dense[sums.seam]
            np.copyto(mean, np.nan, where=mean <= 0.0)
            np.divide(dense[rows], mean, out=out[rows])

    return evaluate(kernel, (volume,), 1, listed)[0]
