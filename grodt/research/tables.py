"""The tables that a sweep and a walk-forward analysis leave: one schema class each, beside a column for each parameter that was varied.

Statistics have the names and the meaning of `grodt.replay.definitions`, and null where they are undefined.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import new_class
from typing import Any

import dataframely as dy
import numpy as np
import polars as pl

from grodt.errors import DataError
from grodt.lake.encoding import encode
from grodt.lake.validation import require_types
from grodt.replay.columns import days, money
from grodt.replay.definitions import DEFINITIONS, Definition
from grodt.replay.drawdowns import drawdown_curve
from grodt.replay.statistics import Statistics
from grodt.research.grid import Axis, Parameters, Value, place_of, written
from grodt.research.metrics import degradation, ranked
from grodt.research.runs import Outcome
from grodt.research.stability import Marginal, Neighbour
from grodt.research.sweep import Sweep
from grodt.research.walk_forward import WalkForward

_IN, _OUT = "in_sample_", "out_of_sample_"


def _money(description: str, *, nullable: bool = False) -> dy.Decimal:
    return dy.Decimal(precision=24, scale=6, nullable=nullable, description=description, metadata={"unit": "USD"})


def _figure(description: str, unit: str = "1") -> dy.Float64:
    return dy.Float64(nullable=True, description=description, metadata={"unit": unit})


def _count(description: str) -> dy.Int64:
    return dy.Int64(nullable=True, min=0, description=description)


def _statistic(known: Definition, prefix: str) -> dy.Column:
    text = f"{prefix.replace('_', ' ').strip()}: {known.text}" if prefix else known.text
    if known.kind == "date":
        return dy.Date(nullable=True, description=text)
    if known.kind == "count":
        return dy.Int64(nullable=True, min=0, description=text)
    return dy.Float64(nullable=True, description=text, metadata={"unit": "1"})


def _with_statistics(base: type[dy.Schema], prefix: str = "") -> type[dy.Schema]:
    """The schema with a column for every statistic."""
    columns = {f"{prefix}{name}": _statistic(known, prefix) for name, known in DEFINITIONS.items()}
    return new_class(base.__name__, (base,), exec_body=lambda body: body.update(columns, __doc__=base.__doc__))


class _Runs(dy.Schema):
    """One row per run of a sweep: what it came to, and every statistic. A run that lost its book has its `error` and no figures."""

    run = dy.Int64(primary_key=True, min=1, description="number of the run, in the grid's order")
    rank = dy.Int64(min=1, description="1 is the best by the metric; of equals the first, those without a metric last")
    metric = _figure("what the runs are ranked by")
    error = dy.String(description="why the run lost its book; empty where it did not")
    first_forecast = dy.Date(description="session in which a symbol first had a forecast")
    final_equity = _money("equity at the last close", nullable=True)
    orders = _count("orders sent")
    fills = _count("fills")
    halts = _count("halts that risk made; replayed on as if people had re-armed the book before the next session")
    traded = _money("value of all fills, buys and sells both", nullable=True)
    commission = _money("commissions", nullable=True)
    borrow = _money("cost of borrowed shares", nullable=True)


class Equity(dy.Schema):
    """The book of every run of a sweep at each session's close."""

    run = dy.Int64(primary_key=True, min=1, description="number of the run")
    session = dy.Date(primary_key=True, description="session")
    equity = _money("cash + receivable + positions")
    session_return = _figure("equity over that of the session before, less 1; null in the first session")
    drawdown = dy.Float64(description="equity over its highest value so far, less 1", metadata={"unit": "1"})
    gross_exposure = dy.Float64(description="Σ abs(market value) / equity", metadata={"unit": "1"})
    net_exposure = dy.Float64(description="Σ market value / equity", metadata={"unit": "1"})


