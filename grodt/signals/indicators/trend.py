"""Directional movement: ADX, +DI and −DI."""

from dataclasses import dataclass

from grodt.signals.indicators.averages import LONGEST, wilder_decay
from grodt.signals.indicators.compiled import evaluate
from grodt.signals.indicators.recurrence import BoolArray
from grodt.signals.panel import FloatArray
from grodt.signals.parameters import require_count


@dataclass(frozen=True, slots=True)
class DirectionalMovement:
    """Wilder's directional movement, 0 to 100, (T, N) each.

    Attributes:
        plus: +DI, the share of the true range that went up.
        minus: −DI, the share that went down.
        dx: 100 · |+DI − −DI| / (+DI + −DI).
        adx: Wilder's smoothing of `dx`.
    """

    plus: FloatArray
    minus: FloatArray
    dx: FloatArray
    adx: FloatArray


def adx(high: FloatArray, low: FloatArray, close: FloatArray, length: int = 14, listed: BoolArray | None = None) -> DirectionalMovement:
    """Average directional index with +DI and −DI.

    +DM is the rise of the high where it is positive and greater than the fall of the low, −DM the fall of the low where it is positive and
    greater than the rise of the high, else 0. ±DI = 100 · W(±DM) / W(true range), W being Wilder's smoothing. Seeds: the means of the
    first `length` movements, of bars 1 to length, at bar length (+DI, −DI, DX); the mean of the first `length` DX at bar 2 · length − 1
    (ADX). Where nothing has moved at all, DI and DX are 0: there is no direction. (Wilder, New Concepts in Technical Trading Systems, 1978;
    Stock.Indicators agrees. TA-Lib sums the first length − 1 movements only, so it agrees once the seed has faded.)

    Args:
        high, low, close: (T, N), NaN where there is no bar; low ≤ high.
        length: bars.
        listed: see `evaluate` in `compiled`.
    """
    require_count("adx", "length", length, low=1, high=LONGEST)
    decay = wilder_decay(length)
    return DirectionalMovement(*evaluate("adx", (high, low, close), 4, counts=(length,), factors=(decay,), listed=listed))
