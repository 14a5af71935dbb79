"""Time-series momentum: the return of a window of the past, the last month left out."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.growth import growth_between, simple_return
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_choice, require_count, require_name, require_number
from grodt.signals.signal import MEAN_ABSOLUTE_NORMAL, SignalOutput, capped


@dataclass(frozen=True, slots=True)
class Momentum:
    """12-1 momentum: total return from the close of session t − lookback to the close of session t − skip.

    m_t = Σ log return over sessions t − lookback + 1 … t − skip; value = exp(m_t) − 1 (Jegadeesh and Titman, "Returns to Buying
    Winners and Selling Losers", Journal of Finance 48, 1993; the last month is left out for its reversal, as in Asness, Moskowitz and
    Pedersen, "Value and Momentum Everywhere", Journal of Finance 68, 2013).
    forecast = m_t / (σ_t √((lookback − skip) / 252)) / √(2/π), capped: on a random walk its average absolute value is 1. With response
    `sign` it is the sign of m_t (Moskowitz, Ooi and Pedersen, "Time Series Momentum", Journal of Financial Economics 104, 2012, with
    12-0).

    A month is 21 sessions: 6-1 is lookback 126 and skip 21, 3-0 is 63 and 0, 1-0 is 21 and 0.
    Sessions are counted, not bars: over a gap the last price holds. A symbol without a bar at t has no value at t.

    Attributes:
        lookback: sessions back to the start of the window.
        skip: sessions back to its end.
        response: `linear`, or `sign` for ±1 whatever the strength.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    lookback: int = 252
    skip: int = 21
    response: str = "linear"
    cap: float = 2.0
    name: str = "momentum"

    def __post_init__(self) -> None:
        require_name("momentum", self.name)
        require_count(self.name, "lookback", self.lookback, low=2, high=2520)
        require_count(self.name, "skip", self.skip, low=0, high=self.lookback - 1)
        require_choice(self.name, "response", self.response, ("linear", "sign"))
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Sessions a symbol must have been listed, the session itself included."""
        return self.lookback + 1

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R sessions, (R, N); see `Signal.evaluate`."""
        growth = growth_between(panel, self.lookback, self.skip, len(volatility))
        if self.response == "sign":
            return SignalOutput(simple_return(growth), capped(np.sign(growth), 1.0, self.cap))
        forecast = growth / volatility
        scale = 1.0 / (math.sqrt((self.lookback - self.skip) / panel.rows_per_year) * MEAN_ABSOLUTE_NORMAL)
        return SignalOutput(simple_return(growth), capped(forecast, scale, self.cap))
