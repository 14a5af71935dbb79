"""Whether there is as much history as the signals need."""

from collections.abc import Iterable

from grodt.errors import ConfigError
from grodt.signals.indicators import Volatility
from grodt.signals.panel import Panel
from grodt.signals.signal import Signal


def require_history(panel: Panel, signals: Iterable[Signal], last: int = 1, volatility: Volatility | None = None) -> None:
    """Refuse a panel in which no symbol can have a value yet, for it is shorter than what a signal needs.

    Asked before anything is decided: such a signal would be silent, and a book of silent signals holds nothing without a word. A symbol
    that is younger than its neighbours is no error; it has no value until it is old enough.

    Args:
        panel: history up to the last decision.
        signals: the book's.
        last: how many of its rows are decided on; the first of them has the least history.
        volatility: that the forecasts and targets are scaled by; None: its defaults.

    Raises:
        ConfigError: names each signal that needs more, how much, and what there is.
    """
    have = max(0, len(panel.sessions) - last + 1)
    needs = [(f"signal {signal.name}", signal.history) for signal in signals]
    needs.append(("volatility", (volatility or Volatility()).history + 1))
    short = [f"{name} needs {count}" for name, count in needs if count > have]
    if not short:
        return
    rows = "sessions" if panel.ends is None else "bars"
    reach = f", from {panel.sessions[0]} to {panel.sessions[have - 1]}" if have else ""
    raise ConfigError(
        f"{', '.join(short)} {rows} of history, and there are {have}{reach}; set the book's `history` further back and fetch it with "
        "`grodt ingest`, begin later, or shorten the parameters"
    )
