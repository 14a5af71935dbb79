"""How volatile a book of given weights is expected to be: three estimates of √(w'Σw), each without building Σ.

Means are taken as zero, a missing return counts as zero, and a year has 252 sessions. Every sum runs over the symbols with a weight, in
one fixed order, not through a matrix library whose order depends on its threads; so a replay gives the same bits, even where its
universe has more symbols that hold nothing.
"""

import numpy as np

from grodt.signals.indicators import SESSIONS_PER_YEAR, decay_of
from grodt.signals.panel import FloatArray
from grodt.targets.caps import IntArray
from grodt.targets.construction import Covariance
from grodt.targets.shrinkage import ledoit_wolf


def expected_volatility(
    weight: FloatArray, returns: FloatArray, covariance: Covariance = "returns", span: int = 33, columns: IntArray | None = None
) -> float:
    """Expected volatility per year; 0 where there is no return or no weight.

    With p_t = Σ_i w_i r_ti, the returns the book would have had with these weights:

    - `returns`: σ² = 252 · Σ_t p²_t / T, the sample covariance.
    - `ewma`: σ² = 252 · Σ_t λ^(T−1−t) p²_t / Σ_t λ^(T−1−t), λ = 1 − 2 / (span + 1): exponentially weighted covariance (J.P. Morgan/Reuters,
      RiskMetrics Technical Document, 1996, chapter 5) of the sessions given.
    - `shrunk`: σ² = 252 · ((1 − δ) Σ_t p²_t / T + δ μ Σ_i w²_i), with δ and μ of `ledoit_wolf` over the symbols with a weight.

    Args:
        weight: (K,).
        returns: log returns, (T, N), NaN where there is none.
        covariance: which of the three.
        span: of `ewma`, in sessions.
        columns: of the returns of each weight, ascending, (K,); None: K is N.
    """
    held = np.flatnonzero(weight)
    if not len(returns) or not len(held):
        return 0.0
    sizes = weight[held]
    known = np.ascontiguousarray(returns.T[held if columns is None else columns[held]])
    with np.errstate(over="ignore", invalid="ignore"):
        portfolio = (known * sizes[:, None]).sum(axis=0)
        if np.isnan(portfolio).any():  # most panels have no hole, and looking for one costs as much as the sum
            np.copyto(known, 0.0, where=np.isnan(known))
            portfolio = (known * sizes[:, None]).sum(axis=0)
        squares = portfolio * portfolio
        if covariance == "ewma":
            decay = decay_of(span) ** np.arange(len(squares) - 1, -1, -1.0)
            variance = (squares * decay).sum() / decay.sum()
        else:
            variance = squares.sum() / len(squares)
        if covariance == "shrunk":
            shrunk = ledoit_wolf(known)
            variance = (1.0 - shrunk.intensity) * variance + shrunk.intensity * shrunk.mean_variance * (sizes * sizes).sum()
        return float(np.sqrt(variance * SESSIONS_PER_YEAR))
