"""A frame against its table's schema class, before it is written and after it was read."""

from collections.abc import Collection
from functools import cache

import dataframely as dy
import polars as pl

from grodt.errors import DataError
from grodt.lake.tables import SCHEMA_VERSION, TABLES

_RULES_NAMED = 5


def table_schema(table: str) -> type[dy.Schema]:
    """The schema class of a table.

    Raises:
        ValueError: there is no such table.
    """
    if table not in TABLES:
        raise ValueError(f"table {table!r} is unknown; the lake has {', '.join(TABLES)}")
    return TABLES[table]


@cache
def types(table: str) -> pl.Schema:
    """Names and types of the table's columns, in order."""
    return pl.Schema({name: column.dtype for name, column in table_schema(table).columns().items()})


@cache
def stored_types(table: str) -> pl.Schema:
    """The same as in the files, where an enumeration is plain text, so that every tool reads it alike."""
    return pl.Schema({name: pl.String() if isinstance(dtype, pl.Enum) else dtype for name, dtype in types(table).items()})


def session_column(table: str) -> str:
    """The column that dates the table's rows."""
    return "session" if "session" in types(table) else "ex_date"


def require_valid(table: str, frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """The frame with its columns in order and its rows sorted by primary key.

    Text is taken for an enumeration; every other type must be the table's own.

    Raises:
        DataError: a column is missing, unknown or of another type, a row breaks a rule or repeats a key, or a row is of
            another source (or book) than `source`.
    """
    schema = table_schema(table)
    wanted = types(table)
    frame = _as_enumerations(table, frame, wanted)
    require_types(table, frame.schema, wanted, "the frame")
    try:
        schema.validate(frame)
    except dy.exc.ValidationError:
        raise DataError(_broken_rules(table, schema, frame)) from None
    owner = "source" if "source" in wanted else "book"
    strangers = frame.filter(pl.col(owner) != source).get_column(owner).unique().sort().to_list()
    if strangers:
        raise DataError(f"{table}: rows of {owner} {', '.join(strangers)} in a file of {source}; write one file for each {owner}")
    return frame.select(wanted.names()).sort(schema.primary_key())


@cache
def added_columns(table: str, schema_version: int) -> frozenset[str]:
    """Columns that files of that schema version may lack: those that may be null, unless the version is today's."""
    if schema_version >= SCHEMA_VERSION:
        return frozenset()
    return frozenset(name for name, column in table_schema(table).columns().items() if column.nullable)


def require_types(table: str, found: pl.Schema, wanted: pl.Schema, where: str, *, may_lack: Collection[str] = ()) -> None:
    """Check names and types, in any order. Columns that it `may_lack` need not be there.

    Raises:
        DataError: they differ; every difference is named.
    """
    wrong = [f"column {name} is missing" for name in wanted if name not in found and name not in may_lack]
    wrong += [f"column {name} is not the table's" for name in found if name not in wanted]
    wrong += [f"column {name} is {found[name]}, not {wanted[name]}" for name in wanted if name in found and found[name] != wanted[name]]
    if wrong:
        raise DataError(f"{table}: {where} does not have the table's columns: {'; '.join(wrong)}")


def _as_enumerations(table: str, frame: pl.DataFrame, wanted: pl.Schema) -> pl.DataFrame:
    for name, dtype in wanted.items():
        if not isinstance(dtype, pl.Enum) or not isinstance(frame.schema.get(name), pl.String | pl.Categorical):
            continue
        text = frame.get_column(name).cast(pl.String)
        strange = text.filter(~text.is_in(dtype.categories.to_list())).unique().sort().to_list()
        if strange:
            raise DataError(f"{table}: column {name} has {strange[:_RULES_NAMED]}; it may be {', '.join(dtype.categories)}")
        frame = frame.with_columns(text.cast(dtype))
    return frame


def _broken_rules(table: str, schema: type[dy.Schema], frame: pl.DataFrame) -> str:
    failure = schema.filter(frame).failure
    details = failure.details()
    counts = failure.counts()
    lines = []
    for rule, count in list(counts.items())[:_RULES_NAMED]:
        shown = list(schema.primary_key())
        column = rule.split("|")[0]
        if column in frame.columns:
            shown = list(dict.fromkeys([*shown, column]))
        elif rule != "primary_key":
            shown = frame.columns  # a rule over several columns: show the whole row
        first = details.filter(pl.col(rule) == "invalid").select(shown).row(0, named=True)
        row = ", ".join(f"{name}={value}" for name, value in first.items())
        lines.append(f"{rule} ({count:,} {'row' if count == 1 else 'rows'}, first: {row})")
    more = f" and {len(counts) - _RULES_NAMED} more rules" if len(counts) > _RULES_NAMED else ""
    return (
        f"{table}: {len(failure):,} of {frame.height:,} rows break its rules: {'; '.join(lines)}{more}; "
        "nothing was written: correct the rows where they come from, or quarantine them"
    )
