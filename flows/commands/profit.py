"""`grodt profit`: what a book has earned, line by line, from one close to another."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Book, Json
from flows.commands.tables import show, show_json
from grodt.sessions import parse_session

if TYPE_CHECKING:
    from grodt.ledger.statement import Statement
    from grodt.ledger.transaction import Read
    from grodt.ledger.unit import Ledger

_LINES = {
    "realised": "realised profit, before commission",
    "unrealised": "change of unrealised profit",
    "dividends": "dividends",
    "interest": "interest",
    "commission": "commission",
    "fees": "fees of the account",
    "borrowing": "borrowed shares",
    "corrections": "corrections",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("profit")(profit)


def profit(
    book: Book = None,
    start: Annotated[str | None, typer.Option("--start", help="First session, YYYY-MM-DD; else the book's first.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="Last session, YYYY-MM-DD; else the last that is valued.")] = None,
    by_strategy: Annotated[bool, typer.Option("--by-strategy", help="What each strategy has earned, line by line.")] = False,
    by_symbol: Annotated[bool, typer.Option("--by-symbol", help="What each symbol has earned that is realised.")] = False,
    as_json: Json = False,
) -> None:
    """What the book has earned from one close to another: realised and unrealised profit, dividends, costs. The lines add up to equity."""
    from flows.at_home import chosen_book, ledger_at_home
    from grodt.errors import ConfigError
    from grodt.ledger.statement import statement_of

    if by_strategy and by_symbol:
        raise ConfigError("give --by-strategy or --by-symbol, not both")
    name = chosen_book(book)
    first, last = (None if day is None else parse_session(day) for day in (start, end))
    with ledger_at_home() as ledger, ledger.read() as tx:
        found = statement_of(tx, name, first, last)
        strategies = _of_strategies(ledger, tx, found) if by_strategy else []
    if by_strategy:
        show(f"{_title(found)}, by strategy", list(strategies[0]) if strategies else [], strategies, as_json=as_json, empty="nothing")
    elif by_symbol:
        rows = _of_symbols(found)
        show(f"{_title(found)}, by symbol", list(rows[0]) if rows else [], rows, as_json=as_json, empty="nothing is realised")
    elif as_json:
        show_json([_facts(found)])
    else:
        rows = _lines(found)
        show(_title(found), list(rows[0]), rows, as_json=False, empty="")


def _title(found: "Statement") -> str:
    return f"profit of {found.book}{f' from {found.opened}' if found.opened else ''} to {found.closed}"


def _facts(found: "Statement") -> dict[str, Any]:
    """Every figure of it, for programs; amounts in USD."""
    from grodt.money import decimal

    amounts = {
        "opening_equity": found.opening,
        "deposits": found.deposits,
        "withdrawals": found.withdrawals,
        **{line: _amount(found, line) for line in _LINES},
        "closing_equity": found.closing,
        "profit": found.profit,
        "realised_fifo": found.realised_fifo,
        "unrealised_fifo": found.unrealised_fifo,
    }
    return {"book": found.book, "opened": found.opened, "closed": found.closed} | {name: decimal(each) for name, each in amounts.items()}


def _lines(found: "Statement") -> list[dict[str, Any]]:
    from grodt.money import decimal

    opened = "equity before the first session" if found.opened is None else f"equity at the close of {found.opened}"
    lines: list[tuple[str, int]] = [
        (opened, found.opening),
        ("deposits", found.deposits),
        ("withdrawals", found.withdrawals),
        *((words, _amount(found, line)) for line, words in _LINES.items()),
        (f"equity at the close of {found.closed}", found.closing),
        ("profit", found.profit),
        ("of it realised, first in first out", found.realised_fifo),
        ("of it unrealised, first in first out", found.unrealised_fifo),
    ]
    return [{"line": words, "USD": decimal(amount)} for words, amount in lines]


def _amount(found: "Statement", line: str) -> int:
    return found.unrealised if line == "unrealised" else int(getattr(found.earned, line))


def _of_strategies(ledger: "Ledger", tx: "Read", found: "Statement") -> list[dict[str, Any]]:
    from flows.at_home import lake_at_home
    from grodt.ledger.manifest import snapshot
    from grodt.ledger.strategy_statement import statements_of_strategies
    from grodt.money import Micros, decimal, micros_from_float
    from grodt.reports.rows import position_rows

    lake = lake_at_home(ledger)

    def prices(day: date | None) -> dict[str, Micros]:
        if day is None:
            return {}
        rows = position_rows(lake, snapshot(tx, tables=["positions"], session=day), found.book, day)
        return {row["symbol"]: micros_from_float(row["price"]) for row in rows}

    each = statements_of_strategies(tx, found, prices(found.opened), prices(found.closed))
    lines = ["deposits", "withdrawals", *_LINES, "profit"]
    return [{"strategy": name} | {line: decimal(getattr(own, line)) for line in lines} for name, own in each.items()]


def _of_symbols(found: "Statement") -> list[dict[str, Any]]:
    from grodt.money import decimal

    lines = [line for line in _LINES if line != "unrealised"]
    return [{"symbol": symbol or "cash"} | {line: decimal(getattr(each, line)) for line in lines} for symbol, each in found.symbols.items()]
