"""Averages of the last bars."""

from grodt.signals.indicators.compiled import evaluate
from grodt.signals.indicators.recurrence import BoolArray, decay_of
from grodt.signals.panel import FloatArray
from grodt.signals.parameters import require_count

#: Longest window or span, in bars: ten years of sessions, or a month of minutes.
LONGEST = 10_000


def sma(values: FloatArray, window: int, listed: BoolArray | None = None) -> FloatArray:
    """Simple moving average: the mean of the last `window` values, the bar's own included.

    First value at bar window − 1. (Textbook; TA-Lib SMA and Stock.Indicators agree.)

    Args:
        values: (T, N), NaN where there is no bar.
        window: bars.
        listed: see `evaluate` in `compiled`.
    """
    require_count("sma", "window", window, low=1, high=LONGEST)
    return evaluate("sma", (values,), counts=(window,), listed=listed)[0]


def ema(values: FloatArray, span: int, listed: BoolArray | None = None) -> FloatArray:
    """Exponential moving average, E_t = λ E_{t−1} + (1 − λ) x_t with λ = 1 − 2 / (span + 1).

    Seed: the simple mean of the first `span` values, at bar span − 1, the first with a value. (TA-Lib EMA and Stock.Indicators
    agree; pandas `ewm(span, adjust=False)` seeds with the first value and differs until the seed has faded, by λ^n.)

    Args:
        values: (T, N), NaN where there is no bar.
        span: bars; 1 gives the values back.
        listed: see `evaluate` in `compiled`.
    """
    require_count("ema", "span", span, low=1, high=LONGEST)
    return _average(values, span, decay_of(span), listed)


def wilder(values: FloatArray, length: int, listed: BoolArray | None = None) -> FloatArray:
    """Wilder's smoothing, W_t = W_{t−1} + (x_t − W_{t−1}) / length: an exponential average of span 2 · length − 1.

    Seed: the simple mean of the first `length` values, at bar length − 1, the first with a value. (Wilder, New Concepts in Technical
    Trading Systems, 1978.)

    Args:
        values: (T, N), NaN where there is no bar.
        length: bars.
        listed: see `evaluate` in `compiled`.
    """
    require_count("wilder", "length", length, low=1, high=LONGEST)
    return _average(values, length, wilder_decay(length), listed)


def wilder_decay(length: int) -> float:
    """1 − 1 / length, the weight Wilder's smoothing keeps from one bar to the next."""
    return 1.0 - 1.0 / length


def _average(values: FloatArray, length: int, decay: float, listed: BoolArray | None) -> FloatArray:
    return evaluate("exponential", (values,), counts=(length,), factors=(decay,), listed=listed)[0]
