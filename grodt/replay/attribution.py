"""What each signal added to a replay's returns, and the value of an index of what could be traded."""

from collections.abc import Sequence

import numpy as np

from grodt.replay.engine import Course, Decision
from grodt.replay.history import History, IntArray
from grodt.signals.forecasts import ForecastHistory
from grodt.signals.panel import FloatArray

#: What no signal is credited with: prices of fills against closes, commission, borrowing, and holdings that no forecast stood for.
EXECUTION = "execution"


class Attribution:
    """A `Recorder` that shares the return of each session out among the signals.

    c_{k,t} = Σ_i v_{i,t−1} / E_{t−1} · (exp(r_{i,t}) − 1) · s_{k,i}: v is the value held at the close before, negative when short, r the
    total return of the session, and s the signal's share of the holding, max(w_k f_{k,i} sign(v), 0) over the sum of that over all
    signals: who spoke for the side that is held is credited by how much, who spoke against it is not. f are the forecasts of the
    decision that the holding came from, that of the session before t−1, whose orders filled in t−1. What is left of the
    session's return is `EXECUTION`. (The rule is ours; signals are combined by the same weights, as in Carver, Systematic Trading,
    2015, chapter 8.)
    """

    def __init__(self, history: History, forecasts: ForecastHistory, weights: Sequence[float]) -> None:
        """Of forecasts that were kept, with the weights they were combined by."""
        self._history, self._forecasts, self._weights = history, forecasts, weights
        self.signals: FloatArray = np.zeros((len(forecasts.signals), len(history.sessions)))
        self._value = np.zeros(len(history.panel.symbols))
        self._equity = 0.0

    def begun(self, course: Course) -> None:
        """Nothing to be told."""

    def marked(self, row: int, position: IntArray, micros: IntArray, age: IntArray, equity: int) -> None:
        """Share out this session's return on what was held at the close before."""
        if row >= 2:
            held = np.flatnonzero(self._value)
            change = self._history.panel.log_return[self._history.first_row + row, held]
            earned = self._value[held] / self._equity * np.where(np.isnan(change), 0.0, np.expm1(change))
            forecast = np.nan_to_num(self._forecasts.forecast[:, row - 2, held], nan=0.0) * np.array(self._weights)[:, None]
            spoke = np.maximum(forecast * np.sign(self._value[held]), 0.0)
            whole = spoke.sum(axis=0)
            share = np.divide(spoke, whole, out=np.zeros_like(spoke), where=whole > 0.0)
            self.signals[:, row] = (share * earned).sum(axis=1)
        self._value = position.astype(np.float64) * micros
        self._equity = float(equity)

    def decided(self, decision: Decision) -> None:
        """Nothing to keep."""

    def contributions(self, returns: FloatArray) -> dict[str, FloatArray]:
        """By signal, (R,), and under `EXECUTION` what is left of the returns (R − 1,); the first session has none."""
        left = np.concatenate(([0.0], returns)) - self.signals.sum(axis=0)
        left[0] = 0.0
        return {**dict(zip(self._forecasts.signals, self.signals, strict=True)), EXECUTION: left}


def index_changes(history: History) -> FloatArray:
    """Change in each session of an index of everything that may be traded, in equal parts anew at each close, without costs, (R,).

    It is of what could be traded at the close before; 0 in the first session.
    """
    first, panel = history.first_row, history.panel
    changes = np.zeros(len(history.sessions))
    for row in range(1, len(history.sessions)):
        change = panel.log_return[first + row]
        counted = history.members_at(row - 1) & ~np.isnan(change)
        if counted.any():
            changes[row] = np.expm1(change[counted]).mean()
    return changes


def index_of(changes: FloatArray) -> FloatArray:
    """Value of the index at each close, 1 at the first, (R,). The first change is not read."""
    value: FloatArray = np.cumprod(np.concatenate(([1.0], 1.0 + changes[1:])))
    return value
