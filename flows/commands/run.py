"""`grodt run`: end-of-day cycles."""

import shlex
import signal
from typing import TYPE_CHECKING, Annotated

import typer

import grodt
from flows.commands.options import Book, Json
from flows.commands.tables import show, show_json
from flows.progress import Progress, out
from flows.server import PrefectServer, start_server
from grodt.sessions import parse_session
from tasks.environment import environment

if TYPE_CHECKING:
    from flows.cycles import Asked
    from grodt.execution.approving import Answer


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
    last = parse_session(session) if session is not None else None
    where = environment()
    progress.done(f"GRODT {grodt.__version__}  home {where.home}")
    asked: Asked | None = None
    try:
        with progress.live(), start_server(where.home) as server:
            progress.say("loading, while the Prefect server starts")
            from flows.cycles import ask  # brings Polars and SQLAlchemy

            signal.signal(signal.SIGINT, signal.default_int_handler)  # Polars takes it when it is imported
            asked = ask(book, last, sessions)
            _run(asked, server, progress)
            progress.say("writing the last of it")
    finally:
        if asked is not None:
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
    for halt in () if asked.to_run else asked.halts():  # what is left to run says so itself
        progress.done(f"{asked.book}: {halt}; grodt halts says how it ends")
    for difference in asked.not_in_force:
        progress.done(f"{asked.book}: {difference}")
    if asked.to_run:
        server.wait_ready(lambda seconds: progress.say("waiting for the Prefect server"))
        progress.done("Prefect server ready")
    for number, each in enumerate(asked.to_run, 1):
        progress.say(f"{asked.book} {each}")
        run_one(asked, each, progress)
        if each in asked.waiting():
            left = len(asked.to_run) - number
            progress.done(
                f"{asked.book} {each}  waits for people"
                + (f"; {left} later {'session is' if left == 1 else 'sessions are'} not run before that" if left else "")
            )
            return


def _show(asked: "Asked", as_json: bool) -> None:
    from grodt.money import decimal
    from grodt.reports.figures import plain

    figures, waiting = asked.figures(), asked.waiting()
    if as_json:
        show_json(
            [plain(each) | {"ran_now": each.session not in asked.done, "waits": _asked_for(waiting.get(each.session))} for each in figures]
        )
        return
    rows = [
        {
            "session": each.session,
            "bars": each.bars,
            "signals": each.signals,
            "orders": each.orders,
            "fills": each.fills,
            "positions": each.positions,
            "equity": None if each.equity is None else decimal(each.equity),
            "breaks": each.breaks,
            "seconds": each.seconds,
            "outcome": _outcome(each.state, done=each.session in asked.done, waits=each.session in waiting),
        }
        for each in figures
    ]
    if rows:
        show(f"{asked.book}: end of day", list(rows[0]), rows, as_json=False, empty="", optional=("signals", "breaks", "seconds"))
    for answer in waiting.values():
        _show_waiting(answer)


def _outcome(state: str, *, done: bool, waits: bool) -> str:
    return "waits for people" if waits else f"{state}, as before" if done else state


def _asked_for(answer: "Answer | None") -> dict[str, object] | None:
    if answer is None or answer.request is None:
        return None
    request = answer.request
    return {"request_id": request.request_id, "still_needed": request.missing, "agreed": list(request.agreed), "until": request.expires_at}


def _show_waiting(answer: "Answer") -> None:
    from flows.commands.baskets import show_subject

    if answer.request is not None:
        show_subject(answer.request)
    out.print(str(answer), soft_wrap=True)


def _say_where(asked: "Asked") -> None:
    where = asked.where
    home = "" if where.is_default_home else f"GRODT_HOME={shlex.quote(str(where.home))} "
    out.print(f"Parquet     {where.lake}", soft_wrap=True)
    out.print(f"Ledger      {where.ledger_name}", soft_wrap=True)
    for name, file in (("Report", where.report_file(asked.book, asked.sessions[-1])), ("Tear sheet", where.tear_sheet_file(asked.book))):
        if file.exists():
            out.print(f"{name:<10}  {file}", soft_wrap=True)
    out.print(f"Prefect UI  {home}uv run grodt ui", soft_wrap=True)
