"""True range and its average."""

from grodt.signals.indicators.averages import LONGEST, wilder_decay
from grodt.signals.indicators.compiled import evaluate
from grodt.signals.indicators.recurrence import BoolArray
from grodt.signals.panel import FloatArray
from grodt.signals.parameters import require_count


def true_range(high: FloatArray, low: FloatArray, close: FloatArray, listed: BoolArray | None = None) -> FloatArray:
    """True range, the greatest of high − low, |high − previous close| and |low − previous close|.

    The first bar has no previous close and no value: bar 1 is the first with one. (Wilder, New Concepts in Technical Trading Systems,
    1978; TA-Lib TRANGE agrees.)

    Args:
        high, low, close: (T, N), NaN where there is no bar; low ≤ high.
        listed: see `evaluate` in `compiled`.
    """
    return evaluate("true_range", (high, low, close), listed=listed)[0]


def atr(high: FloatArray, low: FloatArray, close: FloatArray, length: int = 14, listed: BoolArray | None = None) -> FloatArray:
    """Average true range: Wilder's smoothing of the true range.

    Seed: the mean of the first `length` true ranges, of bars 1 to length, at bar length, the first with a value; bar 0 has no true range
    and counts for nothing. (Wilder, 1978; TA-Lib ATR and Stock.Indicators agree.)

    Args:
        high, low, close: (T, N), NaN where there is no bar; low ≤ high.
        length: bars.
        listed: see `evaluate` in `compiled`.
    """
    require_count("atr", "length", length, low=1, high=LONGEST)
    return evaluate("average_true_range", (high, low, close), counts=(length,), factors=(wilder_decay(length),), listed=listed)[0]
