"""Channels around a price: Bollinger, Donchian, Keltner; and where a price stands in its own."""

import math
from dataclasses import dataclass

from grodt.signals.indicators.averages import LONGEST, wilder_decay
from grodt.signals.indicators.compiled import evaluate
from grodt.signals.indicators.recurrence import BoolArray, decay_of
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
        listed: see `evaluate` in `compiled`.
    """
    require_count("bollinger", "window", window, low=2, high=LONGEST)
    require_number("bollinger", "deviations", deviations, above=0, high=100)
    half = deviations / math.sqrt(window)
    return Band(*evaluate("bollinger", (close,), 3, counts=(window,), factors=(half,), listed=listed))


def donchian(high: FloatArray, low: FloatArray, window: int = 20, listed: BoolArray | None = None) -> Band:
    """Donchian channel: highest high and lowest low of the `window` bars *before* this one, and the middle between them.

    The bar itself is excluded, so that a breakout is a price outside the channel. First value at bar `window`. (Richard Donchian's
    four-week rule, about 1960; Stock.Indicators agrees; TA-Lib MAX and MIN include the bar: theirs of the bar before is ours.)

    Args:
        high, low: (T, N), NaN where there is no bar; low ≤ high.
        window: bars.
        listed: see `evaluate` in `compiled`.
    """
    require_count("donchian", "window", window, low=1, high=LONGEST)
    return Band(*evaluate("donchian", (high, low), 3, counts=(window,), listed=listed))


def channel_position(close: FloatArray, window: int = 20, listed: BoolArray | None = None) -> FloatArray:
    """Where the close stands between the lowest and the highest of the last `window` closes: −1 at the lowest, 1 at the highest.

    2 · (x − lowest) / (highest − lowest) − 1, the bar's own close included, so it is never outside; 0 where they have all been the same.
    First value at bar window − 1. (Carver, "A simple breakout trading rule", 2016, before his smoothing; the stochastic oscillator %K of
    George Lane, of closes and from −1 to 1.)

    Args:
        close: (T, N), NaN where there is no bar.
        window: bars, at least 2.
        listed: see `evaluate` in `compiled`.
    """
    require_count("channel_position", "window", window, low=2, high=LONGEST)
    return evaluate("channel_position", (close,), counts=(window,), listed=listed)[0]


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
        listed: see `evaluate` in `compiled`.
    """
    require_count("keltner", "span", span, low=1, high=LONGEST)
    require_number("keltner", "multiplier", multiplier, above=0, high=100)
    require_count("keltner", "length", length, low=1, high=LONGEST)
    decays = (decay_of(span), wilder_decay(length))
    return Band(*evaluate("keltner", (high, low, close), 3, counts=(span, length), factors=(*decays, multiplier), listed=listed))
