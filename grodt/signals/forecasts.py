"""Signals of one session, combined into one forecast per symbol."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grodt.errors import ConfigError
from grodt.signals.indicators import Volatility
from grodt.signals.panel import BoolArray, FloatArray, Panel
from grodt.signals.parameters import require_number
from grodt.signals.signal import Signal

__all__ = ["ForecastHistory", "Forecasts", "Signal", "combine", "fields_of", "forecast_session", "forecast_sessions", "require_weights"]


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts of one session for N symbols by S signals.

    Attributes:
        symbols: ascending tickers.
        signals: names, in the order of the configuration.
        value: each signal's own value, (S, N); NaN where there is none.
        forecast: each signal's forecast, (S, N); NaN where there is none.
        combined: the forecasts combined by weight, (N,); NaN where no signal has one.
        volatility: expected volatility per year, (N,); NaN where there is none.
    """

    symbols: tuple[str, ...]
    signals: tuple[str, ...]
    value: FloatArray
    forecast: FloatArray
    combined: FloatArray
    volatility: FloatArray


@dataclass(frozen=True, slots=True)
class ForecastHistory:
    """Forecasts of R sessions in a row; see `Forecasts`.

    Attributes:
        symbols, signals: as there.
        value, forecast: (S, R, N), or (S, 0, N) where they were not to be kept.
        combined, volatility: (R, N).
    """

    symbols: tuple[str, ...]
    signals: tuple[str, ...]
    value: FloatArray
    forecast: FloatArray
    combined: FloatArray
    volatility: FloatArray

    def at(self, row: int) -> Forecasts:
        """Those of one session; where each signal's own were not kept, of no signal."""
        if not self.value.shape[1]:
            return Forecasts(self.symbols, (), self.value[:0, 0:0], self.forecast[:0, 0:0], self.combined[row], self.volatility[row])
        return Forecasts(self.symbols, self.signals, self.value[:, row], self.forecast[:, row], self.combined[row], self.volatility[row])


def forecast_session(panel: Panel, specs: Sequence[tuple[Signal, float]], volatility: Volatility | None = None) -> Forecasts:
    """Every signal in the panel's last session, and their combination; arguments and errors as for `forecast_sessions`."""
    return forecast_sessions(panel, specs, 1, volatility).at(0)


def forecast_sessions(
    panel: Panel, specs: Sequence[tuple[Signal, float]], last: int, volatility: Volatility | None = None, *, keep: bool = True
) -> ForecastHistory:
    """Every signal in the panel's last sessions, and their combination. A session has the same forecasts whatever `last` is.

    Args:
        panel: history up to the session of the last decision.
        specs: (signal, weight) pairs; see `combine`.
        last: how many sessions.
        volatility: how volatility is estimated, for the signals and for the targets alike; None: its defaults.
        keep: whether each signal's own values and forecasts are wanted, or their combination alone.

    Raises:
        ConfigError: no signal, a name used twice, or a weight out of bounds.
        ValueError: the panel has fewer sessions, or none.
    """
    signals = tuple(signal.name for signal, _ in specs)
    weights = require_weights(signals, [weight for _, weight in specs])
    sigma = (volatility or Volatility()).evaluate(panel, last)
    kept = (len(specs), last if keep else 0, len(panel.symbols))
    value, forecast = np.empty(kept), np.empty(kept)
    total = math.fsum(weights)
    combined, known = np.zeros(sigma.shape), np.zeros(sigma.shape, dtype=np.bool_)
    for place, ((signal, _), weight) in enumerate(zip(specs, weights, strict=True)):
        output = signal.evaluate(panel, sigma)
        if keep:
            value[place], forecast[place] = output.value, output.forecast
        _add(combined, known, output.forecast, weight / total)
    combined[~known] = np.nan
    return ForecastHistory(panel.symbols, signals, value, forecast, combined, sigma)


def combine(forecast: FloatArray, weights: Sequence[float]) -> FloatArray:
    """Σ_k weight_k · forecast_k / Σ_k weight_k, NaN where no signal has a forecast.

    A signal without a forecast counts as zero and its weight is not handed to the others: less evidence, a smaller position. So a
    young symbol that only one of two equal signals knows gets half of that one's forecast.

    Args:
        forecast: (S, …), such as (S, N) or (S, R, N).
        weights: one per signal; see `require_weights`.
    """
    total = math.fsum(weights)
    combined, known = np.zeros(forecast.shape[1:]), np.zeros(forecast.shape[1:], dtype=np.bool_)
    for one, weight in zip(forecast, weights, strict=True):
        _add(combined, known, one, weight / total)
    combined[~known] = np.nan
    return combined


def _add(combined: FloatArray, known: BoolArray, forecast: FloatArray, share: float) -> None:
    seen = ~np.isnan(forecast)
    combined += np.where(seen, forecast, 0.0) * share
    known |= seen


def fields_of(specs: Sequence[tuple[Signal, float]]) -> tuple[str, ...]:
    """What the signals read of a panel beside closes and returns, each once."""
    return tuple(sorted({name for signal, _ in specs for name in signal.fields}))


def require_weights(signals: Sequence[str], weights: Sequence[float]) -> tuple[float, ...]:
    """The weights, if they can combine those signals.

    Raises:
        ConfigError: no signal, a name used twice, or a weight that is not a finite number > 0 and <= 1000.
    """
    if not signals:
        raise ConfigError("signals: none is configured; name at least one with its weight")
    for signal, weight in zip(signals, weights, strict=True):
        if signals.count(signal) > 1:
            raise ConfigError(f"signals: {signal} is configured {signals.count(signal)} times; give each its own name")
        require_number(f"signal {signal}", "weight", weight, above=0, high=1000)
    return tuple(weights)
