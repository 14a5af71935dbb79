"""What every signal is."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from grodt.signals.panel import FloatArray, Panel

#: Mean of abs(z) of a standard normal z: dividing by it makes the average absolute forecast 1.
MEAN_ABSOLUTE_NORMAL = math.sqrt(2.0 / math.pi)


@dataclass(frozen=True, slots=True)
class SignalOutput:
    """A signal over R sessions.

    Attributes:
        value: the signal's own value, (R, N); NaN where there is no bar or history is too short.
        forecast: scaled and capped, 1 is an average long, −1 an average short, (R, N); NaN where there is none.
    """

    value: FloatArray
    forecast: FloatArray


class Signal(Protocol):
    """A pure function of a panel. Its values at a session never depend on a later one, bit for bit."""

    @property
    def name(self) -> str:
        """Its name in the books file and the `signals` table."""
        ...

    @property
    def history(self) -> int:
        """Sessions a symbol must have been listed before there is a value, the session itself included."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """What it reads of the panel beside `close` and `log_return`, of `grodt.signals.panel.FIELDS`."""
        ...

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """The signal in the panel's last R sessions.

        Args:
            panel: history; recurrences start at its first session.
            volatility: of the symbols per year in the last R sessions, (R, N). R says how many sessions are wanted.
        """
        ...


def capped(value: FloatArray, scale: float, cap: float) -> FloatArray:
    """`value · scale`, held within ±`cap`; NaN stays NaN."""
    forecast = value * scale
    np.clip(forecast, -cap, cap, out=forecast)
    return forecast


def is_intraday(signal: Signal) -> bool:
    """Whether it reads bars of a session and no daily ones: a signal says so by a class attribute `intraday`; most need none."""
    return bool(getattr(signal, "intraday", False))
