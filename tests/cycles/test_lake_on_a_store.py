"""Cycles whose lake is in an object store: decided, exported and read as in a folder."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

import grodt
from grodt.lake.objects import open_store
from tests.cycles.driver import Home
from tests.cycles.small_world import MON, TUE, small_home
from tests.flows.commands import Command


@dataclass
class StoreHome(Home):
    """A home whose lake is at a URL."""

    url: str = ""

    @property
    def variables(self) -> dict[str, str]:
        return {**super().variables, "GRODT_LAKE": self.url}


@pytest.fixture(params=["memory", pytest.param("file", marks=pytest.mark.long)])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> StoreHome:
    plain = small_home(tmp_path / "stored")
    url = f"memory:///{tmp_path.name}" if request.param == "memory" else f"file://{tmp_path}/store"
    return StoreHome(plain.folder, plain.books, plain.book, plain.now, url=url)


def tables(home: Home) -> dict[str, pl.DataFrame]:
    with home.environment():
        names = ("bars_1d", "signals", "targets", "risk_checks", "orders", "positions", "equity")
        return {name: grodt.read(name) for name in names}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two sessions over a folder. Only to be read."""
    home = small_home(tmp_path_factory.mktemp("plain"))
    home.run(MON, TUE)
    return home


def test_a_week_on_a_store_is_the_week_in_a_folder(stored: StoreHome, plain: Home, capsys: pytest.CaptureFixture[str]) -> None:
    stored.run(MON, TUE)
    for name, rows in tables(plain).items():
        assert tables(stored)[name].equals(rows), name
        assert rows.height, name
    assert not (stored.folder / "lake").exists()
    names = {item["path"] for chunk in open_store(stored.url).list() for item in chunk}
    assert {name for name in names if not name.startswith("_history/")} == set(plain.files())

    command = Command(capsys)
    catalog = command(stored, "catalog")
    assert catalog.status == 0
    assert catalog.out == command(plain, "catalog").out
    verified = command(stored, "verify")
    assert verified.status == 0, verified.out
    victim = next(name for name in sorted(names) if name.startswith("bars_1d/"))
    open_store(stored.url).put(victim, b"not it")
    verified = command(stored, "verify")
    assert verified.status == 1
    assert victim in verified.out.replace("\n", "")
