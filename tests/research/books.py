"""Small books to sweep: of few symbols, with signals whose answers are known."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from grodt.replay.history import History
from grodt.replay.running import forecasts_of
from grodt.replay.statistics import Statistics
from grodt.research.grid import Axis, Parameters, combinations
from grodt.research.shared import Setting
from grodt.research.variants import Use, Variant
from grodt.signals.forecasts import Signal
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.signal import SignalOutput
from grodt.targets.construction import Construction
from tests.replay.histories import EQUAL, history_of, plan_of

#: Sessions known before the first one that is replayed: as many as volatility needs.
BEFORE = 62
SETTING = Setting(None, 252.0)


@dataclass(frozen=True, slots=True)
class Holding:
    """Forecast 1 for one column, −1 for it where `side` says so, and none for the others; it counts how often it is asked."""

    asked: ClassVar[list[str]] = []
    fields: ClassVar[tuple[str, ...]] = ()
    column: int = 0
    side: float = 1.0
    history: int = 1
    name: str = "holding"

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """See `Signal.evaluate`."""
        self.asked.append(f"{self.name} {self.column}")
        forecast = np.full(volatility.shape, np.nan)
        forecast[:, self.column] = self.side
        return SignalOutput(forecast.copy(), forecast)


#: Half of the equity at most, so that no rounding makes a buy wait.
HALF = replace(EQUAL, gross_cap=0.5, weight_cap=0.5)


def variant(parameters: Parameters, *signals: Signal, construction: Construction = HALF, **limits: Any) -> Variant:
    """A book of 10,000 with those signals at weight 1."""
    uses = tuple(Use(repr(signal), signal, 1.0) for signal in signals)
    return Variant(parameters, uses, plan_of("10000", construction, **limits))


def by_column(*columns: int, **limits: Any) -> tuple[tuple[Axis, ...], tuple[Variant, ...]]:
    """Books that hold one column each: parameter `signals.holding.column`."""
    axes = (Axis("signals.holding.column", columns),)
    return axes, tuple(variant({"signals.holding.column": column}, Holding(column), **limits) for column in columns)


def grid_of(columns: Sequence[int], shares: Sequence[float]) -> tuple[tuple[Axis, ...], tuple[Variant, ...]]:
    """Books that hold a share of their equity in one column."""
    axes = (Axis("signals.holding.column", tuple(columns)), Axis("construction.gross_cap", tuple(shares)))
    made = []
    for each in combinations(axes):
        column, share = each.values()
        assert isinstance(column, int)
        assert isinstance(share, float)
        made.append(variant(each, Holding(column), construction=replace(HALF, gross_cap=share, weight_cap=share)))
    return axes, tuple(made)


def history_after(close: FloatArray) -> History:
    """Sessions with those closes (and opens), after 62 in which the first ones went up and down."""
    still = close[0] * (1 + 0.01 * (-1.0) ** np.arange(BEFORE))[:, None]
    return history_of(np.vstack([still, close]), before=BEFORE)


def course(*growth: float, start: float = 100.0) -> FloatArray:
    """Closes that grow by that much each session, (n + 1,)."""
    return start * np.array(list(itertools.accumulate([1.0, *(1 + each for each in growth)], lambda a, b: a * b)))


def plain_forecasts(history: History, one: Variant) -> Any:
    """What a replay of the variant by itself would compute."""
    return forecasts_of(history, one.specs, keep=False, gating=one.gating)


def same_figures(one: Statistics, other: Statistics) -> bool:
    """Whether every figure is equal, bit for bit."""
    return repr(one) == repr(other)
