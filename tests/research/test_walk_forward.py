"""Walk-forward analysis: what a window sees, what it chooses, and the one course of all tests."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError, DataError
from grodt.replay.engine import replay
from grodt.replay.statistics import statistics
from grodt.research.grid import Axis
from grodt.research.runs import Run
from grodt.research.shared import lay_out, part_of
from grodt.research.sweep import evaluated
from grodt.research.walk_forward import WalkForward, Window, require_walkable, walk_forward, windows_of
from grodt.research.workers import Workers
from tests.replay.histories import history_of
from tests.research.books import (
    BEFORE,
    HALF,
    SETTING,
    Holding,
    by_column,
    course,
    grid_of,
    history_after,
    plain_forecasts,
    same_figures,
    variant,
)
from tests.signals.worlds import random_closes


@given(count=st.integers(3, 400), train=st.integers(2, 100), test=st.integers(1, 100), anchored=st.booleans())
def test_tests_lie_side_by_side_after_their_training(count: int, train: int, test: int, anchored: bool) -> None:
    if count <= train:
        with pytest.raises(ConfigError, match=f"{count} sessions and --train {train} leave none to test on"):
            windows_of(count, train, test, anchored=anchored)
        return
    windows = windows_of(count, train, test, anchored=anchored)
    assert windows[0].test == train
    assert windows[-1].end == count
    assert all(one.end == after.test for one, after in itertools.pairwise(windows))
    assert all(each.end - each.test == test for each in windows[:-1])
    assert all((each.train == 0) if anchored else (each.test - each.train == train) for each in windows)


@pytest.mark.parametrize(("train", "test", "message"), [(1, 5, "--train is 1"), (5, 0, "--test is 0")])
def test_windows_of_no_length_are_refused(train: int, test: int, message: str) -> None:
    with pytest.raises(ConfigError, match=f"walk-forward: {message}; it must be a whole number"):
        windows_of(100, train, test, anchored=False)


#: A rises for eight sessions and then falls; B falls and then soars. Whoever sees the end knows better.
A = course(0.02, 0.01, 0.02, -0.01, 0.02, 0.01, 0.02, -0.08, -0.06, -0.08, -0.07)
B = course(-0.02, -0.01, 0.01, -0.02, -0.01, 0.01, -0.02, 0.30, 0.20, 0.25, 0.30)


def test_what_works_in_the_test_alone_is_not_chosen() -> None:
    axes, variants = by_column(0, 1)
    history = history_after(np.column_stack([A, B]))
    windows = windows_of(12, 8, 4, anchored=False)
    done = walk_forward(history, axes, variants, SETTING, windows, metric="total_return", anchored=False)
    (choice,) = done.choices
    assert done.parameters[choice.best] == {"signals.holding.column": 0}
    assert choice.value > 0
    assert done.out_of_sample is not None
    assert done.out_of_sample < 0
    assert done.degradation is None  # a return of four sessions does not compare with one of eight
    ratios = walk_forward(history, axes, variants, SETTING, windows, metric="sharpe", anchored=False)
    assert ratios.out_of_sample is not None
    assert ratios.degradation == ratios.out_of_sample - ratios.choices[0].value < 0


@pytest.mark.parametrize("anchored", [True, False])
def test_later_sessions_change_no_earlier_choice(anchored: bool) -> None:
    close = np.round(random_closes(11, BEFORE + 60, 4), 2)
    other = close.copy()
    other[BEFORE + 41 :] = np.round(close[BEFORE + 40] * np.exp(np.random.default_rng(2).normal(0, 0.2, (19, 4)).cumsum(axis=0)), 2)
    found = []
    for each in (close, other):
        axes, variants = by_column(0, 1, 2, 3)
        windows = windows_of(60, 20, 7, anchored=anchored)
        done = walk_forward(history_of(each, before=BEFORE), axes, variants, SETTING, windows, metric="sharpe", anchored=anchored)
        found.append([(choice.best, repr(choice.outcomes)) for choice in done.choices if choice.window.test <= 41])
    assert len(found[0]) == 4  # tests begin at 20, 27, 34 and 41
    assert found[0] == found[1]


def test_a_training_is_a_replay_of_its_sessions_alone() -> None:
    close = np.round(random_closes(12, BEFORE + 40, 4, gaps=0.03), 2)
    history = history_of(close, before=BEFORE)
    axes, variants = grid_of([0, 1], [0.3, 0.5])
    for anchored in (True, False):
        windows = windows_of(40, 20, 10, anchored=anchored)
        done = walk_forward(history, axes, variants, SETTING, windows, metric="sharpe", anchored=anchored)
        assert done.replays == (4 if anchored else 8)  # from one start, or from two
        for choice in done.choices:
            window = choice.window
            for one, outcome in zip(variants, choice.outcomes, strict=True):
                rows = part_of(plain_forecasts(history, one), window.train, window.test)
                plain = replay(history.between(window.train, window.test), rows, one.plan)
                assert outcome is not None
                assert outcome.equity == plain.equity[-1]
                assert outcome.statistics.sessions == window.test - window.train - 1


def _three_windows() -> tuple[WalkForward, float]:
    """Tests of two sessions each: column 0 is held, then 1, then 1; what the equity must be by hand."""
    first = course(*[0.02, 0.01] * 2, 0.02, 0.01, -0.03, -0.02, -0.03, -0.02, -0.01)
    second = course(*[-0.02, -0.01] * 2, -0.02, 0.05, 0.06, 0.05, 0.06, 0.05, 0.02)
    history = history_after(np.column_stack([first, second]))
    axes, variants = by_column(0, 1)
    done = walk_forward(history, axes, variants, SETTING, windows_of(10, 4, 2, anchored=False), metric="total_return", anchored=False)
    cash, shares, held = 10_000.0, [0.0, 0.0], [0, 0, 0, 0, 1, 1]
    prices = np.column_stack([first, second])[4:10]
    wanted = [0.0, 0.0]
    for now, column in zip(prices.tolist(), held, strict=True):
        cash -= sum((new - old) * price for new, old, price in zip(wanted, shares, now, strict=True))
        shares = wanted
        equity = cash + sum(own * price for own, price in zip(shares, now, strict=True))
        wanted = [float(0.5 * equity // now[0]) if column == 0 else 0.0, float(0.5 * equity // now[1]) if column == 1 else 0.0]
    return done, equity


def test_a_window_goes_on_with_what_the_one_before_it_held() -> None:
    done, equity = _three_windows()
    assert [choice.best for choice in done.choices] == [0, 0, 1]
    assert done.course.equity[-1] / 1e6 == pytest.approx(equity, abs=0.01)
    # The book is changed before the first session of the third window: it still holds column 0 in it, and sells it at the next open.
    sold = [each for each in done.course.orders.filled if each.row == 5]
    assert [each.columns.tolist() for each in sold] == [[0, 1]]


def test_the_windows_returns_chain_to_those_of_the_whole_course() -> None:
    done, _ = _three_windows()
    grown = np.prod([1 + each.total_return for each in done.tested if each.total_return is not None])
    assert done.statistics.total_return is not None
    assert grown == pytest.approx(1 + done.statistics.total_return)
    assert [each.sessions for each in done.tested] == [1, 2, 2]
    assert done.statistics.sessions == 5
    assert sum(each.trades or 0 for each in done.tested) == done.statistics.trades
    assert done.in_sample == pytest.approx(sum(choice.value for choice in done.choices) / 3)


def test_one_variant_that_is_never_changed_is_a_plain_replay() -> None:
    close = np.round(random_closes(13, BEFORE + 50, 4), 2)
    history = history_of(close, before=BEFORE)
    axes, variants = by_column(2)
    done = walk_forward(history, axes, variants, SETTING, windows_of(50, 20, 8, anchored=True), metric="sharpe", anchored=True)
    plain = replay(history.between(20, 50), part_of(plain_forecasts(history, variants[0]), 20, 50), variants[0].plan)
    assert done.course.equity.tolist() == plain.equity.tolist()
    assert same_figures(done.statistics, statistics(done.record))


def test_a_book_that_is_lost_later_has_answers_for_what_came_before(tmp_path: Path) -> None:
    """The loss is out of the first training's sight: the run earns most in it."""
    falls = course(-0.05, -0.06, -0.05, -0.06, -0.01, 60.0, 0.01, 0.02)
    history = history_after(np.column_stack([falls, course(*[0.01, 0.0] * 4)]))
    short = variant({"signals.holding.column": 0}, Holding(0, side=-1.0), construction=replace(HALF, long_only=False))
    shared = lay_out(tmp_path, history, [short], SETTING)
    with Workers(1, shared) as pool:
        evaluated(pool, shared, lambda *_told: None)
        (ran,) = pool.each([Run(0, 0, (3, 5, 7, 9))])
    assert set(ran.outcomes) == {3, 5}
    assert "2020-04-07: equity is" in ran.error
    assert "the book is lost" in ran.error
    gained = ran.outcomes[5].statistics.total_return
    assert gained is not None
    assert gained > 0.05
    assert ran.equity[:5].tolist() == ran.equity.tolist()


