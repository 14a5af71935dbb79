"""Drawdowns and their dates."""

from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from grodt.errors import DataError
from grodt.replay.drawdowns import Drawdown, calmar, drawdown_curve, drawdowns, max_drawdown, require_sessions
from grodt.replay.returns import growth_of
from grodt.signals.panel import FloatArray
from tests.replay.courses import days, series


def test_two_drawdowns_worked_by_hand() -> None:
    equity = np.array([100.0, 110, 99, 104.5, 110, 120, 90, 96])
    day = [each.item() for each in days(8)]
    np.testing.assert_allclose(drawdown_curve(equity), [0, 0, -0.1, -0.05, 0, 0, -0.25, -0.2], atol=1e-15)
    deepest, other = drawdowns(days(8), equity)
    assert deepest == Drawdown(depth=-0.25, peak=day[5], trough=day[6], recovery=None, length=2, fall=1)
    assert other == Drawdown(depth=pytest.approx(-0.1), peak=day[1], trough=day[2], recovery=day[4], length=3, fall=1)
    assert max_drawdown(equity) == -0.25


def test_equity_that_is_back_at_exactly_its_high_has_recovered() -> None:
    assert drawdowns(days(3), np.array([100.0, 90.0, 100.0]))[0].recovery == days(3)[2].item()


def test_equity_that_never_falls_has_no_drawdown() -> None:
    assert drawdowns(days(3), np.array([1.0, 1.0, 2.0])) == ()
    assert drawdowns(days(1), np.array([1.0])) == ()
    assert max_drawdown(np.array([1.0])) == 0.0


def test_a_fall_from_the_first_session_on_counts_from_it() -> None:
    (only,) = drawdowns(days(3), np.array([100.0, 80.0, 60.0]))
    assert (only.peak, only.fall, only.length, only.depth) == (days(3)[0].item(), 2, 2, pytest.approx(-0.4))


def test_of_equal_depths_the_earlier_comes_first() -> None:
    first, second = drawdowns(days(5), np.array([100.0, 50, 100, 50, 100]))
    assert first.peak < second.peak


def test_calmar_is_growth_per_year_over_the_deepest_fall() -> None:
    assert calmar(np.array([100.0, 50.0, 121.0]), 1) == pytest.approx(0.1 / 0.5)


@given(returns=series)
def test_drawdowns_lie_between_total_loss_and_none_and_never_overlap(returns: FloatArray) -> None:
    equity = growth_of(returns)
    curve = drawdown_curve(equity)
    assert ((curve >= -1) & (curve <= 0)).all()
    found = drawdowns(days(equity.size), equity)
    assert max_drawdown(equity) == (found[0].depth if found else 0.0)
    in_time = sorted(found, key=lambda each: each.peak)
    for before, after in pairwise(in_time):
        assert before.recovery is not None
        assert before.recovery <= after.peak
    assert all(each.peak < each.trough and 1 <= each.fall <= each.length for each in found)
    assert sum(each.length - (each.recovery is not None) for each in found) == int((curve < 0).sum())


@given(returns=series)
def test_the_deepest_drawdown_is_the_worst_of_all_pairs(returns: FloatArray) -> None:
    equity = growth_of(returns)
    worst = min(equity[j] / equity[i] - 1 for i in range(equity.size) for j in range(i, equity.size))
    assert max_drawdown(equity) == pytest.approx(worst, abs=1e-12)


def test_sessions_out_of_order_twice_or_missing_are_errors() -> None:
    ordered = [date(2020, 1, 1), date(2020, 1, 3), date(2020, 1, 2)]
    with pytest.raises(DataError, match="session 2020-01-02 follows 2020-01-03; sort by session"):
        require_sessions(ordered)
    with pytest.raises(DataError, match="session 2020-01-01 follows 2020-01-01"):
        require_sessions(ordered[:1] * 2)
    with pytest.raises(DataError, match="none of them null"):
        require_sessions(np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"))
    with pytest.raises(DataError, match="3 sessions and 2 values"):
        drawdowns(days(3), np.array([1.0, 2.0]))
