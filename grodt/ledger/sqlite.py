"""A ledger in an SQLite file: how its connections are set up, and what their failures mean."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError

from grodt.errors import ConfigError, GrodtError
from grodt.ledger.engine import Database, LedgerRefused, LedgerUnusable, locked

PREFIX = "sqlite:///"
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
#: Switching a new file to WAL needs it alone, and SQLite does not wait for that by itself.
_WAL_PAUSE_SECONDS = 0.02
#: Pages that a writer keeps in memory. SQLite's own 2 MB are less than what a basket of thousands of orders touches, again and again.
_CACHE_KIB = 65_536


def open_sqlite(url: str, busy_seconds: float) -> Database:
    """The database in the file that a URL names; its folder is made.

    Raises:
        ConfigError: the URL names no file.
        LedgerUnusable: the path is a folder, or its own cannot be made.
    """
    text = url.removeprefix(PREFIX)
    if text == url or not text or text == ":memory:":
        raise ConfigError(f"ledger URL {url!r} names no SQLite file; write it as sqlite:////absolute/path/ledger.db")
    path = Path(text).absolute()
    if path.is_dir():
        raise LedgerUnusable(f"ledger {path} is a folder; name a file in it, such as {path / 'ledger.db'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerUnusable(f"folder of ledger {path} cannot be made: {error.strerror}; check its path and permissions") from error
    watch = _Watch(path, busy_seconds)
    return Database(
        name=str(path),
        writer=_writing_engine(path, busy_seconds),
        reader=_reading_engine(path, busy_seconds),
        is_new=lambda: not path.exists(),
        state=watch.state,
        release=watch.close,
        meaning=partial(_meaning, name=str(path), busy_seconds=busy_seconds),
        copy_to=partial(copy_file, path, busy_seconds=busy_seconds),
    )


def copy_file(path: Path, target: Path, *, busy_seconds: float) -> None:
    """A whole copy of an SQLite file as it is at one instant, while others may go on writing it; synced, and looked through for damage.

    Args:
        path: the file.
        target: where nothing stands yet.
        busy_seconds: how long another one that has the file to itself is waited for.

    Raises:
        LedgerUnusable: it cannot be read, the copy cannot be written, or what was copied is damaged; the copy may be half there.
    """
    try:
        with closing(_reading_connection(path, busy_seconds)) as live, closing(sqlite3.connect(target, isolation_level=None)) as copy:
            live.backup(copy)  # all pages in one step, so of one instant
            copy.execute("PRAGMA journal_mode=DELETE")  # nothing beside the file
            damage = [str(row[0]) for row in copy.execute("PRAGMA integrity_check(1)") if row[0] != "ok"]
    except sqlite3.Error as error:
        raise LedgerUnusable(f"{path} could not be copied to {target}: {error}; check the disk, then run this again") from error
    if damage:
        raise LedgerUnusable(f"{path} is damaged: {damage[0]}; restore the latest backup")


class _Watch:
    """Asks an SQLite file whether anything was committed, in microseconds: over one connection, whose count says it."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        """The file is opened when it is asked for the first time."""
        self._path, self._busy_seconds = path, busy_seconds
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None

    def state(self) -> str:
        """A count that grows with each commit of another connection."""
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = _reading_connection(self._path, self._busy_seconds)
                (count,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise LedgerUnusable(f"ledger {self._path}: {error}; check the disk, then run this again") from error
        return str(count)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _writing_engine(path: Path, busy_seconds: float) -> Engine:
    """An engine whose every transaction is `BEGIN IMMEDIATE`, durable at commit (WAL, `synchronous=FULL`)."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        with _closed_on_failure(connection):
            _switch_to_wal(connection, busy_seconds)
            for pragma in ("synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", f"cache_size={-_CACHE_KIB}"):
                connection.execute(f"PRAGMA {pragma}")
        return connection

    return _engine(connect, "BEGIN IMMEDIATE")


def _reading_engine(path: Path, busy_seconds: float) -> Engine:
    """An engine that cannot write."""
    return _engine(partial(_reading_connection, path, busy_seconds), "BEGIN")


def _reading_connection(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """A connection that cannot write: the file is opened `mode=ro`."""
    address = f"file:{quote(str(path))}?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _engine(connect: Callable[[], sqlite3.Connection], begin: str) -> Engine:
    # The URL only names the dialect: the file is opened by `connect`, so that no character of its path needs escaping.
    engine = create_engine("sqlite+pysqlite:///ledger", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


@contextmanager
def _closed_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error:
        connection.close()
        raise


def _switch_to_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)
        else:
            if mode != "wal":
                raise sqlite3.OperationalError(f"its folder's file system has no shared memory, so the journal stays {mode!r}")
            return


def is_undecodable(cause: BaseException | None) -> bool:
    """Whether the driver found a text that is no UTF-8: SQLite itself takes any, and has no number for that error."""
    return isinstance(cause, sqlite3.OperationalError) and not hasattr(cause, "sqlite_errorcode")


def _meaning(error: DBAPIError, name: str, busy_seconds: float) -> GrodtError:
    cause = error.orig
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return locked(name, busy_seconds)
    if isinstance(error, IntegrityError):
        return LedgerRefused(f"ledger {name} refused a write, and nothing was written: {cause}")
    if is_undecodable(cause):
        return LedgerUnusable(f"ledger {name}: {cause}; it is damaged: `grodt verify` names the row")
    advice = {
        sqlite3.SQLITE_FULL: "the disk is full: free some space, then run this again",
        sqlite3.SQLITE_READONLY: "it may not be written: check the owner and permissions of the file and its folder",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that the path is right and may be written",
        sqlite3.SQLITE_NOTADB: "it is not a ledger: move the file away or point GRODT_HOME elsewhere",
        sqlite3.SQLITE_CORRUPT: "it is damaged: restore the latest backup",
    }.get(code, "check the disk, then run this again")
    return LedgerUnusable(f"ledger {name}: {cause}; {advice}")
