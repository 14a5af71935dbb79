"""Printing rows: a table for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import typer
from rich import box
from rich.table import Table

from flows.progress import out

type Row = Mapping[str, object]


def show(title: str, columns: Sequence[str], rows: Sequence[Row], *, as_json: bool, empty: str) -> None:
    """Print rows. `columns` are shown to people, in this order; programs get every key of every row.

    Numbers stand to the right. `empty` is what a person reads when there is no row; a program gets an empty list.
    """
    if as_json:
        typer.echo(json.dumps([dict(row) for row in rows], indent=2, default=_plain))
        return
    if not rows:
        out.print(f"{title}: {empty}")
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        number = all(isinstance(row[name], int | float | Decimal) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_words(row[name]) for name in columns))
    out.print(table)


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _words(value: object) -> str:
    match value:
        case bool() | None:
            return "" if value is None else ("yes" if value else "no")
        case int():
            return f"{value:,}"
        case float() | Decimal():
            return f"{value:,.2f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M} UTC"
        case _:
            return str(value)
