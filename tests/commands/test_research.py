"""`grodt sweep` and `grodt walk-forward`: what people and programs see, what they leave, and what they refuse."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import polars as pl
import psutil
import pytest

from tests.commands.terminal import screens, start
from tests.cycles.driver import Home
from tests.cycles.small_world import WED, books_text
from tests.flows.commands import Command

#: The first session that volatility has its history in, and the last one whose bars are there: 19 sessions.
FIRST = "2015-10-30"
RANGE = ("--start", FIRST, "--end", str(WED))
GRID = ("--vary", "signals.ewma_crossover.fast=3,4", "--vary", "construction.no_trade_band=0,0.01")
ONE = (*RANGE, *GRID, "--workers", "1")


def test_people_see_the_best_runs_what_hangs_on_each_parameter_and_where_the_files_are(
    three_days: Home, grodt: Command, tmp_path: Path
) -> None:
    ended = grodt(three_days, "sweep", *ONE, "--out", str(tmp_path / "out"))
    assert ended.status == 0, ended.err
    assert f"small: 4 runs, {FIRST} to {WED}, by sharpe" in ended.out
    for words in ("deflated sharpe", "sharpe by parameter, over all runs with the value", "one step away from run", "Report      "):
        assert words in ended.out
    assert "4 combinations over 19 sessions, 1 at a time" in ended.err
    assert "signals  2 of 2" in ended.err
    assert "runs  4 of 4" in ended.err
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!doctype html>")


def test_each_run_is_what_grodt_replay_gives_with_these_lines_in_the_books_file(three_days: Home, grodt: Command, tmp_path: Path) -> None:
    facts = json.loads(grodt(three_days, "sweep", *ONE, "--out", str(tmp_path / "out"), "--json").out)
    assert (facts["runs"], facts["signals_evaluated"], facts["lost"]) == (4, 2, 0)
    runs = pl.read_parquet(tmp_path / "out/runs.parquet")
    text = books_text()
    for fast in (3, 4):
        for band in (0, 0.01):
            file = tmp_path / f"{fast}-{band}.yaml"
            assert three_days.books is not None
            own = text.replace("fast: 4,", f"fast: {fast},").replace("no_trade_band: 0,", f"no_trade_band: {band},")
            file.write_text(own.replace("path: ", f"path: {three_days.books.parent}/"))
            there = replace(three_days, books=file)
            plain = json.loads(grodt(there, "replay", *RANGE, "--no-evidence", "--out", str(tmp_path / "plain"), "--json").out)
            row = runs.row(
                by_predicate=(pl.col("signals.ewma_crossover.fast") == fast) & (pl.col("construction.no_trade_band") == band), named=True
            )
            assert f"{row['final_equity']:.2f}" == plain["equity"]
            expected = {name: value for name, value in plain["statistics"].items() if name != "deflated_sharpe"}
            assert json.loads(json.dumps({name: row[name] for name in expected}, default=str)) == expected


def test_a_walk_forward_analysis_keeps_what_no_choice_has_seen_apart(three_days: Home, grodt: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = grodt(
        three_days, "walk-forward", *ONE, "--train", "8", "--test", "4", "--metric", "total_return", "--evidence", "--out", str(out)
    )
    assert ended.status == 0, ended.err
    for words in ("small: 3 windows, rolling, 4 combinations", "In sample      total_return", "Out of sample  total_return", "Degradation"):
        assert words in ended.out
    assert "out-of-sample sessions  11 of 11" in ended.err
    windows = pl.read_parquet(out / "windows.parquet")
    tested = pl.read_parquet(out / "out_of_sample/equity/*.parquet")
    assert tested["session"].min() == windows["test_start"][0]
    assert tested.height == 11
    assert pl.read_parquet(out / "in_sample/runs.parquet").height == 3 * 4
    assert pl.read_parquet(out / "out_of_sample/risk_checks/*.parquet").height > 0
    facts = json.loads((out / "summary.json").read_text())
    assert facts["statistics"]["total_return"] == pytest.approx(float(tested["equity"][-1] / tested["equity"][0]) - 1)


def test_it_writes_below_the_home_if_no_folder_is_named_and_nothing_else_there(home: Home, grodt: Command) -> None:
    before = home.everything()
    for _ in range(2):  # again over earlier results
        assert grodt(home, "sweep", *ONE).status == 0
    folder = home.folder / "reports/small/research" / f"sweep_{FIRST}_{WED}"
    assert {path.name for path in folder.iterdir()} == {
        "runs.parquet",
        "equity.parquet",
        "parameters.parquet",
        "neighbours.parquet",
        "report.html",
        "summary.json",
    }
    assert home.everything() == before


def test_a_draw_of_the_grid_is_run(three_days: Home, grodt: Command, tmp_path: Path) -> None:
    many = ("--vary", "signals.ewma_crossover.slow=12,13,14,15,16", "--vary", "construction.weight_cap=0.1,0.15,0.2", "--sample", "3")
    facts = [
        json.loads(
            grodt(three_days, "sweep", *RANGE, *many, "--seed", seed, "--workers", "1", "--out", str(tmp_path / "out"), "--json").out
        )
        for seed in ("1", "1", "2")
    ]
    drawn = [[each["parameters"] for each in one["top"]] for one in facts]
    assert drawn[0] == drawn[1] != drawn[2]
    assert facts[0]["runs"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--vary", "signals.momentum.lookback=2,3"), "book small of "),
        (("--vary", "construction.no_trade_band=0,2"), "1 of 2 combinations are not valid; the first is construction.no_trade_band=2"),
        (("--vary", "a=1", "--workers", "0"), "--workers 0: it must be a whole number"),
        (("--vary", "a=1", "--metric", "luck"), "--metric 'luck' is none of sharpe, sortino"),
        (
            ("--vary", "construction.history=" + ",".join(map(str, range(2, 2002))), "--vary", "broker.slippage_bps=1,2,3"),
            "2000 × 3 = 6,000",
        ),
        (("--vary", "construction.history=60", "--sample", "0"), "--sample 0: it must be a whole number"),
        (("--vary", "construction.history=60", "--as-of", "yesterday"), "--as-of 'yesterday'"),
        (("--vary", "construction.history=60", "--start", "2015-12-24", "--end", "2015-11-20"), "is after --end"),
        (
            ("--vary", "signals.ewma_crossover.slow=16", "--start", "2015-09-01"),
            "volatility needs 61 sessions of history, and there are 22, from 2015-08-03 to 2015-09-01",
        ),
    ],
)
def test_what_is_wrong_is_one_message_before_anything_runs(
    arguments: tuple[str, ...], message: str, three_days: Home, grodt: Command, tmp_path: Path
) -> None:
    ended = grodt(three_days, "sweep", *RANGE, *arguments, "--out", str(tmp_path / "out"))
    assert ended.status in (1, 2)
    assert message in ended.err
    assert "error: " in ended.err
    assert "runs  1" not in ended.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--train", "19", "--test", "4", *GRID), "19 sessions and --train 19 leave none to test on"),
        (("--train", "8", "--test", "0", *GRID), "--test is 0"),
        (("--train", "8", "--test", "4", "--vary", "broker.fill_at=open,close"), "broker.fill_at: a book has it from its first session on"),
    ],
)
def test_windows_that_cannot_be_are_refused(
    arguments: tuple[str, ...], message: str, three_days: Home, grodt: Command, tmp_path: Path
) -> None:
    ended = grodt(three_days, "walk-forward", *RANGE, *arguments, "--out", str(tmp_path / "out"))
    assert ended.status == 2
    assert message in ended.err


def test_a_folder_of_something_else_is_not_written_over(three_days: Home, grodt: Command, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    ended = grodt(three_days, "sweep", *ONE, "--out", str(tmp_path))
    assert ended.status == 2
    assert "is there and holds no earlier results of this command" in ended.err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_home_without_bars_says_how_to_bring_them_in(empty: Home, grodt: Command) -> None:
    ended = grodt(empty, "sweep", *ONE)
    assert ended.status == 2
    assert "`grodt ingest --book small" in ended.err


@pytest.mark.long
def test_a_terminal_has_a_bar_with_the_time_left(three_days: Home, tmp_path: Path) -> None:
    command = " ".join(("sweep", *ONE, "--out", str(tmp_path / "out")))
    (screen,) = screens(three_days, 140, command)
    assert "runs" in screen
    assert "4/4" in screen
    assert "0:00:0" in screen
    assert "Report      " in screen


@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_ctrl_c_ends_every_process_and_leaves_nothing(how: signal.Signals, three_days: Home, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    many = ("--vary", "construction.history=" + ",".join(map(str, range(2, 402))), "--workers", "2", "--out", str(tmp_path / "out"))
    process = start(three_days, "sweep", *RANGE, *many, TMPDIR=str(folder))
    assert process.stderr is not None
    told = ""
    while "runs  " not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    process.send_signal(how)
    _, rest = process.communicate(timeout=300)
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "error: interrupted; nothing was written: run the same command again"
    assert "Traceback" not in rest
    psutil.wait_procs(children, timeout=300)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.part").exists()
