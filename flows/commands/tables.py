"""Printing rows and facts: a table for people, JSON for programs."""

import json
import math
from collections.abc import Container, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import typer
from rich import box
from rich.table import Table

from flows.progress import out

type Row = Mapping[str, object]

#: Wider than any table, to ask how wide one would be.
_ANY_WIDTH = 100_000


def show(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    as_json: bool,
    empty: str,
    most_places: int = 2,
    optional: Sequence[str] = (),
) -> None:
    """Print rows: to people a table, to programs every key of every row. No figure is ever cut.

    Numbers stand to the right. Amounts have two decimals; where their column needs more, prices and costs have up to four, and
    others up to `most_places`. On a terminal that is too narrow, the `optional` columns are left out; if that is not enough, each
    row becomes a list.

    Args:
        title: above the table.
        columns: what people see, in this order.
        rows: with a value for each column, and whatever else programs get.
        as_json: for programs.
        empty: what a person reads when there is no row; a program gets an empty list.
        most_places: see above.
        optional: see above.
    """
    if as_json:
        show_json(rows)
        return
    if not rows:
        out.print(f"{title}: {empty}", soft_wrap=True)
        return
    cells = {name: _cells([row[name] for row in rows], 4 if name.endswith(("price", "cost")) else most_places) for name in columns}
    numbers = {name for name in columns if all(row[name] is None or _is_number(row[name]) for row in rows)}
    for left_out in ((), optional):
        table = _table(title, {name: cells[name] for name in columns if name not in left_out}, numbers)
        if out.measure(table, options=out.options.update(width=_ANY_WIDTH)).maximum <= out.width:
            out.print(table)
            return
    out.print(title)
    for number in range(len(rows)):
        out.print()
        show_facts({name.replace("_", " "): cells[name][number] for name in columns})


def _table(title: str, cells: Mapping[str, Sequence[str]], numbers: Container[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, values in cells.items():
        header = name.replace("_", " " if len(name) <= max(map(len, values)) else "\n")
        table.add_column(header, justify="right" if name in numbers else "left", no_wrap=True)
    for row in zip(*cells.values(), strict=True):
        table.add_row(*row)
    return table


def tell(lines: Sequence[str], done: Row, *, as_json: bool) -> None:
    """What an act came to: lines for people; for programs one row, in a list as everywhere."""
    if as_json:
        show_json([done])
    else:
        for line in lines:
            out.print(line, soft_wrap=True)


def show_facts(facts: Mapping[str, str]) -> None:
    """Print what is to be said of one thing, a line each; a fact may have several."""
    table = Table.grid(padding=(0, 3, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, value)
    out.print(table)


def show_json(rows: Sequence[Row]) -> None:
    """Print rows for programs: money as decimal text, instants and dates as ISO text, what is not known as null."""
    typer.echo(json.dumps([{name: _known(value) for name, value in row.items()} for row in rows], indent=2, default=_plain))


def money(amount: Decimal) -> str:
    """An amount to the cent, for people."""
    return f"{amount:,.2f}"


def _known(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cells(values: Sequence[object], most_places: int) -> list[str]:
    """The cells of a column, all with the same number of decimals: at least two, and no more than its values need."""
    amounts = [value for value in values if isinstance(value, float | Decimal) and math.isfinite(value)]
    places = 2
    while places < most_places and any(round(value, places) != round(value, most_places) for value in amounts):
        places += 1
    return [cell(_known(value), places) for value in values]


def cell(value: object, places: int) -> str:
    """One value as people read it, numbers with that many decimals."""
    match value:
        case bool() | None:
            return "" if value is None else ("yes" if value else "no")
        case int():
            return f"{value:,}"
        case float() | Decimal():
            return f"{value:,.{places}f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M} UTC"
        case _:
            return str(value)
