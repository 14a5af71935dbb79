"""The page of a sweep and of a walk-forward analysis: which parameters, how much hangs on them, and what is left out of sample."""

from collections.abc import Sequence
from html import escape
from itertools import combinations

import numpy as np

from grodt.replay.charts import Line, bar_chart, line_chart, range_chart
from grodt.replay.definitions import DEFINITIONS
from grodt.replay.html import NONE, document, figure, nothing, plain, section, table
from grodt.replay.statistics import Statistics
from grodt.research.grid import Axis, Parameters, place_of, written
from grodt.research.heat import HEAT_STYLE, heat_table
from grodt.research.metrics import metric_of, ranked
from grodt.research.stability import heat_map, marginals, neighbours
from grodt.research.sweep import Sweep
from grodt.research.walk_forward import WalkForward
from grodt.signals.panel import FloatArray

_SHOWN = ("total_return", "annual_return", "annual_volatility", "sharpe", "sortino", "max_drawdown", "calmar", "annual_turnover", "trades")
#: Runs in the table, and in the chart, of a sweep.
_BEST, _CURVES = 15, 5
#: Maps of pairs of parameters; more of them nobody looks at.
_MOST_MAPS = 15


def sweep_page(book: str, done: Sweep) -> str:
    """The page of a sweep; equal sweeps give equal text."""
    name, count, best = DEFINITIONS[done.metric].title, len(done.sessions), done.best
    found = [outcome.statistics if (outcome := each.outcomes.get(count)) else None for each in done.runs]
    top = found[best]
    lost = sum(each is None for each in found)
    tiles = [
        (name, figure(done.metric, done.values[best]), f"of the best of {len(done.runs):,} runs"),
        ("Deflated Sharpe", figure("deflated_sharpe", done.deflated[best]), DEFINITIONS["deflated_sharpe"].text),
        ("Total return", figure("total_return", None if top is None else top.total_return), DEFINITIONS["total_return"].text),
        ("Maximum drawdown", figure("max_drawdown", None if top is None else top.max_drawdown), DEFINITIONS["max_drawdown"].text),
        ("Runs", f"{len(done.runs):,}", "combinations of parameters"),
        *([("Lost", f"{lost:,}", "runs that lost their book; they have no figures")] if lost else []),
    ]
    order = [place for place in ranked(done.values) if done.values[place] is not None]
    best_at = [(axis, place_of(axis, done.parameters[best][axis.path])) for axis in done.axes]
    sections = [
        section("The best runs", _best_runs(done, order[:_BEST], found) + _luck(done)),
        section("Equity of the best runs", _curves(done, order[:_CURVES])),
        section("Around the best", _neighbours(done)),
        *(section(axis.path, _axis(axis, done.parameters, done.values, done.metric, at)) for axis, at in best_at),
        *_maps(done.axes, done.parameters, done.values, done.metric, {axis.path: at for axis, at in best_at}),
    ]
    head = f"{done.sessions[0]} to {done.sessions[-1]} · {count:,} sessions · {_shape(done.axes)} · by {name}"
    return _page(f"{book}: sweep", head, tiles, sections)


def walk_forward_page(book: str, done: WalkForward) -> str:
    """The page of a walk-forward analysis; equal ones give equal text."""
    name, own = DEFINITIONS[done.metric].title, done.statistics
    degradation = NONE if done.degradation is None else figure(done.metric, done.degradation)
    tiles = [
        (f"{name}, out of sample", figure(done.metric, done.out_of_sample), "of all tests as one course of one book"),
        (f"{name}, in sample", figure(done.metric, done.in_sample), "mean of what each window chose, in its training"),
        ("Degradation", degradation, "out of sample less in sample"),
        (
            "Efficiency",
            NONE if done.efficiency is None else figure("annual_return", done.efficiency),
            "annual return out of sample over in sample",
        ),
        ("Annual return", figure("annual_return", own.annual_return), "out of sample"),
        ("Maximum drawdown", figure("max_drawdown", own.max_drawdown), "out of sample"),
    ]
    record = done.record
    lines = [Line("out of sample", record.equity / record.equity[0])]
    if record.benchmark is not None:
        lines.append(Line(record.benchmark_name, record.benchmark / record.benchmark[0]))
    course = line_chart(record.sessions, lines, plain, label="out of sample and benchmark, both from 1", log=True, height=260)
    note = (
        '<p class="note">The tests of all windows, as one book that was never closed: at a window\'s first session its configuration '
        "changes, and what it holds goes on. No choice has seen these sessions. out_of_sample/tear-sheet.html has the rest.</p>"
    )
    sections = [
        section("Out of sample", course + note),
        section("In sample and out of sample", _both(done)),
        section("Windows", _windows(done)),
        *(section(f"What was chosen: {axis.path}", _chosen(axis, done)) for axis in done.axes),
        section("Statistics out of sample", _figures(done.statistics)),
    ]
    kind = "anchored" if done.anchored else "rolling"
    head = (
        f"{done.sessions[0]} to {done.sessions[-1]} · {len(done.choices):,} windows, {kind} · {_shape(done.axes)} · by {name} · "
        f"out of sample from {record.sessions[0]}"
    )
    return _page(f"{book}: walk-forward", head, tiles, sections)


