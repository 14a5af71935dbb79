"""How forecasts become a portfolio: the parameters."""

from dataclasses import dataclass

from grodt.errors import ConfigError
from grodt.signals.parameters import require_count, require_number


@dataclass(frozen=True, slots=True)
class Construction:
    """Parameters of portfolio construction. Weights are fractions of equity: 0.05 is five per cent.

    Attributes:
        volatility_target: expected volatility of the book per year, 0.10 for ten per cent.
        weight_cap: largest absolute weight of one symbol.
        gross_cap: largest sum of absolute weights; 1 is a book without leverage.
        no_trade_band: a change of weight smaller than this is not traded.
        long_only: never hold less than zero.
        history: sessions of returns over which the book's expected volatility is taken.
    """

    volatility_target: float
    weight_cap: float
    gross_cap: float
    no_trade_band: float
    long_only: bool
    history: int = 60

    def __post_init__(self) -> None:
        require_number("construction", "volatility_target", self.volatility_target, above=0, high=1)
        require_number("construction", "gross_cap", self.gross_cap, above=0, high=10)
        require_number("construction", "weight_cap", self.weight_cap, above=0, high=self.gross_cap)
        require_number("construction", "no_trade_band", self.no_trade_band, low=0, high=self.weight_cap / 2)
        require_count("construction", "history", self.history, low=2, high=2520)
        if not isinstance(self.long_only, bool):
            raise ConfigError(f"construction: long_only is {self.long_only!r}; it must be true or false")
