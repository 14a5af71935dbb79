"""Walk-forward analysis: the best parameters of one stretch, lived with on the next.

In each window every variant is run over the training sessions, from flat and with the book's capital, as `grodt replay` would run it over
them. The best by the metric is in force over the test sessions that follow. The test sessions of all windows, which no selection has
seen, are **one course of one book**: at each window's first session its configuration is changed as a person would change the books
file before that evening's cycle, and shares, cash, dividends owed and open orders go on. Nothing is sold and bought back at a
window's edge, and nothing is left out; so the first session of a window still earns what the parameters before it held.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from grodt.errors import ConfigError
from grodt.replay.closing import equity_frame, traded_frame
from grodt.replay.course import Course, Recorder
from grodt.replay.engine import replay
from grodt.replay.frames import Frames
from grodt.replay.history import History
from grodt.replay.record import Record
from grodt.replay.statistics import Statistics, statistics
from grodt.research.grid import MOST_RUNS, Axis, Parameters
from grodt.research.metrics import best, deflated, degradation, metric_of, trials_of
from grodt.research.runs import Outcome, Ran, Run, record_until
from grodt.research.shared import Setting, Shared, lay_out, part_of
from grodt.research.sweep import RUNS, Progress, course_returns, evaluated
from grodt.research.variants import Variant
from grodt.research.workers import Workers
from grodt.signals.parameters import require_count

TEST = "out-of-sample sessions"
#: Replays of one analysis.
MOST_REPLAYS = 10 * MOST_RUNS
#: What a book has from its first session on and cannot change.
_FIXED = ("capital", "broker.fill_at")


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of the history: training from `train` to `test` − 1, test from `test` to `end` − 1."""

    train: int
    test: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What a window chose by its training alone.

    Attributes:
        window: its rows.
        outcomes: of each variant in training; None for one that lost its book.
        values: of the metric in training, None where undefined.
        best: the variant in force in the test.
        deflated: deflated Sharpe ratio of that one in training, among all of them.
    """

    window: Window
    outcomes: tuple[Outcome | None, ...]
    values: tuple[float | None, ...]
    best: int
    deflated: float | None

    @property
    def outcome(self) -> Outcome:
        """What the best came to in training."""
        outcome = self.outcomes[self.best]
        assert outcome is not None  # its metric is defined
        return outcome

    @property
    def value(self) -> float:
        """The best's metric in training."""
        value = self.values[self.best]
        assert value is not None  # else there is no choice
        return value


@dataclass(frozen=True, slots=True, eq=False)
class WalkForward:
    """What a walk-forward analysis came to.

    Attributes:
        axes: what was varied.
        sessions: of training and test together.
        parameters: of each variant, in the grid's order.
        metric: what they are compared by.
        anchored: whether every training begins with the first session.
        choices: of each window.
        tested: statistics of each window's test. A session's return is over the close before it, so only the first window has a base of
            its own.
        course: the book through all tests, one after the other.
        record: the same for statistics.
        statistics: of it.
        signals: how many distinct signals were evaluated, each once.
        replays: how many replays the training took.
    """

    axes: tuple[Axis, ...]
    sessions: tuple[date, ...]
    parameters: tuple[Parameters, ...]
    metric: str
    anchored: bool
    choices: tuple[Choice, ...]
    tested: tuple[Statistics, ...]
    course: Course
    record: Record
    statistics: Statistics
    signals: int
    replays: int

    @property
    def in_sample(self) -> float:
        """Mean of the metric of what was chosen, in training."""
        return sum(each.value for each in self.choices) / len(self.choices)

    @property
    def out_of_sample(self) -> float | None:
        """The metric of all tests as one course; None where undefined."""
        return metric_of(self.statistics, self.metric)

    @property
    def degradation(self) -> float | None:
        """Of all tests as one course against the mean of the trainings; see `degradation`."""
        return degradation(self.metric, self.in_sample, self.out_of_sample)

    @property
    def efficiency(self) -> float | None:
        """Annual return of the tests over the mean of what was chosen in training; None where that is not above zero.

        Walk-forward efficiency, Pardo, The Evaluation and Optimization of Trading Strategies, 2nd edition, 2008, chapter 11.
        """
        known = [value for each in self.choices if (value := each.outcome.statistics.annual_return) is not None]
        mean = sum(known) / len(known) if known else 0.0
        return None if mean <= 0 or self.statistics.annual_return is None else self.statistics.annual_return / mean


def windows_of(count: int, train: int, test: int, *, anchored: bool) -> tuple[Window, ...]:
    """Windows over so many sessions; the tests lie side by side and reach to the last session, so that the last one may be shorter.

    Raises:
        ConfigError: training or test is no whole number of sessions in its bounds, or there is no session to test on.
    """
    require_count("walk-forward", "--train", train, low=2, high=100_000)
    require_count("walk-forward", "--test", test, low=1, high=100_000)
    if count <= train:
        raise ConfigError(
            f"walk-forward: {count:,} sessions and --train {train:,} leave none to test on; give a longer range or train less"
        )
    return tuple(Window(0 if anchored else at - train, at, min(at + test, count)) for at in range(train, count, test))


