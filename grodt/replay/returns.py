"""Returns and what one series of them says of growth and risk.

A return is simple, r_t = E_t / E_{t−1} − 1, of one session, never logarithmic. A year has `periods` of them: 252 sessions, 52 weeks, 12
months. Mean and variance are arithmetic, the variance that of a sample (n − 1); only growth is geometric. A risk-free rate is
per year and compounded: (1 + rate)^(1 / periods) − 1 of it belongs to each session.

**Undefined is NaN**: a number that the series cannot give (no return at all, a single one where a variance is asked for, no variance, no
loss, no drawdown) is NaN, which tables write as null; it is never infinite, nor a ratio to a variance that is only rounding. **Wrong
is `DataError`**: NaN or infinite cells, equity that is not positive, a return of −100 % or less.
"""

import math

import numpy as np

from grodt.errors import DataError
from grodt.signals.indicators import SESSIONS_PER_YEAR
from grodt.signals.panel import FloatArray

#: Spread of returns below which they are all the same: a few roundings of a quotient near one.
ROUNDING = 1e-14
#: Largest exponent of e that float64 holds.
_LARGEST_LOG = 709.0


def require_returns(returns: FloatArray, what: str = "returns") -> FloatArray:
    """The returns, checked.

    Raises:
        DataError: not one-dimensional, or one is NaN, infinite or −100 % and less.
    """
    array = np.asarray(returns, dtype=np.float64)
    if array.ndim != 1:
        raise DataError(f"{what} have shape {array.shape}; give one number per session")
    bad = np.flatnonzero(~(np.isfinite(array) & (array > -1.0)))
    if bad.size:
        raise DataError(
            f"{what}: number {bad[0]} of {array.size} is {array[bad[0]]}; each must be finite and > -1: drop sessions without "
            "a value, and end the series where everything is lost"
        )
    return array


