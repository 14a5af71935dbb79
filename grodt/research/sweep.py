"""A sweep: every combination of parameters over one range, and the best of them with the luck of the draw taken off."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from grodt.replay.deflated_sharpe import Trials
from grodt.replay.history import History
from grodt.replay.returns import returns_of
from grodt.research.grid import Axis, Parameters
from grodt.research.metrics import best, deflated, metric_of, trials_of
from grodt.research.runs import Ran, Run
from grodt.research.shared import EvaluateSignal, Setting, Shared, lay_out, require_forecasts
from grodt.research.variants import Variant
from grodt.research.workers import Workers
from grodt.signals.panel import FloatArray

#: Told what is being done, how much of it is, and how much there is.
type Progress = Callable[[str, int, int], None]

SIGNALS, RUNS = "signals", "runs"


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """What a sweep came to. Sequences are by run, in the grid's order.

    Attributes:
        axes: what was varied.
        sessions: of every run.
        parameters: of each run.
        runs: what each came to.
        first_forecast: session in which each first had a forecast.
        metric: what they are compared by.
        values: of the metric; None where undefined.
        best: place of the best, of equals the first.
        trials: all of them, as what was tried.
        deflated: deflated Sharpe ratio of each among the trials; None where undefined.
        signals: how many distinct signals were evaluated, each once.
    """

    axes: tuple[Axis, ...]
    sessions: tuple[date, ...]
    parameters: tuple[Parameters, ...]
    runs: tuple[Ran, ...]
    first_forecast: tuple[date, ...]
    metric: str
    values: tuple[float | None, ...]
    best: int
    trials: Trials
    deflated: tuple[float | None, ...]
    signals: int


def sweep(
    history: History,
    axes: Sequence[Axis],
    variants: Sequence[Variant],
    setting: Setting,
    *,
    metric: str,
    workers: int = 1,
    progress: Progress = lambda _what, _done, _total: None,
) -> Sweep:
    """Replay every variant over the whole of a history.

    Args:
        history: with all that any of them reads.
        axes: what is varied.
        variants: the book with each combination, in the grid's order.
        setting: what statistics read.
        metric: what they are compared by.
        workers: processes. What comes of it does not depend on how many there are.
        progress: told how it goes.

    Raises:
        ConfigError, DataError: see `lay_out`, `require_forecasts` and `best`.
        WorkerLost: a process ended before its answer.
    """
    count = len(history.sessions)
    with TemporaryDirectory(prefix="grodt-sweep-") as folder:
        shared = lay_out(Path(folder), history, variants, setting)
        with Workers(workers, shared) as pool:
            first = evaluated(pool, shared, progress)
            runs = pool.each([Run(each, 0, (count,)) for each in range(len(variants))], lambda done: progress(RUNS, done, len(variants)))
    values = tuple(metric_of(outcome.statistics if (outcome := each.outcomes.get(count)) else None, metric) for each in runs)
    returns = [course_returns(each, count) for each in runs]
    trials = trials_of(returns, setting)
    return Sweep(
        tuple(axes),
        history.sessions,
        tuple(each.parameters for each in variants),
        tuple(runs),
        tuple(history.sessions[row] for row in first),
        metric,
        values,
        best(values, metric, f"{history.sessions[0]} to {history.sessions[-1]}"),
        trials,
        tuple(deflated(each, trials, setting) for each in returns),
        len(shared.arrangement.signals),
    )


def evaluated(pool: Workers, shared: Shared, progress: Progress) -> tuple[int, ...]:
    """Evaluate every distinct signal once; returns each variant's first row with a forecast.

    Raises:
        DataError: a variant has none.
    """
    work = [EvaluateSignal(number) for number in range(len(shared.arrangement.signals))]
    return require_forecasts(shared, pool.each(work, lambda done: progress(SIGNALS, done, len(work))))


def course_returns(run: Ran, count: int) -> FloatArray | None:
    """Returns of a run's first `count` sessions, (count − 1,); None where it did not get there."""
    return returns_of(run.equity[:count].astype("float64")) if count in run.outcomes else None
