"""Universe rules in a replay: which candidates a book may trade in each session, judged on what was known at its close."""

import numpy as np

from grodt.replay.history import History
from grodt.signals.panel import BoolArray
from grodt.targets.measures import Measures
from grodt.targets.universe import Eligibility, UniverseRules, judge_measured


class Judging:
    """Goes through a history and judges its sessions one after the other."""

    def __init__(self, history: History, rules: UniverseRules) -> None:
        """Before the first session replayed. The history's panel must have volumes where the rules need them."""
        self._history, self._rules = history, rules
        self._measures = Measures(len(history.panel.symbols), rules.window, turnover=rules.needs_turnover)
        self._at = 0  # the next row of the panel

    def at(self, row: int) -> Eligibility:
        """What the rules say in a session replayed, which must not come before the last one asked for."""
        history, panel = self._history, self._history.panel
        volume = panel.raw("volume") if self._rules.needs_turnover else None
        while self._at <= history.first_row + row:
            turnover = None if volume is None else panel.close[self._at] * volume[self._at]
            self._measures.step(panel.close[self._at], panel.log_return[self._at], turnover, panel.split_closes(self._at))
            self._at += 1
        return judge_measured(self._rules, panel.symbols, self._measures.measured(), history.candidates_at(row).listed)


def eligible(history: History, rules: UniverseRules) -> BoolArray:
    """Whether a column may be traded, in each session replayed, (R, N)."""
    judging = Judging(history, rules)
    return np.array([judging.at(row).eligible for row in range(len(history.sessions))], dtype=np.bool_)