def _page(title: str, head: str, tiles: Sequence[tuple[str, str, str]], sections: Sequence[str]) -> str:
    shown = "".join(f'<div title="{escape(hint)}"><b>{value}</b><span>{escape(name)}</span></div>' for name, value, hint in tiles)
    body = (
        f'<header><h1>{escape(title)}</h1><p>{escape(head)}</p></header>\n<div class="tiles">{shown}</div>\n'
        + "\n".join(sections)
        + "\n"
        + section("Definitions", _definitions())
    )
    return document(escape(title), body, HEAT_STYLE)


def _shape(axes: Sequence[Axis]) -> str:
    return ", ".join(f"{axis.path} {len(axis.values)}" for axis in axes)


def _broken(path: str) -> str:
    """The path, which may be broken after a dot."""
    return escape(path).replace(".", ".<wbr>").replace("_", "_<wbr>")


def _names(axis: Axis) -> list[str]:
    return [written(value) for value in axis.values]


# a sweep


def _best_runs(done: Sweep, order: Sequence[int], found: Sequence[Statistics | None]) -> str:
    fields = (done.metric, *(each for each in _SHOWN if each != done.metric))
    head = ("run", *(_broken(axis.path) for axis in done.axes), *(escape(DEFINITIONS[each].title) for each in fields))
    titles = ("", *("" for _ in done.axes), *(DEFINITIONS[each].text for each in fields))
    rows = [
        (
            str(place + 1),
            *(escape(written(value)) for value in done.parameters[place].values()),
            *(figure(each, getattr(found[place], each)) for each in fields),
        )
        for place in order
    ]
    return table(head, rows, titles=titles)


def _luck(done: Sweep) -> str:
    ratio = figure("deflated_sharpe", done.deflated[done.best])
    return (
        f'<p class="note">Of {done.trials.count:,} trials one looks good by luck alone. The deflated Sharpe ratio of the best is {ratio}: '
        "the probability that its Sharpe ratio is above what the best of as many without any skill would show. Runs of neighbouring "
        "parameters resemble each other; counting each as a trial of its own makes it rather smaller than larger.</p>"
    )


def _curves(done: Sweep, order: Sequence[int]) -> str:
    lines = [
        Line(f"run {place + 1}", (values := done.runs[place].equity.astype(np.float64)) / values[0])
        for place in order
        if done.runs[place].equity.size
    ]
    return line_chart(
        np.array(done.sessions, dtype="datetime64[D]"), lines, plain, label="equity of the best runs, from 1", log=True, height=260
    )


def _neighbours(done: Sweep) -> str:
    found = neighbours(done.axes, done.parameters, done.values, done.best)
    if not found:
        return nothing("Each parameter has one value, so the best has no neighbours.")
    rows = [
        (
            escape(each.path),
            escape(written(done.parameters[done.best][each.path])),
            escape(written(each.value)),
            NONE if each.run is None else str(each.run + 1),
            figure(done.metric, each.metric),
            NONE if each.worse is None else figure(done.metric, -each.worse),
        )
        for each in found
    ]
    head = ("parameter", "best", "one step away", "run", escape(DEFINITIONS[done.metric].title), "difference")
    note = '<p class="note">Where one step costs little, the best stands on a plateau; where it costs much, it may be luck.</p>'
    return table(head, rows) + note


def _axis(axis: Axis, parameters: Sequence[Parameters], values: Sequence[float | None], metric: str, best: int) -> str:
    """The metric over one parameter: the mean of all runs with each value, from the lowest to the highest of them."""
    found = marginals(axis, parameters, values)
    names = [written(each.value) for each in found]
    low, middle, high = (np.array([getattr(each, name) for each in found]) for name in ("lowest", "mean", "highest"))
    chart = range_chart(
        names,
        low,
        middle,
        high,
        lambda value: figure(metric, value),
        label=f"{metric} by {axis.path}",
        marked=names.index(written(axis.values[best])),
    )
    rows = [
        (
            escape(written(each.value)),
            f"{each.runs:,}",
            *(
                NONE if np.isnan(value) else figure(metric, value)
                for value in (each.mean, each.deviation, each.lowest, each.median, each.highest)
            ),
        )
        for each in found
    ]
    note = '<p class="note">The dot is the mean over all runs with the value, the bar reaches from the lowest to the highest of them.</p>'
    return chart + note + table(("value", "runs", "mean", "deviation", "lowest", "median", "highest"), rows)


