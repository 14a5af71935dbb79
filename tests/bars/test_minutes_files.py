"""Minute bars from the user's own files."""

import asyncio
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from pydantic import ValidationError

from grodt.bars.files import FilesSettings, FilesSource
from grodt.bars.source import RAW_MINUTES, MinuteSource
from grodt.errors import ConfigError, DataError
from tests.bars.minute_world import NEW_YORK, utc

HEADER = "symbol,start,open,high,low,close,volume\n"
DAY = date(2014, 6, 10)


def source(folder: Path, rows: str = "", *, header: str = HEADER, path: str = "minutes.csv", **settings: Any) -> FilesSource:
    if path.endswith(".csv"):
        (folder / path).write_text(header + rows)
    minutes = {"path": path, "stamps": "start", "zone": NEW_YORK} | settings
    return FilesSource("mine", FilesSettings.model_validate({"bars": {"path": "bars.csv"}, "minutes": minutes}), folder)


def fetch(files: FilesSource, *symbols: str, start: date = DAY, end: date = DAY) -> pl.DataFrame:
    return asyncio.run(files.fetch_minutes(symbols or ("A",), start, end))


def test_a_csv_in_the_zone_of_the_exchange_becomes_minutes_in_utc(tmp_path: Path) -> None:
    files = source(tmp_path, "B,2014-06-10 09:30,1,2,0.5,1.5,100\nA,2014-06-10 15:59:00,3,3,3,3,7\nA,2014-06-10T09:30:00,2,2,2,2,\n")
    got = fetch(files, "A", "B")
    assert got.schema == RAW_MINUTES
    assert got.rows() == [
        ("A", utc(2014, 6, 10, 13, 30), 2.0, 2.0, 2.0, 2.0, None),
        ("A", utc(2014, 6, 10, 19, 59), 3.0, 3.0, 3.0, 3.0, 7.0),
        ("B", utc(2014, 6, 10, 13, 30), 1.0, 2.0, 0.5, 1.5, 100.0),
    ]
    assert isinstance(files, MinuteSource)
    assert files.has_minutes


def test_stamps_of_the_end_are_brought_to_the_start(tmp_path: Path) -> None:
    got = fetch(source(tmp_path, "A,2014-06-10 09:31,1,1,1,1,1\n", stamps="end"))
    assert got["start"].to_list() == [utc(2014, 6, 10, 13, 30)]


def test_the_days_are_those_of_the_zone_and_the_last_minute_of_one_belongs_to_it(tmp_path: Path) -> None:
    rows = "A,2014-06-10 00:00,1,1,1,1,1\nA,2014-06-10 23:59,2,2,2,2,1\nA,2014-06-11 00:00,3,3,3,3,1\n"
    start = source(tmp_path, rows)
    assert fetch(start)["open"].to_list() == [1.0, 2.0]
    assert fetch(start, start=date(2014, 6, 11), end=date(2014, 6, 12))["open"].to_list() == [3.0]
    assert fetch(source(tmp_path, rows, stamps="end"))["open"].to_list() == [2.0, 3.0]


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_a_parquet_with_instants_of_any_zone_is_read(tmp_path: Path, zone: str | None) -> None:
    stamp = datetime(2014, 6, 10, 9, 30, tzinfo=ZoneInfo(NEW_YORK))
    given = stamp.replace(tzinfo=None) if zone is None else stamp.astimezone(ZoneInfo(zone))
    numbers = {name: [1] for name in ("open", "high", "low", "close", "volume")}
    frame = pl.DataFrame({"ticker": ["A"], "time": [given], **numbers})
    frame.with_columns(pl.col("time").cast(pl.Datetime("ns", zone))).write_parquet(tmp_path / "minutes.parquet")
    files = source(tmp_path, path="minutes.parquet", columns={"symbol": "ticker", "start": "time"})
    assert fetch(files).select("symbol", "start", "volume").rows() == [("A", stamp, 1.0)]


def test_a_file_of_one_symbol_may_be_without_that_column_and_the_text_of_any_form(tmp_path: Path) -> None:
    files = source(
        tmp_path, "06/10/2014 9.30,1,1,1,1,1\n", header="t,open,high,low,close,volume\n", symbol="A", columns={"start": "t"},
        stamp_format="%m/%d/%Y %-H.%M",
    )  # fmt: skip
    assert fetch(files)["start"].to_list() == [utc(2014, 6, 10, 13, 30)]


def test_text_with_an_offset_needs_no_zone(tmp_path: Path) -> None:
    files = source(tmp_path, "A,2014-06-10T15:30:00+0200,1,1,1,1,1\n", stamp_format="%Y-%m-%dT%H:%M:%S%z")
    assert fetch(files)["start"].to_list() == [utc(2014, 6, 10, 13, 30)]


