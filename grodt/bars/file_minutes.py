"""Minute bars from the user's own CSV or Parquet file, brought to instants in UTC that stamp the START of the minute."""

from datetime import timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator

from grodt.bars.cells import CellTable, read_cells
from grodt.bars.source import RAW_MINUTES

#: The column of the frame that says which day of the file's zone a row belongs to.
DAY = "day"
_PRICES = ("open", "high", "low", "close")
_MINUTE = timedelta(minutes=1)
#: Forms of a text stamp that are tried when none is given.
_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MinuteColumns(_Settings):
    """The file's name of each column of a minute bar."""

    symbol: str = "symbol"
    start: str = "start"
    open: str = "open"
    high: str = "high"
    low: str = "low"
    close: str = "close"
    volume: str = "volume"


class MinutesFile(_Settings):
    """One-minute bars with raw prices.

    Attributes:
        path: a .csv or .parquet file; a relative path starts at the books file's folder.
        columns: names of its columns; `start` is the column of the stamps, whichever end of the minute they are of.
        symbol: the symbol of every row, for a file without such a column.
        stamps: whether a stamp is the start of its minute or the end. The quality gate halts where the bars contradict it.
        zone: IANA zone that stamps without an offset are in, such as America/New_York. Its dates are the days of the file: a session must
            lie within one of them.
        stamp_format: strptime format of text stamps; YYYY-MM-DD HH:MM[:SS] when absent.
    """

    path: Path
    columns: MinuteColumns = MinuteColumns()
    symbol: str | None = Field(default=None, min_length=1)
    stamps: Literal["start", "end"]
    zone: str
    stamp_format: str | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; use an IANA name such as America/New_York or UTC") from None
        return name


def read_minutes(path: Path, settings: MinutesFile) -> pl.DataFrame:
    """The file as RAW_MINUTES and DAY, sorted by symbol then start.

    What looks odd (a bar outside the session, a key given twice, an empty price) is left to the quality gate.

    Raises:
        ConfigError: no such file, or a mapped column is absent.
        DataError: a cell cannot be read, or a stamp does not exist in the zone or exists twice there; it names file, row and value.
    """
    columns = settings.columns.model_dump()
    if settings.symbol is not None:
        del columns["symbol"]
    table = read_cells(path, columns, "minutes")
    if settings.symbol is not None:
        table = CellTable(path, table.frame.with_columns(pl.lit(settings.symbol).alias("symbol")))
    table = _instants(table.names("symbol").numbers([*_PRICES, "volume"]), settings)
    day = pl.col("start").dt.convert_time_zone(settings.zone).dt.date().alias(DAY)
    return table.frame.select(RAW_MINUTES.names()).cast(RAW_MINUTES).with_columns(day).sort("symbol", "start", maintain_order=True)


def _instants(table: CellTable, settings: MinutesFile) -> CellTable:
    """The stamps as starts of minutes in UTC."""
    zone = settings.zone
    stamps = pl.col("start")
    table.refuse(stamps.is_null(), "start", "is empty", "fill the cell or remove the row")
    kind = table.frame.schema["start"]
    if kind == pl.String:
        forms = (settings.stamp_format,) if settings.stamp_format else _FORMS
        text = stamps.str.strip_chars()
        table.refuse(text == "", "start", "is empty", "fill the cell or remove the row")
        if settings.stamp_format and "%z" in settings.stamp_format.replace("%:z", "%z"):
            read = text.str.to_datetime(settings.stamp_format, time_unit="us", time_zone="UTC", strict=False)
            kind = pl.Datetime("us", "UTC")
        else:
            read = pl.coalesce(text.str.to_datetime(form, time_unit="us", strict=False, exact=True) for form in forms)
            kind = pl.Datetime("us")
        step = "set stamp_format in the books file or correct the cell"
        table.refuse(read.is_null(), "start", f"is not an instant as {forms[0]}", step)
    elif isinstance(kind, pl.Datetime):
        read = stamps.cast(pl.Datetime("us", kind.time_zone))
    else:
        table.refuse(pl.lit(True), "start", "is not an instant", "map the column that has date and time")
        read, kind = pl.lit(None, pl.Datetime("us", "UTC")), pl.Datetime("us", "UTC")  # of a file without rows
    if isinstance(kind, pl.Datetime) and kind.time_zone is None:
        utc = read.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
        earliest = read.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        step = "give stamps with an offset, or in UTC"
        table.refuse(earliest.is_null(), "start", f"does not exist in {zone}, whose clocks went forward over it", step)
        table.refuse(utc.is_null(), "start", f"exists twice in {zone}, whose clocks went back over it", step)
        read = utc
    start = read.dt.convert_time_zone("UTC")
    if settings.stamps == "end":
        start -= _MINUTE
    return CellTable(table.path, table.frame.with_columns(start.alias("start")))