def require_equity(equity: FloatArray, what: str = "equity") -> FloatArray:
    """The equity, checked.

    Raises:
        DataError: not one-dimensional, empty, or a value is NaN, infinite or ≤ 0.
    """
    array = np.asarray(equity, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise DataError(f"{what} has shape {array.shape}; give one number per session, and at least one")
    bad = np.flatnonzero(~(np.isfinite(array) & (array > 0.0)))
    if bad.size:
        raise DataError(f"{what}: number {bad[0]} of {array.size} is {array[bad[0]]}; each must be finite and > 0: check marks and prices")
    return array


def returns_of(equity: FloatArray) -> FloatArray:
    """Simple returns r_t = E_t / E_{t−1} − 1, (T − 1,) of equity (T,).

    Raises:
        DataError: equity that is no equity, see `require_equity`.
    """
    checked = require_equity(equity)
    return checked[1:] / checked[:-1] - 1.0


def growth_of(returns: FloatArray) -> FloatArray:
    """Value of one unit: 1, then ∏ (1 + r), (T + 1,) of returns (T,)."""
    return np.concatenate(([1.0], np.cumprod(1.0 + require_returns(returns))))


def per_session(rate: float, periods: float = SESSIONS_PER_YEAR) -> float:
    """A rate per year as the rate per session that compounds to it: (1 + rate)^(1 / periods) − 1.

    Raises:
        DataError: a rate of −100 % or less, or none.
    """
    if not (math.isfinite(rate) and rate > -1.0):
        raise DataError(f"risk-free rate {rate} per year is not finite and > -1; 0.02 is two per cent")
    return math.expm1(math.log1p(rate) / periods)


def varies(values: FloatArray) -> bool:
    """Whether there is any variance: two values or more, further apart than rounding brings them."""
    return values.size >= 2 and float(values.max() - values.min()) > ROUNDING * (1.0 + float(np.abs(values).max()))


def total_return(returns: FloatArray) -> float:
    """Growth over the whole time, ∏ (1 + r) − 1. NaN without a return."""
    return annual_return(returns, np.asarray(returns).size)


def annual_return(returns: FloatArray, periods: float = SESSIONS_PER_YEAR) -> float:
    """Geometric return per year, (∏ (1 + r))^(periods / n) − 1; of less than a year it is extrapolated.

    NaN without a return, or where a short series extrapolates beyond float64. Bacon, Practical Portfolio Performance Measurement and
    Attribution, 2008, chapter 2; R PerformanceAnalytics `Return.annualized(geometric = TRUE)`, empyrical `cagr`.
    """
    checked = require_returns(returns)
    if not checked.size:
        return math.nan
    exponent = _log_growth(checked) * periods / checked.size
    return math.expm1(exponent) if exponent < _LARGEST_LOG else math.nan


def _log_growth(returns: FloatArray) -> float:
    return float(np.log1p(returns).sum())


def annual_volatility(returns: FloatArray, periods: float = SESSIONS_PER_YEAR) -> float:
    """Standard deviation of a sample (n − 1) times √periods. NaN with fewer than two returns; 0 where all are the same.

    Square-root scaling takes returns as uncorrelated. PerformanceAnalytics `StdDev.annualized`.
    """
    checked = require_returns(returns)
    if checked.size < 2:
        return math.nan
    return float(checked.std(ddof=1)) * math.sqrt(periods) if varies(checked) else 0.0


def sharpe(returns: FloatArray, risk_free: float = 0.0, periods: float = SESSIONS_PER_YEAR) -> float:
    """Sharpe ratio per year: mean(x) / std(x, n − 1) · √periods, x = r − risk-free of the session.

    Arithmetic mean, as Sharpe has it (The Sharpe Ratio, Journal of Portfolio Management, 1994); NaN with fewer than two returns or without
    variance. PerformanceAnalytics `SharpeRatio.annualized(geometric = FALSE)`, empyrical `sharpe_ratio`.
    """
    return _ratio(require_returns(returns) - per_session(risk_free, periods), periods)


def _ratio(excess: FloatArray, periods: float) -> float:
    """Mean over standard deviation of a sample, per year; NaN without variance."""
    return float(excess.mean() / excess.std(ddof=1)) * math.sqrt(periods) if varies(excess) else math.nan


def sortino(returns: FloatArray, risk_free: float = 0.0, periods: float = SESSIONS_PER_YEAR) -> float:
    """Sortino ratio per year: mean(x) / √(Σ min(x, 0)² / n) · √periods, x = r − risk-free of the session, n of *all* sessions.

    NaN without a return, or where none falls short of the risk-free rate. Sortino and Price, Performance Measurement in a Downside Risk
    Framework, Journal of Investing, 1994; empyrical `sortino_ratio`.
    """
    excess = require_returns(returns) - per_session(risk_free, periods)
    if not excess.size:
        return math.nan
    shortfall = math.sqrt(float(np.mean(np.minimum(excess, 0.0) ** 2)))
    return float(excess.mean()) / shortfall * math.sqrt(periods) if shortfall > ROUNDING else math.nan


def hit_rate(results: FloatArray) -> float:
    """Share of wins among wins and losses: results of exactly zero count for neither. NaN where all are zero.

    Args:
        results: returns of sessions, or profits of trades; finite.
    """
    checked = _require_finite(results)
    won, lost = int((checked > 0).sum()), int((checked < 0).sum())
    return won / (won + lost) if won + lost else math.nan


def profit_factor(results: FloatArray) -> float:
    """Sum of the gains over the size of the sum of the losses; NaN without a loss.

    Of returns it is the Omega ratio at zero (Keating and Shadwick, 2002). `results` as for `hit_rate`.
    """
    checked = _require_finite(results)
    lost = -float(np.minimum(checked, 0.0).sum())
    return float(np.maximum(checked, 0.0).sum()) / lost if lost > 0 else math.nan


def _require_finite(results: FloatArray) -> FloatArray:
    array = np.asarray(results, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise DataError(f"results of shape {array.shape} must be one finite number each; drop what has no result")
    return array


def rolling(returns: FloatArray, window: int, risk_free: float = 0.0, periods: float = SESSIONS_PER_YEAR) -> tuple[FloatArray, FloatArray]:
    """Sharpe ratio and volatility per year over the last `window` returns, both (T,), with the conventions of the plain ones.

    NaN before there are as many, and the Sharpe ratio where there is no variance.

    Raises:
        DataError: a window of fewer than two.
    """
    checked = require_returns(returns)
    if window < 2:
        raise DataError(f"rolling window {window} is less than 2 sessions")
    out = np.full(checked.size, np.nan), np.full(checked.size, np.nan)
    if checked.size < window:
        return out
    windows = np.lib.stride_tricks.sliding_window_view(checked, window)
    spread, largest = np.ptp(windows, axis=1), np.abs(windows).max(axis=1)
    varied = spread > ROUNDING * (1.0 + largest)
    deviation = np.where(varied, windows.std(axis=1, ddof=1), 0.0) * math.sqrt(periods)
    mean = (windows.mean(axis=1) - per_session(risk_free, periods)) * periods
    out[0][window - 1 :] = np.divide(mean, deviation, out=np.full(mean.shape, np.nan), where=varied)
    out[1][window - 1 :] = deviation
    return out
