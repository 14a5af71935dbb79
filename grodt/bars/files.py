"""Bars and corporate actions from the user's own CSV or Parquet files.

What cannot be read stops with one error: text in a price, a price that is zero or negative, a key given twice. What can be read
but looks odd (an empty price, a bar on a holiday, a leap) is left to the quality gate.
"""

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from grodt.bars.cells import ROW, CellTable, read_cells
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, Fetched
from grodt.errors import ConfigError
from grodt.instruments import Instrument, Listing, one_listing_each

PRICES = ("open", "high", "low", "close")
#: How far a written price ratio may lie from a ratio of whole shares: 0.142857 is 1/7 cut at the sixth decimal.
RATIO_TOLERANCE = 1e-6
_LARGEST_DENOMINATORS = (10, 100, 1000)


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
    splits: SplitsFile | None = None
    dividends: DividendsFile | None = None
    delistings: tuple[Delisting, ...] = ()


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
        """The file's symbols, each from its first bar until its delisting, in alphabetical order."""
        return tuple(instrument for instrument in self._instruments if instrument.trades_on(session))

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Those of the symbols that have no bar in the file."""
        known = {instrument.symbol for instrument in self._instruments}
        return tuple(symbol for symbol in symbols if symbol not in known)

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        """The file's symbols are taken for instruments."""
        return one_listing_each(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        """See `BarSource.fetch`. A symbol that the file does not have has no rows."""
        wanted = pl.col("symbol").is_in(list(symbols))
        return Fetched(
            bars=self._content.bars.filter(wanted & pl.col("session").is_between(start, end)),
            actions=self._content.actions.filter(wanted & pl.col("ex_date").is_between(start, end)),
        )

    @cached_property
    def _content(self) -> Fetched:
        settings = self._settings
        splits = _read_splits(self._table_path(settings.splits.path), settings.splits) if settings.splits else _NO_SPLITS
        bars = _read_bars(self._table_path(settings.bars.path), settings.bars, splits)
        parts = [_split_actions(splits), self._delistings(bars)]
        if settings.dividends:
            parts.append(_read_dividends(self._table_path(settings.dividends.path), settings.dividends, splits))
        return Fetched(bars, pl.concat(parts).sort("symbol", "ex_date", "kind"))

    @cached_property
    def _instruments(self) -> tuple[Instrument, ...]:
        gone = {delisting.symbol: delisting.session for delisting in self._settings.delistings}
        first = self._content.bars.group_by("symbol").agg(pl.col("session").min()).sort("symbol")
        return tuple(Instrument(symbol, listed_on=day, delisted_on=gone.get(symbol)) for symbol, day in first.iter_rows())

    def _table_path(self, path: Path) -> Path:
        return path if path.is_absolute() else self._root / path

    def _delistings(self, bars: pl.DataFrame) -> pl.DataFrame:
        last = dict(bars.group_by("symbol").agg(pl.col("session").max()).iter_rows())
        seen: set[str] = set()
        for delisting in self._settings.delistings:
            symbol, session = delisting.symbol, delisting.session
            if symbol not in last or symbol in seen:
                problem = "is delisted twice" if symbol in seen else "has no bar in the file"
                raise ConfigError(f"source {self._name!r}, delistings: {symbol} {problem}; correct the symbol or remove the entry")
            if last[symbol] >= session:
                raise ConfigError(
                    f"source {self._name!r}, delistings: {symbol} is delisted on {session} but has bars up to {last[symbol]}; "
                    "name the first session after its last bar"
                )
            seen.add(symbol)
        return _actions(
            {
                "symbol": [d.symbol for d in self._settings.delistings],
                "ex_date": [d.session for d in self._settings.delistings],
                "kind": ["delisting"] * len(self._settings.delistings),
                "cash_per_share": [d.cash_per_share for d in self._settings.delistings],
            }
        )


def shares_of_price_ratio(price_ratio: float) -> tuple[int, int]:
    """(new, old) shares of a split from new price / old price: 0.142857 is (7, 1).

    Raises:
        ValueError: no ratio of at most 1,000 old shares lies within `RATIO_TOLERANCE` (relative above 1).
    """
    if math.isfinite(price_ratio) and price_ratio > 0:
        for largest in _LARGEST_DENOMINATORS:
            ratio = Fraction(price_ratio).limit_denominator(largest)
            if ratio > 0 and abs(float(ratio) - price_ratio) <= RATIO_TOLERANCE * max(1.0, price_ratio):
                return ratio.denominator, ratio.numerator
    raise ValueError(f"price ratio {price_ratio!r} is no ratio of whole shares")


_NO_SPLITS = pl.DataFrame(schema={"symbol": pl.String(), "ex_date": pl.Date(), "ratio_new": pl.Int64(), "ratio_old": pl.Int64()})


def _read_bars(path: Path, settings: BarsFile, splits: pl.DataFrame) -> pl.DataFrame:
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
        shares = _with_later_splits(bars, "session", splits)
        raw = (pl.col("volume") * pl.col("later_old") / pl.col("later_new")).round(0)
        bars = shares.with_columns(pl.when(pl.col("later_new") == pl.col("later_old")).then("volume").otherwise(raw).alias("volume"))
        bars = bars.select(RAW_BARS.names())
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


def _read_dividends(path: Path, settings: DividendsFile, splits: pl.DataFrame) -> pl.DataFrame:
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
    rows = table.frame
    cash = amount
    if settings.adjusted_for_splits:
        rows = _with_later_splits(rows, "ex_date", splits)
        paid = (amount * pl.col("later_new") / pl.col("later_old")).round(4)
        cash = pl.when(pl.col("later_new") == pl.col("later_old")).then(amount).otherwise(paid)
    return _actions(rows.select("symbol", "ex_date", pl.lit("dividend").alias("kind"), "pay_date", cash.alias("cash_per_share")))


def _split_actions(splits: pl.DataFrame) -> pl.DataFrame:
    return _actions(splits.with_columns(pl.lit("split").alias("kind")))


def _actions(content: pl.DataFrame | dict[str, list[object]]) -> pl.DataFrame:
    frame = pl.DataFrame(content)
    absent = [pl.lit(None).alias(name) for name in RAW_ACTIONS.names() if name not in frame.columns]
    return frame.with_columns(absent).select(RAW_ACTIONS.names()).cast(RAW_ACTIONS)


def _with_later_splits(frame: pl.DataFrame, day: str, splits: pl.DataFrame) -> pl.DataFrame:
    """Adds `later_new` and `later_old`: shares that `later_old` shares of that day have become by all splits with a later ex date."""
    steps: list[tuple[str, date, float, float]] = []
    for (symbol,), own in splits.sort("ex_date").group_by("symbol"):
        later = Fraction(math.prod(own["ratio_new"]), math.prod(own["ratio_old"]))
        steps.append((str(symbol), date.min, float(later.numerator), float(later.denominator)))
        for ex_date, new, old in own.select("ex_date", "ratio_new", "ratio_old").iter_rows():
            later *= Fraction(old, new)
            steps.append((str(symbol), ex_date, float(later.numerator), float(later.denominator)))
    schema = {"symbol": pl.String, "from": pl.Date, "later_new": pl.Float64, "later_old": pl.Float64}
    table = pl.DataFrame(steps, schema=schema, orient="row").sort("symbol", "from")
    joined = frame.sort("symbol", day).join_asof(
        table, left_on=day, right_on="from", by="symbol", strategy="backward", check_sortedness=False
    )
    return joined.with_columns(pl.col("later_new", "later_old").fill_null(1.0))
