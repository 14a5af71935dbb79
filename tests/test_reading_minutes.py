"""`grodt.read` of minute bars, as they are and added up."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import grodt
from grodt.errors import ConfigError
from grodt.lake.validation import types
from tests.analysts_home import FIRST, FRI, SPLIT, THIRD, THU, WED, make

FIELDS = ["open", "high", "low", "close", "volume"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only to be read."""
    return make(tmp_path_factory.mktemp("analysts"))


@pytest.fixture(autouse=True)
def _demo_book(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GRODT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def _at(hour: int, minute: int) -> datetime:
    return datetime(2026, 11, 20, hour, minute, tzinfo=UTC)


def test_minutes_are_read_as_they_are_by_session(home: Path) -> None:
    got = grodt.read("bars_1m", home=home)
    assert got.schema == types("bars_1m")
    assert got["session"].to_list() == [WED] * 4 + [FRI] * 4
    friday = grodt.read("bars_1m", home=home, start=FRI, end=FRI, columns=["start", "volume"])
    assert friday.rows() == [(_at(14, 30), 400.0), (_at(14, 31), 150.0), (_at(15, 31), 250.0), (_at(20, 59), 200.0)]


def test_a_width_adds_them_up(home: Path) -> None:
    got = grodt.read("bars_1m", home=home, start=FRI, width="1h")
    assert got.schema == types("bars_1m")
    assert got.select("start", *FIELDS).rows() == [
        (_at(14, 30), 51.0, 52.0, 50.9, 51.8, 550.0),
        (_at(15, 30), 51.5, 51.5, 50.0, 50.4, 250.0),
        (_at(20, 30), 50.8, 51.0, 50.8, 51.0, 200.0),
    ]
    assert grodt.read("bars_1m", home=home, start=FRI, width="1m", columns=["start"]).height == 4


def test_a_day_of_minutes_looks_like_a_daily_bar_and_here_it_is_one(home: Path) -> None:
    days = grodt.read("bars_1m", home=home, width="1d", start=THU)
    assert days.schema == types("bars_1d")
    daily = grodt.read("bars_1d", home=home, symbols=SPLIT, start=FRI)
    assert days.select("session", *FIELDS).equals(daily.select("session", *FIELDS))


def test_columns_may_name_the_volume_weighted_price(home: Path) -> None:
    got = grodt.read("bars_1m", home=home, start=FRI, width="390m", columns=["vwap", "session", "source"])
    typical = [(51.5 + 50.9 + 51.2) / 3, (52.0 + 51.2 + 51.8) / 3, (51.5 + 50.0 + 50.4) / 3, (51.0 + 50.8 + 51.0) / 3]
    assert got.columns == ["vwap", "session", "source"]
    assert got["vwap"].to_list() == [pytest.approx(sum(p * v for p, v in zip(typical, (400, 150, 250, 200), strict=True)) / 1000)]


def test_the_past_is_added_up_as_it_was_known(home: Path) -> None:
    assert grodt.read("bars_1m", home=home, width="1d", as_of=FIRST)["session"].to_list() == [WED]
    assert grodt.read("bars_1m", home=home, width="1d", as_of=THIRD)["session"].to_list() == [WED, FRI]
    assert grodt.read("bars_1m", home=home, width="1d")["known_at"].to_list() == [FIRST, THIRD]


def test_no_minutes_are_no_bars_of_the_right_columns(home: Path) -> None:
    assert grodt.read("bars_1m", home=home, start="2027-01-04", width="5m").schema == types("bars_1m")
    assert grodt.read("bars_1m", home=home, source="other", width="1d").schema == types("bars_1d")
    assert grodt.read("bars_1m", home=home, symbols="NONE", width="1d", columns=["vwap"]).schema == {"vwap": pl.Float64}


def test_the_calendar_is_that_of_the_books_on_the_source(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = (Path(grodt.__file__).parent / "settings/demo.yaml").read_text()
    book = demo[demo.index("books:") :].removeprefix("books:\n").replace("  demo:", "  other:", 1)
    monkeypatch.setenv("GRODT_CONFIG", "books.yaml")
    (tmp_path / "books.yaml").write_text(demo + book.replace("calendar: XNYS", "calendar: XLON"))
    with pytest.raises(ConfigError, match=r"source 'demo' is traded on the calendars XLON, XNYS, so name the calendar.*calendar='XNYS'"):
        grodt.read("bars_1m", home=home, width="5m")
    assert grodt.read("bars_1m", home=home, width="390m", calendar="XNYS").height == 2
    (tmp_path / "books.yaml").write_text(demo.replace("source: demo", "source: mine").replace("  demo:\n    kind", "  mine:\n    kind"))
    with pytest.raises(ConfigError, match="source 'demo' is of no book in the books file"):
        grodt.read("bars_1m", home=home, width="5m")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda read: read("bars_1m", width="5"), "width '5' is none of a bar"),
        (lambda read: read("bars_1d", width="1d"), "width and calendar are for bars_1m; bars_1d is read as it is"),
        (lambda read: read("equity", calendar="XNYS"), "width and calendar are for bars_1m"),
        (
            lambda read: read("bars_1m", width="1h", columns=["price"]),
            "bars of that width have no column 'price'; they have source, symbol",
        ),
        (lambda read: read("bars_1m", width="1d", columns=["start"]), "bars of that width have no column 'start'"),
        (lambda read: read("bars_1m", columns=["vwap"]), "bars_1m has no column 'vwap'"),
        (lambda read: read("bars_1m", adjust="split"), "adjust='split' is for bars_1d"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_can(home: Path, call: Callable[[Callable[..., pl.DataFrame]], Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        call(lambda table, **arguments: grodt.read(table, home=home, **arguments))
    assert message in str(refused.value)
