"""The analysts' door: `grodt.read`, a table of a home's lake as a Polars frame."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import get_args

import polars as pl

from grodt.bars.adjustment import Adjustment, adjusted, in_order
from grodt.bars.aggregation import BarWidth, aggregate
from grodt.bars.listings import kin
from grodt.errors import ConfigError
from grodt.lake.manifest import Snapshot
from grodt.lake.store import Checked, Lake
from grodt.lake.validation import table_schema, types
from grodt.ledger.manifest import LedgerManifest, snapshot, snapshot_as_of
from grodt.ledger.unit import Ledger
from grodt.sessions import Calendar, parse_session, require_utc
from grodt.settings.environment import Environment

_BARS, _ACTIONS, _INSTRUMENTS = "bars_1d", "corporate_actions", "instruments"
_MINUTES = "bars_1m"
_KEY = ("source", "symbol", "session")

#: Lake files that were checked in this process; the next read checks those that are new or other than they were.
_checked: Checked = {}


def read(
    table: str,
    *,
    home: Path | str | None = None,
    source: str | None = None,
    book: str | None = None,
    symbols: str | Sequence[str] | None = None,
    start: date | str | None = None,
    end: date | str | None = None,
    columns: Sequence[str] | None = None,
    adjust: Adjustment = "none",
    width: str | None = None,
    calendar: str | None = None,
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """Rows of a table, each file checked against its SHA-256 before it is read.

    Args:
        table: its name, such as `bars_1d`; `grodt catalog` lists them.
        home: the home to read; by default what `GRODT_HOME` names, else `.grodt` in the working folder.
        source: rows of one source, for tables that sources fill: `bars_1d`, `corporate_actions`, `instruments`, `quarantine`.
        book: rows of one book, for the tables that its cycles export.
        symbols: rows of that symbol, or of those.
        start: first session wanted (ex date for corporate actions), a date or YYYY-MM-DD.
        end: last session wanted.
        columns: those, in that order; all by default.
        adjust: of `bars_1d`: `none`, prices as traded; `split`, splits taken out; `total`, dividends reinvested as well. Series grow
            forward from a listing's first bar, wherever `start` is, through changes of symbol;
            `grodt.bars.adjustment.adjusted` has the formula.
        width: of `bars_1m`: minutes added up to bars of that width, such as 5m, 15m, 1h, or 1d for a session as a whole, whose columns are
            those of `bars_1d`. `grodt.bars.aggregation.aggregate` has the rules; `columns` may name `vwap` as well.
        calendar: with `width`: of the exchange; by default that of the books on the source.
        as_of: an aware instant: the table as it was known then, bars that were revised and actions that were learned since
            included, left out or adjusted for as they were then. By default as it is known now.

    Returns:
        The rows, sorted by the table's primary key.

    Raises:
        ConfigError: the home has no ledger, or the books file does not say which calendar minutes are of.
        DataError: a file is missing or altered.
        SessionError: `start` or `end` is text and no date.
        ValueError: there is no such table or column, or an argument does not go with the table.
    """
    owner = _owner(table, source, book)
    if adjust not in get_args(Adjustment):
        raise ValueError(f"adjust {adjust!r} is unknown; use {', '.join(get_args(Adjustment))}")
    if adjust != "none" and table != _BARS:
        raise ValueError(f"adjust={adjust!r} is for {_BARS}; {table} is read as it is")
    if table != _MINUTES and (width is not None or calendar is not None):
        raise ValueError(f"width and calendar are for {_MINUTES}; {table} is read as it is")
    bar_width = None if width is None else BarWidth.of(width)
    first, last = _day(start), _day(end)
    if first is not None and last is not None and first > last:
        raise ValueError(f"start {first} is after end {last}")
    wanted = list(types(table)) if columns is None else list(columns)
    known = None if as_of is None else require_utc(as_of, "as_of")
    with _home(home) as (ledger, lake):
        with ledger.read() as tx:
            tables = (table, _ACTIONS, _INSTRUMENTS)
            seen = snapshot(tx, tables=tables) if known is None else snapshot_as_of(tx, known, tables=tables)
        names = [symbols] if isinstance(symbols, str) else symbols
        rows = partial(_rows, lake, seen, source=owner, symbols=names, end=last, known=known)
        if bar_width is not None:
            return _aggregated(rows(_MINUTES, list(types(_MINUTES)), start=first), bar_width, columns, calendar)
        if table != _BARS:
            key = table_schema(table).primary_key()
            return rows(table, [*wanted, *key], start=first).sort(key).select(wanted)
        if adjust == "none":
            return in_order(rows(table, [*wanted, *_KEY], start=first)).select(wanted)
        listed = _rows(lake, seen, _INSTRUMENTS, list(types(_INSTRUMENTS)), source=owner, symbols=None, start=None, end=None, known=known)
        history = None if names is None else kin(listed, names)
        rows = partial(rows, symbols=history, start=None)
        series = adjusted(rows(table, [*wanted, *_KEY, "close"]), rows(_ACTIONS, list(types(_ACTIONS))), adjust, listed)
        asked = () if names is None or set(names) == set(history or ()) else (pl.col("symbol").is_in(list(names)),)
        since = () if first is None else (pl.col("session") >= first,)
        return series.filter(*asked, *since).select(wanted)


def _aggregated(minutes: pl.DataFrame, width: BarWidth, columns: Sequence[str] | None, calendar: str | None) -> pl.DataFrame:
    """Minutes of one source or of several added up to bars; those columns, or all but `vwap`.

    Raises:
        ConfigError: the calendar of a source is not known.
        ValueError: there is no such column.
    """
    usual = list(types(_BARS if width.minutes is None else _MINUTES))
    wanted = usual if columns is None else list(columns)
    for name in wanted:
        if name not in (*usual, "vwap"):
            raise ValueError(f"bars of that width have no column {name!r}; they have {', '.join(usual)}, vwap")
    by_source = minutes.partition_by("source", as_dict=True) or {("",): minutes}
    found = [
        aggregate(own, width, Calendar(calendar or _calendar_of(str(source))) if own.height else Calendar("24/7"), vwap="vwap" in wanted)
        for (source,), own in by_source.items()
    ]
    key = ["source", "symbol", "session" if width.minutes is None else "start"]
    return pl.concat(found).sort(key).select(wanted)


def _calendar_of(source: str) -> str:
    """The calendar of the books on a source, as the books file has it.

    Raises:
        ConfigError: there is none, or more than one.
    """
    from grodt.settings.books import load_books  # only for minutes: the books file's schema costs a while to load

    books = load_books(Environment.read(os.environ, Path.cwd()).books_file).books.values()
    names = sorted({book.calendar for book in books if book.source == source})
    if len(names) == 1:
        return names[0]
    known = f"is traded on the calendars {', '.join(names)}" if names else "is of no book in the books file"
    raise ConfigError(f"source {source!r} {known}, so name the calendar whose trading hours its minutes are cut by: calendar='XNYS'")


@contextmanager
def _home(home: Path | str | None) -> Iterator[tuple[Ledger, Lake]]:
    """Ledger and lake of a home that is there already."""
    where = Environment.read(os.environ if home is None else {**os.environ, "GRODT_HOME": str(home)}, Path.cwd())
    if not where.has_ledger:
        raise ConfigError(f"there is no ledger in {where.home}: run `grodt run` first, set GRODT_HOME, or name a home")
    ledger = Ledger.open(where.ledger_url)
    try:
        yield ledger, Lake(where.lake, LedgerManifest(ledger), checked=_checked)
    finally:
        ledger.close()


def _rows(
    lake: Lake,
    seen: Snapshot,
    table: str,
    columns: Sequence[str],
    *,
    source: str | None,
    symbols: Sequence[str] | None,
    start: date | None,
    end: date | None,
    known: datetime | None,
) -> pl.DataFrame:
    """Rows of a table that were known, in any order, with those columns once each."""
    once = list(dict.fromkeys(columns))
    if known is None or "known_at" not in types(table):
        return lake.read(table, seen, source=source, columns=once, start=start, end=end, symbols=symbols)
    rows = lake.read(table, seen, source=source, columns=list(dict.fromkeys([*once, "known_at"])), start=start, end=end, symbols=symbols)
    return rows.filter(pl.col("known_at") <= known).select(once)


def _owner(table: str, source: str | None, book: str | None) -> str | None:
    """The source or the book asked for, whichever the table's rows are of.

    Raises:
        ValueError: the other one was asked for, or there is no such table.
    """
    of_book = "source" not in types(table)
    if of_book and source is not None:
        raise ValueError(f"{table} is filled by the cycles of books: use book= in place of source={source!r}")
    if not of_book and book is not None:
        raise ValueError(f"{table} is filled by sources: use source= in place of book={book!r}")
    return book if of_book else source


def _day(given: date | str | None) -> date | None:
    """A date as it is given or written.

    Raises:
        SessionError: the text is no date.
        ValueError: it is an instant.
    """
    if isinstance(given, datetime):
        raise ValueError(f"{given.isoformat()} is an instant; a session is a date")
    return parse_session(given) if isinstance(given, str) else given