def _maps(
    axes: Sequence[Axis], parameters: Sequence[Parameters], values: Sequence[float | None], metric: str, best: dict[str, int]
) -> list[str]:
    pairs = [(down, across) for down, across in combinations(axes, 2) if len(down.values) > 1 and len(across.values) > 1]
    shown = [
        heat_table(
            _names(down),
            _names(across),
            heat_map(down, across, parameters, values),
            lambda value: figure(metric, value),
            caption=f"{down.path} down, {across.path} across",
            marked=[(best[down.path], best[across.path])],
        )
        for down, across in pairs[:_MOST_MAPS]
    ]
    if not shown:
        return []
    left = f" {len(pairs) - len(shown)} more pairs are not shown." if len(pairs) > len(shown) else ""
    note = f'<p class="note">Mean over all runs of each pair; the frame is the best run\'s.{left}</p>'
    return [section("Pairs of parameters", f'<div class="heats">{"".join(shown)}</div>{note}')]


# a walk-forward analysis


def _both(done: WalkForward) -> str:
    names = [str(number) for number in range(1, len(done.choices) + 1)]
    before = np.array([each.value for each in done.choices])
    after = np.array([np.nan if (value := metric_of(each, done.metric)) is None else value for each in done.tested])
    chart = bar_chart(
        names,
        [("in sample", before), ("out of sample", after)],
        lambda value: figure(done.metric, value),
        label=f"{done.metric} of each window in and out of sample",
    )
    title = escape(DEFINITIONS[done.metric].title)
    return chart + f'<p class="note">{title} of each window: of what was chosen, in its training, and in its test.</p>'


def _windows(done: WalkForward) -> str:
    title = escape(DEFINITIONS[done.metric].title)
    head = ("", "training", "test", "run", *(_broken(axis.path) for axis in done.axes), f"{title} in", f"{title} out", "Deflated Sharpe in")
    rows = []
    for number, (choice, tested) in enumerate(zip(done.choices, done.tested, strict=True), start=1):
        window = choice.window
        rows.append(
            (
                str(number),
                f"{done.sessions[window.train]}<br>{done.sessions[window.test - 1]}",
                f"{done.sessions[window.test]}<br>{done.sessions[window.end - 1]}",
                str(choice.best + 1),
                *(escape(written(value)) for value in done.parameters[choice.best].values()),
                figure(done.metric, choice.value),
                figure(done.metric, metric_of(tested, done.metric)),
                figure("deflated_sharpe", choice.deflated),
            )
        )
    return table(head, rows)


def _chosen(axis: Axis, done: WalkForward) -> str:
    """Which value each window chose, on the mean metric of each value in that window's training."""
    values: FloatArray = np.full((len(axis.values), len(done.choices)), np.nan)
    marked = []
    for column, choice in enumerate(done.choices):
        for each in marginals(axis, done.parameters, choice.values):
            values[place_of(axis, each.value), column] = each.mean
        marked.append((place_of(axis, done.parameters[choice.best][axis.path]), column))
    counts = {place: sum(row == place for row, _ in marked) for place in range(len(axis.values))}
    names = [f"{name} · {counts[place]}×" for place, name in enumerate(_names(axis))]
    windows = [str(number) for number in range(1, len(done.choices) + 1)]
    shown = heat_table(
        names, windows, values, lambda value: figure(done.metric, value), caption="windows across", corner="value · chosen", marked=marked
    )
    note = "Mean over all runs with the value, in each window's training; the frame is what was chosen, and in force in the test."
    return f'{shown}<p class="note">{note}</p>'


def _figures(found: Statistics) -> str:
    rows = [
        f'<tr title="{escape(known.text)}"><th><span>{escape(known.title)}</span></th><td>{figure(field, getattr(found, field))}</td></tr>'
        for field, known in DEFINITIONS.items()
    ]
    half = -(-len(rows) // 2)
    tables = (f"<table><tbody>{''.join(part)}</tbody></table>" for part in (rows[:half], rows[half:]))
    return f'<div class="groups">{"".join(tables)}</div>'


def _definitions() -> str:
    items = "".join(f"<dt>{escape(each.title)}</dt><dd>{escape(each.text)}</dd>" for each in DEFINITIONS.values())
    return f"<details><summary>What each statistic is</summary><dl>{items}</dl></details>"
