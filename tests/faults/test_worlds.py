"""Random worlds: whatever fails, the invariants hold after every attempt, and the end is that of the world without faults.

`uv run python -m tests.faults --seeds 500` is part of CI; a few are lived here, so that a change that breaks them is seen at once.
"""

from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.alpaca_worlds import AlpacaScenes
from tests.faults.scenes import Scenes
from tests.faults.worlds import World, live

#: A process that is killed closes nothing; here it is an exception, and what it held is collected at some later time.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def scenes(folder: Path) -> Scenes:
    """Weeks without faults: orders filled whole, in parts, and with borrowed shares."""
    return Scenes(folder / "scenes")


@pytest.mark.long
def test_worlds_of_seeds_end_as_they_would_without_faults(scenes: Scenes, folder: Path) -> None:
    worlds = [live(seed, scenes, folder / "worlds", among=range(3)) for seed in range(8)]
    assert [str(world) for world in worlds if world.wrong] == []


@pytest.mark.parametrize("seeds", [1, pytest.param(4, marks=pytest.mark.long)])
def test_worlds_with_brackets_end_as_they_would_without_faults(scenes: Scenes, folder: Path, seeds: int) -> None:
    worlds = [live(seed, scenes, folder / "worlds", among=[scenes.scripts]) for seed in range(seeds)]
    assert [str(world) for world in worlds if world.wrong] == []
    assert sum(sum(world.befell.values()) for world in worlds) > seeds


@pytest.mark.long
def test_worlds_at_alpaca_end_as_they_would_without_faults(folder: Path) -> None:
    with closing(AlpacaScenes(folder / "alpaca")) as scenes:
        worlds = [live(seed, scenes, folder / "worlds-at-alpaca", among=range(1)) for seed in range(5)]
    assert [str(world) for world in worlds if world.wrong] == []
    assert sum(kind.startswith(("order ", "question ")) for world in worlds for kind in world.befell) > 5


def test_a_seed_makes_one_world(scenes: Scenes, folder: Path) -> None:
    courses: list[World] = [live(7, scenes, folder / "worlds", among=range(3)) for _ in range(2)]
    assert courses[0].told == courses[1].told
