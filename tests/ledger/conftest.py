"""A real SQLite file per test, copied from one that is migrated once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grodt.ledger.unit import Ledger, Write
from tests.ledger.world import open_ledger


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a new ledger."""
    folder = tmp_path_factory.mktemp("migrated")
    open_ledger(folder).close()
    return folder / "ledger.db"


@pytest.fixture
def ledger(migrated: Path, tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    shutil.copy(migrated, tmp_path / "ledger.db")
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def tx(ledger: Ledger) -> Iterator[Write]:
    """A write transaction of a new ledger."""
    with ledger.write() as transaction:
        yield transaction
