"""What runs are compared by, and what was tried before the best was picked."""

import math
from collections.abc import Sequence

import numpy as np

from grodt.errors import ConfigError, DataError
from grodt.replay.deflated_sharpe import Trials, deflated_sharpe_of
from grodt.replay.returns import sharpe
from grodt.replay.statistics import Statistics
from grodt.research.shared import Setting
from grodt.signals.panel import FloatArray

#: Statistics that runs may be ranked by; of each, more is better.
METRICS = (
    "sharpe",
    "sortino",
    "calmar",
    "total_return",
    "annual_return",
    "max_drawdown",
    "profit_factor",
    "information_ratio",
    "alpha",
    "probabilistic_sharpe",
)

#: Of these, how much there is depends on how long the stretch is, so that training and test, of different lengths, compare nothing.
OF_LENGTH = frozenset({"calmar", "total_return", "max_drawdown", "probabilistic_sharpe"})


def require_metric(name: str) -> str:
    """The metric, if there is one of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in METRICS:
        raise ConfigError(f"--metric {name!r} is none of {', '.join(METRICS)}")
    return name


def metric_of(statistics: Statistics | None, metric: str) -> float | None:
    """A run's value of the metric; None where it is undefined, or the run lost its book."""
    value: float | None = None if statistics is None else getattr(statistics, metric)
    return value


def degradation(metric: str, in_sample: float, out_of_sample: float | None) -> float | None:
    """Out of sample less in sample: what of a metric was luck of the choice; None where undefined, or where the two do not compare."""
    return None if out_of_sample is None or metric in OF_LENGTH else out_of_sample - in_sample


def ranked(values: Sequence[float | None]) -> tuple[int, ...]:
    """Places from the best on: of equals the first, and what is undefined last, in its order."""
    return tuple(sorted(range(len(values)), key=lambda place: math.inf if (value := values[place]) is None else -value))


def best(values: Sequence[float | None], metric: str, what: str) -> int:
    """Place of the best; of equals the first.

    Args:
        values: of the runs, in the grid's order.
        metric: what they are of.
        what: where, for the message.

    Raises:
        DataError: the metric is undefined for every run.
    """
    place = ranked(values)[0]
    if values[place] is None:
        raise DataError(
            f"{what}: {metric} is undefined for each of the {len(values):,} runs: none traded, or all lost their book; look at column "
            "`error` and at the halts of a `grodt replay` of it, or take another --metric"
        )
    return place


def trials_of(returns: Sequence[FloatArray | None], setting: Setting) -> Trials:
    """Every run as a trial; None is one that lost its book.

    The variance of their Sharpe ratios per session is that of a sample (n − 1) of those that have one, 0 with fewer than two. Runs of
    neighbouring parameters resemble each other, so there are fewer independent trials than runs: counting all of them errs on the side
    of too little skill.
    """
    ratios = [
        value for each in returns if each is not None and math.isfinite(value := sharpe(each, setting.risk_free, setting.sessions_per_year))
    ]
    scaled = np.array(ratios) / math.sqrt(setting.sessions_per_year)
    return Trials(len(returns), float(scaled.var(ddof=1)) if len(ratios) > 1 else 0.0)


def deflated(returns: FloatArray | None, trials: Trials, setting: Setting) -> float | None:
    """Deflated Sharpe ratio of a run among those trials; None where undefined."""
    if returns is None:
        return None
    value = deflated_sharpe_of(returns, trials, setting.risk_free, setting.sessions_per_year)
    return value if math.isfinite(value) else None
