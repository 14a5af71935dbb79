"""Which instruments stand behind the symbols of the user's files: an optional file of listings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from grodt.bars.cells import ROW, CellTable, read_cells
from grodt.bars.listings import listings_frame, owners
from grodt.bars.split_units import with_later_splits
from grodt.errors import DataError
from grodt.instruments import Listing

_NO_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
#: Column that `KnownListings.owned` adds.
WHO = "instrument"


class InstrumentColumns(BaseModel):
    """The file's name of each column of a listing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instrument: str = "instrument"
    symbol: str = "symbol"
    since: str = "since"
    until: str = "until"


class InstrumentsFile(BaseModel):
    """Listings: which instrument was quoted under which symbol from which session until which (the first one no longer).

    It is needed for symbols that changed or were used again; each of the other symbols is taken for an instrument. An empty `since` is
    the beginning; an empty `until` is the instrument's next listing, or never.

    Attributes:
        path: a .csv or .parquet file; a relative path starts at the books file's folder.
        columns: names of its columns.
        date_format: strptime format of text dates; YYYY-MM-DD when absent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    columns: InstrumentColumns = InstrumentColumns()
    date_format: str | None = None


@dataclass(frozen=True)
class KnownListings:
    """The listings of the file, by symbol and first session; none where there is no file."""

    path: Path | None = None
    listings: tuple[Listing, ...] = field(default=())

    @cached_property
    def _by_instrument(self) -> dict[str, list[Listing]]:
        found: dict[str, list[Listing]] = {}
        for each in sorted(self.listings, key=_begin):
            found.setdefault(each.instrument, []).append(each)
        return found

    def of(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        """Every listing of the instruments that were ever quoted under those symbols, by symbol and first session."""
        own = set(symbols)
        theirs = {each.instrument for each in self.listings if each.symbol in own}
        named = {each.symbol for each in self.listings}
        every = [each for each in self.listings if each.instrument in theirs]
        return tuple(sorted([*every, *(Listing(s, s) for s in own - named)], key=lambda each: (each.symbol, _begin(each))))

    def changes(self) -> list[tuple[str, date, str]]:
        """Symbol, first session under the new one, and that, of each change of symbol."""
        pairs = [pair for own in self._by_instrument.values() for pair in pairwise(own)]
        return [(old.symbol, new.since, new.symbol) for old, new in pairs if old.symbol != new.symbol and new.since is not None]

    def owned(self, frame: pl.DataFrame, day: str, *, actions: bool = False) -> pl.DataFrame:
        """The frame with the instrument of each row; the symbol, where the file says nothing else."""
        if not self.listings:
            return frame.with_columns(pl.col("symbol").alias(WHO))
        placed = owners(frame.with_columns(source=pl.lit("")), day, listings_frame("", self.listings, _NO_INSTANT), actions=actions).select(
            "row", WHO
        )
        numbered = frame.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
        joined = numbered.join(placed, on="row", how="left", maintain_order="left")
        alone = {each.symbol: each.instrument for each in self.listings}
        return joined.with_columns(pl.coalesce(WHO, pl.col("symbol").replace(alone))).drop("row")

    def before_change(self, actions: pl.DataFrame) -> pl.DataFrame:
        """Actions under the symbol before their ex date; one that a file gives under the symbol that begins that day is put there."""
        taken = {(each.symbol, each.until) for each in self.listings}
        moved = {(new, day): old for old, day, new in self.changes() if (new, day) not in taken}
        if not moved:
            return actions
        table = pl.DataFrame(
            [(new, day, old) for (new, day), old in moved.items()],
            schema={"symbol": pl.String, "ex_date": pl.Date, "_old": pl.String},
            orient="row",
        )
        joined = actions.join(table, on=["symbol", "ex_date"], how="left", maintain_order="left")
        return joined.with_columns(symbol=pl.coalesce("_old", "symbol")).drop("_old")

    def with_later_splits(self, frame: pl.DataFrame, day: str, splits: pl.DataFrame) -> pl.DataFrame:
        """As the function of that name, with the splits of each row's instrument under whatever symbol they stand."""
        if not self.listings:
            return with_later_splits(frame, day, splits)
        whose = self.owned(frame, day, actions=day == "ex_date").rename({"symbol": "_symbol", WHO: "symbol"})
        theirs = self.owned(splits, "ex_date", actions=True).drop("symbol").rename({WHO: "symbol"})
        return with_later_splits(whose, day, theirs).drop("symbol").rename({"_symbol": "symbol"}).sort("symbol", day)

    def require_inside(self, bars: pl.DataFrame, path: Path) -> None:
        """Refuse bars of a symbol that the file names on days on which nothing is quoted under it, and of one that it uses as an id.

        Raises:
            DataError: names the first of them.
        """
        if not self.listings:
            return
        ids = {each.instrument for each in self.listings} - {each.symbol for each in self.listings}
        if taken := sorted(ids.intersection(bars["symbol"].unique())):
            raise DataError(
                f"{path}: {taken[0]} is a symbol of its own, and the id of an instrument in {self.path}; give the instrument another id"
            )
        table = listings_frame("", self.listings, _NO_INSTANT).select("symbol", "until", since="session")
        inside = (pl.col("session") >= pl.col("since")) & (pl.col("until").is_null() | (pl.col("session") < pl.col("until"))).fill_null(
            False
        )
        held = bars.join(table, on="symbol", how="inner").filter(inside).select("symbol", "session")
        outside = bars.join(table, on="symbol", how="semi").join(held, on=["symbol", "session"], how="anti").head(1)
        if outside.height:
            symbol, session = outside.select("symbol", "session").row(0)
            raise DataError(
                f"{path}: {symbol} has a bar on {session}, outside each of its listings in {self.path}; correct since and until there, "
                "or remove the bar"
            )


