from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cycles.driver import Home
from tests.cycles.processes import Processes
from tests.cycles.small_world import WEEK, small_home


@pytest.fixture(scope="session")
def week(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The small world's week, run without a fault. Only to be read."""
    home = small_home(tmp_path_factory.mktemp("week"))
    home.run(*WEEK)
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home of the small world."""
    return small_home(tmp_path)


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    """Where other processes come from that run cycles, and that can be killed."""
    with Processes() as server:
        yield server
