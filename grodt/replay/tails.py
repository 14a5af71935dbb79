"""The distribution of returns: value at risk, expected shortfall, skewness, kurtosis, tails. Conventions as in `grodt.replay.returns`."""

import math
from statistics import NormalDist

import numpy as np

from grodt.errors import DataError
from grodt.replay.returns import ROUNDING, require_returns, varies
from grodt.signals.panel import FloatArray


def require_level(level: float) -> float:
    """A level of confidence, above one half and below one.

    Raises:
        DataError: it is not.
    """
    if not 0.5 < level < 1.0:
        raise DataError(f"level {level} is not between 0.5 and 1; 0.95 is the loss that one session in twenty exceeds")
    return level


def historical_var(returns: FloatArray, level: float = 0.95) -> float:
    """Historical value at risk of one session, as a return: the (1 − level) quantile, linear between order statistics; a loss is negative.

    NaN without a return. Hyndman and Fan's type 7, as numpy, R and empyrical `value_at_risk` take it.
    """
    checked = require_returns(returns)
    return float(np.quantile(checked, 1.0 - require_level(level))) if checked.size else math.nan


def historical_cvar(returns: FloatArray, level: float = 0.95) -> float:
    """Historical expected shortfall of one session: the mean of the returns at or below `historical_var`, so never the smaller loss.

    NaN without a return. Acerbi and Tasche, On the coherence of expected shortfall, 2002; empyrical `conditional_value_at_risk`.
    """
    checked = require_returns(returns)
    # At or below the quantile are the lowest ⌊(n − 1)(1 − level)⌋ + 1; counted, so that no rounding of it excludes one.
    tail = math.floor((checked.size - 1) * (1.0 - require_level(level)) + ROUNDING) + 1
    return float(np.sort(checked)[:tail].mean()) if checked.size else math.nan


def gaussian_var(returns: FloatArray, level: float = 0.95) -> float:
    """Value at risk of one session if returns were normal: mean + z · std(n − 1), z = Φ⁻¹(1 − level). NaN with fewer than two returns."""
    checked = require_returns(returns)
    z = NormalDist().inv_cdf(1.0 - require_level(level))
    return float(checked.mean() + z * checked.std(ddof=1)) if checked.size >= 2 else math.nan


def gaussian_cvar(returns: FloatArray, level: float = 0.95) -> float:
    """Expected shortfall of one session if returns were normal: mean − std(n − 1) · φ(z) / (1 − level). NaN with fewer than two returns."""
    checked = require_returns(returns)
    normal = NormalDist()
    weight = normal.pdf(normal.inv_cdf(1.0 - require_level(level))) / (1.0 - level)
    return float(checked.mean() - weight * checked.std(ddof=1)) if checked.size >= 2 else math.nan


def moments(returns: FloatArray) -> tuple[float, float]:
    """Skewness g₁ = m₃ / m₂^1.5 and kurtosis m₄ / m₂² of the *population*; 0 and 3 for a normal distribution. NaN without variance."""
    checked = require_returns(returns)
    if not varies(checked):
        return math.nan, math.nan
    deviation = (checked - checked.mean()) / checked.std(ddof=0)
    return float(np.mean(deviation**3)), float(np.mean(deviation**4))


def skewness(returns: FloatArray) -> float:
    """Skewness of a *sample*, adjusted Fisher–Pearson G₁ = g₁ √(n(n − 1)) / (n − 2). NaN with fewer than three returns or no variance.

    Joanes and Gill, Comparing measures of sample skewness and kurtosis, 1998; pandas `skew`.
    """
    count = np.asarray(returns).size
    return moments(returns)[0] * math.sqrt(count * (count - 1)) / (count - 2) if count >= 3 else math.nan


def excess_kurtosis(returns: FloatArray) -> float:
    """Excess kurtosis of a *sample*, G₂ = (n − 1) / ((n − 2)(n − 3)) · ((n + 1)(kurtosis − 3) + 6); 0 for a normal distribution.

    NaN with fewer than four returns or no variance. Joanes and Gill, 1998; pandas `kurt`.
    """
    count = np.asarray(returns).size
    return (count - 1) / ((count - 2) * (count - 3)) * ((count + 1) * (moments(returns)[1] - 3.0) + 6.0) if count >= 4 else math.nan


def tail_ratio(returns: FloatArray) -> float:
    """Size of the 95 % quantile over the size of the 5 % quantile. NaN without a return, or where the 5 % quantile is zero.

    Above one, large gains outweigh large losses. empyrical `tail_ratio`.
    """
    checked = require_returns(returns)
    if not checked.size:
        return math.nan
    high, low = np.abs(np.quantile(checked, [0.95, 0.05]))
    return float(high / low) if low > ROUNDING else math.nan