def read_listings_file(path: Path, settings: InstrumentsFile) -> KnownListings:
    """Read and check the file.

    Raises:
        ConfigError: no such file, or a mapped column is absent.
        DataError: a cell cannot be read; a listing ends before it begins; two listings of one symbol, or of one instrument, overlap;
            or an instrument is quoted under nothing between two symbols.
    """
    table = read_cells(path, settings.columns.model_dump(), "instruments").names("instrument").names("symbol")
    for column in ("since", "until"):
        table = table.dates(column, settings.date_format, optional=True)
    table.refuse(pl.col("until") <= pl.col("since"), "until", "is not later than since", "correct one of the cells")
    rows = [
        (Listing(i, s, since, until), row) for row, i, s, since, until in table.frame.select(ROW, *settings.columns.model_dump()).rows()
    ]
    rows = _closed(table, sorted(rows, key=lambda pair: (pair[0].instrument, _begin(pair[0]))))
    rows.sort(key=lambda pair: (pair[0].symbol, _begin(pair[0])))
    for (one, _), (other, row) in pairwise(rows):
        if one.symbol == other.symbol and (one.until is None or one.until > _begin(other)):
            problem = f"overlaps the listing of instrument {one.instrument!r} {_words(one)}"
            raise table.error(row, "symbol", other.symbol, problem, "let one end where the other begins")
    return KnownListings(path, tuple(listing for listing, _ in rows))


def _closed(table: CellTable, rows: list[tuple[Listing, int]]) -> list[tuple[Listing, int]]:
    """The listings, sorted by instrument and begin, each with its end where the next one of its instrument tells it."""
    closed: list[tuple[Listing, int]] = []
    for at, (listing, row) in enumerate(rows):
        following = rows[at + 1][0] if at + 1 < len(rows) else None
        if following is None or following.instrument != listing.instrument:
            closed.append((listing, row))
            continue
        if following.since is None or (listing.since is not None and listing.since == following.since):
            raise table.error(
                rows[at + 1][1], "since", following.since, f"is the begin of {listing.symbol} too", "an instrument has one symbol"
            )
        ends = listing.until or following.since
        other = following.symbol != listing.symbol
        if ends > following.since or (other and ends < following.since):
            problem = f"is not where {following.symbol} of the same instrument begins, {following.since}"
            raise table.error(row, "until", str(ends), problem, "let one end where the other begins")
        closed.append((Listing(listing.instrument, listing.symbol, listing.since, ends), row))
    return closed


def _begin(listing: Listing) -> date:
    return listing.since or date.min


def _words(listing: Listing) -> str:
    return f"from {listing.since or 'the beginning'} until {listing.until or 'today'}"
