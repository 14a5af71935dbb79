"""How much a metric hangs on each parameter: a good choice is one of a plateau, and a lucky one stands alone.

A run whose metric is undefined counts for none of the figures, and is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grodt.research.grid import Axis, Parameters, Value, place_of
from grodt.signals.panel import FloatArray


@dataclass(frozen=True, slots=True)
class Marginal:
    """The metric over all runs in which a parameter has one value. Figures are NaN where no run has the metric.

    Attributes:
        path, value: of the parameter.
        runs: with a metric.
        undefined: without.
        mean, deviation: over the runs; the deviation is that of a sample (n − 1), NaN of fewer than two.
        lowest, median, highest: of the runs.
    """

    path: str
    value: Value
    runs: int
    undefined: int
    mean: float
    deviation: float
    lowest: float
    median: float
    highest: float


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A run that differs from the best in one parameter, by one step on its axis.

    Attributes:
        path: of the parameter.
        step: −1 or 1.
        value: that it has there.
        run: its place among the runs; None where it was not run.
        metric: of it; None where undefined or not run.
        worse: how much less that is than the best's.
    """

    path: str
    step: int
    value: Value
    run: int | None
    metric: float | None
    worse: float | None


def places_of(axes: Sequence[Axis], parameters: Sequence[Parameters]) -> tuple[tuple[int, ...], ...]:
    """Where each run stands on each axis."""
    return tuple(tuple(place_of(axis, each[axis.path]) for axis in axes) for each in parameters)


def marginals(axis: Axis, parameters: Sequence[Parameters], values: Sequence[float | None]) -> tuple[Marginal, ...]:
    """The metric over each value of an axis, in its order; a value that no run has is left out."""
    found = []
    places = [place_of(axis, each[axis.path]) for each in parameters]
    for number, value in enumerate(axis.values):
        own = [metric for place, metric in zip(places, values, strict=True) if place == number]
        if own:
            known = np.array([metric for metric in own if metric is not None], dtype=np.float64)
            found.append(
                Marginal(
                    axis.path,
                    value,
                    known.size,
                    len(own) - known.size,
                    *(float(figure(known)) if known.size else np.nan for figure in (np.mean, _deviation, np.min, np.median, np.max)),
                )
            )
    return tuple(found)


def _deviation(values: FloatArray) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else float("nan")


def heat_map(down: Axis, across: Axis, parameters: Sequence[Parameters], values: Sequence[float | None]) -> FloatArray:
    """Mean of the metric over the runs of each pair of values, (values down, values across); NaN where no run has it."""
    shape = (len(down.values), len(across.values))
    total, count = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    for each, metric in zip(parameters, values, strict=True):
        if metric is not None:
            at = place_of(down, each[down.path]), place_of(across, each[across.path])
            total[at] += metric
            count[at] += 1
    mean: FloatArray = np.divide(total, count, out=np.full(shape, np.nan), where=count > 0)
    return mean


def neighbours(axes: Sequence[Axis], parameters: Sequence[Parameters], values: Sequence[float | None], best: int) -> tuple[Neighbour, ...]:
    """The runs one step away from the best, axis by axis, down before up; beyond the end of an axis there is none."""
    run_at = {place: run for run, place in enumerate(places_of(axes, parameters))}
    here, top = places_of(axes, parameters[best : best + 1])[0], values[best]
    found = []
    for number, axis in enumerate(axes):
        for step in (-1, 1):
            place = here[number] + step
            if 0 <= place < len(axis.values):
                run = run_at.get((*here[:number], place, *here[number + 1 :]))
                metric = None if run is None else values[run]
                worse = None if metric is None or top is None else top - metric
                found.append(Neighbour(axis.path, step, axis.values[place], run, metric, worse))
    return tuple(found)
