"""Crossovers of exponential averages at several speeds, combined into one forecast."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.errors import ConfigError
from grodt.signals.indicators import decay_of, first_row, prices_over_averages
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_counts, require_name, require_number
from grodt.signals.signal import MEAN_ABSOLUTE_NORMAL, SignalOutput


@dataclass(frozen=True, slots=True)
class EwmaTrend:
    """`ewma_crossover` at several speeds: the mean of their scaled and capped forecasts, times a diversification multiplier, capped.

    For speed k, v_k = (E^fast_k − E^slow_k) / (σ / √252), of the log total-return price, and f_k = v_k · scale_k held within ±cap; then
    forecast = m · Σ_k f_k / K held within ±cap, and value = m · Σ_k v_k · scale_k / K. (Carver, Systematic Trading, 2015, chapters 7 and 8
    and appendix B; Advanced Futures Trading Strategies, 2023, the strategy of several trend rules.)

    Both the scales and m are those of a random walk. There the v_k are normal and, with a, b the decays of fast and slow and
    c(x, y) = xy / (1 − xy), their covariances are Σ_kl = c(b_k, b_l) − c(b_k, a_l) − c(a_k, b_l) + c(a_k, a_l). So
    scale_k = 1 / (√Σ_kk √(2/π)), and m = 1 / √(Σ_kl ρ_kl / K²) with ρ the correlations makes the average absolute forecast 1 again, but for
    the caps. Carver estimates them from forecasts on futures, with much the same numbers.

    Attributes:
        fast, slow: spans in bars, one of each per speed; each fast one is below its slow one.
        cap: largest absolute forecast, of each speed and of all together.
        name: of the signal.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    fast: tuple[int, ...] = (8, 16, 32, 64)
    slow: tuple[int, ...] = (32, 64, 128, 256)
    cap: float = 2.0
    name: str = "ewma_trend"

    def __post_init__(self) -> None:
        require_name("ewma_trend", self.name)
        for name in ("fast", "slow"):
            if isinstance(given := getattr(self, name), list):  # as JSON or YAML gives it
                object.__setattr__(self, name, tuple(given))
        require_counts(self.name, "slow", self.slow, low=2, high=1260)
        require_counts(self.name, "fast", self.fast, low=1, high=1259)
        pairs = list(zip(self.fast, self.slow, strict=False))
        if len(self.fast) != len(self.slow) or len(set(pairs)) < len(pairs) or any(fast >= slow for fast, slow in pairs):
            raise ConfigError(
                f"{self.name}: fast is {list(self.fast)} and slow is {list(self.slow)}; they must be as many, each fast one below the slow "
                "one in its place, and no pair twice"
            )
        require_number(self.name, "cap", self.cap, above=0, high=20)

    @property
    def history(self) -> int:
        """Bars needed, the session itself included: after 2 · slow returns the slowest seed weighs less than 2 %."""
        return 2 * max(self.slow) + 1

    @property
    def covariance(self) -> FloatArray:
        """Covariances of the crossovers of a random walk of unit steps, (K, K)."""
        a, b = (np.array([decay_of(span) for span in spans]) for spans in (self.fast, self.slow))

        def c(x: FloatArray, y: FloatArray) -> FloatArray:
            product = np.multiply.outer(x, y)
            return np.asarray(product / (1.0 - product))

        return c(b, b) - c(b, a) - c(a, b) + c(a, a)

    @property
    def scales(self) -> tuple[float, ...]:
        """What makes each speed's average absolute forecast 1 on a random walk."""
        return tuple(1.0 / (math.sqrt(variance) * MEAN_ABSOLUTE_NORMAL) for variance in np.diag(self.covariance).tolist())

    @property
    def multiplier(self) -> float:
        """What makes the average absolute value of their mean 1 again: 1 for one speed, more for several."""
        covariance = self.covariance.tolist()
        places = range(len(covariance))
        total = math.fsum(covariance[k][j] / math.sqrt(covariance[k][k] * covariance[j][j]) for k in places for j in places)
        return len(covariance) / math.sqrt(total)

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R sessions, (R, N); see `Signal.evaluate`."""
        start = first_row(panel, len(volatility))
        spans = tuple(sorted({*self.fast, *self.slow}))
        pairs = [(spans.index(fast), spans.index(slow)) for fast, slow in zip(self.fast, self.slow, strict=True)]
        scales, share = self.scales, self.multiplier / len(pairs)
        value, forecast = np.zeros(volatility.shape), np.zeros(volatility.shape)
        daily, one, cap = math.sqrt(panel.rows_per_year), np.empty(volatility.shape[1]), self.cap
        for row, over, seen in prices_over_averages(panel, spans):
            if row < start:
                continue
            total, held, per_day = value[row - start], forecast[row - start], daily / volatility[row - start]  # NaN where there is no bar
            for (fast, slow), scale in zip(pairs, scales, strict=True):
                np.subtract(over[slow], over[fast], out=one)
                one *= per_day
                one *= scale
                total += one
                np.maximum(np.minimum(one, cap, out=one), -cap, out=one)
                held += one
            held *= share
            np.maximum(np.minimum(held, cap, out=held), -cap, out=held)
            total *= share
            young = seen < self.history - 1
            for out in (total, held):
                np.copyto(out, np.nan, where=young)
        return SignalOutput(value, forecast)