class TestClockChanges:
    """New York went back at 02:00 on 2 November 2014, and forward at 02:00 on 9 March 2014."""

    def test_a_time_that_came_twice_names_its_row(self, tmp_path: Path) -> None:
        files = source(tmp_path, "A,2014-11-02 00:30,1,1,1,1,1\nA,2014-11-02 01:30,1,1,1,1,1\n")
        with pytest.raises(DataError, match=r"minutes\.csv, line 3, column 'start': .*01:30.* exists twice in America/New_York"):
            fetch(files)

    def test_a_time_that_never_was_names_its_row(self, tmp_path: Path) -> None:
        files = source(tmp_path, "A,2014-03-09 02:30,1,1,1,1,1\n")
        with pytest.raises(
            DataError, match=r"line 2, column 'start': .*02:30.* does not exist in America/New_York.*give stamps with an offset"
        ):
            fetch(files)

    def test_on_either_side_of_them_the_hours_are_right_and_in_utc_every_time_is_one(self, tmp_path: Path) -> None:
        rows = "A,2014-03-07 09:30,1,1,1,1,1\nA,2014-03-10 09:30,1,1,1,1,1\n"
        got = fetch(source(tmp_path, rows), start=date(2014, 3, 1), end=date(2014, 3, 31))
        assert got["start"].dt.hour().to_list() == [14, 13]
        assert fetch(source(tmp_path, "A,2014-11-02 01:30,1,1,1,1,1\n", zone="UTC"), end=date(2014, 12, 1)).height == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("A,,1,1,1,1,1\n", "line 2, column 'start': None is empty"),
        ("A, ,1,1,1,1,1\n", "line 2, column 'start': ' ' is empty"),
        ("A,half past nine,1,1,1,1,1\n", "'half past nine' is not an instant as %Y-%m-%d %H:%M:%S; set stamp_format"),
        ("A,2014-06-10,1,1,1,1,1\n", "'2014-06-10' is not an instant"),
        (",2014-06-10 09:30,1,1,1,1,1\n", "column 'symbol': None is empty"),
        ("A,2014-06-10 09:30,one,1,1,1,1\n", "column 'open': 'one' is not a number"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        fetch(source(tmp_path, rows))


def test_a_column_that_is_no_instant_is_named(tmp_path: Path) -> None:
    numbers = {name: [1.0] for name in RAW_MINUTES.names()[2:]}
    pl.DataFrame({"symbol": ["A"], "start": [DAY], **numbers}).write_parquet(tmp_path / "minutes.parquet")
    with pytest.raises(DataError, match=r"row 1, column 'start': .* is not an instant; map the column that has date and time"):
        fetch(source(tmp_path, path="minutes.parquet"))


def test_a_file_without_rows_has_no_minutes(tmp_path: Path) -> None:
    assert fetch(source(tmp_path)).schema == RAW_MINUTES
    empty = pl.DataFrame(schema={**RAW_MINUTES, "start": pl.Null(), "volume": pl.Null()})
    empty.write_parquet(tmp_path / "minutes.parquet")
    assert fetch(source(tmp_path, path="minutes.parquet")).schema == RAW_MINUTES


def test_odd_rows_are_left_to_the_gate(tmp_path: Path) -> None:
    rows = "A,2014-06-10 09:30,1,1,1,1,1\n" * 2 + "A,2014-06-10 03:00,-1,0,0,0,-5\n"
    got = fetch(source(tmp_path, rows))
    assert got["volume"].to_list() == [-5.0, 1.0, 1.0]


def test_the_file_is_read_once_and_only_when_minutes_are_asked_for(tmp_path: Path) -> None:
    files = source(tmp_path, "A,2014-06-10 09:30,1,1,1,1,1\n")
    first = fetch(files)
    (tmp_path / "minutes.csv").unlink()
    assert fetch(files).equals(first)


def test_a_source_that_describes_none_has_none(tmp_path: Path) -> None:
    files = FilesSource("mine", FilesSettings.model_validate({"bars": {"path": "bars.csv"}}), tmp_path)
    assert not files.has_minutes
    with pytest.raises(ConfigError, match=r"source 'mine' has no minute bars; describe their file under `minutes`"):
        fetch(files)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zone": "New York"}, "'New York' is no time zone; use an IANA name"),
        ({"stamps": "middle"}, "Input should be 'start' or 'end'"),
        ({"timezone": "UTC"}, "timezone"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        source(tmp_path, "", **changes)
    with pytest.raises(ValidationError, match="stamps"):
        FilesSettings.model_validate({"bars": {"path": "b.csv"}, "minutes": {"path": "m.csv", "zone": "UTC"}})


def test_a_session_at_a_time_gives_what_all_together_give(tmp_path: Path) -> None:
    rows = "".join(
        f"A,2014-06-{day} {hour:02d}:{minute:02d},1,1,1,1,{minute}\n" for day in (10, 11) for hour in (9, 15) for minute in (30, 59)
    )
    files = source(tmp_path, rows)
    days = [fetch(files, start=day, end=day) for day in (DAY, DAY + timedelta(days=1))]
    assert pl.concat(days).equals(fetch(files, end=date(2014, 6, 11)))