class ParameterTable(dy.Schema):
    """The metric over all runs that have a parameter at one value: how much hangs on it."""

    parameter = dy.String(primary_key=True, min_length=1, description="path in the books file")
    place = dy.Int64(primary_key=True, min=1, description="of the value on its axis")
    value = dy.String(description="as the books file has it")
    runs = dy.Int64(min=0, description="runs with it that have the metric")
    undefined = dy.Int64(min=0, description="runs with it that have none")
    mean = _figure("mean of the metric over those runs, whatever the other parameters")
    deviation = _figure("standard deviation of it, sample (n − 1)")
    lowest = _figure("lowest of it")
    median = _figure("median of it")
    highest = _figure("highest of it")


class NeighbourTable(dy.Schema):
    """The runs one step away from the best, parameter by parameter."""

    parameter = dy.String(primary_key=True, min_length=1, description="the one that differs from the best's")
    step = dy.Int64(primary_key=True, description="−1 or 1: which way along its axis")
    value = dy.String(description="as the books file has it")
    run = dy.Int64(nullable=True, min=1, description="number of the run; null where the sample has none")
    metric = _figure("of that run")
    worse = _figure("how much less that is than the best's")


class _Windows(dy.Schema):
    """One row per window of a walk-forward analysis: what was chosen in training, and what came of it in the test."""

    window = dy.Int64(primary_key=True, min=1, description="number of the window")
    train_start = dy.Date(description="first session of the training")
    train_end = dy.Date(description="last session of the training")
    test_start = dy.Date(description="first session of the test")
    test_end = dy.Date(description="last session of the test")
    run = dy.Int64(min=1, description="number of the run that was the best in training, and in force in the test")
    in_sample = dy.Float64(description="its metric in training", metadata={"unit": "1"})
    out_of_sample = _figure("the metric in the test")
    degradation = _figure("out of sample less in sample; null for a metric that depends on how long the stretch is")


class _InSample(dy.Schema):
    """One row per run and window of a walk-forward analysis: what each came to in training. Nothing of a test is in it."""

    window = dy.Int64(primary_key=True, min=1, description="number of the window")
    run = dy.Int64(primary_key=True, min=1, description="number of the run, in the grid's order")
    train_start = dy.Date(description="first session of the training")
    train_end = dy.Date(description="last session of the training")
    chosen = dy.Bool(description="whether it was the best, and so in force in the test that follows")
    rank = dy.Int64(min=1, description="1 is the best by the metric; of equals the first, those without a metric last")
    metric = _figure("what the runs are ranked by")
    final_equity = _money("equity at the last close of the training; null where the book was lost", nullable=True)
    orders = _count("orders sent")
    fills = _count("fills")
    halts = _count("halts that risk made; replayed on as if people had re-armed the book before the next session")
    traded = _money("value of all fills, buys and sells both", nullable=True)
    commission = _money("commissions", nullable=True)
    borrow = _money("cost of borrowed shares", nullable=True)


RunTable = _with_statistics(_Runs)
InSampleTable = _with_statistics(_InSample)
WindowTable = _with_statistics(_with_statistics(_Windows, _IN), _OUT)
#: By file, relative to the folder of the results.
SWEEP_TABLES: dict[str, type[dy.Schema]] = {
    "runs.parquet": RunTable,
    "equity.parquet": Equity,
    "parameters.parquet": ParameterTable,
    "neighbours.parquet": NeighbourTable,
}
WALK_FORWARD_TABLES: dict[str, type[dy.Schema]] = {"windows.parquet": WindowTable, "in_sample/runs.parquet": InSampleTable}


def runs_frame(done: Sweep) -> pl.DataFrame:
    """`runs.parquet`: one row per run."""
    count = len(done.sessions)
    outcomes = [each.outcomes.get(count) for each in done.runs]
    rank = {place: number for number, place in enumerate(ranked(done.values), start=1)}
    return pl.DataFrame(
        {
            "run": [each.variant + 1 for each in done.runs],
            "rank": [rank[place] for place in range(len(done.runs))],
            **_parameter_columns(done.axes, done.parameters),
            "metric": pl.Series(done.values, dtype=pl.Float64),
            "error": [each.error for each in done.runs],
            "first_forecast": pl.Series(done.first_forecast, dtype=pl.Date),
            **_outcome_columns(outcomes),
            **_statistics_columns([None if each is None else each.statistics for each in outcomes]),
        }
    ).with_columns(pl.Series("deflated_sharpe", done.deflated, dtype=pl.Float64))


