"""`grodt check-signal`: what it prints, the status it ends with, and what it is asked about."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.analysts_home import make
from tests.cycles.driver import Home
from tests.cycles.small_world import books_text
from tests.flows.commands import Command
from tests.signals.plugins.signal_files import GAP, written

#: Uses the next close, with which it may be late.
TOMORROW = """
import numpy as np

from grodt.signals.own import FloatArray, Panel, signal


@signal(history=1)
def tomorrow(panel: Panel, late: int = 1) -> FloatArray:
    value = np.where(np.isnan(panel.close), np.nan, 0.0)
    value[:-late] = np.where(np.isnan(panel.close[:-late]), np.nan, np.nan_to_num(panel.log_return[late:]))
    return value
"""


def _rows(out: str) -> dict[str, dict[str, Any]]:
    return {row["check"]: row for row in json.loads(out)}


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(written(tmp_path, GAP + TOMORROW.partition("signal\n")[2]))


def test_a_sound_signal_of_a_file_passes_on_made_panels_and_on_the_book_s_bars(grodt: Command, home: Home, file: str) -> None:
    ended = grodt(home, "check-signal", "gap", "--file", file)
    assert ended.status == 0
    assert ended.out.startswith(f"signal gap of {file}: history 2, fields open; panels of seed 1\n")
    lines = {line[:27].strip(): line for line in ended.out.splitlines()}
    assert " PASS " in lines["look-ahead"]
    assert " PASS " in lines["look-ahead, real bars"]
    assert "5 symbols of book small, 2015-08-03 to 2015-11-25" in lines["real bars"]
    assert "FAIL" not in ended.out


def test_look_ahead_ends_with_1_and_shows_symbol_session_and_both_values(grodt: Command, home: Home, file: str) -> None:
    ended = grodt(home, "check-signal", "tomorrow", "--file", file, "--json", "--seed", "4")
    assert ended.status == 1
    assert ended.err.endswith("error: signal tomorrow fails look-ahead, look-ahead, real bars; mend it before it trades\n")
    rows = _rows(ended.out)
    found = rows["look-ahead"]
    assert (found["verdict"], found["symbol"], found["session"], found["seed"], found["signal"]) == (
        *("fail", "S0000", "2020-01-01", 4, "tomorrow"),
    )
    assert [each["what"] for each in found["values"]] == ["from data up to 2020-01-01", "from longer data"]
    assert found["values"][0]["value"] == 0.0 != found["values"][1]["value"]
    assert rows["look-ahead, real bars"]["symbol"] in ("CASH", "GONE", "REST", "RISE", "TWIN")
    assert rows["history"]["verdict"] == "pass"


def test_a_person_sees_the_check_that_failed_and_on_what(grodt: Command, empty: Home, file: str) -> None:
    ended = grodt(empty, "check-signal", "tomorrow", "-f", file, "-p", "late=2 cap=1.5")
    assert ended.status == 1
    assert "history 1, fields none, late 2, cap 1.5; panels of seed 1" in ended.out
    (line,) = [line for line in ended.out.splitlines() if "FAIL" in line]
    assert line.split()[:2] == ["look-ahead", "FAIL"]
    assert "the value of S0000 " in line
    assert line.rstrip().endswith(", on walks")
    assert "there is no lake in" in ended.out
    assert not empty.folder.exists()


def test_a_built_in_signal_is_checked_with_parameters(grodt: Command, empty: Home) -> None:
    ended = grodt(empty, "check-signal", "momentum", "--parameters", "lookback=12 skip=3", "--parameters", "cap=1.5", "--json")
    assert (ended.status, ended.err.count("error")) == (0, 0)
    rows = _rows(ended.out)
    assert rows["history"]["found"] == "the first value comes in session 13 of a listing, as stated"
    assert rows["cap"]["found"] == "within ±1.5"
    assert {row["origin"] for row in rows.values()} == {"GRODT itself"}


def test_a_signal_is_checked_as_a_book_configures_it(grodt: Command, home: Home, tmp_path: Path) -> None:
    books = tmp_path / "books.yaml"
    own = "- {signal: gap, file: my_signals.py, weight: 1, parameters: {name: night, cap: 1.25}}"
    crossover = "- {signal: ewma_crossover, weight: 1, parameters: {fast: 4, slow: 16}}"
    books.write_text(books_text().replace(crossover, f"{crossover}\n      {own}"))
    written(tmp_path, GAP)
    home.books = books
    for arguments in (["ewma_crossover", "--book", "small"], ["night"], ["gap", "--book", "small"]):
        ended = grodt(home, "check-signal", *arguments)
        assert ended.status == 0
        assert ("fast 4, slow 16" if "ewma" in arguments[0] else "signal night of my_signals.py: history 2, fields open") in ended.out


def test_of_several_books_one_is_named(grodt: Command, home: Home, tmp_path: Path) -> None:
    text = books_text()
    both = text + text.partition("books:\n")[2].replace("small:", "other:")
    home.books = tmp_path / "books.yaml"
    home.books.write_text(both)
    ended = grodt(home, "check-signal", "momentum", "--json", "-p", "lookback=12 skip=3 cap=1e0")
    assert ended.status == 0
    skipped = _rows(ended.out)["real bars"]
    assert (skipped["verdict"], skipped["found"]) == ("skipped", "name a book with --book; the books file describes other, small")
    written(tmp_path, GAP)
    line = "- {signal: ewma_crossover, weight: 1, parameters: {fast: 4, slow: 16}}"
    first, last = (line + f"\n      - {{signal: gap, file: my_signals.py, weight: 1, parameters: {{cap: {cap}}}}}" for cap in (1, 2))
    home.books.write_text(both.replace(line, first, 1)[::-1].replace(line[::-1], last[::-1], 1)[::-1])
    ended = grodt(home, "check-signal", "gap")
    assert ended.status == 2
    assert "signal gap is configured in more than one way, in small, other: say --book" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a signal, or a file that has one with --file"),
        (["momentun"], "signal 'momentun' is unknown; there are "),
        (["momentum", "--book", "big"], "book 'big' is unknown; the books file describes small"),
        (["momentum", "-p", "lookback"], "--parameters 'lookback' is not of the form k=v, such as window=20"),
        (["ewma_trend", "-p", "fast=[8,4] slow=[16,2]"], "fast is [8, 4] and slow is [16, 2]; they must be as many"),
        (["momentum", "-p", "lookback=yes"], "momentum: lookback is 'yes'; it must be a whole number"),
        (["--file", "FILE"], "has gap, tomorrow; name the one to check"),
        (["gop", "--file", "FILE"], "has no signal of that name; it has gap"),
        (["gap", "--file", "absent.py"], "absent.py cannot be read"),
    ],
)
def test_wrong_use_ends_with_2_and_what_to_do(grodt: Command, home: Home, file: str, arguments: list[str], said: str) -> None:
    ended = grodt(home, "check-signal", *[file if each == "FILE" else each for each in arguments])
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err


def test_minutes_of_a_home_that_has_none_are_skipped(grodt: Command, home: Home) -> None:
    ended = grodt(home, "check-signal", "vwap_ema_trend", "--json")
    assert ended.status == 0
    found = _rows(ended.out)["real bars"]
    assert found["verdict"] == "skipped"
    assert found["found"] == "the lake has no bars_1m of source files; `grodt ingest` brings them in"


@pytest.mark.long
def test_an_intraday_signal_is_checked_on_the_home_s_minutes(grodt: Command, tmp_path: Path) -> None:
    home = Home(make(tmp_path / "analysts"), now="2026-11-23T12:00:00Z")
    ended = grodt(home, "check-signal", "volume_breakout", "--json", "-p", "window=3 volume_window=3")
    rows = _rows(ended.out)
    assert rows["real bars"]["found"] == "1 symbol of book demo, 2026-11-18 to 2026-11-20"
    assert {row["verdict"] for name, row in rows.items() if name.endswith(", real bars")} == {"pass"}
    assert ended.status == 0