@pytest.mark.long
def test_any_number_of_processes_gives_the_same_answer() -> None:
    history = history_of(np.round(random_closes(8, BEFORE + 50, 4), 2), before=BEFORE)
    axes, variants = grid_of([0, 1, 2], [0.3, 0.5])
    windows = windows_of(50, 20, 8, anchored=False)
    one, two = (walk_forward(history, axes, variants, SETTING, windows, metric="sharpe", anchored=False, workers=count) for count in (1, 2))
    assert repr(one.choices) == repr(two.choices)
    assert one.course.equity.tolist() == two.course.equity.tolist()
    assert repr(one.tested) == repr(two.tested)


@pytest.mark.parametrize("path", ["capital", "broker.fill_at"])
def test_what_a_book_cannot_change_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=f"--vary {path}: a book has it from its first session on"):
        require_walkable([Axis("construction.history", (60,)), Axis(path, (1, 2))], 2, [Window(0, 5, 9)])


def test_more_replays_than_anybody_waits_for_are_refused() -> None:
    windows = windows_of(2000, 100, 10, anchored=False)
    with pytest.raises(ConfigError, match=r"5,000 combinations in 190 windows are 950,000 replays, and at most 50,000 are run"):
        require_walkable([Axis("construction.history", (60,))], 5000, windows)
    require_walkable([Axis("construction.history", (60,))], 5000, windows_of(2000, 100, 10, anchored=True))


def test_a_training_in_which_nothing_trades_says_where() -> None:
    axes, variants = by_column(0)
    flat = np.column_stack([np.full(10, 100.0), np.full(10, 100.0)])
    with pytest.raises(DataError, match=r"training from 2020-\d\d-\d\d to 2020-\d\d-\d\d: sharpe is undefined for each of the 1 runs"):
        walk_forward(history_after(flat), axes, variants, SETTING, windows_of(10, 5, 5, anchored=True), metric="sharpe", anchored=True)
