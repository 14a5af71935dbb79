"""Cross-sectional momentum: the winners of a window of the past, among the book's members."""

from dataclasses import dataclass
from typing import ClassVar

from grodt.signals.cross_section import ranked, require_selection
from grodt.signals.growth import growth_between, simple_return
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import SignalOutput


@dataclass(frozen=True, slots=True)
class CrossSectionalMomentum:
    """Rank of a symbol's past return among the members of the session: winners long and, if wanted, losers short.

    value = total return from the close of session t − lookback to that of t − skip, as in `momentum`; 252 and 21 sessions are 12-1.
    forecast: `ranked` among the members with a value, capped. (Jegadeesh and Titman, "Returns to Buying Winners and Selling Losers",
    Journal of Finance 48, 1993: deciles, equal weights; rank weights as in Asness, Moskowitz and Pedersen, Journal of Finance 68, 2013.)

    With select 0 the average absolute forecast is 1 in every session. With a share, 1 is the forecast of each symbol that is selected and
    0 that of the others, so the average is that share: the book's volatility target, not the signal, makes up for how few they are.

    Attributes:
        lookback: sessions back to the start of the window.
        skip: sessions back to its end.
        select: share of the members that is selected, 0.1 for a decile; 0 for a forecast by rank for each.
        side: `both` for as many shorts of the losers, or `long`, which needs a share to select.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    lookback: int = 252
    skip: int = 21
    select: float = 0.0
    side: str = "both"
    cap: float = 2.0
    name: str = "cross_sectional_momentum"

    def __post_init__(self) -> None:
        require_name("cross_sectional_momentum", self.name)
        require_count(self.name, "lookback", self.lookback, low=1, high=2520)
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
        forecast = ranked(growth, panel.members_of(len(growth)), self.select, self.side, self.cap)
        return SignalOutput(simple_return(growth), forecast)
