"""Cross-sectional reversal: the losers of the last days, among the book's members."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.cross_section import ranked, require_selection
from grodt.signals.growth import growth_between, simple_return
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import SignalOutput


@dataclass(frozen=True, slots=True)
class CrossSectionalReversal:
    """Rank of a symbol's last return among the members of the session: losers long and, if wanted, winners short.

    value = total return from the close of session t − lookback to that of t − skip. forecast: `ranked` by −value among the members with a
    value, capped; what is said of `cross_sectional_momentum` on its scale holds here. (Jegadeesh, "Evidence of Predictable Behavior of
    Security Returns", Journal of Finance 45, 1990: a month; Lehmann, "Fads, Martingales, and Market Efficiency", Quarterly Journal of
    Economics 105, 1990: a week. A skip of one session leaves out the bounce between bid and ask.)

    Attributes:
        lookback: sessions back to the start of the window.
        skip: sessions back to its end.
        select: share of the members that is selected, 0.1 for a decile; 0 for a forecast by rank for each.
        side: `both` for as many shorts of the winners, or `long`, which needs a share to select.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    lookback: int = 21
    skip: int = 0
    select: float = 0.0
    side: str = "both"
    cap: float = 2.0
    name: str = "cross_sectional_reversal"

    def __post_init__(self) -> None:
        require_name("cross_sectional_reversal", self.name)
        require_count(self.name, "lookback", self.lookback, low=1, high=252)
        require_count(self.name, "skip", self.skip, low=0, high=self.lookback - 1)
        require_selection(self.name, self.select, self.side)
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Sessions a symbol must have been listed, the session itself included."""
        return self.lookback + 1

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R sessions, (R, N); see `Signal.evaluate`."""
        growth = growth_between(panel, self.lookback, self.skip, len(volatility))
        forecast = ranked(np.negative(growth), panel.members_of(len(growth)), self.select, self.side, self.cap)
        return SignalOutput(simple_return(growth), forecast)
