"""Sizing by optimisers of skfolio: mean-variance and risk budgets. Needs the extra `optimise`.

Both see the covariance Σ_ij = σ_i σ_j ρ_ij of a year: σ of the forecasts, which is what other sizings see, and ρ shrunk by
`shrunk_correlation`. A young symbol therefore has its whole volatility, although it has few returns.

The solver is Clarabel, an interior point method, on one thread and with its own factorisation. Tolerances are 1e-9 on gap and constraints,
or 1e-8, its own, where it cannot vouch for that. Weights are rounded to a millionth of equity, so that noise in the solver's last digits is
gone before lots are counted: it was 1e-10 where inputs were changed in their last bit. A solver that fails, or is not sure of the weights
that are used, is an error.
"""

import warnings
from typing import Any

import cvxpy as cp
import numpy as np
from cvxpy.atoms.norm1 import norm1
from skfolio import RiskMeasure
from skfolio.exceptions import SkfolioError
from skfolio.optimization import MeanRisk, ObjectiveFunction, RiskBudgeting
from skfolio.prior import BasePrior, ReturnDistribution

from grodt.errors import DataError
from grodt.signals.panel import FloatArray
from grodt.targets.caps import Caps, IntArray
from grodt.targets.opinions import Opinions
from grodt.targets.shrinkage import shrunk_correlation

#: More symbols cost minutes a session.
MOST_SYMBOLS = 1_000
_DECIMALS = 6
#: Per year; beyond these a solver's tolerances mean nothing.
_LEAST_VOLATILITY, _MOST_VOLATILITY = 1e-4, 1e2
#: Tried in turn; the second is Clarabel's own, for what it cannot vouch for at the first.
_TOLERANCES = (1e-9, 1e-8)
_LEAST_SHARE = 1e-6
#: Newton's method converges from the solver's answer in three or four steps; it is given up after these.
_MOST_STEPS = 50


class _Known(BasePrior):  # type: ignore[misc]
    """Hands skfolio the expected returns and covariance that we have."""

    def __init__(self, mu: FloatArray | None = None, covariance: FloatArray | None = None) -> None:
        self.mu = mu
        self.covariance = covariance

    def fit(self, X: FloatArray, y: None = None, **fit_params: Any) -> "_Known":  # noqa: N803
        self.return_distribution_ = ReturnDistribution(mu=self.mu, covariance=self.covariance, returns=X)
        return self


def mean_variance(opinions: Opinions, caps: Caps, risk_aversion: float, *, neutral: bool) -> FloatArray:
    """The weights of the book with the highest utility that the caps allow, (K,).

        max Σ_i forecast_i σ_i w_i − λ/2 · w'Σw  subject to  abs(w_i) ≤ weight_cap, Σ abs(w_i) ≤ gross_cap, and the caps of groups,

    w_i ≥ 0 where no short is allowed, and Σ w_i = 0 if neutral (H. Markowitz, Portfolio Selection, Journal of Finance 7, 1952, pages 77 to
    91; expected returns from forecasts: R. Grinold and R. Kahn, Active Portfolio Management, 2nd edition 1999, chapter 10). A symbol may
    come out against its forecast, as a hedge of others.

    Args:
        opinions: of the symbols.
        caps: of the book.
        risk_aversion: λ.
        neutral: whether longs must equal shorts.

    Raises:
        DataError: the solver finds no solution, or there are too many symbols.
    """
    weight, most = np.zeros(len(opinions.usable)), min(caps.weight, caps.gross)
    room = opinions.usable & (most > 0.0)
    if caps.groups is not None:
        room &= caps.groups.cap[caps.groups.group] > 0.0
    at = np.flatnonzero(room)
    if not len(at):
        return weight
    sigma = opinions.volatility[at]
    within = None if caps.groups is None else (caps.groups.group[at], caps.groups.cap)

    def constraints(w: cp.Variable) -> list[cp.Constraint]:
        found = [norm1(w) <= caps.gross]
        if within is not None:
            group, cap = within
            found += [norm1(w[np.flatnonzero(group == g)]) <= cap[g] for g in np.unique(group) if np.isfinite(cap[g])]
        return found

    model = MeanRisk(
        objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
        risk_measure=RiskMeasure.VARIANCE,
        risk_aversion=risk_aversion / 2.0,
        prior_estimator=_Known(opinions.forecast[at] * sigma, _covariance(opinions, at, "mean_variance")),
        min_weights=np.where(opinions.may_short[at], -most, 0.0),
        max_weights=np.full(len(at), most),
        budget=0.0 if neutral else None,
        add_constraints=constraints,
    )
    weight[at] = _solved(model, len(at), "mean_variance", sure=True)
    return _rounded(weight)


