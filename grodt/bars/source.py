"""Where bars come from: one protocol for every source, and one more for those that have minutes.

No data, bad data and failure are three outcomes: a symbol without rows in the answer had no data; rows that the quality gate
refuses are bad data; `VendorUnavailable` and `DataError` are failures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable

import polars as pl

from grodt.instruments import Instrument, Listing

#: Columns of `Fetched.bars`: as the vendor gave them, unchecked. `session` is the date the vendor wrote.
RAW_BARS = pl.Schema(
    {
        "symbol": pl.String(),
        "session": pl.Date(),
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "close": pl.Float64(),
        "volume": pl.Float64(),
    }
)

#: Columns of `Fetched.actions`: `corporate_actions` without source and known_at.
RAW_ACTIONS = pl.Schema(
    {
        "symbol": pl.String(),
        "ex_date": pl.Date(),
        "kind": pl.String(),
        "pay_date": pl.Date(),
        "ratio_new": pl.Int64(),
        "ratio_old": pl.Int64(),
        "cash_per_share": pl.Decimal(24, 6),
        "new_symbol": pl.String(),
    }
)

#: Columns of what `fetch_minutes` answers: as the vendor gave them, unchecked, but stamped at the START of the minute in UTC.
RAW_MINUTES = pl.Schema(
    {
        "symbol": pl.String(),
        "start": pl.Datetime("us", "UTC"),
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "close": pl.Float64(),
        "volume": pl.Float64(),
    }
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A source's answer: bars (RAW_BARS) and corporate actions (RAW_ACTIONS), sorted by symbol then date."""

    bars: pl.DataFrame
    actions: pl.DataFrame


class BarSource(Protocol):
    """A source of daily bars."""

    @property
    def name(self) -> str:
        """Its name in the books file; the lake keeps each source's rows apart by it."""
        ...

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        """What is listed on that session, in a fixed order of its own."""
        ...

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Those of the symbols that it has never heard of, in their order. One that is not listed yet, or no longer, is known."""
        ...

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        """Every listing of each instrument that was ever quoted under one of these symbols, by symbol and first session.

        A source that knows of no change of symbol and of no reuse answers `one_listing_each(symbols)`.
        """
        ...

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        """Bars with `start` ≤ session ≤ `end` and actions with ex date in the same range, for those symbols.

        Raises:
            VendorUnavailable: no answer; may be asked again.
            DataError: an answer that cannot be read as bars at all; names file, row, column, value.
            ConfigError: the source is configured wrongly.
        """
        ...


@runtime_checkable
class TellsActionsAhead(Protocol):
    """A source that tells corporate actions before their ex date, as far as they are announced; each is a `BarSource` too."""

    async def actions_ahead(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """Actions (RAW_ACTIONS) with `start` ≤ ex date ≤ `end` of those symbols, of days that are yet to come.

        Errors as of `BarSource.fetch`.
        """
        ...


@runtime_checkable
class MinuteSource(Protocol):
    """A source that has one-minute bars as well; each is a `BarSource` too."""

    async def fetch_minutes(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """One-minute bars (RAW_MINUTES) of the sessions from `start` to `end`, sorted by symbol then start.

        A minute in which nobody traded has no row, or one without volume, as the vendor does it. Errors as of `BarSource.fetch`.
        """
        ...
