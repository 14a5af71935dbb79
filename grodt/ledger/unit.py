"""The ledger as one object: opening it, and its transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from grodt.errors import ConfigError
from grodt.ledger import audit, schema
from grodt.ledger.engine import Database, LedgerLocked, LedgerRefused, LedgerUnusable
from grodt.ledger.leases import Lease, require_current
from grodt.ledger.shape import is_as_left
from grodt.ledger.transaction import Read, Write

__all__ = ["Ledger", "LedgerLocked", "LedgerRefused", "LedgerUnusable", "Read", "Write"]

#: How long a writer waits for another before it gives up.
BUSY_SECONDS = 10.0
_POSTGRES = ("postgresql://", "postgres://")


class Ledger:
    """The book of record. Threads may share it; each transaction belongs to the thread that began it.

    Every fact enters by a function of this room that takes a `Write`; what they do in one transaction becomes visible
    together or not at all.

    Attributes:
        name: its file, or its URL without a password.
    """

    def __init__(self, database: Database) -> None:
        """For `open` alone."""
        self.name = database.name
        self._database = database
        audit.watch(database.writer)

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Self:
        """Open the ledger at a URL, making folder, file and tables as needed; a server's database must be there.

        Args:
            url: `sqlite:////absolute/path/ledger.db` or `postgresql://user@host/database`.
            busy_seconds: how long a writer waits for another.

        Raises:
            ConfigError: the URL is none we can open, or a newer GRODT wrote the ledger.
            LedgerUnusable: the database cannot be used, or is not a ledger.
        """
        ledger = cls(_postgres(url, busy_seconds) if url.startswith(_POSTGRES) else _sqlite(url, busy_seconds))
        try:
            ledger._bring_to_head()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @contextmanager
    def read(self) -> Iterator[Read]:
        """A read transaction over a connection that cannot write; it sees one instant and blocks nobody."""
        with self._database.reading() as connection:
            yield Read(connection)

    @contextmanager
    def write(self, lease: Lease | None = None) -> Iterator[Write]:
        """A write transaction: commits on a clean exit, rolls back on any exception.

        Args:
            lease: when given, the transaction begins by checking that it is still the current one.

        Raises:
            LeaseHeld: another has been given the lease since.
            LedgerLocked: another writer was busy for too long.
            LedgerUnusable: another GRODT has migrated it since.
        """
        with self._database.writing() as connection:
            tx = Write(connection)
            if (found := schema.version_of(connection)) != schema.HEAD:
                raise LedgerUnusable(
                    f"ledger {self.name} was brought to schema {found} since this process opened it, which writes schema {schema.HEAD}; "
                    "nothing was written: start it again with the GRODT that did so"
                )
            if lease is not None:
                require_current(tx, lease)
            with audit.chained(connection):
                yield tx

    def state(self) -> str:
        """A value that is another one once anything has been committed to the ledger, by whomever.

        Ask before reading: what is read then is of that state or a later one, so that what was made of it may be remembered for as long as
        the state is the same.

        Raises:
            LedgerUnusable: the ledger cannot be read.
        """
        return self._database.state()

    def copy_to(self, target: Path) -> None:
        """Copy a ledger that is in a file, as it is at one instant; nobody waits for it.

        Args:
            target: where nothing stands yet.

        Raises:
            ConfigError: it is on a server.
            LedgerUnusable: it is damaged, or the copy cannot be written; it may be half there.
        """
        self._database.copy_to(target)

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    def _bring_to_head(self) -> None:
        if not self._database.is_new():
            with self.read() as tx:  # the usual case, and it waits for no writer
                if schema.version(tx.connection) == schema.HEAD and is_as_left(tx.connection):
                    return
        with self._database.writing() as connection:
            if schema.version(connection) != schema.HEAD:
                schema.upgrade(connection, self.name)
            schema.require_expected(connection, self.name)


def _sqlite(url: str, busy_seconds: float) -> Database:
    from grodt.ledger.sqlite import open_sqlite

    return open_sqlite(url, busy_seconds)


def _postgres(url: str, busy_seconds: float) -> Database:
    try:
        from grodt.ledger.postgres import open_postgres
    except ImportError as error:
        raise ConfigError(f"a ledger on PostgreSQL needs its driver ({error.name}): uv sync --extra postgres") from error
    return open_postgres(url, busy_seconds)
