"""`grodt ingest`: backfills bars."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

import grodt
from flows.commands.options import Book, Json
from flows.progress import Progress, clock, console, out
from flows.server import start_server
from grodt.sessions import parse_session
from tasks.environment import environment

if TYPE_CHECKING:
    from grodt.execution.backfill import Backfilled
    from grodt.execution.backfill_minutes import BackfilledMinutes

#: Lines about quarantined rows that a person is shown.
_REASONS = 5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


def ingest(
    start: Annotated[str, typer.Option("--start", help="First day, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option("--end", help="Last day, YYYY-MM-DD; sessions that are not over yet are left out.")],
    book: Book = None,
    bars: Annotated[Literal["1d", "1m"], typer.Option("--bars", help="1d: daily bars; 1m: one-minute bars.")] = "1d",
    again: Annotated[
        bool, typer.Option("--again", help="Ask for what is there as well; what was corrected becomes a new version.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch the bars that a book's history lacks: before and after what is there, and gaps in it. What is there is not asked for."""
    progress = Progress()
    first, last = parse_session(start), parse_session(end)
    where = environment()
    progress.done(f"GRODT {grodt.__version__}  home {where.home}")
    with start_server(where.home) as server:
        with progress.live():
            progress.say("loading, while the Prefect server starts")
            from flows.backfilling import ask, run_flow  # brings Polars and SQLAlchemy

            asked = ask(book, first, last, bars, again=again)
            name = f"{asked.book} {first} to {asked.session}"
            if asked.session < last:
                progress.done(f"{asked.book}: {asked.session} is the last complete session up to {last}; it ends there")
            if asked.parts:
                server.wait_ready(lambda seconds: progress.say(f"waiting for the Prefect server, {seconds:.0f} s"))
                progress.done("Prefect server ready")
        if asked.parts:
            with _counting(progress, name, asked.parts) as counted:
                done = run_flow(asked, counted)
        else:
            done = asked.nothing()
        _show(asked.book, done, progress.seconds(), as_json)


@contextmanager
def _counting(progress: Progress, name: str, parts: int) -> Iterator[Callable[[int, int, int], None]]:
    """What is called with parts done, parts in all and bars so far: a bar on a terminal, lines elsewhere."""
    began = time.monotonic()

    def rate(rows: int) -> float:
        return rows / max(time.monotonic() - began, 1e-9)

    if not console.is_interactive:
        with progress.live():
            progress.say(f"{name}  0 of {parts} parts")

            def tell(done: int, total: int, rows: int) -> None:
                left = (time.monotonic() - began) / done * (total - done)
                progress.say(f"{name}  {done} of {total} parts, {rows:,} bars, {rate(rows):,.0f} bars/s, {clock(left)} left")

            yield tell
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rows]:,} bars  {task.fields[rate]:,.0f} bars/s"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task(name, total=parts, rows=0, rate=0.0)
        yield lambda done, total, rows: bar.update(task, completed=done, total=total, rows=rows, rate=rate(rows))


def _show(book: str, done: "Backfilled | BackfilledMinutes", seconds: float, as_json: bool) -> None:
    if as_json:
        facts = asdict(done)
        came = facts.pop("report", {})
        typer.echo(json.dumps({"book": book, **facts, **came, "seconds": round(seconds, 1)}, indent=2, default=date.isoformat))
        return
    from grodt.execution.backfill_minutes import BackfilledMinutes

    if isinstance(done, BackfilledMinutes):
        kind, table, (lines, reasons) = "gate", "quarantine_1m", _minutes(book, done)
    else:
        kind, table, (lines, reasons) = "quarantine", "quarantine", _daily(book, done)
    for line in (*lines, *(f"{kind}: {reason}" for reason in reasons[:_REASONS])):
        out.print(line, soft_wrap=True)
    if len(reasons) > _REASONS:
        more = len(reasons) - _REASONS
        out.print(f"{kind}: {more} more lines like these; --json has all, the table {table} each row", soft_wrap=True)


def _daily(book: str, done: "Backfilled") -> tuple[list[str], tuple[str, ...]]:
    """What a person reads of a backfill of daily bars, and why rows were refused."""
    days = f"{book} {done.start} to {done.session}"
    if not done.chunks:
        return [f"{days}: nothing is missing"], ()
    if done.rows or done.quarantined or done.revised or done.taken_back:
        lines = [f"{days}: {done.rows:,} bars came in, {done.quarantined:,} rows were quarantined"]
    else:
        lines = [f"{days}: nothing is missing that the source has"]
    if done.revised:
        lines.append(f"revisions: {done.revised:,} bars and corporate actions differ from what was there; each is a new version")
    lines += [f"revision: {each}" for each in done.taken_back]
    if done.gap_bars:
        left = done.gap_bars - done.healed
        lines.append(f"gaps: {done.gap_bars:,} bars were asked for again, {done.healed:,} came in, {left:,} are still not there")
    return lines, done.reasons


def _minutes(book: str, done: "BackfilledMinutes") -> tuple[list[str], tuple[str, ...]]:
    """The same of minute bars."""
    days, came = f"{book} {done.start} to {done.session}", done.report
    if not came.chunks:
        return [f"{days}: no minute bar is missing"], ()
    if came.rows or came.quarantined or came.revised:
        lines = [f"{days}: {came.rows:,} minute bars came in, {came.quarantined:,} rows were quarantined"]
    else:
        lines = [f"{days}: no minute bar is missing that the source has"]
    if came.extended or came.filled:
        lines.append(f"left out: {came.extended:,} rows outside the trading hours, {came.filled:,} of minutes in which nobody traded")
    if came.revised:
        lines.append(f"revisions: {came.revised:,} minute bars differ from what was there; each is a new version")
    if done.gap_sessions:
        lines.append(
            f"gaps: {done.gap_sessions:,} sessions of symbols were asked for again, minutes of {came.healed:,} came in, "
            f"{done.gap_sessions - came.healed:,} are as they were"
        )
    if came.compared:
        lines.append(f"daily bars: {came.identical:,} of {came.compared:,} sessions of symbols add up to the daily bar, to the last digit")
    if came.expected:
        cut = f"; {came.incomplete:,} sessions of them are incomplete" if came.incomplete else ""
        lines.append(f"liquid symbols: {came.minutes / came.expected:.1%} of the minutes have a bar{cut}")
    return lines, came.reasons
