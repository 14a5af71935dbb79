"""Breakout: where the price stands in the channel of its last closes."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.growth import log_price
from grodt.signals.indicators import bars_since_listing, channel_position, ema, first_row, listings
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import SignalOutput, capped


@dataclass(frozen=True, slots=True)
class Breakout:
    """Position of the log total-return price in the channel of its last `window` closes, smoothed: 1 is the highest, −1 the lowest.

    p_t = 2 · (x_t − lowest) / (highest − lowest) − 1 over the window, its own close included; value = exponential average of p of span
    window / 4, rounded down, seeded with the mean of its first values. (Carver, "A simple breakout trading rule", Investment Idiocy, May
    2016, and Advanced Futures Trading Strategies, 2023; it is the rule of the Donchian channel, about 1960, without its all or nothing.)

    forecast = value / c, capped, with c the average absolute value on a random walk. It tends to a constant as the window grows, and a
    window of w sessions misses the extremes between closes, so c = 0.482 + 0.36 / √w: fitted to simulated walks, to 1.2 % for windows of
    20 to 1260; with 10 the average absolute forecast is 1.07. A price that keeps rising has a forecast of 1 / c, 1.9 at 80 sessions.

    Attributes:
        window: closes that make the channel, in bars.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    window: int = 80
    cap: float = 2.0
    name: str = "breakout"

    def __post_init__(self) -> None:
        require_name("breakout", self.name)
        require_count(self.name, "window", self.window, low=10, high=1260)
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Bars needed, the session itself included: a channel, the positions in it that seed their average, and 2 spans more.

        After those the seed weighs less than 2 %.
        """
        return self.window + 3 * (self.window // 4) - 1

    @property
    def scale(self) -> float:
        """What makes the average absolute forecast 1 on a random walk."""
        return 1.0 / (0.482 + 0.36 / math.sqrt(self.window))

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R sessions, (R, N); see `Signal.evaluate`."""
        start, listed = first_row(panel, len(volatility)), listings(panel)
        position = channel_position(log_price(panel), self.window, listed)
        value = ema(position, self.window // 4, listed)[start:]
        value[bars_since_listing(panel, len(value)) < self.history] = np.nan
        return SignalOutput(value, capped(value, self.scale, self.cap))
