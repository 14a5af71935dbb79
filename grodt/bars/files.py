"""Bars and corporate actions from the user's own CSV or Parquet files.

What cannot be read stops with one error: text in a price, a price that is zero or negative, a key given twice. What can be read
but looks odd (an empty price, a bar on a holiday, a leap) is left to the quality gate.
"""

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from grodt.bars.cells import ROW, CellTable, read_cells
from grodt.bars.file_listings import WHO, InstrumentsFile, KnownListings, read_listings_file
from grodt.bars.file_minutes import DAY, MinutesFile, read_minutes
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, RAW_MINUTES, Fetched
from grodt.bars.split_units import NO_SPLITS, amount_as_paid, shares_of_price_ratio, volume_as_traded
from grodt.errors import ConfigError
from grodt.instruments import Instrument, Listing

PRICES = ("open", "high", "low", "close")


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BarColumns(_Settings):
    """The file's name of each column of a bar."""

    symbol: str = "symbol"
    session: str = "session"
    open: str = "open"
    high: str = "high"
    low: str = "low"
    close: str = "close"
    volume: str = "volume"


class BarsFile(_Settings):
    """Daily bars with raw prices.

    Attributes:
        path: a .csv or .parquet file; a relative path starts at the books file's folder.
        columns: names of its columns.
        symbol: the symbol of every row, for a file without such a column.
        date_format: strptime format of text dates; YYYY-MM-DD when absent.
        volume_adjusted_for_splits: volume is in today's shares though prices are raw; it is turned back.
    """

    path: Path
    columns: BarColumns = BarColumns()
    symbol: str | None = Field(default=None, min_length=1)
    date_format: str | None = None
    volume_adjusted_for_splits: bool = False


class SplitColumns(_Settings):
    """The file's name of each column of a split: either `price_ratio` (new price / old price), or `ratio_new` and `ratio_old` (shares)."""

    symbol: str = "symbol"
    ex_date: str = "ex_date"
    price_ratio: str | None = None
    ratio_new: str | None = None
    ratio_old: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = (self.price_ratio is not None, self.ratio_new is not None, self.ratio_old is not None)
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError("map either price_ratio, or ratio_new and ratio_old")
        return self


class SplitsFile(_Settings):
    """Splits by ex date."""

    path: Path
    columns: SplitColumns
    date_format: str | None = None


class DividendColumns(_Settings):
    """The file's name of each column of a dividend; `pay_date` may be absent."""

    symbol: str = "symbol"
    ex_date: str = "ex_date"
    pay_date: str | None = None
    amount: str = "amount"


class DividendsFile(_Settings):
    """Cash dividends by ex date.

    Attributes:
        adjusted_for_splits: amounts before a split are per share of today; they are turned back to what one share was paid.
    """

    path: Path
    columns: DividendColumns = DividendColumns()
    date_format: str | None = None
    adjusted_for_splits: bool = False


class Delisting(_Settings):
    """The first session on which a symbol no longer trades, and what a share is finally worth."""

    symbol: str = Field(min_length=1)
    session: date
    cash_per_share: Decimal = Field(ge=0, max_digits=24, decimal_places=6)


class FilesSettings(_Settings):
    """A `files` source of the books file."""

    bars: BarsFile
    minutes: MinutesFile | None = None
    splits: SplitsFile | None = None
    dividends: DividendsFile | None = None
    delistings: tuple[Delisting, ...] = ()
    instruments: InstrumentsFile | None = None


