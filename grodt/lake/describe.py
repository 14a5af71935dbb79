"""What a table is, in words: columns, types, units, keys and rules, from its schema class alone."""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import dataframely as dy
import polars as pl

from grodt.lake.tables import TABLES
from grodt.lake.validation import stored_types, table_schema

#: The command that writes docs/data.md.
REGENERATE = "uv run grodt catalog --markdown > docs/data.md"

#: Bounds of a column, by the attribute that holds them.
_BOUNDS = {"min": "≥", "min_exclusive": ">", "max": "≤", "max_exclusive": "<"}
_PREFACE = f"""# Tables of the lake

Generated from the schema classes in `grodt/lake/tables.py`; a test fails when this page is stale: `{REGENERATE}`.
[analysts.md](analysts.md) shows how to read them.

The files of a table are `$GRODT_HOME/lake/<table>/**/*.parquet`; together they hold each row once, as it is now. Types are
those in the files: timestamps are microseconds in UTC, decimals are exact, floats are finite. What is not known is null, never
NaN, and only in columns marked nullable. `grodt catalog` says how many rows a table has, and how fresh they are.
"""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column.

    Attributes:
        name: of the column.
        type: in the files.
        unit: of its values; empty where they have none.
        key: whether it is part of the primary key.
        nullable: whether a value may be missing.
        bound: what its values keep to on their own; empty where nothing.
        description: what it says.
    """

    name: str
    type: str
    unit: str
    key: bool
    nullable: bool
    bound: str
    description: str

    @property
    def values(self) -> str:
        """What its values may be, in a few words."""
        return ", ".join(filter(None, [self.bound, "nullable" if self.nullable else ""]))


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """One rule over several columns, with its name in error messages."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table; `key` names the columns that no two rows share."""

    table: str
    description: str
    key: tuple[str, ...]
    columns: tuple[ColumnFacts, ...]
    rules: tuple[RuleFacts, ...]


def describe(table: str) -> TableFacts:
    """What a table is.

    Raises:
        ValueError: there is no such table.
    """
    schema = table_schema(table)
    stored = stored_types(table)
    columns = tuple(_column(name, column, stored[name]) for name, column in schema.columns().items())
    rules = tuple(
        RuleFacts(name, inspect.cleandoc(rule.validation_fn.__doc__ or ""))
        for name, rule in vars(schema).items()
        if hasattr(rule, "validation_fn")
    )
    return TableFacts(table, " ".join((schema.__doc__ or "").split()), tuple(schema.primary_key()), columns, rules)


def markdown(tables: Iterable[str] = TABLES) -> str:
    """The page docs/data.md."""
    return "\n".join([_PREFACE, *(_section(describe(table)) for table in tables)])


def _section(facts: TableFacts) -> str:
    lines = [f"## {facts.table}", "", facts.description, "", f"Key: {', '.join(f'`{name}`' for name in facts.key)}.", ""]
    lines += ["| column | type | unit | values | description |", "|---|---|---|---|---|"]
    for each in facts.columns:
        lines.append(f"| `{each.name}` | {each.type} | {each.unit} | {each.values} | {each.description} |")
    if facts.rules:
        lines += ["", "Rules:", "", *(f"- `{rule.name}`: {rule.description}" for rule in facts.rules)]
    return "\n".join([*lines, ""])


def _column(name: str, column: dy.Column, stored: pl.DataType) -> ColumnFacts:
    unit = str((column.metadata or {}).get("unit", ""))
    return ColumnFacts(name, _type(stored), unit, column.primary_key, column.nullable, _bound(column), column.description or "")


def _type(dtype: pl.DataType) -> str:
    match dtype:
        case pl.String():
            return "text"
        case pl.Datetime():
            return "timestamp"
        case pl.Decimal():
            return f"decimal({dtype.precision}, {dtype.scale})"
        case _:
            return str(dtype).lower()


def _bound(column: dy.Column) -> str:
    """What the column's own bounds say."""
    if isinstance(column, dy.Enum):
        return ", ".join(column.categories)
    given: dict[str, Any] = vars(column)
    bounds = [f"{sign} {given[name]}" for name, sign in _BOUNDS.items() if given.get(name) is not None]
    return ", ".join(["not empty"] * bool(given.get("min_length")) + bounds)
