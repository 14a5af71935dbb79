"""Signals of one session, combined into one forecast per symbol."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grodt.errors import ConfigError
from grodt.signals.gating import GateHistory, Gates, Gating
from grodt.signals.indicators import Volatility
from grodt.signals.intraday import require_minutes
from grodt.signals.panel import BoolArray, FloatArray, Panel
from grodt.signals.parameters import require_number
from grodt.signals.signal import Signal, is_intraday

__all__ = [
    "ForecastHistory",
    "Forecasts",
    "Signal",
    "combine",
    "fields_of",
    "forecast_session",
    "forecast_sessions",
    "require_weights",
    "without",
]


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
        gates: the regimes and which signals they switched off; None for a book without regimes.
    """

    symbols: tuple[str, ...]
    signals: tuple[str, ...]
    value: FloatArray
    forecast: FloatArray
    combined: FloatArray
    volatility: FloatArray
    gates: Gates | None = None


@dataclass(frozen=True, slots=True)
class ForecastHistory:
    """Forecasts of R sessions in a row; see `Forecasts`.

    Attributes:
        symbols, signals: as there.
        value, forecast: (S, R, N), or (S, 0, N) where they were not to be kept.
        combined, volatility: (R, N).
        gates: as there, of all R sessions.
    """

    symbols: tuple[str, ...]
    signals: tuple[str, ...]
    value: FloatArray
    forecast: FloatArray
    combined: FloatArray
    volatility: FloatArray
    gates: GateHistory | None = None

    def at(self, row: int) -> Forecasts:
        """Those of one session; where each signal's own were not kept, of no signal."""
        kept = bool(self.value.shape[1])
        value, forecast = (self.value[:, row], self.forecast[:, row]) if kept else (self.value[:0, 0:0], self.forecast[:0, 0:0])
        gates = None if self.gates is None else self.gates.at(row)
        return Forecasts(self.symbols, self.signals if kept else (), value, forecast, self.combined[row], self.volatility[row], gates)


def forecast_session(
    panel: Panel, specs: Sequence[tuple[Signal, float]], volatility: Volatility | None = None, *, gating: Gating | None = None
) -> Forecasts:
    """Every signal in the panel's last session, and their combination; arguments and errors as for `forecast_sessions`."""
    return forecast_sessions(panel, specs, 1, volatility, gating=gating).at(0)


def forecast_sessions(
    panel: Panel,
    specs: Sequence[tuple[Signal, float]],
    last: int,
    volatility: Volatility | None = None,
    *,
    keep: bool = True,
    gating: Gating | None = None,
) -> ForecastHistory:
    """Every signal in the panel's last sessions, and their combination. A session has the same forecasts whatever `last` is.

    Args:
        panel: history up to the session of the last decision.
        specs: (signal, weight) pairs; see `combine`.
        last: how many sessions.
        volatility: how volatility is estimated, for the signals and for the targets alike; None: its defaults.
        keep: whether each signal's own values and forecasts are wanted, or their combination alone.
        gating: in which regimes each signal is on; None: always. Where one is off, its forecast is 0 and its value stands.

    Raises:
        ConfigError: no signal, a name used twice, a weight out of bounds, or an intraday signal on a panel of sessions.
        ValueError: the panel has fewer sessions, or none.
    """
    signals = tuple(signal.name for signal, _ in specs)
    weights = require_weights(signals, [weight for _, weight in specs])
    for signal, _ in specs:
        if is_intraday(signal):
            require_minutes(signal.name, panel)
    sigma = (volatility or Volatility()).evaluate(panel, last)
    gates = None if gating is None else gating.evaluate(panel, signals, last)
    kept = (len(specs), last if keep else 0, len(panel.symbols))
    value, forecast = np.empty(kept), np.empty(kept)
    total = math.fsum(weights)
    combined, known = np.zeros(sigma.shape), np.zeros(sigma.shape, dtype=np.bool_)
    for place, ((signal, _), weight) in enumerate(zip(specs, weights, strict=True)):
        output = signal.evaluate(panel, sigma)
        own = output.forecast if gates is None else switched_off(output.forecast, gates.off(place))
        if keep:
            value[place], forecast[place] = output.value, own
        _add(combined, known, own, weight / total)
    combined[~known] = np.nan
    return ForecastHistory(panel.symbols, signals, value, forecast, combined, sigma, gates)


def combine(forecast: FloatArray | Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    """Σ_k weight_k · forecast_k / Σ_k weight_k, NaN where no signal has a forecast.

    A signal without a forecast counts as zero and its weight is not handed to the others: less evidence, a smaller position. So a
    young symbol that only one of two equal signals knows gets half of that one's forecast.

    Args:
        forecast: (S, …), such as (S, N) or (S, R, N), or the S arrays of it.
        weights: one per signal; see `require_weights`.
    """
    total = math.fsum(weights)
    combined, known = np.zeros(forecast[0].shape), np.zeros(forecast[0].shape, dtype=np.bool_)
    for one, weight in zip(forecast, weights, strict=True):
        _add(combined, known, one, weight / total)
    combined[~known] = np.nan
    return combined


def without(forecasts: Forecasts, weights: Sequence[float], names: Collection[str]) -> Forecasts:
    """The forecasts with those signals at zero wherever they have one, and combined anew.

    Args:
        forecasts: with each signal's own.
        weights: one per signal.
        names: of signals; others than the forecasts' are passed over.
    """
    off = np.isin(forecasts.signals, list(names))[:, None]
    forecast = switched_off(forecasts.forecast, np.broadcast_to(off, forecasts.forecast.shape))
    return replace(forecasts, forecast=forecast, combined=combine(forecast, weights))


def switched_off(forecast: FloatArray, off: BoolArray) -> FloatArray:
    """The forecasts with 0 where the signal is switched off and has one."""
    return np.where(off & ~np.isnan(forecast), 0.0, forecast)


def _add(combined: FloatArray, known: BoolArray, forecast: FloatArray, share: float) -> None:
    seen = ~np.isnan(forecast)
    combined += np.where(seen, forecast, 0.0) * share
    known |= seen


def fields_of(specs: Sequence[tuple[Signal, float]], gating: Gating | None = None) -> tuple[str, ...]:
    """What the signals, and their gating, read of a panel beside closes and returns, each once."""
    own = {name for signal, _ in specs for name in signal.fields}
    return tuple(sorted(own.union(() if gating is None else gating.fields)))


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
