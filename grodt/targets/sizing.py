"""What weights start from, before the book is scaled and capped."""

import numpy as np

from grodt.signals.panel import FloatArray
from grodt.targets.caps import Caps, gross
from grodt.targets.construction import Construction
from grodt.targets.opinions import Opinions

#: Sizes stop here, before the caps: far outside any book, well inside floats.
FAR = 1e6


def needs_volatility(construction: Construction) -> bool:
    """Whether its sizing has no weight for a symbol without a volatility."""
    return construction.sizing != "equal_weight"


def may_hedge(construction: Construction) -> bool:
    """Whether its sizing may come to a weight for a symbol with a forecast of zero."""
    return construction.sizing == "mean_variance"


def sizes(opinions: Opinions, count: int, caps: Caps, construction: Construction) -> FloatArray:
    """Weights by the construction's sizing, (K,); zero where a symbol is not usable, or wanted short and may not be.

    - `inverse_volatility`: forecast_i · (volatility_target / σ_i) / n over the n usable symbols; without a target, forecast_i / σ_i scaled
      to a gross weight of gross_cap.
    - `equal_weight`: gross_cap / m for each of the m symbols with a forecast that is not zero, on the side of its sign.
    - `mean_variance`, `risk_budget`: see `grodt.targets.optimisation`.

    Args:
        opinions: of the symbols.
        count: n, usable symbols of the whole universe, whether they are among those given or not.
        caps: of the book, for `mean_variance`.
        construction: the parameters.
    """
    if construction.sizing == "inverse_volatility":
        return _inverse_volatility(opinions, count, construction)
    if construction.sizing == "equal_weight":
        return _equal_weight(opinions, construction.gross_cap)
    from grodt.targets.optimisation import mean_variance, risk_budget  # skfolio and what it loads cost seconds

    if construction.sizing == "mean_variance":
        return mean_variance(opinions, caps, construction.risk_aversion, neutral=construction.dollar_neutral)
    return risk_budget(opinions, construction.gross_cap)


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
    return weight / total * construction.gross_cap if total > 0.0 else weight


def _equal_weight(opinions: Opinions, gross_cap: float) -> FloatArray:
    long = opinions.usable & (opinions.forecast > 0.0)
    side, count = long.astype(np.float64), np.count_nonzero(long)
    if opinions.may_short.any():
        short = opinions.usable & opinions.may_short & (opinions.forecast < 0.0)
        side -= short
        count += np.count_nonzero(short)
    side *= gross_cap / max(1, int(count))
    return side