def equity_frame(done: Sweep) -> pl.DataFrame:
    """`equity.parquet`: one row per run and session."""
    known = [each for each in done.runs if len(done.sessions) in each.outcomes]
    count = len(done.sessions)
    equity = np.array([each.equity for each in known], dtype=np.int64).reshape(len(known), count)
    value = equity.astype(np.float64)
    returns = np.full(value.shape, np.nan)
    returns[:, 1:] = value[:, 1:] / value[:, :-1] - 1.0
    return pl.DataFrame(
        {
            "run": np.repeat(np.array([each.variant + 1 for each in known], dtype=np.int64), count),
            "session": days(done.sessions, np.tile(np.arange(count), len(known))),
            "equity": money(equity.ravel()),
            "session_return": pl.Series(returns.ravel()).fill_nan(None),
            "drawdown": np.array([drawdown_curve(each) for each in value]).ravel(),
            "gross_exposure": np.concatenate([each.gross for each in known]),
            "net_exposure": np.concatenate([each.net for each in known]),
        }
    )


def parameters_frame(found: Sequence[tuple[Axis, Sequence[Marginal]]]) -> pl.DataFrame:
    """`parameters.parquet`: one row per parameter and value."""
    every = [(axis, each) for axis, of_axis in found for each in of_axis]
    figures = ("mean", "deviation", "lowest", "median", "highest")
    return pl.DataFrame(
        {
            "parameter": [each.path for _, each in every],
            "place": [place_of(axis, each.value) + 1 for axis, each in every],
            "value": [written(each.value) for _, each in every],
            "runs": [each.runs for _, each in every],
            "undefined": [each.undefined for _, each in every],
            **{name: pl.Series([getattr(each, name) for _, each in every], dtype=pl.Float64).fill_nan(None) for name in figures},
        }
    )


def neighbours_frame(found: Sequence[Neighbour]) -> pl.DataFrame:
    """`neighbours.parquet`: one row per step away from the best."""
    return pl.DataFrame(
        {
            "parameter": pl.Series([each.path for each in found], dtype=pl.String),
            "step": pl.Series([each.step for each in found], dtype=pl.Int64),
            "value": pl.Series([written(each.value) for each in found], dtype=pl.String),
            "run": pl.Series([None if each.run is None else each.run + 1 for each in found], dtype=pl.Int64),
            "metric": pl.Series([each.metric for each in found], dtype=pl.Float64),
            "worse": pl.Series([each.worse for each in found], dtype=pl.Float64),
        }
    )


def windows_frame(done: WalkForward, values: Sequence[float | None]) -> pl.DataFrame:
    """`windows.parquet`: one row per window.

    Args:
        done: what it came to.
        values: the metric of each window's test.
    """
    sessions = done.sessions
    windows = [each.window for each in done.choices]

    def dates(rows: Sequence[int]) -> pl.Series:
        return pl.Series([sessions[row] for row in rows], dtype=pl.Date)

    known = [each.value for each in done.choices]
    ratios = pl.Series(f"{_IN}deflated_sharpe", [each.deflated for each in done.choices], dtype=pl.Float64)
    return pl.DataFrame(
        {
            "window": range(1, len(windows) + 1),
            "train_start": dates([each.train for each in windows]),
            "train_end": dates([each.test - 1 for each in windows]),
            "test_start": dates([each.test for each in windows]),
            "test_end": dates([each.end - 1 for each in windows]),
            "run": [each.best + 1 for each in done.choices],
            **_parameter_columns(done.axes, [done.parameters[each.best] for each in done.choices]),
            "in_sample": known,
            "out_of_sample": pl.Series(values, dtype=pl.Float64),
            "degradation": pl.Series(
                [degradation(done.metric, before, after) for before, after in zip(known, values, strict=True)], dtype=pl.Float64
            ),
            **_statistics_columns([each.outcome.statistics for each in done.choices], _IN),
            **_statistics_columns(done.tested, _OUT),
        }
    ).with_columns(ratios)


