"""A desk per test, over copies of one empty ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from grodt.ledger.unit import Ledger
from tests.execution.desk import Desk


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger's file, made once."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    Ledger.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def desk(tmp_path: Path, template: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path / "desk", template=template)
    yield opened
    opened.close()
