"""Momentum over a year without its last month."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.indicators import first_row, steps
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import MEAN_ABSOLUTE_NORMAL, SignalOutput, capped


@dataclass(frozen=True, slots=True)
class Momentum:
    """12-1 momentum: total return from the close of session t − lookback to the close of session t − skip.

    m_t = Σ log return over sessions t − lookback + 1 … t − skip; value = exp(m_t) − 1 (Jegadeesh and Titman, "Returns to Buying
    Winners and Selling Losers", Journal of Finance 48, 1993; the last month is left out for its reversal, as in Asness, Moskowitz and
    Pedersen, "Value and Momentum Everywhere", Journal of Finance 68, 2013).
    forecast = m_t / (σ_t √((lookback − skip) / 252)) / √(2/π), capped: on a random walk its average absolute value is 1.

    Sessions are counted, not bars: over a gap the last price holds. A symbol without a bar at t has no value at t.

    Attributes:
        lookback: sessions back to the start of the window.
        skip: sessions back to its end.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    lookback: int = 252
    skip: int = 21
    cap: float = 2.0
    name: str = "momentum"

    def __post_init__(self) -> None:
        require_name("momentum", self.name)
        require_count(self.name, "lookback", self.lookback, low=2, high=2520)
        require_count(self.name, "skip", self.skip, low=0, high=self.lookback - 1)
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Sessions a symbol must have been listed, the session itself included."""
        return self.lookback + 1

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R sessions, (R, N); see `Signal.evaluate`."""
        start, width = first_row(panel, len(volatility)), len(panel.symbols)
        total = np.zeros(width)  # log total return since the panel's first session
        ring = np.zeros((self.lookback + 1, width))  # its last values; row t stands at t mod (lookback + 1)
        listed_at = np.full(width, len(panel.sessions), dtype=np.int32)
        growth = np.full((len(volatility), width), np.nan)
        for step in steps(panel):
            if step.any_listed:
                listed_at[step.listed] = step.row
            total += step.gain
            ring[step.row % len(ring)] = total
            if step.row >= max(start, self.lookback):
                ready = step.barred & (listed_at <= step.row - self.lookback)
                then, now = ring[(step.row + 1) % len(ring)], ring[(step.row - self.skip) % len(ring)]
                np.subtract(now, then, out=growth[step.row - start], where=ready)
        forecast = growth / volatility
        scale = 1.0 / (math.sqrt((self.lookback - self.skip) / panel.rows_per_year) * MEAN_ABSOLUTE_NORMAL)
        return SignalOutput(_simple(growth), capped(forecast, scale, self.cap))


def _simple(growth: FloatArray) -> FloatArray:
    for row in growth:  # row by row: the same vectors whatever number of sessions is asked for
        np.expm1(row, out=row)
    return growth