def in_sample_frame(done: WalkForward) -> pl.DataFrame:
    """`in_sample/runs.parquet`: one row per window and run."""
    frames = []
    for number, choice in enumerate(done.choices, start=1):
        rank = {place: order for order, place in enumerate(ranked(choice.values), start=1)}
        frames.append(
            pl.DataFrame(
                {
                    "window": pl.repeat(number, len(choice.values), dtype=pl.Int64, eager=True),
                    "run": range(1, len(choice.values) + 1),
                    "train_start": pl.repeat(done.sessions[choice.window.train], len(choice.values), dtype=pl.Date, eager=True),
                    "train_end": pl.repeat(done.sessions[choice.window.test - 1], len(choice.values), dtype=pl.Date, eager=True),
                    "chosen": [place == choice.best for place in range(len(choice.values))],
                    "rank": [rank[place] for place in range(len(choice.values))],
                    **_parameter_columns(done.axes, done.parameters),
                    "metric": pl.Series(choice.values, dtype=pl.Float64),
                    **_outcome_columns(choice.outcomes),
                    **_statistics_columns([None if each is None else each.statistics for each in choice.outcomes]),
                }
            )
        )
    return pl.concat(frames)


def write_table(folder: Path, name: str, schema: type[dy.Schema], frame: pl.DataFrame, dated: str = "session") -> None:
    """Write a frame, its columns of the schema checked against it; parameters' columns are as they are.

    Args:
        folder: of the results.
        name: of the file in it.
        schema: of the table.
        frame: its rows.
        dated: the column by which a large table is put into quarters.

    Raises:
        DataError: the frame breaks the schema.
    """
    wanted = pl.Schema({column: known.dtype for column, known in schema.columns().items()})
    own = frame.select(column for column in wanted if column in frame.columns)
    require_types(name, own.schema, wanted, "the frame")
    try:
        schema.validate(own)
    except dy.exc.ValidationError as error:
        raise DataError(f"{name}: {error}; nothing was written") from None
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(frame.sort(schema.primary_key()), dated))


def _outcome_columns(outcomes: Sequence[Outcome | None]) -> dict[str, Any]:
    def of(name: str) -> list[int | None]:
        return [None if each is None else getattr(each, name) for each in outcomes]

    def amounts(name: str) -> pl.Series:
        known = np.array([each is not None for each in outcomes], dtype=np.bool_)
        return money(np.array([each or 0 for each in of(name)], dtype=np.int64), known)

    counts = {name: pl.Series(of(name), dtype=pl.Int64) for name in ("orders", "fills", "halts")}
    return {"final_equity": amounts("equity"), **counts, **{name: amounts(name) for name in ("traded", "commission", "borrow")}}


def _statistics_columns(found: Sequence[Statistics | None], prefix: str = "") -> dict[str, pl.Series]:
    kinds: Mapping[str, type[pl.DataType]] = {"date": pl.Date, "count": pl.Int64, "percent": pl.Float64, "number": pl.Float64}
    return {
        f"{prefix}{field.name}": pl.Series(
            [None if each is None else getattr(each, field.name) for each in found], dtype=kinds[DEFINITIONS[field.name].kind]
        )
        for field in fields(Statistics)
    }


def _parameter_columns(axes: Sequence[Axis], parameters: Sequence[Parameters]) -> dict[str, pl.Series]:
    return {axis.path: _parameter_column(axis, [each[axis.path] for each in parameters]) for axis in axes}


def _parameter_column(axis: Axis, values: Sequence[Value]) -> pl.Series:
    """Numbers as numbers, words as text; of several kinds on one axis, all as text."""
    kinds = {type(value) for value in axis.values if value is not None}
    if kinds <= {int}:
        return pl.Series(values, dtype=pl.Int64)
    if kinds <= {int, float}:
        return pl.Series([None if value is None else float(value) for value in values], dtype=pl.Float64)
    if kinds <= {bool}:
        return pl.Series(values, dtype=pl.Boolean)
    return pl.Series([None if value is None else written(value) for value in values], dtype=pl.String)
