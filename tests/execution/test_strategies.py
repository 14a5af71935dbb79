"""Targets of several strategies, and what halts of one leave of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grodt.execution.decision import Closes, decide_targets
from grodt.execution.strategies import StrategyState, StrategyTargets, decide_strategies, merged
from grodt.ledger.halts import Halt
from grodt.targets.construction import Construction
from grodt.targets.strategies import Strategy
from tests.execution.stocked import KNOWN
from tests.execution.test_decision import forecasts_of, state_of

PLAIN = Construction(volatility_target=None, weight_cap=0.5, gross_cap=1.0, no_trade_band=0.0, long_only=True, sizing="equal_weight")
CLOSES = Closes(np.full(3, 100.0), np.full(3, 100_000_000), np.array([0, 0, 2]), np.zeros((5, 3)))
HALT = Halt(1, "strategy", "demo", "a", "", "all", "pause", 0, False, "storm", "ann", KNOWN, None, None, None, None)


def _held(*rows: list[int], working: list[list[int]] | None = None) -> StrategyState:
    position = np.array(rows)
    coming = np.zeros_like(position) if working is None else np.array(working)
    return StrategyState(("a", "b", "gone")[: len(rows)], position, coming, np.maximum(-coming, 0))


def _decided(held: StrategyState, *halts: Halt, due: tuple[bool, bool] = (True, True), **changed: Any) -> StrategyTargets:
    """a sees the first symbol alone, b the second; half of 100,000 is each one's."""
    both = Strategy("a", 0.5, PLAIN), Strategy("b", 0.5, PLAIN)
    state = replace(state_of(3, position=held.position.sum(axis=0), **changed), halts=halts)
    return decide_strategies(both, [forecasts_of([1, 0, 0]), forecasts_of([0, 1, 0])], due, held=held, state=state, closes=CLOSES)


def test_each_trades_on_its_share_and_what_it_holds_and_what_cannot_trade_is_kept() -> None:
    """Half of the equity, of which a symbol may be half: 250 shares at 100."""
    found = _decided(_held([100, 0, 0], [40, 0, 9]))
    assert found.quantity.tolist() == [[250, 0, 0], [0, 250, 9]]
    assert found.targets.quantity.tolist() == [250, 250, 9]


def test_what_a_strategy_of_before_holds_is_left_where_it_can_be_traded() -> None:
    held = _held([0, 0, 0], [0, 0, 0], [30, 0, 5])
    assert _decided(held).quantity.tolist() == [[250, 0, 0], [0, 250, 0], [0, 0, 5]]


def test_a_halted_strategy_keeps_what_it_has_and_lets_come_what_it_ordered() -> None:
    held = _held([100, 20, 0], [0, 0, 0], working=[[7, 0, 0], [0, 0, 0]])
    assert _decided(held, HALT, working=[7, 0, 0]).quantity[0].tolist() == [107, 20, 0]
    assert _decided(held, replace(HALT, side="buys"), working=[7, 0, 0]).quantity[0].tolist() == [107, 0, 0]
    assert _decided(held, replace(HALT, side="sells"), working=[7, 0, 0]).quantity[0].tolist() == [250, 20, 0]
    assert _decided(held, replace(HALT, strategy="b"), working=[7, 0, 0]).quantity.tolist() == [[250, 0, 0], [0, 0, 0]]


def test_each_rebalances_when_its_own_time_has_come() -> None:
    assert _decided(_held([100, 0, 0], [0, 90, 0]), due=(False, True)).quantity.tolist() == [[100, 0, 0], [0, 250, 0]]


def test_what_a_strategy_ordered_is_let_come_where_nothing_is_decided() -> None:
    """b rebalances and a does not; the third symbol has no bar."""
    held = _held([100, 0, 9], [0, 90, 9], [0, 0, 5], working=[[7, 0, 3], [0, 20, 4], [0, 0, -2]])
    found = _decided(held, due=(False, True), working=[7, 20, 5])
    assert found.quantity.tolist() == [[107, 0, 12], [0, 250, 13], [0, 0, 3]]
    assert found.targets.quantity.tolist() == [107, 250, 28]


def test_one_alone_with_all_of_the_capital_is_the_book() -> None:
    state = state_of(3, position=[10, 5, 1])
    forecast = forecasts_of([1, -1, 2])
    alone = decide_targets(CLOSES, forecast, state, PLAIN)
    held = StrategyState(("a",), state.position[None], *np.zeros((2, 1, 3), dtype=np.int64))
    found = decide_strategies([Strategy("a", 1.0, PLAIN)], [forecast], [True], held=held, state=state, closes=CLOSES)
    assert found.targets.quantity.tolist() == alone.quantity.tolist()
    assert found.targets.weight.tolist() == alone.weight.tolist()


def test_forecasts_are_the_book_s_by_strategy_and_name_and_combined_by_shares() -> None:
    found = merged([Strategy("a", 0.6, PLAIN), Strategy("b", 0.2, PLAIN)], [forecasts_of([1.0, np.nan]), forecasts_of([-1.0, 2.0])])
    assert found.signals == ("a.m", "b.m")
    assert found.forecast.shape == (2, 2)
    assert found.combined.tolist() == pytest.approx([0.5, 0.5])
