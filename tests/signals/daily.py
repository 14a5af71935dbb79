"""Every daily signal that comes with GRODT, with short windows; a new one must be added here before the tests pass."""

from typing import Any

from grodt.signals.registry import BUILT_IN, build_signal
from grodt.signals.signal import Signal

#: Parameters by signal, of one or more variants.
SHORT: dict[str, list[dict[str, Any]]] = {
    "momentum": [{"lookback": 12, "skip": 3}, {"lookback": 5, "skip": 0, "response": "sign"}],
    "ewma_crossover": [{"fast": 2, "slow": 6}],
    "ewma_trend": [{"fast": (2, 3), "slow": (6, 9)}, {"fast": (2,), "slow": (7,)}],
    "breakout": [{"window": 10}],
    "cross_sectional_momentum": [
        {"lookback": 12, "skip": 3},
        {"lookback": 6, "skip": 0, "select": 0.3, "side": "long"},
        {"lookback": 1, "skip": 0, "select": 0.5},
    ],
    "cross_sectional_reversal": [{"lookback": 3}, {"lookback": 4, "skip": 1, "select": 0.2}],
    "z_score_reversion": [{"window": 6}, {"window": 9, "entry": 1.0}],
    "rsi_reversion": [{"length": 3}, {"length": 5, "oversold": 50, "overbought": 50}],
    "low_volatility": [{"window": 10}, {"window": 12, "select": 0.4}],
}
#: Those whose forecasts compare symbols with each other.
CROSS_SECTIONAL = ("cross_sectional_momentum", "cross_sectional_reversal", "low_volatility")
#: Those that count a symbol's bars; the others count sessions.
COUNT_BARS = ("ewma_crossover", "ewma_trend", "breakout", "z_score_reversion", "rsi_reversion")

DAILY = tuple(name for name, kind in BUILT_IN.items() if not getattr(kind, "intraday", False))


def variants(*names: str) -> list[Signal]:
    """Every variant of those signals, or of all, each under a name of its own."""
    chosen = [(name, parameters) for name in (names or DAILY) for parameters in SHORT[name]]
    return [build_signal(name, {**parameters, "name": f"{name}-{number}"}) for number, (name, parameters) in enumerate(chosen)]
