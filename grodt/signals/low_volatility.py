"""Low volatility: the quietest of the book's members."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.cross_section import ranked, require_selection
from grodt.signals.indicators import first_row, listings, realised_volatility
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import SignalOutput


@dataclass(frozen=True, slots=True)
class LowVolatility:
    """Rank of a symbol's past volatility among the members of the session: the quietest long and, if wanted, the wildest short.

    value = sample standard deviation of the last `window` log total returns, per year (`realised_volatility`). forecast: `ranked` by −value
    among the members with a value, capped; what is said of `cross_sectional_momentum` on its scale holds here. (Blitz and van Vliet, "The
    Volatility Effect", Journal of Portfolio Management 34, 2007: deciles by volatility; Ang, Hodrick, Xing and Zhang, "The Cross-Section of
    Volatility and Expected Returns", Journal of Finance 61, 2006.)

    A price that has not moved in the whole window has no value: it is not a quiet company but one that is not traded.

    Attributes:
        window: returns.
        select: share of the members that is selected, 0.1 for a decile; 0 for a forecast by rank for each.
        side: `both` for as many shorts of the wildest, or `long`, which needs a share to select.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    window: int = 252
    select: float = 0.0
    side: str = "both"
    cap: float = 2.0
    name: str = "low_volatility"

    def __post_init__(self) -> None:
        require_name("low_volatility", self.name)
        require_count(self.name, "window", self.window, low=10, high=2520)
        require_selection(self.name, self.select, self.side)
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Bars needed, the session itself included: the first bar has no return."""
        return self.window + 1

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R sessions, (R, N); see `Signal.evaluate`."""
        start = first_row(panel, len(volatility))
        value = realised_volatility(panel.log_return, self.window, panel.rows_per_year, listings(panel))[start:]
        np.copyto(value, np.nan, where=value == 0.0)
        forecast = ranked(np.negative(value), panel.members_of(len(value)), self.select, self.side, self.cap)
        return SignalOutput(value, forecast)
