"""S1: trend of exponential averages, on the side of the session's VWAP that it points to."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.ewma_crossover import EwmaCrossover
from grodt.signals.intraday import bars_into_session, deviation_from_vwap, require_minutes
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name
from grodt.signals.signal import SignalOutput

#: A price this near its VWAP, relative to it, is on neither side: it is what rounding makes of a price that stands still.
_NEAR = 1e-9


@dataclass(frozen=True, slots=True)
class VwapEmaTrend:
    """Crossover of two exponential averages, where the price confirms it by lying beyond the session's VWAP.

    value = (E^fast − E^slow) / σ of a bar, as `EwmaCrossover` has it: on log prices of total return, which run on through nights,
    splits and dividends. forecast = value · scale, capped, where

    - value > 0 and close > VWAP: long; value < 0 and close < VWAP: short,
    - `opening` bars of the session have passed, since a VWAP of a few minutes is little more than the price,

    and 0 elsewhere. The VWAP is that of the session so far, the bar included, on raw prices (`session_vwap`). The scale makes the
    average absolute crossover on a random walk 1; where the signal is flat the forecast is not scaled up for it. (A rule of day traders;
    no published source fixes its parameters.)

    NaN where there is no bar, before `history` bars, and until something has been traded in the session. Needs a panel of minute bars.

    Attributes:
        fast, slow: spans in bars.
        opening: bars at the start of a session without a position.
        cap: largest absolute forecast.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ("high", "low", "volume")
    intraday: ClassVar[bool] = True

    fast: int = 9
    slow: int = 21
    opening: int = 5
    cap: float = 2.0
    name: str = "vwap_ema_trend"

    def __post_init__(self) -> None:
        require_name("vwap_ema_trend", self.name)
        self._crossover()
        require_count(self.name, "opening", self.opening, low=0, high=1440)

    @property
    def history(self) -> int:
        """Bars needed, the bar itself included."""
        return self._crossover().history

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R rows, (R, N); see `Signal.evaluate`.

        Raises:
            ConfigError: the panel's rows are sessions.
        """
        require_minutes(self.name, panel)
        last = len(volatility)
        trend = self._crossover().evaluate(panel, volatility)
        beyond = deviation_from_vwap(panel)[len(panel.sessions) - last :]
        confirmed = ((trend.value > 0) & (beyond > _NEAR)) | ((trend.value < 0) & (beyond < -_NEAR))
        confirmed &= bars_into_session(panel, last) >= self.opening
        forecast = np.where(confirmed, trend.forecast, 0.0)
        unknown = np.isnan(trend.value) | np.isnan(beyond)
        for array in (trend.value, forecast):
            array[unknown] = np.nan
        return SignalOutput(trend.value, forecast)

    def _crossover(self) -> EwmaCrossover:
        return EwmaCrossover(self.fast, self.slow, self.cap, self.name)
