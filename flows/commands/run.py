"""`grodt run`: end-of-day cycles."""

import json
import shlex
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

import grodt
from flows.commands.options import Book, Json
from flows.progress import Progress, out
from flows.server import PrefectServer, start_server
from grodt.sessions import parse_session
from tasks.environment import environment

if TYPE_CHECKING:
    from flows.cycles import Asked


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    book: Book = None,
    session: Annotated[
        str | None, typer.Option("--session", "-s", help="The last session, YYYY-MM-DD; else the latest complete one.")
    ] = None,
    sessions: Annotated[
        int | None, typer.Option("--sessions", "-n", min=1, help="How many sessions up to it; else 1 with --session, 5 without.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a book's end of day. A cycle that is done stays as it is."""
    progress = Progress()
    last = parse_session(session) if session else None
    where = environment()
    progress.done(f"GRODT {grodt.__version__}  home {where.home}")
    with progress.live(), start_server(where.home) as server:
        progress.say("loading, while the Prefect server starts")
        from flows.cycles import ask  # brings Prefect, Polars and SQLAlchemy

        asked = ask(book, last, sessions)
        try:
            _run(asked, server, progress)
        finally:
            progress.say("writing the last of it")
            _show(asked, as_json)
    if not as_json:
        _say_where(asked)


def _run(asked: "Asked", server: PrefectServer, progress: Progress) -> None:
    from flows.cycles import run_one

    if asked.done:
        progress.done(f"{asked.book}: {len(asked.done)} of {len(asked.sessions)} cycles are done and stay as they are")
    if asked.passed:
        days = ", ".join(map(str, sorted(asked.passed)))
        progress.done(f"{asked.book}: {days} never ran and the book has settled past it; skipped")
    if asked.to_run:
        server.wait_ready(lambda seconds: progress.say(f"waiting for the Prefect server, {seconds:.0f} s"))
        progress.done("Prefect server ready")
    for each in asked.to_run:
        run_one(asked, each, progress)


def _show(asked: "Asked", as_json: bool) -> None:
    rows = asked.figures()
    if as_json:
        from grodt.reports.figures import plain

        typer.echo(json.dumps([plain(row) | {"ran_now": row.session not in asked.done} for row in rows], indent=2))
        return
    if not rows:
        return
    table = Table(title=f"{asked.book}: end of day", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("session", no_wrap=True)
    for name in ("bars", "signals", "orders", "fills", "positions", "equity", "breaks", "seconds"):
        table.add_column(name, justify="right", no_wrap=True, overflow="fold")
    table.add_column("outcome")
    for row in rows:
        counts = (row.bars, row.signals, row.orders, row.fills, row.positions)
        outcome = f"{row.state}, as before" if row.session in asked.done else row.state
        table.add_row(
            str(row.session),
            *(f"{count:,}" for count in counts),
            f"{row.equity / 1e6:,.2f}",
            str(row.breaks),
            f"{row.seconds:.1f}",
            outcome,
        )
    out.print(table)


def _say_where(asked: "Asked") -> None:
    where = asked.where
    home = "" if where.is_default_home else f"GRODT_HOME={shlex.quote(str(where.home))} "
    out.print(f"Parquet     {where.lake}", soft_wrap=True, markup=False)
    out.print(f"Ledger      {where.ledger_file}", soft_wrap=True, markup=False)
    out.print(f"Report      {where.report_file(asked.book, asked.sessions[-1])}", soft_wrap=True, markup=False)
    out.print(f"Prefect UI  {home}uv run grodt ui", soft_wrap=True, markup=False)
