"""Signals of one session, combined into one forecast per symbol."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grodt.errors import ConfigError
from grodt.signals.indicators import Volatility
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_number
from grodt.signals.signal import Signal

__all__ = ["Forecasts", "Signal", "combine", "forecast_session", "require_weights"]


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


def forecast_session(panel: Panel, specs: Sequence[tuple[Signal, float]], volatility: Volatility | None = None) -> Forecasts:
    """Every signal in the panel's last session, and their combination.

    Args:
        panel: history up to the session of the decision.
        specs: (signal, weight) pairs; see `combine`.
        volatility: how volatility is estimated, for the signals and for the targets alike; None: its defaults.

    Raises:
        ConfigError: no signal, a name used twice, or a weight out of bounds.
        ValueError: the panel has no session.
    """
    signals = tuple(signal.name for signal, _ in specs)
    weights = require_weights(signals, [weight for _, weight in specs])
    sigma = (volatility or Volatility()).evaluate(panel, 1)
    outputs = [signal.evaluate(panel, sigma) for signal, _ in specs]
    forecast = np.stack([output.forecast[0] for output in outputs])
    value = np.stack([output.value[0] for output in outputs])
    return Forecasts(panel.symbols, signals, value, forecast, combine(forecast, weights), sigma[0])


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
        seen = ~np.isnan(one)
        combined += np.where(seen, one, 0.0) * (weight / total)
        known |= seen
    combined[~known] = np.nan
    return combined


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
