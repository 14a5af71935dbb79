"""`grodt replay`: what people and programs see, what it leaves, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tests.cycles.driver import Home
from tests.cycles.small_world import MON, TUE, WED, books_text, small_home
from tests.flows.commands import Command

RANGE = ("--start", str(MON), "--end", str(WED))


def test_people_see_statistics_what_each_signal_added_and_where_the_files_are(three_days: Home, grodt: Command, tmp_path: Path) -> None:
    ended = grodt(three_days, "replay", *RANGE, "--out", str(tmp_path / "out"))
    assert ended.status == 0, ended.err
    assert f"small: replay of 3 sessions, {MON} to {WED}" in ended.out
    for words in ("annual return", "max drawdown", "equal-weighted universe", "what each signal added", "ewma_crossover", "execution"):
        assert words in ended.out
    assert f"Tear sheet  {tmp_path / 'out' / 'tear-sheet.html'}" in ended.out
    assert "replayed 3 of 3 sessions" in ended.err
    assert (tmp_path / "out" / "tear-sheet.html").read_text().startswith("<!doctype html>")


def test_programs_get_the_figures_and_the_tables_are_those_of_the_lake(three_days: Home, grodt: Command, tmp_path: Path) -> None:
    (facts,) = [json.loads(grodt(three_days, "replay", *RANGE, "--out", str(tmp_path / "out"), "--json").out)]
    live = three_days.table("equity").sort("session")
    assert facts["equity"] == f"{live['equity'][-1]:.2f}"
    assert (facts["first_session"], facts["last_session"], facts["halts"]) == (str(MON), str(WED), [])
    assert facts["rows"]["orders"] == three_days.table("orders").height
    runs = pl.read_parquet(tmp_path / "out/runs/*.parquet")
    assert runs["kind"].unique().to_list() == ["replay"]
    assert facts["statistics"]["sessions"] == 2


def test_it_writes_below_the_home_if_no_folder_is_named_and_nothing_else_there(home: Home, grodt: Command) -> None:
    before = home.everything()
    ended = grodt(home, "replay", *RANGE, "--no-evidence")
    assert ended.status == 0, ended.err
    folder = home.folder / "reports/small/replays" / f"{MON}_{WED}"
    assert (folder / "orders").is_dir()
    assert home.everything() == before


def test_a_day_without_a_session_at_either_end_is_no_mistake(three_days: Home, grodt: Command, tmp_path: Path) -> None:
    weekend = ("--start", "2015-11-21", "--end", "2015-11-25")
    ended = grodt(three_days, "replay", *weekend, "--out", str(tmp_path / "out"))
    assert f"replay of 3 sessions, {MON} to {WED}" in ended.out


def test_the_past_as_it_was_known_before_there_was_a_bar_cannot_be_replayed(three_days: Home, grodt: Command, tmp_path: Path) -> None:
    ended = grodt(three_days, "replay", *RANGE, "--out", str(tmp_path / "out"), "--as-of", "2015-01-01T00:00:00Z")
    assert ended.status == 1
    assert "source files has no bars and the replay starts on 2015-11-23" in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--start", str(WED), "--end", str(MON)), f"--start {WED} is after --end {MON}"),
        (("--start", "2015-11-26", "--end", "2015-11-26"), "there is no session of XNYS from 2015-11-26 to 2015-11-26"),
        (("--start", "2015-01-05", "--end", str(WED)), "and the replay starts on 2015-01-05; bring in its history"),
        (("--start", str(MON), "--end", "soon"), "soon"),
        ((*RANGE, "--book", "big"), "book 'big' is unknown"),
        ((*RANGE, "--as-of", "yesterday"), "--as-of 'yesterday'"),
        (
            ("--start", "2015-08-03", "--end", "2015-08-04"),
            "signal ewma_crossover needs 33, volatility needs 61 sessions of history, and there are 1",
        ),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_message_and_leaves_nothing(
    three_days: Home, grodt: Command, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    ended = grodt(three_days, "replay", *arguments, "--out", str(tmp_path / "out"))
    assert ended.status in (1, 2)
    assert words in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_home_without_bars_is_told_how_to_get_them(empty: Home, grodt: Command) -> None:
    ended = grodt(empty, "replay", *RANGE)
    assert ended.status == 2
    assert f"`grodt ingest --book small --start {MON} --end {WED}` brings them in" in ended.err
    assert not empty.folder.exists()


def test_a_replay_that_fails_leaves_the_one_before_it_as_it_was(tmp_path: Path, grodt: Command) -> None:
    home = small_home(tmp_path)
    home.run(MON, TUE)
    out = tmp_path / "out"
    assert grodt(home, "replay", "--start", str(MON), "--end", str(TUE), "--out", str(out)).status == 0
    kept = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert home.books is not None
    home.books.write_text(books_text().replace("fast: 4, slow: 16", "fast: 4, slow: 500"))
    ended = grodt(replace(home), "replay", "--start", str(MON), "--end", str(TUE), "--out", str(out))
    assert ended.status == 2
    assert "signal ewma_crossover needs 1001 sessions" in ended.err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == kept


def test_a_folder_that_holds_something_else_is_never_replaced(three_days: Home, grodt: Command, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    ended = grodt(three_days, "replay", *RANGE, "--out", str(tmp_path / "mine"))
    assert ended.status == 2
    assert "is no earlier replay" in ended.err
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    assert grodt(three_days, "replay", *RANGE, "--out", str(tmp_path / "out")).status == 0
    assert grodt(three_days, "replay", *RANGE, "--out", str(tmp_path / "out")).status == 0
