"""Alpaca's bars and assets as they come, and how they become bars and instruments. Pure functions."""

from dataclasses import dataclass
from datetime import UTC
from typing import Annotated
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat

from grodt.bars.alpaca_http import read_json
from grodt.bars.source import RAW_BARS, RAW_MINUTES
from grodt.errors import DataError
from grodt.instruments import Instrument


class _Strict(BaseModel):
    """From JSON text: no number is read out of a text, no text out of a number. Fields that we do not use are let be."""

    model_config = ConfigDict(strict=True, frozen=True)


class _Bar(_Strict):
    t: AwareDatetime
    o: FiniteFloat | None
    h: FiniteFloat | None
    l: FiniteFloat | None  # noqa: E741 -- Alpaca's own name
    c: FiniteFloat | None
    v: FiniteFloat | None


class BarsPage(_Strict):
    """A page of `/v2/stocks/bars`. A null price is read as none: it is for the quality gate to refuse."""

    bars: dict[str, list[_Bar]] | None
    next_page_token: str | None


def bars_of(page: BarsPage, zone: ZoneInfo, *, source: str) -> pl.DataFrame:
    """The page's bars as RAW_BARS. A daily bar is stamped with the midnight, in the exchange's zone, that its session begins at.

    Raises:
        DataError: a stamp is no midnight there, so that the date of its session is in doubt; names symbol and stamp.
    """
    rows = [
        (symbol, bar.t.astimezone(zone), bar.o, bar.h, bar.l, bar.c, bar.v) for symbol, bars in (page.bars or {}).items() for bar in bars
    ]
    for symbol, stamp, *_ in rows:
        if stamp.hour or stamp.minute or stamp.second or stamp.microsecond:
            raise DataError(
                f"source {source!r}: {symbol}: field t of a daily bar is {stamp.isoformat()}, which is not midnight in {zone}; "
                "its session is in doubt: ask Alpaca whether the stamps of daily bars have changed"
            )
    return pl.DataFrame([(symbol, stamp.date(), *numbers) for symbol, stamp, *numbers in rows], schema=RAW_BARS, orient="row")


def minutes_of(page: BarsPage, *, source: str) -> pl.DataFrame:
    """The page's bars as RAW_MINUTES. A minute bar is stamped with the minute's start.

    Raises:
        DataError: a stamp is no whole minute; names symbol and stamp.
    """
    rows = [
        (symbol, bar.t.astimezone(UTC), bar.o, bar.h, bar.l, bar.c, bar.v) for symbol, bars in (page.bars or {}).items() for bar in bars
    ]
    for symbol, stamp, *_ in rows:
        if stamp.second or stamp.microsecond:
            raise DataError(
                f"source {source!r}: {symbol}: field t of a minute bar is {stamp.isoformat()}, which is no whole minute; ask Alpaca "
                "whether the stamps of minute bars have changed"
            )
    return pl.DataFrame(rows, schema=RAW_MINUTES, orient="row")


class _Asset(_Strict):
    symbol: Annotated[str, Field(pattern=r"^\S+$")]
    status: str
    exchange: str
    shortable: bool
    easy_to_borrow: bool


class _Assets(_Strict):
    assets: list[_Asset]


@dataclass(frozen=True, slots=True)
class Assets:
    """What `/v2/assets` says.

    Attributes:
        active: what trades on an exchange, by symbol.
        known: every ticker that Alpaca has, delisted ones included.
    """

    active: tuple[Instrument, ...]
    known: frozenset[str]


def listing_of(body: bytes, *, over_the_counter: bool, source: str, about: str) -> Assets:
    """The assets as instruments. What trades over the counter counts only where the feed has its bars.

    Raises:
        DataError: they cannot be read.
    """
    assets = read_json(_Assets, b'{"assets":' + body + b"}", asker=f"source {source!r}", about=about).assets
    active = {
        asset.symbol: Instrument(asset.symbol, shortable=asset.shortable and asset.easy_to_borrow)
        for asset in assets
        if asset.status == "active" and (asset.exchange == "OTC") == over_the_counter
    }
    return Assets(tuple(active[symbol] for symbol in sorted(active)), frozenset(asset.symbol for asset in assets))
