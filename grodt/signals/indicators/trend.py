"""Directional movement: ADX, +DI and −DI."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grodt.signals.indicators.averages import LONGEST, wilder_decay
from grodt.signals.indicators.decay import averaged, first_rows, picked, smoothed, spare
from grodt.signals.indicators.dense import Columns, evaluate
from grodt.signals.indicators.ranges import fill_true_range
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
        listed: see `evaluate` in `dense`.
    """
    require_count("adx", "length", length, low=1, high=LONGEST)

    def kernel(inputs: Columns, outs: Columns) -> None:
        close, (plus, minus, dx, average) = inputs[2], outs
        room = spare(close.shape)

        def fill(rows: slice, columns: NDArray[np.int64] | None, weight: float, terms: FloatArray) -> None:
            _fill_movements(inputs, rows, columns, terms, room)
            terms *= weight

        first, decay = first_rows(close) + 1, wilder_decay(length)
        for rows, averages in smoothed(fill, first, length, decay, weight=1.0 / length, rows=len(close), terms=3):
            _directions(averages, plus[rows], minus[rows], dx[rows])
        averaged(dx, average, length, decay)

    return DirectionalMovement(*evaluate(kernel, (high, low, close), 4, listed))


def _fill_movements(prices: Columns, rows: slice, columns: NDArray[np.int64] | None, terms: FloatArray, room: FloatArray) -> None:
    """True range, +DM and −DM of these rows, (rows, 3, N)."""
    fill_true_range(prices, rows, columns, terms[:, 0], room)
    low = max(rows.start, 1)
    terms[: low - rows.start] = np.nan
    terms = terms[low - rows.start :]
    up, down = terms[:, 1], terms[:, 2]
    now, before = slice(low, rows.stop), slice(low - 1, rows.stop - 1)
    np.subtract(picked(prices[0], now, columns), picked(prices[0], before, columns), out=up)
    np.subtract(picked(prices[1], before, columns), picked(prices[1], now, columns), out=down)
    falls, rises = up <= down, down <= up
    for movement, other in ((up, falls), (down, rises)):
        np.maximum(movement, 0.0, out=movement)
        np.copyto(movement, 0.0, where=other)


def _directions(averages: FloatArray, plus: FloatArray, minus: FloatArray, dx: FloatArray) -> None:
    moved = averages[:, 0]
    still = moved == 0.0
    for place, out in ((1, plus), (2, minus)):
        np.divide(averages[:, place], moved, out=out)
        np.multiply(out, 100.0, out=out)
        np.copyto(out, 0.0, where=still)
    total = plus + minus
    np.subtract(plus, minus, out=dx)
    np.abs(dx, out=dx)
    dx *= 100.0
    dx /= total
    np.copyto(dx, 0.0, where=total == 0.0)
