"""The tear sheet: one file that needs nothing else, and the same numbers beside it."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grodt.errors import ConfigError
from grodt.replay.definitions import DEFINITIONS
from grodt.replay.deflated_sharpe import Trials
from grodt.replay.record import Record
from grodt.replay.statistics import statistics, statistics_frame
from grodt.replay.tear_sheet import Written, tear_sheet
from tests.replay.courses import days, full_record, random_returns, record

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


class _Reader(HTMLParser):
    """Refuses what is not closed, and collects text, titles and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.titles: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.titles += [value for name, value in attrs if name == "title" and value]
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text())
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return tear_sheet(full_record(), tmp_path_factory.mktemp("sheet") / "demo.html")


def test_four_files_stand_beside_each_other_and_nothing_else(full: Written) -> None:
    assert sorted(each.name for each in full.html.parent.iterdir()) == ["demo.html", "demo.json", "demo.parquet", "demo.statistics.parquet"]


def test_the_same_record_gives_the_same_bytes(full: Written, tmp_path: Path) -> None:
    again = tear_sheet(full_record(), tmp_path / "demo.html")
    for name in ("html", "json", "curves", "statistics"):
        assert getattr(again, name).read_bytes() == getattr(full, name).read_bytes(), name
    assert tear_sheet(full_record(seed=6), tmp_path / "demo.html").html.read_bytes() != full.html.read_bytes()


def test_the_page_is_whole_and_asks_for_nothing(full: Written) -> None:
    page = read(full.html)
    assert page.links == []
    assert "script" not in full.html.read_text()
    assert not re.search(r"https?://|@import|url\(", full.html.read_text())
    assert "prefers-color-scheme:dark" in full.html.read_text()


def test_every_statistic_stands_on_the_page_with_its_definition_on_hover(full: Written) -> None:
    page = read(full.html)
    for each in DEFINITIONS.values():
        assert each.title in page.text
        assert each.text in page.titles


def test_every_section_of_a_full_record_is_there(full: Written) -> None:
    text = read(full.html).text
    for title in ("Equity", "Drawdown", "Return by year", "Return by month", "Sharpe ratio over 126 sessions", "Worst drawdowns"):
        assert title in text
    for title in (
        "Volatility per year over 126 sessions",
        "Exposure over equity",
        "Turnover by month",
        "By signal",
        "By regime",
        "Statistics",
    ):
        assert title in text


def test_figures_on_the_page_are_the_statistics(full: Written) -> None:
    found, text = statistics(full_record()), full.html.read_text()
    assert found.sharpe is not None
    assert found.max_drawdown is not None
    assert f"<b>{found.sharpe:.2f}</b><span>Sharpe ratio</span>".replace("-", "−") in text
    assert f"<b>{found.max_drawdown:.2%}</b>".replace("-", "−").replace("%", " %") in text


def test_names_are_text_and_never_markup(full: Written) -> None:
    assert "a <b> & c" in read(full.html).text
    assert "<b> &" not in full.html.read_text()


def test_the_json_holds_the_same_numbers_and_null_for_what_is_undefined(full: Written, tmp_path: Path) -> None:
    figures, found = json.loads(full.json.read_text()), statistics(full_record())
    assert figures["statistics"]["sharpe"] == found.sharpe
    assert figures["statistics"]["drawdown_peak"] == str(found.drawdown_peak)
    assert figures["statistics"]["deflated_sharpe"] is None
    assert set(figures["definitions"]) == set(figures["statistics"]) == set(DEFINITIONS)
    assert (list(figures["signals"]), list(figures["regimes"])) == (["a <b> & c", "momentum"], ["ranging", "trending"])
    assert len(figures["worst_drawdowns"]) == 10
    assert figures["worst_drawdowns"][0]["depth"] == found.max_drawdown
    with_trials = tear_sheet(record(random_returns(1, 50), trials=Trials(7, 0.01)), tmp_path / "t.html")
    assert json.loads(with_trials.json.read_text())["trials"] == {"count": 7, "variance": 0.01}


def test_the_parquet_holds_a_row_for_each_session_and_null_for_what_is_undefined(full: Written) -> None:
    course, frame = full_record(), pl.read_parquet(full.curves)
    assert frame.get_column("session").to_list() == course.sessions.tolist()
    assert frame.get_column("equity").to_list() == course.equity.tolist()
    assert frame.get_column("return")[0] is None
    assert frame.get_column("return")[1:].to_list() == course.returns.tolist()
    assert frame.get_column("rolling_sharpe").null_count() == 126
    assert frame.get_column("drawdown").min() == statistics(course).max_drawdown
    assert frame.columns[-2:] == ["contribution_a <b> & c", "contribution_momentum"]
    assert pl.read_parquet(full.statistics).equals(statistics_frame(course))


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_a_short_record_has_a_page_too(tmp_path: Path, count: int) -> None:
    written = tear_sheet(record(random_returns(1, count), gross=np.zeros(count + 1), turnover=np.zeros(count + 1)), tmp_path / "short.html")
    text = read(written.html).text
    assert "No value yet: the series is too short." in text
    assert ("No year has a return yet." in text) == (count == 0)
    assert "Against the benchmark" not in text
    assert "nan" not in written.html.read_text().lower()


def test_equity_that_never_fell_says_so(tmp_path: Path) -> None:
    assert "Equity never fell below its high." in read(tear_sheet(record([0.01] * 200), tmp_path / "up.html").html).text


def test_amounts_on_the_axis_are_short(tmp_path: Path) -> None:
    for scale, mark in ((1e-3, "100.5"), (1.0, "100.5 k"), (1e3, "100.5 M"), (1e6, "100.5 B")):
        course = Record("demo", days(3), scale * np.array([100_000.0, 101_000.0, 100_250.0]))
        assert mark in read(tear_sheet(course, tmp_path / "a.html").html).text


@pytest.mark.parametrize("place", ["sheet.htm", "sheet", "none/sheet.html"])
def test_a_place_that_is_none_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.html, in a folder that exists"):
        tear_sheet(record([0.1]), tmp_path / place)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data stands beside the repository and is not here")
def test_a_real_stock_over_eleven_years(tmp_path: Path) -> None:
    bars = (
        pl.read_parquet(SHARED / "us-daily-2004-2014/bars_daily.parquet")
        .filter(pl.col("symbol") == "MSFT")
        .drop_nulls("close")
        .sort("date")
    )
    course = Record("MSFT", bars.get_column("date").to_numpy(), bars.get_column("close").to_numpy())
    found = statistics(course)
    assert found.sessions == bars.height - 1
    assert found.total_return == pytest.approx(bars.get_column("close")[-1] / bars.get_column("close")[0] - 1)
    assert found.max_drawdown == pytest.approx(float((bars.get_column("close") / bars.get_column("close").cum_max() - 1).min()))  # type: ignore[arg-type]
    assert "2008" in read(tear_sheet(course, tmp_path / "msft.html").html).text


@pytest.mark.parametrize(("sessions", "first"), [(6, "Total return"), (253, "Annual return"), (252, "Total return")])
def test_the_return_of_less_than_a_year_is_not_stated_per_year(tmp_path: Path, sessions: int, first: str) -> None:
    days = np.datetime64("2024-01-01") + np.arange(sessions)
    rising = Record("book", days, 1e6 * np.cumprod(np.full(sessions, 1.001)))
    page = tear_sheet(rising, tmp_path / "sheet.html").html.read_text()
    tiles = page[page.index('class="tiles"') : page.index("<section>")]
    assert re.findall(r"<span>(.*?)</span>", tiles)[0] == first
    assert ("Calmar" in tiles) == (first == "Annual return")
