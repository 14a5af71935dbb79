"""The ledger as one object: opening it, and its transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from grodt.errors import ConfigError
from grodt.ledger import audit, schema
from grodt.ledger.engine import LedgerLocked, LedgerRefused, LedgerUnusable, reading_engine, transaction, writing_engine
from grodt.ledger.leases import Lease, require_current
from grodt.ledger.transaction import Read, Write

__all__ = ["Ledger", "LedgerLocked", "LedgerRefused", "LedgerUnusable", "Read", "Write"]

_PREFIX = "sqlite:///"
#: How long a writer waits for another before it gives up.
BUSY_SECONDS = 10.0


class Ledger:
    """The book of record. Threads may share it; each transaction belongs to the thread that began it.

    Every fact enters by a function of this room that takes a `Write`; what they do in one transaction becomes visible
    together or not at all.

    Attributes:
        path: its file.
    """

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        """For `open` alone."""
        self.path = path
        self._busy_seconds = busy_seconds
        self._writer = writing_engine(path, busy_seconds)
        audit.watch(self._writer)
        self._reader = reading_engine(path, busy_seconds)

    @classmethod
    def open(cls, url: str, *, busy_seconds: float = BUSY_SECONDS) -> Self:
        """Open the ledger at a URL, making folder, file and tables as needed.

        Args:
            url: `sqlite:////absolute/path/ledger.db`.
            busy_seconds: how long a writer waits for another.

        Raises:
            ConfigError: the URL is none we can open, or a newer GRODT wrote the file.
            LedgerUnusable: the file cannot be used, or is not a ledger.
        """
        path = _file_of(url)
        if path.is_dir():
            raise LedgerUnusable(f"ledger {path} is a folder; name a file in it, such as {path / 'ledger.db'}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerUnusable(f"folder of ledger {path} cannot be made: {error.strerror}; check its path and permissions") from error
        ledger = cls(path, busy_seconds)
        try:
            ledger._bring_to_head()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @contextmanager
    def read(self) -> Iterator[Read]:
        """A read transaction over a connection that cannot write; it sees one instant and blocks nobody."""
        with transaction(self._reader, self.path, self._busy_seconds) as connection:
            yield Read(connection)

    @contextmanager
    def write(self, lease: Lease | None = None) -> Iterator[Write]:
        """A write transaction: commits on a clean exit, rolls back on any exception.

        Args:
            lease: when given, the transaction begins by checking that it is still the current one.

        Raises:
            LeaseHeld: another has been given the lease since.
            LedgerLocked: another writer was busy for too long.
        """
        with transaction(self._writer, self.path, self._busy_seconds) as connection:
            tx = Write(connection)
            if lease is not None:
                require_current(tx, lease)
            with audit.chained(connection):
                yield tx

    def close(self) -> None:
        """Close its connections."""
        self._reader.dispose()
        self._writer.dispose()

    def _bring_to_head(self) -> None:
        if self.path.exists():
            with self.read() as tx:  # the usual case, and it waits for no writer
                if schema.version(tx.connection) == schema.HEAD:
                    schema.require_expected(tx.connection, self.path)
                    return
        with transaction(self._writer, self.path, self._busy_seconds) as connection:
            if schema.version(connection) != schema.HEAD:
                schema.upgrade(connection, self.path)
            schema.require_expected(connection, self.path)


def _file_of(url: str) -> Path:
    text = url.removeprefix(_PREFIX)
    if text == url or not text or text == ":memory:":
        raise ConfigError(f"ledger URL {url!r} names no SQLite file; write it as sqlite:////absolute/path/ledger.db")
    return Path(text).absolute()