def require_walkable(axes: Sequence[Axis], variants: int, windows: Sequence[Window]) -> None:
    """Refuse parameters that a book cannot change on its way, and more replays than anybody waits for.

    Raises:
        ConfigError: names them.
    """
    fixed = [axis.path for axis in axes if axis.path in _FIXED]
    if fixed:
        raise ConfigError(
            f"--vary {fixed[0]}: a book has it from its first session on, so no window can change it; vary it in `grodt sweep`"
        )
    replays = variants * len({window.train for window in windows})
    if replays > MOST_REPLAYS:
        raise ConfigError(
            f"walk-forward: {variants:,} combinations in {len(windows):,} windows are {replays:,} replays, and at most "
            f"{MOST_REPLAYS:,} are run; give fewer values, draw some with --sample, or test longer"
        )


def walk_forward(
    history: History,
    axes: Sequence[Axis],
    variants: Sequence[Variant],
    setting: Setting,
    windows: Sequence[Window],
    *,
    metric: str,
    anchored: bool,
    recorder: Callable[[History], Recorder | None] = lambda _history: None,
    evidence: bool = False,
    workers: int = 1,
    progress: Progress = lambda _what, _done, _total: None,
) -> WalkForward:
    """Choose in each window's training, and take the book through all tests.

    Args:
        history: with all that any variant reads.
        axes: what is varied.
        variants: the book with each combination, in the grid's order.
        setting: what statistics read.
        windows: from `windows_of`.
        metric: what is the best.
        anchored: whether the windows are.
        recorder: keeps what passes by in the tests, made for their history.
        evidence: whether every control's answer is wanted there.
        workers: processes for the training. What comes of it does not depend on how many there are.
        progress: told how it goes.

    Raises:
        ConfigError, DataError: see `lay_out`, `require_forecasts`, `best`, and `replay` for the tests.
        WorkerLost: a process ended before its answer.
    """
    with TemporaryDirectory(prefix="grodt-walk-forward-") as folder:
        shared = lay_out(Path(folder), history, variants, setting)
        with Workers(workers, shared) as pool:
            evaluated(pool, shared, progress)
            starts = sorted({window.train for window in windows})
            work = [
                Run(variant, start, tuple(window.test for window in windows if window.train == start))
                for start in starts
                for variant in range(len(variants))
            ]
            ran = pool.each(work, lambda done: progress(RUNS, done, len(work)))
        trained = {(each.start, each.variant): each for each in ran}
        choices = tuple(
            _choice(window, [trained[window.train, each] for each in range(len(variants))], shared, metric) for window in windows
        )
        course = _lived(shared, windows, [each.best for each in choices], recorder, evidence, progress)
        record, parts = _records(course, windows, shared)
        return WalkForward(
            axes=tuple(axes),
            sessions=history.sessions,
            parameters=tuple(each.parameters for each in variants),
            metric=metric,
            anchored=anchored,
            choices=choices,
            tested=tuple(statistics(each) for each in parts),
            course=course,
            record=record,
            statistics=statistics(record),
            signals=len(shared.arrangement.signals),
            replays=len(work),
        )


def _choice(window: Window, runs: Sequence[Ran], shared: Shared, metric: str) -> Choice:
    """What a window chooses: of each run it sees the sessions of its training and no other."""
    length = window.test - window.train
    outcomes = tuple(each.outcomes.get(length) for each in runs)
    values = tuple(metric_of(None if outcome is None else outcome.statistics, metric) for outcome in outcomes)
    sessions = shared.history.sessions
    place = best(values, metric, f"training from {sessions[window.train]} to {sessions[window.test - 1]}")
    returns = [course_returns(each, length) for each in runs]
    return Choice(window, outcomes, values, place, deflated(returns[place], trials_of(returns, shared.setting), shared.setting))


def _records(course: Course, windows: Sequence[Window], shared: Shared) -> tuple[Record, list[Record]]:
    """The tests as one record, and each by itself from the close before it on."""
    first = windows[0].test
    changes = shared.changes[first : windows[-1].end]
    frames = Frames(course.history, course.plan.book)
    equity, fills = equity_frame(frames, course), traded_frame(frames, course)

    def record(start: int, end: int) -> Record:
        return record_until(course, end - first, changes, shared.setting, equity=equity, fills=fills, start=max(start - first - 1, 0))

    return record(first, windows[-1].end), [record(window.test, window.end) for window in windows]


def _lived(
    shared: Shared,
    windows: Sequence[Window],
    chosen: Sequence[int],
    recorder: Callable[[History], Recorder | None],
    evidence: bool,
    progress: Progress,
) -> Course:
    """The book through all tests, its configuration changed where another variant was chosen than before."""
    first, end = windows[0].test, windows[-1].end
    combined = np.empty((end - first, len(shared.history.panel.symbols)))
    for variant in sorted(set(chosen)):
        own = shared.forecasts(variant).combined
        for window, picked in zip(windows, chosen, strict=True):
            if picked == variant:
                combined[window.test - first : window.end - first] = own[window.test : window.end]
    forecasts = replace(part_of(shared.forecasts(chosen[0]), first, end), combined=combined)
    plans = {
        window.test - first: shared.variants[now].plan
        for window, before, now in zip(windows[1:], chosen[:-1], chosen[1:], strict=True)
        if now != before
    }
    history = shared.history.between(first, end)
    return replay(
        history,
        forecasts,
        shared.variants[chosen[0]].plan,
        changes=plans,
        recorder=recorder(history),
        evidence=evidence,
        progress=lambda done, total: progress(TEST, done, total),
    )