class FilesSource:
    """Implements `BarSource` over files. They are read once, at the first question."""

    def __init__(self, name: str, settings: FilesSettings, root: Path) -> None:
        """Name it; `root` is the folder that relative paths start at. No file is opened yet."""
        self._name = name
        self._settings = settings
        self._root = root

    @property
    def name(self) -> str:
        """Its name in the books file."""
        return self._name

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        """The file's symbols, each from its first bar until its delisting or change, in alphabetical order."""
        return tuple(instrument for instrument in self._instruments if instrument.trades_on(session))

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Those of the symbols that have no bar in the file."""
        known = {instrument.symbol for instrument in self._instruments}
        return tuple(symbol for symbol in symbols if symbol not in known)

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        """Those of the instruments file; each other symbol is taken for an instrument."""
        return self._known.of(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        """See `BarSource.fetch`. A symbol that the file does not have has no rows."""
        wanted = pl.col("symbol").is_in(list(symbols))
        return Fetched(
            bars=self._content.bars.filter(wanted & pl.col("session").is_between(start, end)),
            actions=self._content.actions.filter(wanted & pl.col("ex_date").is_between(start, end)),
        )

    async def actions_ahead(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """See `TellsActionsAhead.actions_ahead`: what the files have of days to come."""
        return (await self.fetch(symbols, start, end)).actions

    @property
    def has_minutes(self) -> bool:
        """Whether the books file describes minute bars."""
        return self._settings.minutes is not None

    async def fetch_minutes(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """See `MinuteSource.fetch_minutes`. The days are those of the file's zone."""
        wanted = pl.col("symbol").is_in(list(symbols)) & pl.col(DAY).is_between(start, end)
        return self._minutes.filter(wanted).select(RAW_MINUTES.names())

    @cached_property
    def _minutes(self) -> pl.DataFrame:
        settings = self._settings.minutes
        if settings is None:
            raise ConfigError(f"source {self._name!r} has no minute bars; describe their file under `minutes` in the books file")
        return read_minutes(self._table_path(settings.path), settings)

    @cached_property
    def _content(self) -> Fetched:
        settings = self._settings
        splits = _read_splits(self._table_path(settings.splits.path), settings.splits) if settings.splits else NO_SPLITS
        known = self._known
        splits = known.before_change(splits)
        bars = _read_bars(self._table_path(settings.bars.path), settings.bars, splits, known)
        known.require_inside(bars, self._table_path(settings.bars.path))
        parts = [_split_actions(splits), self._delistings(bars), _symbol_changes(known)]
        if settings.dividends:
            parts.append(_read_dividends(self._table_path(settings.dividends.path), settings.dividends, splits, known))
        return Fetched(bars, pl.concat(parts).sort("symbol", "ex_date", "kind"))

    @cached_property
    def _instruments(self) -> tuple[Instrument, ...]:
        bars, known = self._content.bars, self._known
        first = dict(known.owned(bars, "session").group_by(WHO).agg(pl.col("session").min()).iter_rows())
        gone = dict(self._delisted.select(WHO, "ex_date").iter_rows())
        found = []
        for each in known.of(bars["symbol"].unique().to_list()):
            if each.instrument not in first:
                continue
            begun = max(first[each.instrument], each.since or date.min)
            ends = [day for day in (each.until, gone.get(each.instrument)) if day is not None]
            if not ends or begun < min(ends):
                found.append(Instrument(each.symbol, listed_on=begun, delisted_on=min(ends, default=None), id=each.instrument))
        return tuple(found)

    @cached_property
    def _known(self) -> KnownListings:
        settings = self._settings.instruments
        return KnownListings() if settings is None else read_listings_file(self._table_path(settings.path), settings)

    @cached_property
    def _delisted(self) -> pl.DataFrame:
        """The delistings as rows, each with its instrument."""
        rows = [(each.symbol, each.session) for each in self._settings.delistings]
        frame = pl.DataFrame(rows, schema={"symbol": pl.String, "ex_date": pl.Date}, orient="row")
        return self._known.owned(frame, "ex_date", actions=True)

    def _table_path(self, path: Path) -> Path:
        return path if path.is_absolute() else self._root / path

    def _delistings(self, bars: pl.DataFrame) -> pl.DataFrame:
        last = dict(self._known.owned(bars, "session").group_by(WHO).agg(pl.col("session").max()).iter_rows())
        seen: set[str] = set()
        for symbol, session, who in self._delisted.rows():
            if who not in last or who in seen:
                problem = "is delisted twice" if who in seen else "has no bar in the file"
                raise ConfigError(f"source {self._name!r}, delistings: {symbol} {problem}; correct the symbol or remove the entry")
            if last[who] >= session:
                raise ConfigError(
                    f"source {self._name!r}, delistings: {symbol} is delisted on {session} but has bars up to {last[who]}; name the first "
                    "session after its last bar; if another company took its symbol up, say so in an `instruments` file"
                )
            seen.add(who)
        return _actions(
            {
                "symbol": [d.symbol for d in self._settings.delistings],
                "ex_date": [d.session for d in self._settings.delistings],
                "kind": ["delisting"] * len(self._settings.delistings),
                "cash_per_share": [d.cash_per_share for d in self._settings.delistings],
            }
        )


