"""`grodt sweep` and `grodt walk-forward`: many replays of one book with other parameters."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

import grodt
from flows.commands.options import Book, Json
from flows.commands.replay import instant
from flows.progress import Progress, clock, console, out
from grodt.errors import GrodtError
from grodt.sessions import parse_session
from tasks.environment import environment

if TYPE_CHECKING:
    from flows.sweeping import Asked

#: Runs that a person is shown.
_TOP = 10

Start = Annotated[str, typer.Option("--start", help="First day, YYYY-MM-DD.")]
End = Annotated[str, typer.Option("--end", help="Last day, YYYY-MM-DD.")]
Vary = Annotated[
    list[str],
    typer.Option("--vary", help="A parameter of the book with its values: signals.momentum.lookback=126,189,252. Once for each parameter."),
]
Metric = Annotated[str, typer.Option("--metric", help="Statistic by which runs are ranked, such as sharpe, calmar or total_return.")]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Processes; as many as there are cores if not given. The answer is the same.")
]
Sample = Annotated[int | None, typer.Option("--sample", help="Draw so many of the combinations instead of running all.")]
Seed = Annotated[int, typer.Option("--seed", help="Of the draw.")]
Folder = Annotated[Path | None, typer.Option("--out", help="Folder for tables and report; else one in the home.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="An instant, such as 2026-11-21T12:00:00Z: the data as it was known then.")]
RiskFree = Annotated[float, typer.Option("--risk-free", help="Rate per year, 0.02 for two per cent.")]


class Interrupted(GrodtError):
    """A person pressed Ctrl-C. Nothing was written."""

    exit_status = 130


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sweep")(sweep)
    app.command("walk-forward")(walk_forward)


def sweep(
    start: Start,
    end: End,
    vary: Vary,
    book: Book = None,
    metric: Metric = "sharpe",
    workers: Workers = None,
    sample: Sample = None,
    seed: Seed = 0,
    folder: Folder = None,
    as_of: AsOf = None,
    risk_free: RiskFree = 0.0,
    as_json: Json = False,
) -> None:
    """Replay a book with every combination of parameters over one range: what is best, how much of it is luck, how much hangs on each."""
    progress = Progress()
    with _uninterrupted():
        asked = _ask("sweep", progress, book, start, end, vary, metric, workers, sample, seed, folder, as_of, risk_free)
        from flows.sweeping import run_sweep

        progress.done(f"{asked}, {asked.workers} at a time")
        with counting(progress) as (say, tell):
            facts = run_sweep(asked, say=say, progress=tell)
    if as_json:
        _print_json(facts, asked.out)
        return
    _show_best(facts)
    _show_parameters(facts)
    _show_places(asked.out)


def walk_forward(
    start: Start,
    end: End,
    train: Annotated[int, typer.Option("--train", help="Sessions of a training.")],
    test: Annotated[int, typer.Option("--test", help="Sessions of a test.")],
    vary: Vary,
    book: Book = None,
    anchored: Annotated[bool, typer.Option("--anchored", help="Every training begins with the first session.")] = False,
    metric: Metric = "sharpe",
    workers: Workers = None,
    sample: Sample = None,
    seed: Seed = 0,
    evidence: Annotated[bool, typer.Option("--evidence", help="Keep every control's answer of the tests in `risk_checks`.")] = False,
    folder: Folder = None,
    as_of: AsOf = None,
    risk_free: RiskFree = 0.0,
    as_json: Json = False,
) -> None:
    """Choose parameters on one stretch of history and live with them on the next, again and again; what no choice has seen stays apart."""
    progress = Progress()
    with _uninterrupted():
        asked = _ask("walk-forward", progress, book, start, end, vary, metric, workers, sample, seed, folder, as_of, risk_free)
        from flows.sweeping import ask_windows, run_walk_forward

        windows = ask_windows(asked, train, test, anchored=anchored)
        progress.done(f"{asked} in {len(windows):,} windows, {asked.workers} at a time")
        with counting(progress) as (say, tell):
            facts = run_walk_forward(asked, windows, anchored=anchored, evidence=evidence, say=say, progress=tell)
    if as_json:
        _print_json(facts, asked.out)
        return
    _show_windows(facts)
    _show_places(asked.out)
    out.print(f"Tear sheet  {asked.out / 'out_of_sample' / 'tear-sheet.html'}", soft_wrap=True)


def _ask(
    kind: str,
    progress: Progress,
    book: str | None,
    start: str,
    end: str,
    vary: Sequence[str],
    metric: str,
    workers: int | None,
    sample: int | None,
    seed: int,
    folder: Path | None,
    as_of: str | None,
    risk_free: float,
) -> "Asked":
    """Look at what the user wrote, telling that it takes a moment."""
    first, last = parse_session(start), parse_session(end)
    known = None if as_of is None else instant(as_of)
    progress.done(f"GRODT {grodt.__version__}  home {environment().home}")
    with progress.live():
        progress.say("loading")
        from flows.sweeping import ask_runs  # brings Polars and SQLAlchemy

        return ask_runs(
            book,
            first,
            last,
            vary,
            kind=kind,
            metric=metric,
            workers=_cores() if workers is None else workers,
            sample=sample,
            seed=seed,
            out=folder,
            as_of=known,
            risk_free=risk_free,
        )


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C inside, or being asked to end (SIGTERM), ends the command with a word of its own and what it left in temporary folders."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt) if threading.current_thread() is threading.main_thread() else None
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted; nothing was written: run the same command again") from None
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def counting(progress: Progress) -> Iterator[tuple[Callable[[str], None], Callable[[str, int, int], None]]]:
    """What is told what is going on, and what is told (what, done, total): bars with the time left on a terminal, lines elsewhere."""
    if not console.is_interactive:
        with progress.live():
            began: dict[str, float] = {}

            def line(what: str, done: int, total: int) -> None:
                since = began.setdefault(what, progress.seconds())
                spent = progress.seconds() - since
                left = f", {clock(spent / (done - 1) * (total - done))} left" if 1 < done < total else ""
                progress.say(f"{what}  {done:,} of {total:,}{left}")

            yield progress.say, line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console) as bar:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield lambda text: bar.console.print(text, style="dim"), tell


def _print_json(facts: Mapping[str, Any], folder: Path) -> None:
    typer.echo(json.dumps({**facts, "out": str(folder)}, indent=2, default=date.isoformat, ensure_ascii=False))


def _show_best(facts: Mapping[str, Any]) -> None:
    from grodt.research.grid import written

    title = f"{facts['book']}: {facts['runs']:,} runs, {facts['first_session']} to {facts['last_session']}, by {facts['metric']}"
    paths = list(facts["best"]["parameters"])
    rows = [
        [str(each["run"]), *(written(value) for value in each["parameters"].values()), _figure(facts["metric"], each["metric"])]
        for each in facts["top"][:_TOP]
    ]
    out.print(_table(title, ["run", *paths, facts["metric"]], rows))
    best = facts["best"]["statistics"]
    names = ("total_return", "annual_return", "annual_volatility", "sharpe", "max_drawdown", "annual_turnover", "deflated_sharpe")
    out.print(
        f"Run {facts['best']['run']}: " + ", ".join(f"{name.replace('_', ' ')} {_figure(name, best[name])}" for name in names),
        soft_wrap=True,
    )
    tried = facts["trials"]["count"]
    out.print(f"Deflated Sharpe is the probability that it has skill, {tried:,} trials having been made to find it", soft_wrap=True)
    if facts["lost"]:
        out.print(f"Lost        {facts['lost']:,} runs lost their book; column `error` of runs.parquet says when", soft_wrap=True)


def _show_parameters(facts: Mapping[str, Any]) -> None:
    metric = facts["metric"]
    rows = [
        [each["parameter"], each["value"], str(each["runs"]), *(_figure(metric, each[name]) for name in ("mean", "lowest", "highest"))]
        for each in facts["parameters"]
    ]
    out.print(_table(f"{metric} by parameter, over all runs with the value", ["", "value", "runs", "mean", "lowest", "highest"], rows))
    rows = [
        [each["parameter"], each["value"], "–" if each["run"] is None else str(each["run"]), _figure(metric, each["metric"])]
        for each in facts["neighbours"]
    ]
    if rows:
        out.print(_table(f"one step away from run {facts['best']['run']}", ["", "value", "run", metric], rows))


def _show_windows(facts: Mapping[str, Any]) -> None:
    from grodt.research.grid import written

    metric = facts["metric"]
    paths = list(facts["windows"][0]["parameters"])
    rows = [
        [
            str(each["window"]),
            f"{each['train_start']} to {each['train_end']}",
            f"{each['test_start']} to {each['test_end']}",
            *(written(value) for value in each["parameters"].values()),
            _figure(metric, each["in_sample"]),
            _figure(metric, each["out_of_sample"]),
        ]
        for each in facts["windows"]
    ]
    title = f"{facts['book']}: {len(rows):,} windows, {'anchored' if facts['anchored'] else 'rolling'}, {facts['runs']:,} combinations"
    out.print(_table(title, ["", "training", "test", *paths, f"{metric} in sample", "out of sample"], rows))
    out.print(f"In sample      {metric} {_figure(metric, facts['in_sample'])}, the mean of what was chosen")
    out.print(f"Out of sample  {metric} {_figure(metric, facts['out_of_sample'])}, of all tests as one course")
    own = facts["statistics"]
    names = ("total_return", "annual_return", "annual_volatility", "max_drawdown", "annual_turnover")
    out.print(" " * 15 + ", ".join(f"{name.replace('_', ' ')} {_figure(name, own[name])}" for name in names), soft_wrap=True)
    out.print(f"Degradation    {_figure(metric, facts['degradation'])}; efficiency {_figure('annual_return', facts['efficiency'])}")


def _show_places(folder: Path) -> None:
    out.print(f"Parquet     {folder}", soft_wrap=True)
    out.print(f"Report      {folder / 'report.html'}", soft_wrap=True)


def _figure(name: str, value: float | None) -> str:
    from grodt.replay.html import figure

    return figure(name, value)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
