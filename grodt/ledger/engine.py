"""The database that a ledger is in: its connections, and what their failures mean. `sqlite` and `postgres` make one each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from grodt.errors import GrodtError


class LedgerLocked(GrodtError):
    """Another writer held the ledger for longer than we wait. Nothing was written."""


class LedgerUnusable(GrodtError):
    """The ledger cannot be read or written: disk full, no permission, damaged, not there, or not a ledger at all."""


class LedgerRefused(GrodtError):
    """A write would have broken a rule that the ledger's tables keep themselves. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where a ledger is.

    Attributes:
        name: for people; it has no password.
        writer: every transaction of this engine holds the ledger's write lock from its start, and is durable when it has committed.
        reader: an engine that cannot write; each of its transactions sees one instant and waits for no writer.
        is_new: whether there is nothing yet, which reading would not make.
        state: a value that is another one once anything has been committed.
        release: closes what `state` asks over, if that is no engine's.
        meaning: ours for an error of the driver.
        copy_to: makes a file that is a copy of it as it is at one instant; ConfigError where it is in no file.
    """

    name: str
    writer: Engine
    reader: Engine
    is_new: Callable[[], bool]
    state: Callable[[], str]
    release: Callable[[], None]
    meaning: Callable[[DBAPIError], GrodtError]
    copy_to: Callable[[Path], None]

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A write transaction that commits on a clean exit and rolls back on any exception.

        Raises:
            LedgerLocked, LedgerUnusable, LedgerRefused: in place of the driver's own errors.
        """
        with self._transaction(self.writer) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read transaction.

        Raises:
            LedgerUnusable: in place of the driver's own errors.
        """
        with self._transaction(self.reader) as connection:
            yield connection

    def close(self) -> None:
        """Close every connection, the writer's last: SQLite then takes what was committed into the file itself."""
        self.release()
        self.reader.dispose()
        self.writer.dispose()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise self.meaning(error) from error


def locked(name: str, busy_seconds: float) -> LedgerLocked:
    """Another writer was busy for longer than we wait."""
    return LedgerLocked(
        f"ledger {name} was locked by another writer for {busy_seconds:g} s and nothing was written; "
        "let the other command finish, then run this again"
    )
