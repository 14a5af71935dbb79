"""Malformed files (../shared/data/bad-quotes): each flaw is stopped where it is read, or refused by the quality gate, and says why.

| file | flaw | what happens |
|---|---|---|
| bad.csv | 50 lines without a date, 3 with a price below zero, 51 of zeros | reading stops and names the line |
| bad.csv | 51 lines without numbers | quarantined as "not a number"; such a session is not fresh |
| bad.csv | a volume below zero, highs below and lows above other prices | quarantined as "negative volume", "high too low" |
| bad.csv | 50 sessions at one price and volume | quarantined as "stale repeat" from the fifth repeat on |
| bad.csv | four changes of unit, by factors of 1e6 to 1e15 | the first bar in each is quarantined as "scale" or "jump" |
| bad.csv | prices of 1e-8 that are cut to one digit | quarantined as "high too low", "low too high" |
| bad.csv | 48 sessions that go on in steps of 0.01, as a spreadsheet fills cells | kept: each bar may be one; no rule looks for it |
| mismatch.csv | other names of columns | reading stops and lists the file's columns |
| mismatch.csv | 2017-01-18 is dated 2016-01-18, a holiday | quarantined as "not a session"; the missing session is a gap |
| toobig.csv | prices near 1e14 | quarantined as "price too large"; no good bar is left, so the session halts |
| zeros.csv | every number is 0 | reading stops and names the line |
"""

import asyncio
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from grodt.bars.files import FilesSettings, FilesSource
from grodt.bars.jumps import Tail
from grodt.bars.quality import GateResult, Thresholds, gate
from grodt.bars.row_rules import JUMP, LEAPS, SCALE
from grodt.bars.source import Fetched
from grodt.errors import ConfigError, DataError
from grodt.sessions import Calendar
from tests.bars.test_files import BAD_QUOTES, needs_bad_quotes

