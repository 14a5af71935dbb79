"""Histories and plans of replays to test on, from arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from grodt.bars.corporate_actions import CorporateAction
from grodt.bars.history import micros_array
from grodt.brokers.fills import FillTerms
from grodt.money import micros
from grodt.replay.engine import Plan
from grodt.replay.history import Candidates, History, IntArray
from grodt.risk.limits import Limits
from grodt.signals.forecasts import ForecastHistory
from grodt.signals.panel import FloatArray, Panel
from grodt.targets.construction import Construction
from tests.risk.proposals import limits
from tests.signals.worlds import panel_of, tickers, weekdays

EQUAL = Construction(
    volatility_target=None, weight_cap=1.0, gross_cap=1.0, no_trade_band=0.0, long_only=True, sizing="equal_weight", rebalance="session"
)
EASY: dict[str, Any] = {
    "symbol_position": 10**6,
    "order_quantity": 10**6,
    "order_value": 1e9,
    "cash_buffer": 1e-6,
    "new_cycles": 1,
    "new_share": 1.0,
    "daily_loss": 0.9,
    "drawdown": 0.9,
    "armed_cycles": 10**5,
    "price_age": 9,
    "completeness": 0.01,
    "volatility_high": 9.0,
    "return_high": 0.9,
}


def history_of(
    close: FloatArray,
    opens: FloatArray | None = None,
    *,
    before: int = 0,
    actions: dict[int, Sequence[CorporateAction]] | None = None,
    cancels: dict[int, IntArray] | None = None,
    panel: Panel | None = None,
) -> History:
    """Closes (T, N) and opens (the same where not given); the first `before` sessions are known and not replayed. Everything is listed.

    One more session before them has the first closes, so that the first session has returns.
    """
    opens = close if opens is None else opens
    close, opens, before = np.vstack([close[:1], close]), np.vstack([opens[:1], opens]), before + 1
    whole = panel or with_splits(panel_of(close), actions or {}, before)
    width = close.shape[1]
    every = np.ones(width, dtype=np.bool_)
    candidates = Candidates(
        start=0,
        listed=every,
        lot=np.ones(width, dtype=np.int64),
        tick=np.full(width, 10_000),
        shortable=every,
        sector=("",) * width,
        tickers=tickers(width),
    )
    return History(
        panel=whole,
        sessions=weekdays(len(close))[before:],
        instruments=tickers(width),
        open=micros_array(opens[before:]),
        close=micros_array(close[before:]),
        volume=np.full(close[before:].shape, 10**9),
        candidates=(candidates,),
        actions=actions or {},
        cancels=cancels or {},
    )


def with_splits(panel: Panel, actions: Mapping[int, Sequence[CorporateAction]], first_row: int) -> Panel:
    """The panel with the splits among the actions of sessions replayed, the first of which is that row of it."""
    splits: dict[int, dict[int, list[CorporateAction]]] = {}
    for row, of_row in actions.items():
        for action in of_row:
            if action.kind == "split":
                splits.setdefault(first_row + row, {}).setdefault(panel.symbols.index(action.symbol), []).append(action)
    return replace(panel, splits=splits)


def day(row: int) -> date:
    """The session of a row of closes that `history_of` was given."""
    return weekdays(row + 2)[row + 1]


def forecasts_of(history: History, combined: FloatArray, volatility: float = 0.2) -> ForecastHistory:
    """One signal that says this, (R, N)."""
    return ForecastHistory(history.panel.symbols, ("said",), combined[None], combined[None], combined, np.full(combined.shape, volatility))


def plan_of(capital: str = "10000", construction: Construction = EQUAL, terms: FillTerms | None = None, **changed: Any) -> Plan:
    """A book with wide limits, some changed."""
    bound: Limits = limits(**EASY | changed)
    return Plan("b", micros(capital), construction, bound, terms or FillTerms())
