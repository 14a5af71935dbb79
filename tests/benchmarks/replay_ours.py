"""GRODT in the replay benchmark: the kernel of `grodt replay`, with every risk control, on arrays.

With `evidence` every control's answer is kept as rows of `risk_checks`; without, a basket that passes all of them at a glance is not
asked one by one. Either way nothing is written to disk, as by the peers. The limits are those of a book that is meant to do this: wide,
and none of them off.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np

from grodt.bars.history import micros_array
from grodt.brokers.fills import FillTerms
from grodt.money import micros
from grodt.replay.engine import Course, Decision, Plan, replay
from grodt.replay.history import Candidates, History, IntArray
from grodt.risk.evidence import Asked, rows_of
from grodt.risk.limits import Limits
from grodt.signals.forecasts import ForecastHistory
from grodt.signals.panel import Panel as Sessions
from grodt.targets.construction import Construction
from tests.benchmarks.replay_strategy import COST, INVESTED, Outcome, Panel, decision_rows, top_decile

IMPORTS = ("grodt.replay.engine",)

_LIMITS: dict[str, Any] = {
    "order_quantity": 10**9,
    "order_value": 1e11,
    "volume_share": 1.0,
    "collar": 0.5,
    "collar_sigmas": 5.0,
    "price_age": 5,
    "symbol_position": 10**9,
    "symbol_weight": 1.0,
    "group_weight": {},
    "gross_exposure": 1.5,
    "net_exposure": 1.5,
    "basket_value": 2.5,
    "turnover": 2.5,
    "cash_buffer": 0.0001,
    "restricted": (),
    "completeness": 0.01,
    "weights_sum": 1.5,
    "volatility_low": 0.01,
    "volatility_high": 5.0,
    "return_high": 0.5,
    "daily_loss": 0.9,
    "drawdown": 0.99,
    "armed_cycles": 10**6,
    "new_cycles": 1,
    "new_share": 1.0,
    "cycle_messages": 10**6,
    "minute_messages": 10**6,
    "rejects_in_a_row": 10**6,
    "slippage": 0.5,
    "slippages_in_a_row": 10**6,
}


def prepare(panel: Panel, rebalanced: str, *, evidence: bool) -> Callable[[], Outcome]:
    """The panel as a history. Choosing what to hold is part of the replay."""
    rows = decision_rows(panel.sessions, rebalanced)
    first, width = int(rows[0]), len(panel.symbols)
    days: tuple[date, ...] = tuple(panel.sessions.astype("datetime64[D]").tolist())
    change = np.full(panel.close.shape, np.nan)
    with np.errstate(invalid="ignore"):
        change[1:] = np.log(panel.last[1:] / panel.last[:-1])
    change[np.isnan(panel.close)] = np.nan
    everything = np.ones(width, dtype=np.bool_)
    candidates = Candidates(
        0, everything, np.ones(width, dtype=np.int64), np.full(width, 10_000), ~everything, ("",) * width, panel.symbols
    )
    history = History(
        panel=Sessions(days, panel.symbols, panel.close, change),
        sessions=days[first:],
        instruments=panel.symbols,
        open=micros_array(panel.open[first:]),
        close=micros_array(panel.close[first:]),
        volume=np.broadcast_to(np.int64(10**12), panel.close[first:].shape),
        candidates=(candidates,),
    )
    plan = Plan(
        book="bench",
        capital=micros(str(panel.capital)),
        construction=Construction(
            volatility_target=None,
            weight_cap=INVESTED,
            gross_cap=INVESTED,
            no_trade_band=0.0,
            long_only=True,
            sizing="equal_weight",
            rebalance="session" if rebalanced == "day" else "month",
        ),
        limits=Limits(**_LIMITS),
        terms=FillTerms.of(COST * 10_000, 0),
    )
    shape, symbols = panel.close[first:].shape, panel.symbols
    volatility = np.broadcast_to(0.3, shape)

    def run() -> Outcome:
        combined = np.zeros(shape)  # nothing is wanted where nothing is said
        for row in rows.tolist():
            combined[row - first, top_decile(panel, row)] = 1.0
        none = np.empty((1, 0, width))
        forecasts = ForecastHistory(symbols, ("momentum",), none, none, combined, volatility)
        course = replay(history, forecasts, plan, recorder=_Evidence() if evidence else None, evidence=evidence)
        return Outcome(course.equity[-1] / 1e6, sum(len(each.places) for each in course.orders.filled))

    return run


class _Evidence:
    """Makes the rows of every control's answer, 25 sessions at a time as the tables do, and drops them."""

    def __init__(self) -> None:
        self.rows = 0
        self._asked: list[Asked] = []

    def begun(self, course: Course) -> None:
        self._course = course

    def marked(self, row: int, position: IntArray, micros: IntArray, age: IntArray, equity: int) -> None:
        pass

    def decided(self, decision: Decision) -> None:
        if decision.assessment is not None:
            self._asked.append(decision.assessment.asked)
        if len(self._asked) == 25:
            self.rows += rows_of(self._asked, book="bench", symbols=self._course.history.panel.symbols).height
            self._asked.clear()
