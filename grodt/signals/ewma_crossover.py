"""Crossover of two exponential averages, over volatility."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.indicators import decay_of, price_over_average
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import MEAN_ABSOLUTE_NORMAL, SignalOutput, capped


@dataclass(frozen=True, slots=True)
class EwmaCrossover:
    """Fast less slow exponential average of the log total-return price, in daily standard deviations.

    value_t = (E^fast_t − E^slow_t) / (σ_t / √252), σ per year. The averages come from `price_over_average`: E^fast − E^slow is
    D^slow − D^fast. (Carver, Systematic Trading, 2015, appendix B, rule EWMAC, there on prices; Baz, Granger, Harvey, Le Roux and
    Rattray, "Dissecting Investment Strategies in the Cross Section and Time Series", 2015, whose trend signal has the same form.)
    forecast = value · scale, capped. On a random walk the value's standard deviation tends to
    s = √(a²/(1 − a²) + b²/(1 − b²) − 2ab/(1 − ab)) with a, b the two decays, so scale = 1 / (s √(2/π)) makes the average absolute
    forecast 1: 0.467 for 16/64. (Carver estimates 0.375 on futures, whose trends lengthen the tails.)

    Attributes:
        fast, slow: spans in bars.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    fast: int = 16
    slow: int = 64
    cap: float = 2.0
    name: str = "ewma_crossover"

    def __post_init__(self) -> None:
        require_name("ewma_crossover", self.name)
        require_count(self.name, "slow", self.slow, low=2, high=1260)
        require_count(self.name, "fast", self.fast, low=1, high=self.slow - 1)
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Bars needed, the session itself included: after 2 · slow returns the seed weighs less than 2 %."""
        return 2 * self.slow + 1

    @property
    def scale(self) -> float:
        """What makes the average absolute forecast 1 on a random walk."""
        a, b = decay_of(self.fast), decay_of(self.slow)
        variance = a * a / (1 - a * a) + b * b / (1 - b * b) - 2 * a * b / (1 - a * b)
        return 1.0 / (math.sqrt(variance) * MEAN_ABSOLUTE_NORMAL)

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R sessions, (R, N); see `Signal.evaluate`."""
        (fast, slow), seen = price_over_average(panel, (self.fast, self.slow), len(volatility))
        value = np.subtract(slow, fast, out=slow)
        value /= volatility  # NaN where there is no bar
        value *= math.sqrt(panel.rows_per_year)
        value[seen < self.history - 1] = np.nan
        return SignalOutput(value, capped(value, self.scale, self.cap))
