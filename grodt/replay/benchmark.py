"""A series of returns beside that of a benchmark, session by session. Conventions as in `grodt.replay.returns`."""

import math

import numpy as np

from grodt.errors import DataError
from grodt.replay.returns import per_session, require_returns, varies
from grodt.signals.indicators import SESSIONS_PER_YEAR
from grodt.signals.panel import FloatArray


def _aligned(returns: FloatArray, benchmark: FloatArray) -> tuple[FloatArray, FloatArray]:
    ours, theirs = require_returns(returns), require_returns(benchmark, "returns of the benchmark")
    if ours.shape != theirs.shape:
        raise DataError(f"{ours.size} returns beside {theirs.size} of the benchmark; align both to the same sessions")
    return ours, theirs


def beta(returns: FloatArray, benchmark: FloatArray) -> float:
    """Slope of the regression on the benchmark, cov(r, b) / var(b). NaN with fewer than two returns or where the benchmark stands still.

    Sharpe, Capital Asset Prices, Journal of Finance, 1964. Both moments are of the same kind, so population or sample is one.

    Raises:
        DataError: returns of other sessions, or bad ones.
    """
    ours, theirs = _aligned(returns, benchmark)
    if not varies(theirs):
        return math.nan
    centred = theirs - theirs.mean()
    return float(np.mean(centred * (ours - ours.mean())) / np.mean(centred * centred))


def alpha(returns: FloatArray, benchmark: FloatArray, risk_free: float = 0.0, periods: float = SESSIONS_PER_YEAR) -> float:
    """Jensen's alpha per year: (mean(r − f) − beta · mean(b − f)) · periods, f the risk-free rate of a session; not compounded.

    NaN where beta is. Jensen, The Performance of Mutual Funds in the Period 1945–1964, Journal of Finance, 1968.
    """
    ours, theirs = _aligned(returns, benchmark)
    free = per_session(risk_free, periods)
    slope = beta(ours, theirs)
    return (float(ours.mean()) - free - slope * (float(theirs.mean()) - free)) * periods if math.isfinite(slope) else math.nan


def correlation(returns: FloatArray, benchmark: FloatArray) -> float:
    """Pearson's correlation, in [−1, 1]. NaN where either has no variance."""
    ours, theirs = _aligned(returns, benchmark)
    if not (varies(ours) and varies(theirs)):
        return math.nan
    x, y = ours - ours.mean(), theirs - theirs.mean()
    return float(np.clip(np.sum(x * y) / math.sqrt(float(np.sum(x * x)) * float(np.sum(y * y))), -1.0, 1.0))


def tracking_error(returns: FloatArray, benchmark: FloatArray, periods: float = SESSIONS_PER_YEAR) -> float:
    """Standard deviation of r − b, of a sample (n − 1), times √periods. NaN with fewer than two returns; 0 where both move alike.

    Grinold and Kahn, Active Portfolio Management, 1999, chapter 4. PerformanceAnalytics `TrackingError`.
    """
    ours, theirs = _aligned(returns, benchmark)
    if ours.size < 2:
        return math.nan
    active = ours - theirs
    return float(active.std(ddof=1)) * math.sqrt(periods) if varies(active) else 0.0


def information_ratio(returns: FloatArray, benchmark: FloatArray, periods: float = SESSIONS_PER_YEAR) -> float:
    """Mean of r − b over its standard deviation (n − 1), times √periods: arithmetic above and below. NaN where they move alike.

    Grinold and Kahn, 1999, chapter 5. PerformanceAnalytics divides annualised *geometric* returns by the tracking error instead.
    """
    ours, theirs = _aligned(returns, benchmark)
    active = ours - theirs
    return float(active.mean() / active.std(ddof=1)) * math.sqrt(periods) if varies(active) else math.nan
