"""A cycle that withdraws entries which were carried over, and sells what they have filled, killed at its instants and run again."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cycles.bracket_world import WED
from tests.cycles.test_carried_entries import ENTRY, LESS, carried_home
from tests.faults.homes import copied, life
from tests.faults.legs import loose
from tests.faults.points import Undisturbed, killed_again, rerun, run_undisturbed

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module", params=["less than it has filled", "more, and less than it would bring"])
def wednesday(request: pytest.FixtureRequest, folder: Path) -> Undisturbed:
    """Wednesday without a fault."""
    with life():
        started = carried_home(folder / f"carried-{len(request.param)}", LESS[request.param])
    return run_undisturbed(started, [WED], folder / f"carried-on-wednesday-{len(request.param)}")


@pytest.mark.parametrize("kills", [6, pytest.param(25, marks=pytest.mark.long)])
def test_killed_while_an_entry_makes_way_and_run_again_it_ends_the_same(wednesday: Undisturbed, folder: Path, kills: int) -> None:
    assert any(ENTRY in each and f"small-eod-{WED}" in each for each in wednesday.facts["withdrawals"])
    late = [left for left in wednesday.remains if left.first > wednesday.instants // 2]  # decisions, cancels and sends
    for left in random.Random(13).sample(late, kills):
        home = copied(left.home, folder / f"carried-{left.first}-of-{kills}")
        assert loose(home) == [], str(left)
        assert rerun(replace(left, home=home), wednesday) == [], str(left)


@pytest.mark.long
def test_killed_again_during_the_recovery_it_ends_the_same(wednesday: Undisturbed) -> None:
    draw = random.Random(7)
    late = [left for left in wednesday.remains if left.first > wednesday.instants // 2]
    for left in draw.sample(late, 6):
        assert killed_again(left, wednesday, draw.random(), wednesday.remains[0].home.folder.parent / "again") == [], str(left)