def _read_bars(path: Path, settings: BarsFile, splits: pl.DataFrame, known: KnownListings) -> pl.DataFrame:
    columns = settings.columns.model_dump()
    if settings.symbol is not None:
        del columns["symbol"]
    table = read_cells(path, columns, "bars")
    if settings.symbol is not None:
        table = CellTable(path, table.frame.with_columns(pl.lit(settings.symbol).alias("symbol")))
    table = table.names("symbol").dates("session", settings.date_format).numbers([*PRICES, "volume"])
    for price in PRICES:
        table.refuse(pl.col(price) <= 0, price, "is not a price above zero", "correct the cell or remove the row")
    table.refuse_duplicates(["symbol", "session"])
    bars = table.frame.select(RAW_BARS.names()).cast(RAW_BARS).sort("symbol", "session")
    if settings.volume_adjusted_for_splits:
        bars = known.with_later_splits(bars, "session", splits).with_columns(volume_as_traded()).select(RAW_BARS.names())
    return bars


def _read_splits(path: Path, settings: SplitsFile) -> pl.DataFrame:
    columns = settings.columns.model_dump(exclude_none=True)
    table = read_cells(path, columns, "splits").names("symbol").dates("ex_date", settings.date_format)
    ratios = [name for name in columns if name not in ("symbol", "ex_date")]
    table = table.numbers(ratios)
    table.refuse_duplicates(["symbol", "ex_date"])
    new: list[int] = []
    old: list[int] = []
    for row in table.frame.iter_rows(named=True):
        for name in ratios:
            if row[name] is None or not math.isfinite(row[name]) or row[name] <= 0 or (len(ratios) > 1 and row[name] % 1):
                raise table.error(row[ROW], name, row[name], "is no ratio above zero", "correct the cell; shares are whole numbers")
        if len(ratios) > 1:
            pair = int(row["ratio_new"]), int(row["ratio_old"])
        else:
            try:
                pair = shares_of_price_ratio(row["price_ratio"])
            except ValueError:
                step = "give the split as ratio_new and ratio_old"
                raise table.error(row[ROW], "price_ratio", row["price_ratio"], "is no ratio of whole shares", step) from None
        new.append(pair[0])
        old.append(pair[1])
    return table.frame.select("symbol", "ex_date", pl.Series("ratio_new", new, pl.Int64), pl.Series("ratio_old", old, pl.Int64))


def _read_dividends(path: Path, settings: DividendsFile, splits: pl.DataFrame, known: KnownListings) -> pl.DataFrame:
    table = read_cells(path, settings.columns.model_dump(exclude_none=True), "dividends")
    table = table.names("symbol").dates("ex_date", settings.date_format).numbers(["amount"])
    if settings.columns.pay_date is None:
        table = CellTable(path, table.frame.with_columns(pl.lit(None, pl.Date).alias("pay_date")))
    table = table.dates("pay_date", settings.date_format, optional=True)
    table.refuse_duplicates(["symbol", "ex_date"])
    amount = pl.col("amount")
    unusable = amount.is_null() | ~amount.is_finite() | (amount.round(6) <= 0)
    table.refuse(unusable, "amount", "is not an amount above zero", "correct the cell or remove the row")
    table.refuse(pl.col("pay_date") < pl.col("ex_date"), "pay_date", "lies before the ex date", "correct the cell")
    rows = known.before_change(table.frame)
    cash = amount
    if settings.adjusted_for_splits:
        rows, cash = known.with_later_splits(rows, "ex_date", splits), amount_as_paid("amount")
    return _actions(rows.select("symbol", "ex_date", pl.lit("dividend").alias("kind"), "pay_date", cash.alias("cash_per_share")))


def _split_actions(splits: pl.DataFrame) -> pl.DataFrame:
    return _actions(splits.with_columns(pl.lit("split").alias("kind")))


def _symbol_changes(known: KnownListings) -> pl.DataFrame:
    changes = known.changes()
    return _actions(
        {
            "symbol": [old for old, _, _ in changes],
            "ex_date": [day for _, day, _ in changes],
            "kind": ["symbol_change"] * len(changes),
            "new_symbol": [new for _, _, new in changes],
        }
    )


def _actions(content: pl.DataFrame | dict[str, list[object]]) -> pl.DataFrame:
    frame = pl.DataFrame(content)
    absent = [pl.lit(None).alias(name) for name in RAW_ACTIONS.names() if name not in frame.columns]
    return frame.with_columns(absent).select(RAW_ACTIONS.names()).cast(RAW_ACTIONS)
