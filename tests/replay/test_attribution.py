"""What each signal added, and the index of what could be traded."""

from datetime import date

import numpy as np
import pytest

from grodt.replay.attribution import EXECUTION, Attribution, index_changes, index_of
from grodt.replay.history import History
from grodt.signals.forecasts import ForecastHistory
from tests.replay.histories import history_of

NAN = float("nan")


def _forecasts(history: History, *forecast: list[list[float]]) -> ForecastHistory:
    each = np.array(forecast)
    return ForecastHistory(history.panel.symbols, ("one", "two"), each, each, each.sum(axis=0), np.full(each.shape[1:], 0.2))


def _added(forecasts: ForecastHistory, history: History, position: list[int], equity: int = 1000) -> Attribution:
    """Held throughout."""
    attribution = Attribution(history, forecasts, [1.0, 3.0])
    micros = np.zeros(2, dtype=np.int64)
    for row, close in enumerate(history.close):
        micros = np.where(close > 0, close, micros)
        attribution.marked(row, np.array(position), micros, np.zeros(2, dtype=np.int64), equity * 10**6)
    return attribution


def test_the_return_on_a_holding_is_shared_by_weighted_forecasts_of_the_decision_it_came_from() -> None:
    history = history_of(np.array([[10.0, 10.0], [10.0, 10.0], [11.0, 10.0], [11.0, 12.0]]))
    # Row 2 rests on the forecasts of row 0: 1 · 3 and 3 · 1 in the first symbol. Row 3 on those of row 1, in the second 1 · 1 and 3 · 3.
    forecasts = _forecasts(history, [[3, 0], [0, 1], [0, 0], [0, 0]], [[1, 0], [0, 3], [0, 0], [0, 0]])
    found = _added(forecasts, history, [20, 10])
    assert found.signals[:, 2] == pytest.approx([0.01, 0.01])  # 20 shares rose by 1, of 1,000
    assert found.signals[:, 3] == pytest.approx([0.002, 0.018])  # 10 shares rose by 2
    assert found.signals[:, :2].tolist() == [[0, 0], [0, 0]]


def test_a_signal_that_spoke_against_the_side_that_is_held_is_credited_with_nothing() -> None:
    history = history_of(np.array([[10.0, 10.0], [10.0, 10.0], [11.0, 10.0]]))
    forecasts = _forecasts(history, [[3, 0], [0, 0], [0, 0]], [[-0.5, 0], [0, 0], [0, 0]])
    assert _added(forecasts, history, [20, 0]).signals[:, 2] == pytest.approx([0.02, 0.0])
    assert _added(forecasts, history, [-20, 0]).signals[:, 2] == pytest.approx([0.0, -0.02])


def test_contributions_and_execution_add_up_to_the_return() -> None:
    history = history_of(np.array([[10.0, 10.0], [10.0, 10.0], [11.0, NAN], [12.0, 9.0]]))
    forecasts = _forecasts(history, [[1, 1]] * 4, [[1, 0]] * 4)
    returns = np.array([0.01, -0.02, 0.03])
    parts = _added(forecasts, history, [20, 10]).contributions(returns)
    assert list(parts) == ["one", "two", EXECUTION]
    assert sum(parts.values())[1:] == pytest.approx(returns)
    assert all(values[0] == 0.0 for values in parts.values())


def test_the_index_is_the_mean_return_of_what_could_be_traded_at_the_close_before() -> None:
    history = history_of(np.array([[10.0, 10.0], [11.0, 12.0], [11.0, NAN], [22.0, 12.0]]))
    assert index_of(index_changes(history)) == pytest.approx([1.0, 1.15, 1.15, 1.15 * 1.5])
    one = history.of_members(np.array([[True, False]] * 4))
    assert index_of(index_changes(one)) == pytest.approx([1.0, 1.1, 1.1, 2.2])
    assert history.sessions[0] > date(2020, 1, 1)
