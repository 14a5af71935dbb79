"""Commands that look and change nothing: status, positions, orders."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Book, Json
from flows.commands.tables import money, show, show_facts, show_json
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
    from grodt.execution.approving import answer_of
    from grodt.ledger.acts import in_words, still_waiting
    from grodt.ledger.breaks import open_breaks
    from grodt.ledger.evidence import checks_of
    from grodt.ledger.halts import active
    from grodt.ledger.marks import latest_mark
    from grodt.ledger.orders import orders_in
    from grodt.ledger.overrides import overrides_in_force, what_is_asked
    from grodt.ledger.postings import settled
    from grodt.ledger.requests import waiting
    from grodt.ledger.runs import runs_of
    from grodt.ledger.versions import expected_version
    from grodt.orders.states import OPEN, OrderState
    from grodt.reports.changes import cycles_left, reduced, what_changed
    from tasks.environment import clock, environment

    name, now = chosen_book(book), clock(environment())()
    with ledger_at_home() as ledger, ledger.read() as tx:
        last = next(iter(runs_of(tx, name, 1)), None)
        through = settled(tx, name)
        mark = latest_mark(tx, name)
        halts = active(tx, name, clock(environment())())
        expected = expected_version(tx, name)
        lifted = [f"{what_is_asked(request)}, {each.by}" for request, each in overrides_in_force(tx, name, None, now)]
        changed, left = ("", 0) if last is None else (what_changed(tx, last), cycles_left(checks_of(tx, last.run_id)))
        left -= left > 0 and last is not None and last.state == "done"  # the last run was one of them
        answer = answer_of(tx, last, now) if last is not None else None
        asked = [in_words(each) for each in still_waiting(tx, waiting(tx, now, name))]
        differing = open_breaks(tx, name)
        overdue = sum(each.is_overdue(break_age_days(name), now) for each in differing)
        counts = {
            "open_orders": len(orders_in(tx, name, OPEN)),
            "unknown_orders": len(orders_in(tx, name, [OrderState.UNKNOWN, OrderState.SENDING])),
            "open_breaks": len(differing),
        }
    if as_json:
        run: dict[str, object] = {
            "last_run": last.run_id if last else None,
            "state": last.state if last else None,
            "settled_through": through,
        }
        run |= {"configuration": changed or None, "reduced_cycles": left, "expected_version": expected.version if expected else None}
        run["overrides"] = lifted
        show_json(
            [
                {
                    "book": name,
                    **run,
                    **_marked(mark),
                    **counts,
                    "overdue_breaks": overdue,
                    "basket": str(answer or "none"),
                    "waiting": asked,
                    "halts": [asdict(each) for each in halts],
                }
            ]
        )
        return
    show_facts(
        {
            "book": name,
            "last run": _last(last),
            "settled through": str(through or "none yet"),
            **_valued(mark),
            **{key.replace("_", " "): f"{count:,}" for key, count in counts.items()},
            **({"open breaks": f"{len(differing):,}, {overdue:,} of them overdue: grodt breaks"} if overdue else {}),
            "last basket": "\n".join([str(answer), *answer.words]) if answer is not None else "none",
            "waiting for people": "\n".join(asked) or "nothing",
            "halts": "\n".join(map(str, halts)) or "none",
            "overrides": "\n".join(lifted) or "none",
            "configuration": f"{changed}; {reduced(left)}" if changed else "none yet",
            "expects": f"GRODT {expected.version}, by {expected.author}" if expected else "no version yet",
        }
    )


def positions(book: Book = None, as_json: Json = False) -> None:
    """What the book held at the close of its last run that is done."""
    from flows.at_home import chosen_book, lake_at_home, ledger_at_home
    from grodt.ledger.manifest import snapshot
    from grodt.ledger.runs import latest_done
    from tasks.kinds import END_OF_DAY

    name = chosen_book(book)
    with ledger_at_home() as ledger:
        with ledger.read() as tx:
            done, current = latest_done(tx, name, END_OF_DAY), snapshot(tx, tables=["positions"])
        day = done.session if done else None
        frame = lake_at_home(ledger).read("positions", current, source=name, start=day, end=day) if day else None
    rows = [] if frame is None else frame.sort("symbol").to_dicts()
    columns = ["symbol", "quantity", "average_cost", "price", "price_session", "market_value", "unrealised_profit"]
    title = f"positions of {name} at the close of {day}" if day else f"positions of {name}"
    show(title, columns, rows, as_json=as_json, empty="none" if day else "no run is done yet")


def orders(
    book: Book = None,
    session: Annotated[str | None, typer.Option("--session", "-s", help="Session that decided them, YYYY-MM-DD; else the latest.")] = None,
    as_json: Json = False,
) -> None:
    """Orders that a session decided, with the state they have reached."""
    from flows.at_home import calendar_of, chosen_book, ledger_at_home
    from grodt.execution.approving import answer_of
    from grodt.ledger.orders import orders_decided
    from grodt.ledger.runs import find_run, run_id, runs_of
    from grodt.money import decimal
    from tasks.environment import clock, environment
    from tasks.kinds import END_OF_DAY

    day = None if session is None else parse_session(session)
    name = chosen_book(book)
    with ledger_at_home() as ledger, ledger.read() as tx:
        if day is None:
            day = next((run.session for run in runs_of(tx, name, 1)), None)
        found = orders_decided(tx, name, day) if day else ()
        run = find_run(tx, run_id(name, END_OF_DAY, day)) if day is not None else None
        answer = answer_of(tx, run, clock(environment())()) if run is not None and not found else None
    if day is not None and run is None and not found:
        calendar_of(name).require_session(day)
    rows = [
        {
            "client_order_id": each.order.client_order_id,
            "symbol": each.order.symbol,
            "side": str(each.order.side),
            "quantity": each.order.quantity,
            "reference_price": decimal(each.order.reference_price),
            "state": str(each.state),
            "filled_quantity": each.filled_quantity,
            "average_fill_price": None if each.average_fill_price is None else decimal(each.average_fill_price),
            "reason": each.reason,
            "basket_hash": each.basket_hash,
            "run_id": each.run_id,
        }
        for each in found
    ]
    columns = ["symbol", "side", "quantity", "reference_price", "state", "filled_quantity", "average_fill_price"]
    reasons = ["reason"] if any(row["reason"] for row in rows) else []
    title = f"orders of {name} decided at the close of {day}" if day else f"orders of {name}"
    nothing = "none" if answer is None or answer.request is None else str(answer)
    empty = nothing if run is not None else "that session was not run" if day else "no run yet"
    show(title, [*columns, *reasons, "client_order_id"], rows, as_json=as_json, empty=empty, optional=["client_order_id"])


def _last(run: "Run | None") -> str:
    if run is None:
        return "none yet"
    return f"{run.run_id}, {run.state}" + (f" at attempt {run.attempts}" if run.attempts > 1 else "")


def _marked(mark: "Mark | None") -> dict[str, object]:
    from grodt.money import decimal

    if mark is None:
        return dict.fromkeys(("mark_session", "equity", "cash", "gross_exposure", "drawdown"))
    return {
        "mark_session": mark.session,
        "equity": decimal(mark.equity),
        "cash": decimal(mark.cash),
        "gross_exposure": mark.gross,
        "drawdown": mark.drawdown,
    }


def _valued(mark: "Mark | None") -> dict[str, str]:
    from grodt.money import decimal

    if mark is None:
        return {"equity": "not valued yet"}
    return {
        "equity": f"{money(decimal(mark.equity))} at the close of {mark.session}",
        "cash": money(decimal(mark.cash)),
        "gross exposure": f"{mark.gross:.2%}",
        "drawdown": f"{mark.drawdown:.2%}",
    }
