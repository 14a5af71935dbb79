"""Channels around a price: Bollinger, Donchian, Keltner; and where a price stands in its own."""

import math
from dataclasses import dataclass

import numpy as np

from grodt.signals.indicators.averages import LONGEST
from grodt.signals.indicators.decay import averaged, chunks
from grodt.signals.indicators.dense import Columns, evaluate
from grodt.signals.indicators.ranges import average_true_range
from grodt.signals.indicators.recurrence import BoolArray, decay_of
from grodt.signals.indicators.windows import window_extremes, window_squares
from grodt.signals.panel import FloatArray
from grodt.signals.parameters import require_count, require_number


@dataclass(frozen=True, slots=True)
class Band:
    """A channel, (T, N) each.

    Attributes:
        upper: bound above.
        middle: centre.
        lower: bound below.
    """

    upper: FloatArray
    middle: FloatArray
    lower: FloatArray


def bollinger(close: FloatArray, window: int = 20, deviations: float = 2.0, listed: BoolArray | None = None) -> Band:
    """Bollinger bands: the simple average of the last `window` closes ± `deviations` of their *population* standard deviation.

    The bar's own close is included. First value at bar window − 1. (Bollinger, Bollinger on Bollinger Bands, 2001; TA-Lib BBANDS and
    Stock.Indicators agree; a spreadsheet's STDEV, over window − 1, does not.)

    Args:
        close: (T, N), NaN where there is no bar.
        window: bars.
        deviations: half the width, in standard deviations.
        listed: see `evaluate` in `dense`.
    """
    require_count("bollinger", "window", window, low=2, high=LONGEST)
    require_number("bollinger", "deviations", deviations, above=0, high=100)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (dense,) = inputs
        for out in outs:
            out[: window - 1] = np.nan
        upper, middle, lower = outs
        for sums, squares in window_squares(dense, window):
            half = np.sqrt(squares, out=squares)
            np.multiply(half, deviations / math.sqrt(window), out=half)
            centre = middle[sums.rows]
            np.multiply(sums.terms[0], 1.0 / window, out=centre)
            centre += dense[sums.seam]
            np.add(centre, half, out=upper[sums.rows])
            np.subtract(centre, half, out=lower[sums.rows])

    return Band(*evaluate(kernel, (close,), 3, listed))


def donchian(high: FloatArray, low: FloatArray, window: int = 20, listed: BoolArray | None = None) -> Band:
    """Donchian channel: highest high and lowest low of the `window` bars *before* this one, and the middle between them.

    The bar itself is excluded, so that a breakout is a price outside the channel. First value at bar `window`. (Richard Donchian's
    four-week rule, about 1960; Stock.Indicators agrees; TA-Lib MAX and MIN include the bar: theirs of the bar before is ours.)

    Args:
        high, low: (T, N), NaN where there is no bar; low ≤ high.
        window: bars.
        listed: see `evaluate` in `dense`.
    """
    require_count("donchian", "window", window, low=1, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (high, low), (upper, middle, lower) = inputs, outs
        for values, extreme, out in ((high, np.maximum, upper), (low, np.minimum, lower)):
            out[0] = np.nan
            window_extremes(values[:-1], window, extreme, out[1:])
            np.copyto(out, np.nan, where=np.isnan(values))  # after the last bar
        for rows in chunks(0, len(middle), middle.shape[1]):
            np.add(upper[rows], lower[rows], out=middle[rows])
            middle[rows] *= 0.5

    return Band(*evaluate(kernel, (high, low), 3, listed))


def channel_position(close: FloatArray, window: int = 20, listed: BoolArray | None = None) -> FloatArray:
    """Where the close stands between the lowest and the highest of the last `window` closes: −1 at the lowest, 1 at the highest.

    2 · (x − lowest) / (highest − lowest) − 1, the bar's own close included, so it is never outside; 0 where they have all been the same.
    First value at bar window − 1. (Carver, "A simple breakout trading rule", 2016, before his smoothing; the stochastic oscillator %K of
    George Lane, of closes and from −1 to 1.)

    Args:
        close: (T, N), NaN where there is no bar.
        window: bars, at least 2.
        listed: see `evaluate` in `dense`.
    """
    require_count("channel_position", "window", window, low=2, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        (dense,), (out,) = inputs, outs
        lowest = np.empty_like(dense)
        window_extremes(dense, window, np.maximum, out)
        window_extremes(dense, window, np.minimum, lowest)
        for rows in chunks(0, len(out), out.shape[1]):
            part, low = out[rows], lowest[rows]
            still = part == low
            part -= low
            np.subtract(dense[rows], low, out=low)
            np.divide(low, part, out=part)
            part *= 2.0
            part -= 1.0
            np.copyto(part, 0.0, where=still)

    return evaluate(kernel, (close,), 1, listed)[0]


def keltner(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    span: int = 20,
    multiplier: float = 2.0,
    length: int = 10,
    listed: BoolArray | None = None,
) -> Band:
    """Keltner channel: `ema(span)` of the close ± `multiplier` · `atr(length)`.

    The bar itself is included. First value where both have one, at bar max(span − 1, length). (Keltner, How to Make Money in Commodities,
    1960, in the form that Linda Raschke made common, with exponential average and average true range; Stock.Indicators agrees.)

    Args:
        high, low, close: (T, N), NaN where there is no bar; low ≤ high.
        span: of the average, in bars.
        multiplier: half the width, in average true ranges.
        length: of the average true range, in bars.
        listed: see `evaluate` in `dense`.
    """
    require_count("keltner", "span", span, low=1, high=LONGEST)
    require_number("keltner", "multiplier", multiplier, above=0, high=100)
    require_count("keltner", "length", length, low=1, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        upper, middle, lower = outs
        averaged(inputs[2], middle, span, decay_of(span))
        average_true_range(inputs, upper, length)
        for rows in chunks(0, len(middle), middle.shape[1]):
            upper[rows] *= multiplier
            np.copyto(middle[rows], np.nan, where=np.isnan(upper[rows]))
            np.subtract(middle[rows], upper[rows], out=lower[rows])
            np.add(middle[rows], upper[rows], out=upper[rows])

    return Band(*evaluate(kernel, (high, low, close), 3, listed))
