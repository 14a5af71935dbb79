"""Oscillators: RSI, MACD, rate of change, volume ratio."""

from dataclasses import dataclass

from grodt.signals.indicators.averages import LONGEST, wilder_decay
from grodt.signals.indicators.compiled import evaluate
from grodt.signals.indicators.recurrence import BoolArray, decay_of
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
        listed: see `evaluate` in `compiled`.
    """
    require_count("rsi", "length", length, low=1, high=LONGEST)
    return evaluate("rsi", (close,), counts=(length,), factors=(wilder_decay(length),), listed=listed)[0]


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
        listed: see `evaluate` in `compiled`.
    """
    require_count("macd", "slow", slow, low=2, high=LONGEST)
    require_count("macd", "fast", fast, low=1, high=slow - 1)
    require_count("macd", "signal", signal, low=1, high=LONGEST)
    spans = (fast, slow, signal)
    return Macd(*evaluate("macd", (close,), 3, counts=spans, factors=[decay_of(span) for span in spans], listed=listed))


def roc(values: FloatArray, length: int, skip: int = 0, listed: BoolArray | None = None, *, percent: bool = True) -> FloatArray:
    """Rate of change in percent, 100 · (x_{t−skip} / x_{t−length} − 1); with length 252 and skip 21 it is 12-1 momentum.

    Bars are counted, not sessions. First value at bar `length`. (Textbook; TA-Lib ROC and Stock.Indicators agree for skip 0;
    Jegadeesh and Titman, Journal of Finance 48, 1993, for momentum.)

    Args:
        values: (T, N), NaN where there is no bar.
        length: bars back to the base.
        skip: bars back to the value compared with it.
        percent: False gives a share instead, x_{t−skip} / x_{t−length} − 1.
        listed: see `evaluate` in `compiled`.
    """
    require_count("roc", "length", length, low=1, high=LONGEST)
    require_count("roc", "skip", skip, low=0, high=length - 1)
    return evaluate("change", (values,), counts=(length, skip), factors=(100.0 if percent else 1.0,), listed=listed)[0]


def volume_ratio(volume: FloatArray, window: int = 20, listed: BoolArray | None = None) -> FloatArray:
    """Volume over the mean volume of the `window` bars before it.

    The bar's own volume is left out of the mean, so that a surge is not measured by itself. First value at bar `window`; NaN where
    nothing was traded in those bars. (Textbook relative volume.)

    Args:
        volume: (T, N), NaN where there is no bar; ≥ 0.
        window: bars.
        listed: see `evaluate` in `compiled`.
    """
    require_count("volume_ratio", "window", window, low=1, high=LONGEST)
    return evaluate("volume_ratio", (volume,), counts=(window,), listed=listed)[0]
