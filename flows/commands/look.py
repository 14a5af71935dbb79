"""Commands that look and change nothing: status, positions, orders, breaks, verify."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Book, Json
from flows.commands.tables import show
from grodt.errors import DataError
from grodt.sessions import parse_session

if TYPE_CHECKING:
    from datetime import date

    from grodt.ledger.unit import Ledger


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (status, positions, orders, breaks, verify):
        app.command(command.__name__)(command)


def status(book: Book = None, as_json: Json = False) -> None:
    """The book now: its last cycle, equity, halts, breaks and open orders."""
    from flows.desk import chosen_book, ledger_at_home
    from grodt.ledger.breaks import open_breaks
    from grodt.ledger.halts import active
    from grodt.ledger.marks import latest_mark
    from grodt.ledger.orders import orders_in
    from grodt.ledger.postings import settled
    from grodt.ledger.runs import runs_of
    from grodt.money import decimal
    from grodt.orders.states import OPEN, OrderState

    name = chosen_book(book)
    with ledger_at_home() as ledger, ledger.read() as tx:
        last = runs_of(tx, name, 1)
        mark = latest_mark(tx, name)
        halts = active(tx, name)
        row = {
            "book": name,
            "last_run": last[0].run_id if last else "none yet",
            "state": last[0].state if last else "",
            "settled_through": settled(tx, name),
            "equity": decimal(mark.equity) if mark else None,
            "cash": decimal(mark.cash) if mark else None,
            "gross": mark.gross if mark else None,
            "drawdown_pct": 100 * mark.drawdown if mark else None,
            "open_orders": len(orders_in(tx, name, OPEN)),
            "unknown_orders": len(orders_in(tx, name, [OrderState.UNKNOWN, OrderState.SENDING])),
            "open_breaks": len(open_breaks(tx, name)),
            "halts": "; ".join(map(str, halts)) or "none",
        }
    if as_json:
        show("status", list(row), [row], as_json=True, empty="")
        return
    show(
        "status",
        ["what", "is"],
        [{"what": key.replace("_", " "), "is": _cell(value)} for key, value in row.items()],
        as_json=False,
        empty="",
    )


def positions(book: Book = None, as_json: Json = False) -> None:
    """What the book holds, valued at the last close known."""
    from flows.desk import chosen_book, lake_at_home, ledger_at_home
    from grodt.ledger.manifest import snapshot
    from grodt.ledger.marks import latest_mark

    name = chosen_book(book)
    with ledger_at_home() as ledger:
        with ledger.read() as tx:
            mark, current = latest_mark(tx, name), snapshot(tx, tables=["positions"])
        day = _last_exported(ledger, name) if mark else None
        frame = lake_at_home(ledger).read("positions", current, source=name, start=day, end=day) if day else None
    rows = [] if frame is None else frame.sort("symbol").to_dicts()
    columns = ["symbol", "quantity", "average_cost", "price", "price_session", "market_value", "unrealised_profit"]
    show(f"positions of {name} at the close of {day}", columns, rows, as_json=as_json, empty="none")


def orders(
    book: Book = None,
    session: Annotated[str | None, typer.Option("--session", "-s", help="Session that decided them, YYYY-MM-DD; else the latest.")] = None,
    as_json: Json = False,
) -> None:
    """Orders that a session decided, with the state they have reached."""
    from flows.desk import chosen_book, ledger_at_home
    from grodt.ledger.orders import orders_decided
    from grodt.ledger.runs import runs_of
    from grodt.money import decimal

    day = parse_session(session) if session else None
    name = chosen_book(book)
    with ledger_at_home() as ledger, ledger.read() as tx:
        if day is None:
            latest = runs_of(tx, name, 1)
            day = latest[0].session if latest else None
        found = orders_decided(tx, name, day) if day else ()
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
    columns = [
        "client_order_id",
        "symbol",
        "side",
        "quantity",
        "reference_price",
        "state",
        "filled_quantity",
        "average_fill_price",
        "reason",
    ]
    show(f"orders of {name} decided at the close of {day}", columns, rows, as_json=as_json, empty="none")


def breaks(book: Book = None, as_json: Json = False) -> None:
    """Open breaks: where our ledger and the broker differ."""
    from flows.desk import chosen_book, ledger_at_home
    from grodt.ledger.breaks import open_breaks

    name = chosen_book(book)
    with ledger_at_home() as ledger, ledger.read() as tx:
        found = open_breaks(tx, name)
    rows = [
        {
            "break_id": each.break_id,
            "kind": each.difference.kind,
            "symbol": each.difference.symbol,
            "ours": each.difference.ours,
            "theirs": each.difference.theirs,
            "difference": each.difference.ours - each.difference.theirs,
            "unit": "micros" if each.difference.kind == "cash" else "shares",
            "first_seen": each.first_session,
            "last_seen": each.last_session,
            "run_id": each.run_id,
        }
        for each in found
    ]
    columns = ["break_id", "kind", "symbol", "ours", "theirs", "difference", "unit", "first_seen", "last_seen"]
    show(f"open breaks of {name}", columns, rows, as_json=as_json, empty="none")


def verify(as_json: Json = False) -> None:
    """Read every file of the lake and compare it with the manifest: altered, missing and unlisted files."""
    from flows.desk import lake_at_home, ledger_at_home
    from grodt.ledger.manifest import LedgerManifest

    with ledger_at_home() as ledger:
        current = LedgerManifest(ledger).snapshot()
        findings = lake_at_home(ledger).verify(current)
    rows = [{"file": each.path, "finding": each.kind, "detail": each.detail} for each in findings]
    show("lake", ["file", "finding", "detail"], rows, as_json=as_json, empty=f"{len(current.files)} files are what the manifest says")
    if findings:
        raise DataError(f"{len(findings)} findings in the lake: see above")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.2f}" if hasattr(value, "as_tuple") or isinstance(value, float) else str(value)


def _last_exported(ledger: "Ledger", book: str) -> "date | None":
    from grodt.ledger.runs import latest_done

    with ledger.read() as tx:
        done = latest_done(tx, book, "eod")
    return done.session if done else None
