import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cycles.driver import Home
from tests.cycles.small_world import MON, TUE, WED, small_home
from tests.flows.commands import Command


@pytest.fixture(scope="session")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Three cycles of the small world that are done. Only to be read."""
    home = small_home(tmp_path_factory.mktemp("commands"))
    home.run(MON, TUE, WED)
    return home


@pytest.fixture
def home(three_days: Home, tmp_path: Path) -> Home:
    """The same, to be changed."""
    shutil.copytree(three_days.folder, tmp_path / "home")
    return replace(three_days, folder=tmp_path / "home")


@pytest.fixture
def empty(three_days: Home, tmp_path: Path) -> Home:
    """A home that nothing was run in, and whose folder is not there."""
    return replace(three_days, folder=tmp_path / "none")


@pytest.fixture
def grodt(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)
