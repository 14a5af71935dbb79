"""Drawdowns: how far below its highest value a series fell, when, and for how long."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from grodt.errors import DataError
from grodt.replay.returns import annual_return, require_equity, returns_of
from grodt.signals.indicators import SESSIONS_PER_YEAR
from grodt.signals.panel import FloatArray


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One stretch under water: from a high-water mark until equity is back at it.

    Attributes:
        depth: equity at the trough over the high-water mark, less one; in [−1, 0).
        peak: last session at the high-water mark.
        trough: session of the lowest equity; the first of them.
        recovery: first session at or above the high-water mark again; None where the series ends before.
        length: sessions from the peak to the recovery, or to the end of the series.
        fall: sessions from the peak to the trough.
    """

    depth: float
    peak: date
    trough: date
    recovery: date | None
    length: int
    fall: int


def drawdown_curve(equity: FloatArray) -> FloatArray:
    """Equity over its highest value so far, less one, (T,), in [−1, 0]; the first value counts as a peak.

    Raises:
        DataError: equity that is no equity.
    """
    checked = require_equity(equity)
    return checked / np.maximum.accumulate(checked) - 1.0


def max_drawdown(equity: FloatArray) -> float:
    """The deepest drawdown, min(E_t / max_{s ≤ t} E_s − 1), in [−1, 0]; 0 for equity that never fell.

    Compounded, on closes of sessions. Magdon-Ismail and Atiya, Maximum Drawdown, Risk, 2004; PerformanceAnalytics `maxDrawdown`.
    """
    return float(drawdown_curve(equity).min())


def calmar(equity: FloatArray, periods: float = SESSIONS_PER_YEAR) -> float:
    """Geometric return per year over the size of the maximum drawdown, over the whole time. NaN without a return or a drawdown.

    Young, Calmar Ratio: A Smoother Tool, Futures, 1991, takes 36 months; here all there is, as PerformanceAnalytics `CalmarRatio` does.
    """
    depth = max_drawdown(equity)
    return annual_return(returns_of(equity), periods) / -depth if depth < 0 else math.nan


def drawdowns(sessions: Sequence[date] | NDArray[np.datetime64], equity: FloatArray) -> tuple[Drawdown, ...]:
    """Every stretch under water, deepest first; of equal ones the earlier first. They do not overlap.

    Args:
        sessions: (T,), ascending.
        equity: (T,).

    Raises:
        DataError: lengths differ, sessions do not ascend, or equity is no equity.
    """
    days, checked = require_sessions(sessions), require_equity(equity)
    if days.shape != checked.shape:
        raise DataError(f"{days.size} sessions and {checked.size} values of equity; give one for each")
    curve = drawdown_curve(checked)
    under = np.concatenate(([False], curve < 0, [False]))
    starts, ends = np.flatnonzero(~under[:-1] & under[1:]), np.flatnonzero(under[:-1] & ~under[1:])  # [start, end) of each stretch
    found = [_drawdown(days, curve, int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
    return tuple(sorted(found, key=lambda each: (each.depth, each.peak)))


def _drawdown(days: NDArray[np.datetime64], curve: FloatArray, start: int, end: int) -> Drawdown:
    trough, last = start + int(curve[start:end].argmin()), min(end, days.size - 1)
    recovered: date | None = days[end].item() if end < days.size else None
    return Drawdown(float(curve[trough]), days[start - 1].item(), days[trough].item(), recovered, last - start + 1, trough - start + 1)


def require_sessions(sessions: Sequence[date] | NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Sessions as an array of days.

    Raises:
        DataError: they do not ascend strictly, or one is missing.
    """
    days = np.asarray(sessions, dtype="datetime64[D]")
    if days.ndim != 1 or np.isnat(days).any():
        raise DataError(f"sessions of shape {days.shape} must be one date each, none of them null")
    wrong = np.flatnonzero(days[1:] <= days[:-1])
    if wrong.size:
        raise DataError(f"session {days[wrong[0] + 1]} follows {days[wrong[0]]}; sort by session, and give each once")
    return days