pytestmark = needs_bad_quotes
XNYS = Calendar("XNYS")
MISMATCHED = {"session": "Timestamp", "open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
START, END = date(2016, 1, 4), date(2018, 12, 31)


def read(name: str, folder: Path = BAD_QUOTES, **bars: object) -> Fetched:
    of_bars = {"path": name, "symbol": "SPY", "columns": {"session": "date"}, "date_format": "%m/%d/%Y"} | bars
    source = FilesSource("bad", FilesSettings.model_validate({"bars": of_bars}), folder)
    return asyncio.run(source.fetch(["SPY"], date(1990, 1, 2), date(2026, 1, 2)))


def judge(fetched: Fetched, start: date = START, end: date = END, calendar: Calendar = XNYS) -> GateResult:
    return gate(
        fetched, calendar=calendar, asked=["SPY"], start=start, end=end, previous=Tail.empty(), thresholds=Thresholds(), listed=["SPY"]
    )


def test_a_row_without_a_date_stops_the_file_at_its_line() -> None:
    with pytest.raises(DataError, match=r"bad\.csv, line 202, column 'session': None is empty; fill the cell or remove the row"):
        read("bad.csv")


def mended(folder: Path, unreadable: str) -> Fetched:
    """bad.csv without the lines that match."""
    lines = (BAD_QUOTES / "bad.csv").read_text().splitlines()
    (folder / "mended.csv").write_text("\n".join(line for line in lines if not re.search(unreadable, line)) + "\n")
    return read("mended.csv", folder)


@pytest.mark.parametrize(
    ("unreadable", "words"),
    [
        (r"^,|,0,0,0,0,0$", "column 'open': -263.16"),
        (r"^,|,-263|,0,0,0,0,0$", "column 'high': -266.1"),
        (r"^,|,-263|,-266.1|,0,0,0,0,0$", "column 'low': -265.13"),
    ],
)
def test_then_a_price_below_zero_does(tmp_path: Path, unreadable: str, words: str) -> None:
    with pytest.raises(DataError, match=f"{words} is not a price above zero; correct the cell or remove the row"):
        mended(tmp_path, unreadable)


@pytest.fixture
def readable(tmp_path: Path) -> Fetched:
    return mended(tmp_path, r"^,|,-26|,0,0,0,0,0$")


def test_zeros_stop_the_file_too(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 347, column 'open': 0\.0 is not a price above zero"):
        mended(tmp_path, r"^,|,-26")


def test_what_can_be_read_is_refused_row_by_row(readable: Fetched) -> None:
    result = judge(readable)
    assert result.bars.height + result.quarantined.height == readable.bars.height == 502 - 50 - 3 - 51
    rules: dict[str, list[date]] = {}
    for session, rule in result.quarantined.select("session", "rule").rows():
        rules.setdefault(rule, []).append(session)
    assert {rule: len(sessions) for rule, sessions in rules.items()} == {
        "not a number": 51,
        "negative volume": 1,
        "high too low": 5,
        "low too high": 4,
        "stale repeat": 45,
        "scale": 2,
        "jump": 2,
    }
    assert set(result.quarantined.filter(pl.col("rule") == "not a number")["value"]) == {
        "open none high none low none close none volume none"
    }
    assert rules["negative volume"] == [date(2018, 6, 6)]
    assert rules["high too low"][2:] == [date(2018, 6, 7), date(2018, 6, 8), date(2018, 6, 11)]


def test_a_price_that_stands_still_is_refused_while_it_does(readable: Fetched) -> None:
    flat = readable.bars.filter(pl.col("close") == 225.0, pl.col("volume") == 1e8)["session"]
    stale = judge(readable).quarantined.filter(pl.col("rule") == "stale repeat")["session"]
    assert flat.len() == 50
    assert stale.to_list() == flat[5:].to_list()


def test_each_change_of_unit_is_seen_on_its_first_session(readable: Fetched) -> None:
    leaps = judge(readable).quarantined.filter(pl.col("rule").is_in(LEAPS))
    assert leaps.select("session", "rule").rows() == [
        (date(2017, 5, 26), SCALE),
        (date(2017, 8, 8), SCALE),
        (date(2018, 1, 9), JUMP),
        (date(2018, 3, 14), JUMP),
    ]
    assert leaps["value"][0] == "opens at 1/9.817e+05 of the last good close, as in a unit 1e+06 times larger"


def test_cells_filled_by_a_spreadsheet_in_equal_steps_are_bars_that_may_be(readable: Fetched) -> None:
    filled = pl.col("session").is_between(date(2018, 3, 21), date(2018, 5, 30))
    bars = judge(readable).bars.filter(filled)
    assert bars.height == 49
    assert bars.select((pl.col("volume").diff().abs() == 1000).sum()).item() == 47


def test_a_session_without_prices_is_not_fresh(readable: Fetched) -> None:
    last = max(readable.bars.filter(pl.col("close").is_null())["session"])
    result = judge(Fetched(readable.bars.filter(pl.col("session") <= last), readable.actions), end=last)
    assert (result.outcome, result.last_session_fresh) == ("halt", False)
    assert result.reasons[0] == f"session {last} has no good bar for any of 1 listed symbols"


def test_other_names_of_columns_stop_the_file_with_the_names_it_has() -> None:
    with pytest.raises(
        ConfigError, match=r"mismatch\.csv has no column 'date', which is mapped to 'session'; its columns are Timestamp, Open"
    ):
        read("mismatch.csv")


def test_a_row_dated_in_another_year_is_no_session_and_its_own_session_is_missing() -> None:
    result = judge(read("mismatch.csv", columns=MISMATCHED))
    assert result.quarantined.select("session", "rule").rows() == [(date(2016, 1, 18), "not a session")]
    sessions = XNYS.between(date(2017, 1, 3), END)
    assert sorted(set(sessions) - set(result.bars["session"])) == [date(2017, 1, 18)]


def test_prices_of_another_planet_are_all_refused_and_the_session_halts() -> None:
    fetched = read("toobig.csv")
    assert fetched.bars.height == 1_246
    result = judge(fetched, date(2017, 8, 16), date(2021, 1, 12), Calendar("24/7"))
    assert (result.outcome, result.bars.height, result.quarantined.height) == ("halt", 0, 1_246)
    assert set(result.quarantined["rule"]) == {"price too large"}
    assert result.reasons[0] == "session 2021-01-12 has no good bar for any of 1 listed symbols"


def test_zeros_stop_the_file_at_their_line() -> None:
    with pytest.raises(
        DataError, match=r"zeros\.csv, line 2, column 'open': 0\.0 is not a price above zero; correct the cell or remove the row"
    ):
        read("zeros.csv", date_format="%m/%d/%y")
