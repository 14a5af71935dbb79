import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grodt.ledger.unit import Ledger
from tests.desk.world import World, fill
from tests.ledger.world import open_ledger


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A ledger in which a basket waits for two people, and its hash. Only to be copied."""
    folder = tmp_path_factory.mktemp("desk")
    ledger = open_ledger(folder)
    found = fill(ledger)
    ledger.close()
    return folder / "ledger.db", found


@pytest.fixture
def basket(filled: tuple[Path, str]) -> str:
    """The hash of the basket that waits."""
    return filled[1]


@pytest.fixture(scope="session")
def still(filled: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world for tests that change nothing in it."""
    folder = tmp_path_factory.mktemp("still")
    shutil.copy(filled[0], folder / "ledger.db")
    ledger = open_ledger(folder)
    yield World(folder, ledger)
    ledger.close()


@pytest.fixture
def world(filled: tuple[Path, str], tmp_path: Path) -> Iterator[World]:
    shutil.copy(filled[0], tmp_path / "ledger.db")
    ledger: Ledger = open_ledger(tmp_path)
    yield World(tmp_path, ledger)
    ledger.close()