def risk_budget(opinions: Opinions, gross_cap: float) -> FloatArray:
    """Weights with Σ abs(w) = gross_cap whose shares of the book's variance are as abs(forecast), (K,).

        w_i (Σw)_i / w'Σw = abs(forecast_i) / Σ_j abs(forecast_j), each w_i on the side of its forecast

    (T. Roncalli, Introduction to Risk Parity and Budgeting, 2013, chapter 2). A forecast of less than a millionth of
    the largest counts as none. Caps come after it, and a capped book has other shares. The
    solver's answer is carried on by Newton's method to the last digits of the same problem, min ½ y'Σy − Σ_i b_i log y_i (F. Spinu, An
    Algorithm for Computing Risk Parity Weights, 2013).

    Args:
        opinions: of the symbols.
        gross_cap: of the book.

    Raises:
        DataError: the solver finds no solution, or there are too many symbols.
    """
    forecast = np.where(opinions.usable, opinions.forecast, 0.0)
    forecast = np.where(opinions.may_short, forecast, np.maximum(forecast, 0.0))
    side = np.sign(forecast) * (np.abs(forecast) >= _LEAST_SHARE * np.abs(forecast).max(initial=0.0))
    at = np.flatnonzero(side)
    weight = np.zeros(len(side))
    if not len(at):
        return weight
    budget = np.abs(opinions.forecast[at])
    budget /= budget.sum()
    covariance = _covariance(opinions, at, "risk_budget") * np.multiply.outer(side[at], side[at])
    model = RiskBudgeting(risk_measure=RiskMeasure.VARIANCE, risk_budget=budget, prior_estimator=_Known(np.zeros(len(at)), covariance))
    shares = _refined(_solved(model, len(at), "risk_budget", sure=False), covariance, budget)
    weight[at] = shares * side[at] * gross_cap
    return _rounded(weight)


def _covariance(opinions: Opinions, at: IntArray, sizing: str) -> FloatArray:
    if len(at) > MOST_SYMBOLS:
        raise DataError(
            f"sizing {sizing} is asked for {len(at):,} symbols, and {MOST_SYMBOLS:,} are the most; set universe.rules.largest, "
            f"or use another sizing"
        )
    sigma = opinions.volatility[at]
    outside = (sigma < _LEAST_VOLATILITY) | (sigma > _MOST_VOLATILITY)
    if outside.any():
        worst = int(outside.argmax())
        raise DataError(
            f"sizing {sizing}: {opinions.symbols[opinions.columns[at[worst]]]} has a volatility of {sigma[worst]:g} a year, outside "
            f"{_LEAST_VOLATILITY:g} to {_MOST_VOLATILITY:g}; look at its bars"
        )
    covariance: FloatArray = shrunk_correlation(opinions.returns.T[opinions.columns[at]]) * np.multiply.outer(sigma, sigma)
    return covariance


def _solved(model: Any, count: int, sizing: str, *, sure: bool) -> FloatArray:
    """The solver's weights. If `sure`, it must vouch for them; else they are a start for what does."""
    for tolerance in _TOLERANCES:
        gaps = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
        model.set_params(solver="CLARABEL", solver_params={**gaps, "max_threads": 1, "direct_solve_method": "qdldl"})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if sure:
                warnings.filterwarnings("error", message="Solution may be inaccurate", category=UserWarning)
            try:
                model.fit(np.zeros((2, count)))
                found: FloatArray = np.asarray(model.weights_, dtype=np.float64)
                return found
            except (SkfolioError, cp.SolverError, UserWarning, np.linalg.LinAlgError) as error:
                why = error
    raise DataError(
        f"sizing {sizing} of {count} symbols found no solution: {str(why)[:200]}; look at their forecasts and volatilities, "
        f"or use another sizing"
    ) from why


def _refined(shares: FloatArray, covariance: FloatArray, budget: FloatArray) -> FloatArray:
    """Positive weights with a sum of 1 and those shares of the variance, by Newton's method from weights that nearly have them."""
    size = np.maximum(shares, _LEAST_SHARE / len(shares))
    size /= np.sqrt(size @ covariance @ size)
    for _ in range(_MOST_STEPS):
        step = np.linalg.solve(covariance + np.diag(budget / (size * size)), covariance @ size - budget / size)
        furthest = float(np.abs(step / size).max())
        size -= step * min(1.0, 0.9 / furthest) if furthest > 0.0 else 0.0
        if furthest < 1e-12:
            refined: FloatArray = size / size.sum()
            return refined
    raise DataError(f"sizing risk_budget of {len(budget)} symbols did not converge; look at their volatilities, or use another sizing")


def _rounded(weight: FloatArray) -> FloatArray:
    rounded: FloatArray = np.round(weight, _DECIMALS) + 0.0  # no negative zeros
    return rounded
