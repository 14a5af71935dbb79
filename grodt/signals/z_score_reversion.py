"""Mean reversion by the distance of a price to its own average."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.growth import log_price
from grodt.signals.indicators import first_row, listings, z_score
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import SignalOutput, capped


@dataclass(frozen=True, slots=True)
class ZScoreReversion:
    """Against the distance of the log total-return price to its average, in standard deviations of the same window.

    value = z = (p_t − mean) / population standard deviation of p over the last `window` bars, t included (`z_score`; Bollinger, Bollinger
    on Bollinger Bands, 2001, whose %b is z / 4 + 1/2 with bands of two deviations; Chan, Algorithmic Trading, 2013, chapter 3, for its use:
    hold −z units). NaN where the price has stood still.

    forecast = −z / c, capped, and 0 where abs(z) < entry. On a random walk the average absolute z is c = 1.2 (1 − 1/w) + 1.5 / w² for a
    window of w, within 2.5 % of E|a'ε| (ε'Bε)^−½ integrated numerically for w = 2 … 250, with ε the steps and z = a'ε / √(ε'Bε). So the
    average absolute forecast is 1 with entry 0, and less with a higher one.

    Attributes:
        window: bars of average and deviation.
        entry: distance below which there is no opinion, in standard deviations.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    window: int = 20
    entry: float = 0.0
    cap: float = 2.0
    name: str = "z_score_reversion"

    def __post_init__(self) -> None:
        require_name("z_score_reversion", self.name)
        require_count(self.name, "window", self.window, low=2, high=1260)
        require_number(self.name, "entry", self.entry, low=0, high=10)
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Bars needed, the session itself included."""
        return self.window

    @property
    def scale(self) -> float:
        """What makes the average absolute forecast 1 on a random walk, with entry 0."""
        return 1.0 / (1.2 * (1.0 - 1.0 / self.window) + 1.5 / self.window**2)

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R sessions, (R, N); see `Signal.evaluate`."""
        start = first_row(panel, len(volatility))
        value = z_score(log_price(panel), self.window, listed=listings(panel))[start:]
        forecast = capped(value, -self.scale, self.cap)
        np.copyto(forecast, 0.0, where=np.abs(value) < self.entry)
        return SignalOutput(value, forecast)
