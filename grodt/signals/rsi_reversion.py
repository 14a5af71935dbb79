"""Mean reversion by Wilder's relative strength index."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.indicators import bars_since_listing, first_row, listings, rsi
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import SignalOutput, capped


@dataclass(frozen=True, slots=True)
class RsiReversion:
    """Long what is oversold and short what is overbought, by the relative strength index of the total-return price.

    value = RSI of `length` bars, 0 to 100 (`rsi`; Wilder, New Concepts in Technical Trading Systems, 1978, with 14 bars, 30 and 70; Connors
    and Alvarez, Short Term Trading Strategies That Work, 2008, with 2 bars, 10 and 90). NaN where the price has not moved since its
    listing.

    forecast = (50 − RSI) / u where RSI ≤ oversold or RSI ≥ overbought, capped, and 0 between. u = 50 / √(2 length − 1) is about the
    average of abs(RSI − 50) on a random walk: RSI − 50 is 50 (G − L) / (G + L), where G − L averages normal steps, so that its mean
    absolute value is √(2/π) / √(2 length − 1) of a step's deviation, and G + L averages their absolute values, √(2/π) of it. So with both
    bounds at 50 the average absolute forecast is 1 before the cap (0.95 with 2 bars). With 30 and 70 and 14 bars the signal is silent in
    nine sessions of ten and asks for twice the average position in the tenth: 0.2 on average.

    Attributes:
        length: bars.
        oversold, overbought: bounds beyond which there is an opinion, in points of RSI, on either side of 50.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    length: int = 14
    oversold: float = 30.0
    overbought: float = 70.0
    cap: float = 2.0
    name: str = "rsi_reversion"

    def __post_init__(self) -> None:
        require_name("rsi_reversion", self.name)
        require_count(self.name, "length", self.length, low=2, high=252)
        require_number(self.name, "oversold", self.oversold, low=0, high=50)
        require_number(self.name, "overbought", self.overbought, low=50, high=100)
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Bars needed, the session itself included: `length` changes are the seed, and after 4 · length more it weighs less than 2 %."""
        return 5 * self.length + 1

    @property
    def unit(self) -> float:
        """Average of abs(RSI − 50) on a random walk, about."""
        return 50.0 / math.sqrt(2 * self.length - 1)

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R sessions, (R, N); see `Signal.evaluate`."""
        start = first_row(panel, len(volatility))
        value = rsi(panel.adjusted(), self.length, listings(panel))[start:]
        value[bars_since_listing(panel, len(value)) < self.history] = np.nan
        forecast = capped(50.0 - value, 1.0 / self.unit, self.cap)
        np.copyto(forecast, 0.0, where=(value > self.oversold) & (value < self.overbought))
        return SignalOutput(value, forecast)
