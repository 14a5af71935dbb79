"""How much of a Sharpe ratio is skill: the probabilistic and the deflated Sharpe ratio.

Sharpe ratios here are **per session**, not per year, and kurtosis is that of the population, 3 for a normal distribution.
Sources: Bailey and López de Prado, The Sharpe Ratio Efficient Frontier, Journal of Risk 15 (2), 2012 (probabilistic); the same, The
Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting and Non-Normality, Journal of Portfolio Management 40 (5), 2014.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from grodt.errors import DataError
from grodt.replay.returns import require_returns, sharpe
from grodt.replay.tails import moments
from grodt.signals.indicators import SESSIONS_PER_YEAR
from grodt.signals.panel import FloatArray

_EULER_MASCHERONI = 0.5772156649015329
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Trials:
    """What was tried before this series was picked.

    Attributes:
        count: independent trials, the picked one included.
        variance: variance of their Sharpe ratios per session, over all trials.
    """

    count: int
    variance: float

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or self.count < 1:
            raise DataError(f"{self.count} trials; the one that was picked is one of them, so there is at least one")
        if not (math.isfinite(self.variance) and self.variance >= 0):
            raise DataError(f"variance {self.variance} of the trials' Sharpe ratios is not finite and >= 0")


def probabilistic_sharpe(ratio: float, benchmark: float, count: int, skew: float = 0.0, kurtosis: float = 3.0) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark`, given the one observed.

    Φ((ratio − benchmark) · √(count − 1) / √(1 − skew · ratio + (kurtosis − 1) / 4 · ratio²)).

    Args:
        ratio: observed Sharpe ratio per session.
        benchmark: the one to exceed, per session.
        count: returns it was observed over.
        skew, kurtosis: of those returns, population; 0 and 3 if normal.

    Returns:
        A probability; NaN with fewer than two returns, a NaN among the arguments, or where the variance in the root is not positive.
    """
    variance = 1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio * ratio
    if count < 2 or not variance > 0 or not math.isfinite(ratio) or not math.isfinite(benchmark):
        return math.nan
    return _NORMAL.cdf((ratio - benchmark) * math.sqrt(count - 1) / math.sqrt(variance))


def expected_largest_sharpe(trials: Trials) -> float:
    """Sharpe ratio per session that the best of that many trials without any skill is expected to show.

    √variance · ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))), γ the Euler–Mascheroni constant; 0 for a single trial, whose expectation it is.
    """
    if trials.count == 1:
        return 0.0
    first, second = _NORMAL.inv_cdf(1.0 - 1.0 / trials.count), _NORMAL.inv_cdf(1.0 - 1.0 / (trials.count * math.e))
    return math.sqrt(trials.variance) * ((1.0 - _EULER_MASCHERONI) * first + _EULER_MASCHERONI * second)


def probabilistic_sharpe_of(
    returns: FloatArray, risk_free: float = 0.0, benchmark: float = 0.0, periods: float = SESSIONS_PER_YEAR
) -> float:
    """`probabilistic_sharpe` of a series; NaN where its Sharpe ratio is.

    Args:
        returns: one per session.
        risk_free: rate per year.
        benchmark: Sharpe ratio to exceed, **per session**.
        periods: sessions per year.
    """
    checked = require_returns(returns)
    ratio = sharpe(checked, risk_free, periods) / math.sqrt(periods)
    skew, kurtosis = moments(checked)
    return probabilistic_sharpe(ratio, benchmark, checked.size, skew, kurtosis)


def deflated_sharpe_of(returns: FloatArray, trials: Trials, risk_free: float = 0.0, periods: float = SESSIONS_PER_YEAR) -> float:
    """Probability that the series has skill after all that was tried: `probabilistic_sharpe_of` against `expected_largest_sharpe`."""
    return probabilistic_sharpe_of(returns, risk_free, expected_largest_sharpe(trials), periods)
