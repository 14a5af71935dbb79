"""A ledger per test: an SQLite file copied from one that is migrated once, or a PostgreSQL database emptied after the test before."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from grodt.ledger.evidence import record_checks
from grodt.ledger.fills import record_fill
from grodt.ledger.manifest import commit_files
from grodt.ledger.postings import deposit_entry, post, record_settlement
from grodt.ledger.unit import Ledger, Write
from grodt.money import micros
from tests.ledger.by_hand import by_hand
from tests.ledger.facts import checks, lake_file
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION, fill, open_ledger, order, sent
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a new ledger."""
    folder = tmp_path_factory.mktemp("migrated")
    open_ledger(folder).close()
    return folder / "ledger.db"


@pytest.fixture
def ledger_file(migrated: Path, tmp_path: Path) -> Path:
    """A new ledger's file."""
    return Path(shutil.copy(migrated, tmp_path / "ledger.db"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have each test of a ledger run against both databases; properties against PostgreSQL among the slow ones."""
    if "database" in metafunc.fixturenames:
        marks = [pytest.mark.slow] if getattr(metafunc.function, "is_hypothesis_test", False) else []
        metafunc.parametrize("database", ["sqlite", pytest.param("postgresql", marks=marks)])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test with many cases the first is run against PostgreSQL at once; the others are among the long ones."""
    first: set[tuple[object, ...]] = set()
    for item in items:
        case = getattr(item, "callspec", None)
        if case is None or case.params.get("database") != "postgresql":
            continue
        test = (item.parent, getattr(item, "originalname", None))
        if test in first:
            item.add_marker(pytest.mark.long)
        first.add(test)


@pytest.fixture
def ledger(database: str, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """A new ledger, for a test that leaves its tables as they are made."""
    if database == "sqlite":
        with closing(Ledger.open(f"sqlite:///{request.getfixturevalue('ledger_file')}")) as opened:
            yield opened
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.ledger() as opened:
            yield opened


@pytest.fixture
def own_ledger(database: str, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """A new ledger that is thrown away, for a test that alters its tables."""
    if database == "sqlite":
        url = f"sqlite:///{request.getfixturevalue('ledger_file')}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_ledger()
    with closing(Ledger.open(url)) as opened:
        yield opened


@pytest.fixture
def tx(ledger: Ledger) -> Iterator[Write]:
    """A write transaction of a new ledger."""
    with ledger.write() as transaction:
        yield transaction


@pytest.fixture
def traded(ledger: Ledger) -> Ledger:
    """A book that bought two symbols in parts and settled; decided on version 1 of the lake."""
    with ledger.write() as tx:
        commit_files(tx, [replace(lake_file(), known_at=NOW - MINUTE)], NOW - MINUTE)
        post(tx, deposit_entry(BOOK, micros(100_000), "USD", SESSION), "run", NOW)
        first, second = order("AAPL"), order("MSFT")
        run = sent(tx, [first, second])
        record_checks(tx, checks(run.run_id).with_columns(scope=pl.lit("order")), 1)
        for each in (fill(first, 1, 60), fill(first, 2, 40), fill(second, 1, 30)):
            record_fill(tx, each, BOOK, run.run_id, NOW)
        record_settlement(tx, BOOK, NEXT, run.run_id, NOW)
    by_hand(ledger, "UPDATE runs SET snapshot_version = 1, snapshot_digest = 'd'")
    return ledger
