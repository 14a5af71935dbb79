"""Commands that look and change nothing: status, positions, orders."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Book, Json
from flows.commands.tables import money, show, show_facts, show_json
from flows.progress import out
from grodt.errors import NotFound
from grodt.sessions import parse_session

if TYPE_CHECKING:
    from grodt.ledger.marks import Mark
    from grodt.ledger.runs import Run


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (status, positions, orders):
        app.command(command.__name__)(command)


def status(book: Book = None, as_json: Json = False) -> None:
    """The book now: its last run, equity, open orders, breaks and halts, and what is new in its configuration or code."""
    from flows.at_home import break_age_days, chosen_book, ledger_at_home
    from grodt.reports.changes import reduced
    from grodt.reports.rows import OVER_AT_BROKER
    from grodt.reports.status import status_of
    from tasks.environment import clock, environment

    name, now = chosen_book(book), clock(environment())()
    with ledger_at_home() as ledger, ledger.read() as tx:
        found = status_of(tx, name, now, break_age_days(name))
    if as_json:
        show_json([found.row()])
        return
    overdue = f"{found.open_breaks:,}, {found.overdue_breaks:,} of them overdue: grodt breaks"
    cancelled = f", {found.cancelled_orders:,} of them {OVER_AT_BROKER}"
    show_facts(
        {
            "book": name,
            "last run": _last(found.run),
            "settled through": str(found.settled_through or "none yet"),
            **_valued(found.mark, found.mark_slot),
            "planned orders": f"{found.planned_orders:,}, which wait for people" if found.planned_orders else "none",
            "open orders": f"{found.open_orders:,}{cancelled if found.cancelled_orders else ''}",
            "unknown orders": f"{found.unknown_orders:,}",
            "open breaks": overdue if found.overdue_breaks else f"{found.open_breaks:,}",
            "last basket": "\n".join([str(found.answer), *found.answer.words]) if found.answer is not None else "none",
            "waiting for people": "\n".join(found.waiting) or "nothing",
            "halts": "\n".join(map(str, found.halts)) or "none",
            "overrides": "\n".join(found.overrides) or "none",
            "configuration": f"{found.changed}; {reduced(found.reduced_cycles)}" if found.changed else "none yet",
            "expects": f"GRODT {found.expected.version}, by {found.expected.author}" if found.expected else "no version yet",
        }
    )


def positions(
    book: Book = None,
    by_strategy: Annotated[
        bool, typer.Option("--by-strategy", help="What each strategy holds and has earned, with all that is booked.")
    ] = False,
    strategy: Annotated[str | None, typer.Option("--strategy", help="The same of one strategy.")] = None,
    as_json: Json = False,
) -> None:
    """What the book held at the close of the last session that is done; or its strategies, with everything booked since."""
    from flows.at_home import chosen_book, lake_at_home, ledger_at_home
    from grodt.ledger.manifest import snapshot
    from grodt.ledger.runs import latest_close
    from grodt.reports.rows import position_rows
    from grodt.reports.strategy_rows import strategy_rows

    name = chosen_book(book)
    with ledger_at_home() as ledger:
        with ledger.read() as tx:
            done = latest_close(tx, name)
            day = done.session if done else None
            current = snapshot(tx, tables=["positions"], session=day) if day else None
        rows = position_rows(lake_at_home(ledger), current, name, day) if current and day else []
        if by_strategy or strategy is not None:
            with ledger.read() as tx:
                theirs = strategy_rows(tx, name, {row["symbol"]: Decimal(str(row["price"])) for row in rows}, strategy)
            _show_strategies(name, theirs, strategy, day, as_json=as_json)
            return
    columns = ["symbol", "quantity", "average_cost", "price", "price_session", "market_value", "unrealised_profit"]
    title = f"positions of {name} at the close of {day}" if day else f"positions of {name}"
    show(title, columns, rows, as_json=as_json, empty="none" if day else "no run is done yet")


def _show_strategies(book: str, rows: list[dict[str, Any]], strategy: str | None, day: date | None, *, as_json: bool) -> None:
    columns = [
        "strategy",
        "symbol",
        "quantity",
        "average_cost",
        "unrealised_profit",
        "realised_profit",
        "realised_profit_fifo",
        "commission",
    ]
    valued = f", valued at the close of {day}" if day else ""
    if strategy is not None and not rows:
        raise NotFound(f"strategy {strategy!r} of book {book} has traded nothing; `grodt positions --by-strategy` lists those that have")
    show(f"strategies of {book}{valued}", columns, rows, as_json=as_json, empty="nothing is booked", optional=["commission"])


def orders(
    book: Book = None,
    session: Annotated[str | None, typer.Option("--session", "-s", help="Session that decided them, YYYY-MM-DD; else the latest.")] = None,
    as_json: Json = False,
) -> None:
    """Orders that a session decided, at its close or in its slots, with the state they have reached: planned while people are asked."""
    from flows.at_home import calendar_of, chosen_book, ledger_at_home
    from grodt.execution.approving import answer_of
    from grodt.ledger.planned import orders_and_plans
    from grodt.ledger.runs import runs_in, runs_of
    from grodt.reports.rows import order_rows
    from tasks.environment import clock, environment

    day = None if session is None else parse_session(session)
    name, now = chosen_book(book), clock(environment())()
    with ledger_at_home() as ledger, ledger.read() as tx:
        if day is None:
            day = next((run.session for run in runs_of(tx, name, 1)), None)
        found = orders_and_plans(tx, name, day, now) if day else ()
        runs = runs_in(tx, name, day) if day is not None else ()
        run = next(iter(runs), None)
        answer = answer_of(tx, run, now) if run is not None else None
        rows = order_rows(tx, found, runs)
    if day is not None and run is None and not found:
        calendar_of(name).require_session(day)
    slots = any(each.slot for each in runs)
    columns = [
        *(["slot"] if slots else []),
        "symbol",
        "side",
        "quantity",
        "reference_price",
        "state",
        "filled_quantity",
        "average_fill_price",
    ]
    reasons = ["reason"] if any(row["reason"] for row in rows) else []
    title = f"orders of {name} decided {'in' if slots else 'at the close of'} {day}" if day else f"orders of {name}"
    nothing = "none" if answer is None or answer.request is None else str(answer)
    empty = nothing if run is not None else "that session was not run" if day else "no run yet"
    show(title, [*columns, *reasons, "client_order_id"], rows, as_json=as_json, empty=empty, optional=["client_order_id"])
    if not as_json and answer is not None and answer.state == "waiting":
        out.print(str(answer), soft_wrap=True)


def _last(run: "Run | None") -> str:
    if run is None:
        return "none yet"
    return f"{run.run_id}, {run.state}" + (f" at attempt {run.attempts}" if run.attempts > 1 else "")


def _valued(mark: "Mark | None", slot: str) -> dict[str, str]:
    from grodt.money import decimal

    if mark is None:
        return {"equity": "not valued yet"}
    return {
        "equity": f"{money(decimal(mark.equity))} at {f'slot {slot}' if slot else 'the close'} of {mark.session}",
        "cash": money(decimal(mark.cash)),
        "gross exposure": f"{mark.gross:.2%}",
        "drawdown": f"{mark.drawdown:.2%}",
    }
