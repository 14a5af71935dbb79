"""A cycle killed at every instant, and run again: ledger, lake and broker end as if nothing had happened."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cycles.driver import Home
from tests.cycles.processes import Processes
from tests.cycles.small_world import FRI, MON, TUE, WED, small_home
from tests.faults.homes import broken, copied, left_behind, life
from tests.faults.points import Undisturbed, killed_again, rerun, run_undisturbed, without_power

#: A process that is killed closes nothing; here it is an exception, and what it held is collected at some later time.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def started(folder: Path) -> Home:
    """The small world after three sessions: it holds shares, orders are open, a dividend is owed; the next session splits one."""
    home = small_home(folder / "started")
    with life():
        home.run(MON, TUE, WED)
    return home


@pytest.fixture(scope="module")
def friday(started: Home, folder: Path) -> Undisturbed:
    """Friday without a fault, and what a kill at each of its instants leaves behind."""
    return run_undisturbed(started, [FRI], folder)


def test_every_door_is_among_the_instants(friday: Undisturbed) -> None:
    doors = {" ".join(instant.split()[:2]) for left in friday.remains for instant in left.instants}
    assert doors >= {
        f"{moment} {door}" for moment in ("before", "after") for door in ("commit", "submit", "replace", "link", "fsync", "write")
    }
    assert "half write" in doors
    assert sum(len(left.instants) for left in friday.remains) == friday.instants > 250
    assert sum("before submit" in instant for left in friday.remains for instant in left.instants) == 5


@pytest.mark.long
def test_a_process_that_is_killed_leaves_what_was_copied(processes: Processes, started: Home, friday: Undisturbed, folder: Path) -> None:
    for left in random.Random(9).sample(friday.remains, 3):
        home = copied(started, folder / f"killed-{left.first}")
        assert processes.run(home, [FRI], instant=left.first) == -9
        assert left_behind(home) == left_behind(left.home), str(left)


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.long)])
def test_what_the_manifest_names_is_valid_after_a_loss_of_power_at_any_instant(friday: Undisturbed, folder: Path, stride: int) -> None:
    losing = [left for left in friday.remains if left.vanishing]
    assert len(losing) > 20
    for left in losing[::stride]:
        assert broken(without_power(left, folder / f"dark-{left.first}-{stride}"), recovered=False) == [], str(left)


@pytest.mark.long
def test_killed_again_during_the_recovery_it_ends_the_same(friday: Undisturbed, folder: Path) -> None:
    draw = random.Random(7)
    for left in draw.sample(friday.remains, 8):
        at = draw.random()
        assert killed_again(left, friday, at, folder / "again") == [], f"{left}; then at {at:.3f} of the recovery"


def test_killed_at_some_instants_and_run_again_it_ends_the_same(friday: Undisturbed, folder: Path) -> None:
    for left in random.Random(5).sample(friday.remains, 4):
        assert rerun(replace(left, home=copied(left.home, folder / f"again-{left.first}")), friday) == [], str(left)


@pytest.mark.long
def test_killed_at_any_instant_and_run_again_it_ends_the_same(friday: Undisturbed) -> None:
    for left in friday.remains:
        assert rerun(left, friday) == [], str(left)
