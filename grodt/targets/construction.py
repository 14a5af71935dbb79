"""How forecasts become a portfolio: the parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Annotated, Literal

import numpy as np
from pydantic import Strict

from grodt.errors import ConfigError
from grodt.signals.panel import FloatArray
from grodt.signals.parameters import require_choice, require_count, require_flag, require_number

Sizing = Literal["inverse_volatility", "equal_weight", "mean_variance", "risk_budget"]
Covariance = Literal["returns", "ewma", "shrunk"]
Rebalance = Literal["session", "week", "month"]

SIZINGS = ("inverse_volatility", "equal_weight", "mean_variance", "risk_budget")
COVARIANCES = ("returns", "ewma", "shrunk")
REBALANCES = ("session", "week", "month")
#: Sizings that an optimiser of the extra `optimise` computes.
OPTIMISED = ("mean_variance", "risk_budget")


@dataclass(frozen=True, slots=True)
class Construction:
    """Parameters of portfolio construction. Weights are fractions of equity: 0.05 is five per cent. `docs/targets.md` has each formula.

    Attributes:
        volatility_target: expected volatility of the book per year, 0.10 for ten per cent. None: the book is not scaled; inverse
            volatility, equal weight and risk budget then start from a gross weight of `gross_cap`, and mean-variance from what
            `risk_aversion` makes of it.
        weight_cap: largest absolute weight of one symbol.
        gross_cap: largest sum of absolute weights; 1 is a book without leverage.
        no_trade_band: a change of weight smaller than this is not traded.
        long_only: never hold less than zero.
        history: sessions of returns over which the book's expected volatility, and an optimiser's correlations, are taken.
        sizing: what weights start from; see `grodt.targets.sizing`. `mean_variance` and `risk_budget` need `uv sync --extra optimise`.
        covariance: how the book's expected volatility is taken; see `grodt.targets.book_volatility`. An optimiser needs `shrunk`: with
            fewer sessions than symbols the others know books without any risk, and it would find them.
        span: of the exponential weights of covariance `ewma`, in sessions; 33 is close to RiskMetrics' decay of 0.94.
        risk_aversion: λ of sizing `mean_variance`, which maximises Σ forecast_i · σ_i · w_i − λ/2 · w'Σw, per year. A forecast of 1 is
            read as a Sharpe ratio of 1. Only the ratio matters: who believes in 0.2 multiplies λ by five.
        group_cap: largest sum of absolute weights of an instrument's sector, by its name; "*" is each one that is not named. Symbols
            without a sector have no such cap.
        dollar_neutral: long and short sides are held to the same gross weight; the larger one is scaled down to the smaller.
        trade_share: share of the way from the weight held to the one wanted that is traded at once, 1 all of it; see
            `grodt.targets.turnover`.
        turnover_penalty: how far, in weight, a trade stops short of the weight wanted, as costs in proportion to its size ask for.
        rebalance: whether the book trades towards its targets in every session, or in the first one of a week or month; see
            `grodt.targets.rebalancing`.
    """

    volatility_target: float | None
    weight_cap: float
    gross_cap: float
    no_trade_band: float
    long_only: bool
    history: int = 60
    sizing: Sizing = "inverse_volatility"
    covariance: Covariance = "returns"
    span: int = 33
    risk_aversion: float = 10.0
    group_cap: Mapping[str, Annotated[float, Strict()]] = field(default_factory=dict)
    dollar_neutral: bool = False
    trade_share: float = 1.0
    turnover_penalty: float = 0.0
    rebalance: Rebalance = "session"

    def __post_init__(self) -> None:
        if self.volatility_target is not None:
            require_number("construction", "volatility_target", self.volatility_target, above=0, high=1)
        require_number("construction", "gross_cap", self.gross_cap, above=0, high=10)
        require_number("construction", "weight_cap", self.weight_cap, above=0, high=self.gross_cap)
        require_number("construction", "no_trade_band", self.no_trade_band, low=0, high=self.weight_cap / 2)
        require_flag("construction", "long_only", self.long_only)
        require_count("construction", "history", self.history, low=2, high=2520)
        require_choice("construction", "sizing", self.sizing, SIZINGS)
        require_choice("construction", "covariance", self.covariance, COVARIANCES)
        require_count("construction", "span", self.span, low=2, high=2520)
        require_number("construction", "risk_aversion", self.risk_aversion, above=0, high=10_000)
        require_flag("construction", "dollar_neutral", self.dollar_neutral)
        require_number("construction", "trade_share", self.trade_share, above=0, high=1)
        require_number("construction", "turnover_penalty", self.turnover_penalty, low=0, high=self.weight_cap / 2)
        require_choice("construction", "rebalance", self.rebalance, REBALANCES)
        self._require_group_caps()
        if self.dollar_neutral and self.long_only:
            raise ConfigError("construction: dollar_neutral is true and long_only too; a book without shorts has no other side: drop one")
        if self.sizing in OPTIMISED:
            self._require_optimiser()

    def _require_group_caps(self) -> None:
        caps: object = self.group_cap
        if not isinstance(caps, Mapping):
            raise ConfigError(
                f"construction: group_cap is {caps!r}; it must be a mapping of sectors to shares of equity, such as "
                f'{{"*": 0.3, Energy: 0.2}}, or be left out'
            )
        for group, cap in caps.items():
            if not isinstance(group, str) or not group:
                raise ConfigError(f'construction: group_cap names {group!r}; it must name a sector, or "*" for each that is not named')
            require_number("construction", f"group_cap of {group!r}", cap, above=0, high=self.gross_cap)

    def _require_optimiser(self) -> None:
        if self.covariance != "shrunk":
            raise ConfigError(
                f"construction: sizing is {self.sizing!r} and covariance {self.covariance!r}; an optimiser needs covariance 'shrunk', "
                f"because it would find the books without risk that {self.history} sessions of more symbols seem to have"
            )
        if find_spec("skfolio") is None:
            raise ConfigError(
                f"construction: sizing is {self.sizing!r} and skfolio is not installed; install it with `uv sync --extra optimise`"
            )

    def group_caps(self, groups: Sequence[str]) -> FloatArray:
        """The cap of each group, (G,); infinite where it has none."""
        others = self.group_cap.get("*", np.inf)
        return np.array([self.group_cap.get(group, others) for group in groups], dtype=np.float64)
