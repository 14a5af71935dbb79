"""S2: back to the session's VWAP from far away."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.indicators import listings, standard_deviation
from grodt.signals.indicators.averages import LONGEST
from grodt.signals.intraday import bars_into_session, deviation_from_vwap, require_minutes
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import SignalOutput, capped

#: Least standard deviation of deviations, a hundredth of a basis point, so that a price that stands still has none to speak of.
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class VwapReversion:
    """Against the deviation of the price from the session's VWAP, where it is large for the symbol.

    d = close / VWAP − 1, the VWAP being that of the session so far, the bar included, on raw prices. value = d / s with s the *population*
    standard deviation of the symbol's last `window` deviations, the bar's own included, over sessions (a deviation is relative to
    its own session's prices, so splits do not matter). forecast = −value / entry, capped, where |value| ≥ entry and `opening` bars
    of the session have passed; 0 elsewhere. So it begins at an average position and grows with the deviation. s is at least 10⁻⁶.
    (The textbook z-score with the VWAP in place of the mean, known to day traders as VWAP bands; no published source fixes its parameters.)

    NaN where there is no bar, until something has been traded in the session, and before `history` bars with a VWAP. Needs a panel
    of minute bars.

    Attributes:
        window: bars of the standard deviation; 390 minutes are a regular session of a US exchange.
        entry: standard deviations at which it takes a position.
        opening: bars at the start of a session without a position.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ("high", "low", "volume")
    intraday: ClassVar[bool] = True

    window: int = 390
    entry: float = 2.0
    opening: int = 15
    cap: float = 2.0
    name: str = "vwap_reversion"

    def __post_init__(self) -> None:
        require_name("vwap_reversion", self.name)
        require_count(self.name, "window", self.window, low=2, high=LONGEST)
        require_number(self.name, "entry", self.entry, low=0.1, high=10)
        require_count(self.name, "opening", self.opening, low=0, high=1440)
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Bars with a VWAP needed, the bar itself included."""
        return self.window

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R rows, (R, N); see `Signal.evaluate`.

        Raises:
            ConfigError: the panel's rows are sessions.
        """
        require_minutes(self.name, panel)
        rows = slice(len(panel.sessions) - len(volatility), None)
        deviation = deviation_from_vwap(panel)
        spread = standard_deviation(deviation, self.window, listed=listings(panel))[rows]
        value = deviation[rows] / np.maximum(spread, _LEAST)
        forecast = capped(value, -1.0 / self.entry, self.cap)
        flat = np.abs(value) < self.entry
        flat |= ~np.isnan(value) & (bars_into_session(panel, len(volatility)) < self.opening)
        forecast[flat] = 0.0
        return SignalOutput(value, forecast)
