"""What weights start from, before the book is scaled and capped."""

from dataclasses import dataclass

import numpy as np

from grodt.signals.panel import BoolArray, FloatArray
from grodt.targets.caps import Caps, IntArray, gross
from grodt.targets.construction import Construction

#: Sizes stop here, before the caps: far outside any book, well inside floats.
FAR = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Opinions:
    """What is known of K symbols when they are sized.

    Attributes:
        forecast: combined forecasts, (K,).
        volatility: expected per year, (K,).
        usable: whether the symbol may trade and has what its sizing needs, (K,); the others get zero.
        may_short: whether a weight below zero is allowed, (K,).
        returns: log returns of the last sessions, (T, N); NaN where there is none.
        columns: each symbol's of the returns, ascending, (K,).
    """

    forecast: FloatArray
    volatility: FloatArray
    usable: BoolArray
    may_short: BoolArray
    returns: FloatArray
    columns: IntArray


def needs_volatility(construction: Construction) -> bool:
    """Whether its sizing has no weight for a symbol without a volatility."""
    return construction.sizing in ("inverse_volatility", "mean_variance")


def sizes(opinions: Opinions, count: int, caps: Caps, construction: Construction) -> FloatArray:
    """Weights by the construction's sizing, (K,); zero where a symbol is not usable, or wanted short and may not be.

    - `inverse_volatility`: forecast_i · (volatility_target / σ_i) / n over the n usable symbols; without a target, forecast_i / σ_i scaled
      to a gross weight of gross_cap.
    - `equal_weight`: gross_cap / m for each of the m symbols with a forecast that is not zero, on the side of its sign.

    Args:
        opinions: of the symbols.
        count: n, usable symbols of the whole universe, whether they are among those given or not.
        caps: of the book, for `mean_variance`.
        construction: the parameters.
    """
    if construction.sizing == "inverse_volatility":
        return _inverse_volatility(opinions, count, construction)
    return _equal_weight(opinions, construction.gross_cap)


def _inverse_volatility(opinions: Opinions, count: int, construction: Construction) -> FloatArray:
    usable, target = opinions.usable, construction.volatility_target
    weight = np.zeros(len(usable))
    with np.errstate(over="ignore"):
        size = np.minimum((1.0 if target is None else target) / opinions.volatility[usable], FAR)
    weight[usable] = opinions.forecast[usable] * size / max(1, count)
    weight = np.minimum(np.maximum(weight, np.where(opinions.may_short, -FAR, 0.0)), FAR)
    if target is not None:
        return weight
    total = gross(weight)
    return weight * (construction.gross_cap / total) if total > 0.0 else weight


def _equal_weight(opinions: Opinions, gross_cap: float) -> FloatArray:
    side = np.sign(np.where(opinions.usable, opinions.forecast, 0.0))
    side = np.where(opinions.may_short, side, np.maximum(side, 0.0))
    share: FloatArray = side * (gross_cap / max(1, int(np.count_nonzero(side))))
    return share
