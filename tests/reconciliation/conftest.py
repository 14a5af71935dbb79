"""A desk per test, over copies of one empty ledger in an SQLite file, and over one of PostgreSQL that is emptied after it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from grodt.ledger.unit import Ledger
from tests.execution.desk import Desk
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger's file, made once."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    Ledger.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def desk(request: pytest.FixtureRequest, tmp_path: Path, template: Path) -> Iterator[Desk]:
    if request.param == "sqlite":
        with closing(Desk(tmp_path / "desk", template=template)) as opened:
            yield opened
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.ledger() as ledger, closing(Desk(tmp_path / "desk", ledger_url=ledger.name)) as opened:
        yield opened
