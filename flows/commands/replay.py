"""`grodt replay`: history through the kernel."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import grodt
from flows.commands.options import Book, Json
from flows.progress import Progress, out
from grodt.errors import ConfigError
from grodt.sessions import parse_session, require_utc
from tasks.environment import environment

if TYPE_CHECKING:
    from flows.replaying import Asked
    from grodt.replay.running import Replayed
    from grodt.replay.statistics import Statistics

#: Sessions in which risk stopped the book that a person is shown.
_HALTS = 5
#: Shown in this order; `%` of what is a share.
_SHOWN = {
    "total_return": "%",
    "annual_return": "%",
    "annual_volatility": "%",
    "sharpe": "",
    "sortino": "",
    "calmar": "",
    "max_drawdown": "%",
    "drawdown_peak": "",
    "drawdown_trough": "",
    "drawdown_recovery": "",
    "var_historical": "%",
    "cvar_historical": "%",
    "hit_rate": "%",
    "profit_factor": "",
    "trades": "",
    "trade_hit_rate": "%",
    "gross_exposure": "%",
    "net_exposure": "%",
    "annual_turnover": "",
    "alpha": "%",
    "beta": "",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    start: Annotated[str, typer.Option("--start", help="First day, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option("--end", help="Last day, YYYY-MM-DD.")],
    book: Book = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Folder for tables and tear sheet; else one in the home.")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="An instant, such as 2026-11-21T12:00:00Z: the data as it was known then.")
    ] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence/--no-evidence", help="Whether every control's answer is kept in `risk_checks`.")
    ] = True,
    risk_free: Annotated[float, typer.Option("--risk-free", help="Rate per year, 0.02 for two per cent.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Take a book through history with the kernel of `grodt run`: the same tables, statistics and a tear sheet. Sends nothing."""
    progress = Progress()
    first, last = parse_session(start), parse_session(end)
    known = None if as_of is None else instant(as_of)
    progress.done(f"GRODT {grodt.__version__}  home {environment().home}")
    with progress.live():
        progress.say("loading")
        from flows.replaying import ask, replay_book  # brings Polars and SQLAlchemy

        asked = ask(book, first, last, folder)
        done = replay_book(asked, as_of=known, evidence=evidence, risk_free=risk_free, progress=progress.say)
    _show(asked, done, as_json)


def instant(text: str) -> datetime:
    """What `--as-of` says.

    Raises:
        ConfigError: it is no instant with its zone.
    """
    try:
        return require_utc(datetime.fromisoformat(text), "--as-of").astimezone(UTC)
    except ValueError as error:
        raise ConfigError(f"--as-of {text!r}: {error}; write it as 2026-11-21T12:00:00Z") from None


def _show(asked: "Asked", done: "Replayed", as_json: bool) -> None:
    from grodt.money import decimal
    from grodt.replay.sheet import figures_of, sheet_of

    sheet = sheet_of(done.record)
    halts = done.course.halts
    if as_json:
        facts = figures_of(sheet) | {
            "book": asked.book,
            "first_session": asked.sessions[0],
            "last_session": asked.sessions[-1],
            "equity": f"{decimal(int(done.course.equity[-1])):.2f}",
            "halts": [asdict(each) for each in halts],
            "held_back": [f"{each.symbol} {each.kind} {each.ex_date}" for each in done.course.account.moved],
            "limits_version": asked.limits.version,
            "rows": done.written,
            "out": str(asked.out),
        }
        typer.echo(json.dumps(facts, indent=2, default=date.isoformat))
        return
    title = f"{asked.book}: replay of {len(asked.sessions):,} sessions, {asked.sessions[0]} to {asked.sessions[-1]}"
    parts: dict[str, Statistics] = {asked.book: sheet.book}
    if sheet.benchmark is not None:
        parts[done.record.benchmark_name] = sheet.benchmark
    out.print(_table(title, parts))
    for words, own in (("what each signal added", sheet.signals), ("in each regime", sheet.regimes)):
        if own:
            out.print(_table(words, own))
    orders = sum(len(batch.columns) for batch in done.course.orders.batches)
    fills = sum(len(each.places) for each in done.course.orders.filled)
    out.print(f"Orders      {orders:,} in {len(done.course.orders.batches):,} sessions, {fills:,} fills")
    out.print(f"Equity      {decimal(int(done.course.equity[-1])):,.2f} from {decimal(int(done.course.plan.capital)):,.2f}")
    otherwise = f"; the books file has {asked.otherwise} otherwise (`grodt limits` says which)" if asked.otherwise else ""
    out.print(f"Limits      as they are in force now, in every session{otherwise}", soft_wrap=True)
    if halts:
        out.print(f"Halted      {len(halts):,} times; replayed on as if people had re-armed the book before the next session")
        for each in halts[:_HALTS]:
            what = "nothing ordered" if each.side == "all" else "reductions alone"
            out.print(f"            {each.session}  {what}: {each.reason}", soft_wrap=True)
        if len(halts) > _HALTS:
            out.print(f"            and {len(halts) - _HALTS:,} more; --json has each")
    if done.course.account.moved:
        out.print("Held back   corporate actions of terms that were applied under another ex date just before, as the live book does:")
        for action in done.course.account.moved[:_HALTS]:
            out.print(f"            {action.symbol} {action.kind} {action.ex_date}")
        if len(done.course.account.moved) > _HALTS:
            out.print(f"            and {len(done.course.account.moved) - _HALTS:,} more; --json has each")
    out.print(f"Parquet     {asked.out}", soft_wrap=True)
    out.print(f"Tear sheet  {asked.out / 'tear-sheet.html'}", soft_wrap=True)


def _table(title: str, parts: "Mapping[str, Statistics]") -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in parts:
        table.add_column(name, justify="right", no_wrap=True)
    for name, unit in _SHOWN.items():
        values = [getattr(each, name) for each in parts.values()]
        if any(value is not None for value in values):
            table.add_row(name.replace("_", " "), *(_cell(value, unit) for value in values))
    return table


def _cell(value: object, unit: str) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{100 * value:,.2f} %" if unit else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
