from pathlib import Path

import pytest

from grodt.lake import Lake
from tests.lake.shelves import KINDS, Shelf, lake_on, shelf_of
from tests.lake.world import MemoryManifest


@pytest.fixture
def manifest() -> MemoryManifest:
    return MemoryManifest()


@pytest.fixture(params=KINDS)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """A folder, a store in memory, a store of files."""
    return shelf_of(request.param, tmp_path)


@pytest.fixture
def shelved(shelf: Shelf, manifest: MemoryManifest) -> Lake:
    """A lake on each of them."""
    return lake_on(shelf, manifest)
