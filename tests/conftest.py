"""Shared by all tests: one Prefect server per session, started when the first test asks for it.

Prefect reads its settings when it is imported, so they are set here, before any test module is.
"""

import atexit
import gc
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import hypothesis
import pytest

import flows.server
from flows.prefect_home import apply_environment, prefect_home
from flows.server import PrefectServer, own_server
from tests.examples import examples
from tests.memory import memory
from tests.new_ledgers import made_at_once
from tests.postgres import PostgresServer, running_server
from tests.shared_statements import shared_statements

if "TMPDIR" not in os.environ and (_MEMORY := memory()) is not None:
    os.environ["TMPDIR"] = tempfile.tempdir = _MEMORY  # for child processes, and for us
_HOME = Path(tempfile.mkdtemp(prefix="grodt-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("PREFECT_", "GRODT_"))]:
    del os.environ[_name]
apply_environment(_HOME)

# A loaded machine is no finding. In CI the examples are the same each time; elsewhere they differ, and a failure prints how to repeat it.
hypothesis.settings.register_profile("grodt", examples(100, deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True))
hypothesis.settings.load_profile("grodt")


def pytest_collection_finish() -> None:
    """What is there before the first test stays to the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _light_ledgers() -> Iterator[None]:
    """New ledgers cost no migrations, and statements are compiled once; see `tests.new_ledgers` and `tests.shared_statements`."""
    with made_at_once(), shared_statements("pysqlite"):
        yield


@pytest.fixture(scope="session")
def prefect_server(pytestconfig: pytest.Config) -> Iterator[PrefectServer]:
    """A Prefect server that flows and tasks of this test session run against, without heartbeats.

    Its migrated database is kept as a template in pytest's cache, so that only the first session pays for the migrations.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    database = prefect_home(_HOME) / "prefect.db"
    template = _template(pytestconfig)
    database.parent.mkdir(parents=True, exist_ok=True)
    if template.exists():
        shutil.copy(template, database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows.server, "_RARE_FLUSH_SECONDS", "1")  # written when it comes, so that a test can read it while the server lives
        server = own_server(_HOME)
    with server:
        server.wait_ready()
        if not template.exists():
            _copy_database(database, template)
        with temporary_settings({PREFECT_API_URL: server.api_url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started for the first test that asks for it; the test is skipped where none is installed."""
    with running_server() as server:
        yield server


def _template(config: pytest.Config) -> Path:
    cache = getattr(config, "cache", None)  # absent under `-p no:cacheprovider`
    folder = cache.mkdir("prefect") if cache is not None else _HOME
    return folder / f"migrated-{version('prefect')}.db"


def _copy_database(source: Path, target: Path) -> None:
    temporary = target.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(temporary)) as copy:
        live.backup(copy)
    temporary.replace(target)
