"""A PostgreSQL server of the tests' own: Debian's, on a socket in a temporary folder, gone with the process that started it."""

import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from grodt.ledger.tables import metadata
from grodt.ledger.unit import Ledger

_PACKAGES = Path("/usr/lib/postgresql")
#: Nothing of it outlives a test run, so nothing is written for good.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "listen_addresses=", "max_connections=200")
_START_SECONDS = 60


@dataclass
class PostgresServer:
    """Where it listens."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _has_template: bool = False
    _ledger: Ledger | None = None
    _cleaner: psycopg.Connection[tuple[object, ...]] | None = None

    def url(self, database: str) -> str:
        """Of a database."""
        return f"postgresql://{_user()}@/{database}?host={self.folder}"

    def new_database(self, template: str = "template0", encoding: str = "UTF8") -> str:
        """The URL of a new database, a copy of the template."""
        name = f"d{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING '{encoding}'")
        return self.url(name)

    def new_ledger(self) -> str:
        """The URL of an empty ledger in a database of its own."""
        if not self._has_template:
            self._run("CREATE DATABASE ledger TEMPLATE template0")
            Ledger.open(self.url("ledger")).close()
            self._has_template = True
        return self.new_database("ledger")

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """An empty ledger, for a test that leaves its tables as they were: the same one again and again, emptied at the end."""
        if self._ledger is None:
            self._ledger = Ledger.open(self.new_ledger())
        try:
            yield self._ledger
        finally:
            self._empty(self._ledger.name)

    def close(self) -> None:
        """Close what is open here."""
        for each in (self._ledger, self._cleaner):
            if each is not None:
                each.close()

    def _empty(self, url: str) -> None:
        deleted = "".join(f"DELETE FROM {table.name}; " for table in metadata.tables.values())
        from_one = "PERFORM setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences; "
        if self._cleaner is None:
            self._cleaner = psycopg.connect(url, autocommit=True)
            self._cleaner.execute("SET session_replication_role = replica")  # no trigger fires
            self._cleaner.execute("SET lock_timeout = '10s'")
        self._cleaner.execute(f"DO $$ BEGIN {deleted}{from_one}END $$".encode())

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server, for as long as the block runs; skips the test where none is installed."""
    programs = sorted(_PACKAGES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].split(".")[0]))
    if not programs:
        pytest.skip(f"no PostgreSQL below {_PACKAGES}: apt-get install postgresql")
    programs_folder = programs[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="grodt-postgres-"))
    if os.geteuid() == 0:  # which the server refuses to run as
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    made = [programs_folder / "initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    subprocess.run([*_as_itself(), *made], check=True, capture_output=True, cwd=folder)
    settings = [word for each in (*_FAST, f"unix_socket_directories={folder}") for word in ("-c", each)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*_as_itself(), programs_folder / "postgres", "-D", data, *settings], stdout=log, stderr=log, cwd=folder)
    server = PostgresServer(folder)
    try:
        _wait(server, process)
        yield server
    finally:
        server.close()
        process.send_signal(3)  # SIGQUIT: at once
        process.wait()
        shutil.rmtree(folder)


def _as_itself() -> list[str]:
    """As the package's own user where we are root; the server ends with us in any case."""
    to_user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", "--pdeathsig=QUIT", *to_user]


def _user() -> str:
    import getpass

    return "postgres" if os.geteuid() == 0 else getpass.getuser()


def _wait(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(server.url("postgres")).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start: {(server.folder / 'log').read_text()}")
            time.sleep(0.02)
        else:
            return
