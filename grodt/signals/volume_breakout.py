"""S3: a price outside the channel of the bars before, on more volume than usual."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.indicators import Band, bars_since_listing, donchian, first_row, listings, volume_ratio
from grodt.signals.indicators.averages import LONGEST
from grodt.signals.intraday import bars_into_session, require_minutes
from grodt.signals.panel import BoolArray, FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import SignalOutput


@dataclass(frozen=True, slots=True)
class VolumeBreakout:
    """Breakout of the Donchian channel that volume confirms, held for some bars.

    value = (close − middle) / half the width of the channel: beyond ±1 the close lies outside it. The channel is that of the `window` bars
    before, highs and lows, on prices of total return, so that neither a split nor a dividend is a breakout. A channel without width has
    ±`cap` outside and 0 inside; values are held within ±100.

    A breakout is a bar that closes above the channel or below it and whose turnover (close · volume, which a split leaves alone) is at
    least `ratio` times the mean of the `volume_window` bars before it, after `opening` bars of its session. Its forecast is value,
    capped: an average position at the edge of the channel, more beyond it. It is held for the symbol's next `hold` bars of the
    session, or until the next breakout; 0 elsewhere. (Richard Donchian's channel rule, about 1960; that volume goes with price changes:
    Karpoff, "The Relation between Price Changes and Trading Volume", Journal of Financial and Quantitative Analysis 22, 1987.)

    NaN where there is no bar and before `history` bars. Needs a panel of minute bars.

    Attributes:
        window: bars of the channel.
        volume_window: bars of the mean turnover.
        ratio: turnover over its mean at which a breakout counts.
        hold: bars for which a breakout is held after its own.
        opening: bars at the start of a session that are no breakouts: the first trades of a day are large whatever the price does.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ("high", "low", "volume")
    intraday: ClassVar[bool] = True

    window: int = 20
    volume_window: int = 20
    ratio: float = 2.0
    hold: int = 10
    opening: int = 5
    cap: float = 2.0
    name: str = "volume_breakout"

    def __post_init__(self) -> None:
        require_name("volume_breakout", self.name)
        require_count(self.name, "window", self.window, low=2, high=LONGEST)
        require_count(self.name, "volume_window", self.volume_window, low=1, high=LONGEST)
        require_number(self.name, "ratio", self.ratio, low=0, high=1000)
        require_count(self.name, "hold", self.hold, low=0, high=1440)
        require_count(self.name, "opening", self.opening, low=0, high=1440)
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Bars needed, the bar itself included."""
        return max(self.window, self.volume_window) + 1

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R rows, (R, N); see `Signal.evaluate`.

        Raises:
            ConfigError: the panel's rows are sessions.
        """
        require_minutes(self.name, panel)
        length, listed = len(panel.sessions), listings(panel)
        channel = donchian(panel.adjusted("high"), panel.adjusted("low"), self.window, listed)
        value = self._place_in(channel, panel.adjusted())
        value[bars_since_listing(panel, length) < self.history] = np.nan
        # Prices are compared as they are: a close at the edge of the channel would be beyond it by the rounding of its value.
        broke = (panel.adjusted() > channel.upper) | (panel.adjusted() < channel.lower)
        broke &= volume_ratio(panel.close * panel.raw("volume"), self.volume_window, listed) >= self.ratio
        broke &= ~np.isnan(value) & (bars_into_session(panel, length) >= self.opening)
        start = first_row(panel, len(volatility))
        return SignalOutput(value[start:], self._held(panel, value, broke, listed)[start:])

    def _place_in(self, channel: Band, price: FloatArray) -> FloatArray:
        above = price - channel.middle
        half = (channel.upper - channel.lower) * 0.5
        value = np.divide(above, half, out=np.sign(above) * self.cap, where=~(half <= 0.0))
        return np.clip(value, -100.0, 100.0, out=value)

    def _held(self, panel: Panel, value: FloatArray, broke: BoolArray, listed: BoolArray) -> FloatArray:
        """Forecasts of all rows, (T, N): each breakout's own, carried over the bars for which it is held."""
        position, age = np.zeros(value.shape[1]), np.zeros(value.shape[1], dtype=np.int64)
        out = np.empty_like(value)
        firsts = set(panel.starts.tolist())
        for row, (now, new) in enumerate(zip(value, broke, strict=True)):
            barred = ~np.isnan(panel.close[row])
            age += barred
            over = (age > self.hold) | listed[row]
            position[over | (row in firsts)] = 0.0
            if new.any():
                position[new] = np.clip(now[new], -self.cap, self.cap)
                age[new] = 0
            out[row] = np.where(np.isnan(now), np.nan, position)
        return out
