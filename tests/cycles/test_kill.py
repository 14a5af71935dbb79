"""Killed anywhere, then run again: ledger, lake and broker end as if nothing had happened."""

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cycles.driver import Home
from tests.cycles.interrupted import Stop, stop_at
from tests.cycles.processes import Processes
from tests.cycles.small_world import FRI, MON, NEXT_MON, TUE, WED, WEEK

STAGES = ("open", "bars", "settle", "mark", "signals", "targets", "risk", "orders", "approve", "send", "report")


@pytest.fixture(scope="module")
def started(week: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The week's first three days. Only to be copied."""
    home = replace(week, folder=tmp_path_factory.mktemp("started") / "home")
    home.run(MON, TUE, WED)
    return home


@pytest.fixture(scope="module")
def two_days(started: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Where Friday and Monday lead without a fault."""
    home = _copy(started, tmp_path_factory.mktemp("two-days"))
    home.run(FRI, NEXT_MON)
    return home.facts()


def _copy(home: Home, folder: Path) -> Home:
    shutil.copytree(home.folder, folder / "home")
    return replace(home, folder=folder / "home")


def test_interrupted_at_each_stage_in_turn_and_in_each_recovery_it_ends_the_same(home: Home, week: Home) -> None:
    for session in WEEK:
        for stage in STAGES if session in (MON, FRI) else ("settle", "send"):
            with pytest.raises(Stop):
                home.run(session, watch=stop_at(stage))
        home.run(session)
    assert home.facts() == week.facts()


def test_an_attempt_that_was_interrupted_says_so(home: Home) -> None:
    with pytest.raises(Stop):
        home.run(MON, watch=stop_at("risk"))
    home.run(MON)
    assert home.sql("SELECT attempt, outcome, error FROM run_attempts") == [(1, "failed", "Stop: "), (2, "done", "")]
    assert home.sql("SELECT stage FROM stage_runs WHERE attempt = 1 AND stage IN ('targets', 'risk')") == [("targets",)]
    assert home.table("runs").select("attempts", "outcome").rows() == [(2, "done")]


@pytest.mark.parametrize("stage", ["bars", "send", "report"])
def test_killed_as_a_stage_starts_it_ends_the_same(
    processes: Processes, started: Home, two_days: dict[str, list[Any]], tmp_path: Path, stage: str
) -> None:
    home = _copy(started, tmp_path)
    assert processes.run(home, [FRI, NEXT_MON], stage=(FRI, stage)) == -9
    home.run(FRI, NEXT_MON)
    assert home.facts() == two_days
    outcomes = home.sql("SELECT outcome FROM run_attempts WHERE run_id = 'small-eod-2015-11-27' ORDER BY attempt")
    assert outcomes == [("lost",), ("done",)]


def test_a_process_of_its_own_does_the_same(processes: Processes, started: Home, two_days: dict[str, list[Any]], tmp_path: Path) -> None:
    home = _copy(started, tmp_path)
    assert processes.run(home, [FRI, NEXT_MON]) == 0
    assert home.facts() == two_days


@pytest.mark.parametrize("count", [4, pytest.param(400, marks=pytest.mark.slow)])
def test_killed_at_any_instant_it_ends_the_same(
    processes: Processes, started: Home, two_days: dict[str, list[Any]], tmp_path: Path, count: int
) -> None:
    instants = processes.effects(_copy(started, tmp_path / "counted"), [FRI, NEXT_MON])
    assert instants > 1000
    draw = random.Random(2015)
    for number in range(count):
        at = draw.randrange(instants - 20)  # threads make the count differ by a few
        again = draw.randrange(instants - 20) if number % 3 == 2 else None
        home = _copy(started, tmp_path / str(number))
        assert processes.run(home, [FRI, NEXT_MON], effect=at) == -9
        if again is not None:
            processes.run(home, [FRI, NEXT_MON], effect=again)  # may be over before it comes to that
        home.run(FRI, NEXT_MON)
        assert home.facts() == two_days, f"killed at effect {at} of {instants}, and again at {again}"
        shutil.rmtree(home.folder)


@pytest.mark.slow
def test_killed_by_the_clock_it_ends_the_same(processes: Processes, week: Home, tmp_path: Path) -> None:
    """Inside a commit or a write too. The instants are drawn from a seed, but what they hit depends on the machine."""
    expected = week.facts()
    draw = random.Random(7)
    for number in range(40):
        home = replace(week, folder=tmp_path / str(number))
        for _ in range(3):
            process = processes.start(home, WEEK)
            process.join(draw.uniform(0.05, 2.5))
            process.kill()
            process.join()
        home.run(*WEEK)
        assert home.facts() == expected, f"trial {number}"
        shutil.rmtree(home.folder)
