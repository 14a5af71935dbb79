"""The bounds of the minute gate in the books file, and minutes of a files source."""

from pathlib import Path
from typing import Any

import pytest

from grodt.bars.minute_gate import MinuteThresholds
from grodt.settings.books import load_books
from grodt.settings.sources import FilesConfig
from tests.settings.books_files import US_DAILY, edited, load, mistake


def test_a_book_has_the_usual_bounds_unless_it_says_others(tmp_path: Path) -> None:
    assert load_books(None).book("demo").minute_quality == MinuteThresholds()
    text = edited({"books.demo.minute_quality": {"extended_hours": "drop", "silent_minutes": 60}})
    assert load(tmp_path, text).book("demo").minute_quality == MinuteThresholds(extended_hours="drop", silent_minutes=60)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"extended_hours": "keep"}, "must be quarantine or drop"),
        ({"spike_floor": "0.1"}, "spike_floor is '0.1'; it must be a number"),
        ({"stale_minutes": 1}, "stale_minutes is 1; it must be a whole number from 2 on"),
        ({"completeness": 0.9}, "unknown key"),
    ],
)
def test_a_bound_that_cannot_be_is_a_mistake_at_its_place(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    found = mistake(tmp_path, edited({"books.demo.minute_quality": given}))
    assert "books.demo.minute_quality" in found
    assert words in found or "extended_hours" in found


def test_a_files_source_may_describe_minutes(tmp_path: Path) -> None:
    minutes = {"path": "minutes.parquet", "stamps": "end", "zone": "America/New_York", "columns": {"start": "time"}}
    source = load(tmp_path, edited({"sources.us-daily.minutes": minutes}, US_DAILY.read_text())).sources["us-daily"]
    assert isinstance(source, FilesConfig)
    assert source.minutes is not None
    assert (source.minutes.stamps, source.minutes.columns.start, source.minutes.columns.close) == ("end", "time", "close")
    wrong = edited({"sources.us-daily.minutes": minutes | {"zone": "Eastern Time"}}, US_DAILY.read_text())
    assert "sources.us-daily.minutes.zone: 'Eastern Time' is no time zone" in mistake(tmp_path, wrong)
