"""`grodt intraday`: a slot of a session, or all of one so far."""

import signal
from typing import TYPE_CHECKING, Annotated

import typer

import grodt
from flows.commands.options import Book, Json
from flows.commands.tables import show, show_json
from flows.progress import Progress
from flows.server import PrefectServer, start_server
from grodt.sessions import parse_session
from tasks.environment import environment

if TYPE_CHECKING:
    from flows.slots import Asked


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("intraday")(intraday)


def intraday(
    book: Book = None,
    session: Annotated[str | None, typer.Option("--session", "-s", help="The session, YYYY-MM-DD; alone: all its slots so far.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", "-t", help="The slot, by the exchange's time: 10:30, or close. Without it, the latest one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a slot of a book that decides within its sessions. A cycle that is done stays as it is."""
    progress = Progress()
    day = parse_session(session) if session is not None else None
    where = environment()
    progress.done(f"GRODT {grodt.__version__}  home {where.home}")
    asked: Asked | None = None
    try:
        with progress.live(), start_server(where.home) as server:
            progress.say("loading, while the Prefect server starts")
            from flows.slots import ask  # brings Polars and SQLAlchemy

            signal.signal(signal.SIGINT, signal.default_int_handler)  # Polars takes it when it is imported
            asked = ask(book, day, at)
            _run(asked, server, progress)
            progress.say("writing the last of it")
    finally:
        if asked is not None:
            _show(asked, as_json)


def _run(asked: "Asked", server: PrefectServer, progress: Progress) -> None:
    from flows.slots import run_one

    if asked.done:
        progress.done(f"{asked.book}: {len(asked.done)} of {len(asked.slots)} cycles are done and stay as they are")
    if asked.to_run:
        server.wait_ready(lambda seconds: progress.say("waiting for the Prefect server"))
        progress.done("Prefect server ready")
    for slot in asked.to_run:
        progress.say(f"{asked.book} {slot}")
        run_one(asked, slot, progress)
        if asked.waiting(slot) is not None:
            progress.done(f"{asked.book} {slot}  waits for people")
            return


def _show(asked: "Asked", as_json: bool) -> None:
    from grodt.money import decimal
    from grodt.reports.figures import plain

    found = asked.figures()
    if as_json:
        show_json([plain(each) | {"slot": slot.name, "ran_now": slot.name not in asked.done} for slot, each in found])
        return
    rows = [
        {
            "slot": slot.name,
            "bars": each.bars,
            "signals": each.signals,
            "orders": each.orders,
            "fills": each.fills,
            "positions": each.positions,
            "equity": None if each.equity is None else decimal(each.equity),
            "breaks": each.breaks,
            "seconds": each.seconds,
            "outcome": f"{each.state}, as before" if slot.name in asked.done else each.state,
        }
        for slot, each in found
    ]
    if rows:
        title = f"{asked.book}: {asked.slots[0].session}"
        show(title, list(rows[0]), rows, as_json=False, empty="", optional=("signals", "breaks", "seconds"))
