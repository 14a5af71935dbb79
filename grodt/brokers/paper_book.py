"""The paper broker's own file: its tables, and how it is opened. SQLite through the standard library, apart from the ledger."""

import sqlite3
from pathlib import Path
from types import TracebackType

from grodt.errors import BrokerUnavailable, ConfigError, DataError
from grodt.money import Micros

#: 2: orders fill in parts, over several sessions. 3: orders have a price. 4: stops remember that they triggered, orders may be legs.
#: 5: legs may go out with the order whose shares they close.
SCHEMA_VERSION = 5

_ORDERS = """(
    number INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL UNIQUE,
    session TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    reference_price INTEGER NOT NULL,
    order_type TEXT NOT NULL,
    time_in_force TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('accepted', 'partially_filled', 'filled', 'cancelled', 'expired', 'rejected')),
    filled_quantity INTEGER NOT NULL CHECK (filled_quantity BETWEEN 0 AND quantity),
    executions INTEGER NOT NULL DEFAULT 0 CHECK (executions >= 0),
    reason TEXT NOT NULL,
    price INTEGER,
    triggered INTEGER NOT NULL DEFAULT 0 CHECK (triggered IN (0, 1)),
    role TEXT NOT NULL DEFAULT '',
    other TEXT NOT NULL DEFAULT '',
    entry TEXT NOT NULL DEFAULT '',
    CHECK ((state = 'filled') = (filled_quantity = quantity)),
    CHECK (state <> 'partially_filled' OR filled_quantity > 0)
) STRICT"""
_OPEN_ORDERS = "CREATE INDEX open_orders ON orders (symbol) WHERE state IN ('accepted', 'partially_filled')"
#: A file of before gets it when it is opened.
_FILLS_BY_SESSION = "CREATE INDEX IF NOT EXISTS fills_by_session ON fills (session)"
#: Sessions in which orders for the day work: bars played so far, and whether the session is over. A file of before gets it likewise.
_DAYS = """CREATE TABLE IF NOT EXISTS days (
    session TEXT PRIMARY KEY NOT NULL,
    played_until TEXT NOT NULL,
    ended INTEGER NOT NULL CHECK (ended IN (0, 1))
) STRICT, WITHOUT ROWID"""
#: From when orders work that do not at once.
_STARTS = """CREATE TABLE IF NOT EXISTS starts (
    client_order_id TEXT PRIMARY KEY NOT NULL REFERENCES orders (client_order_id),
    works_from TEXT NOT NULL
) STRICT, WITHOUT ROWID"""
#: Money in micros, instants as ISO text in UTC, sessions as ISO dates.
_SCHEMA = f"""
CREATE TABLE account (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    book TEXT NOT NULL,
    initial_cash INTEGER NOT NULL,
    cash INTEGER NOT NULL,
    reserved INTEGER NOT NULL  -- open buys less open sells at their reference prices
) STRICT;
CREATE TABLE sessions (
    session TEXT PRIMARY KEY NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE positions (
    symbol TEXT PRIMARY KEY NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity <> 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE orders {_ORDERS};
{_OPEN_ORDERS};
CREATE TABLE fills (
    number INTEGER PRIMARY KEY,
    execution_id TEXT NOT NULL UNIQUE,
    client_order_id TEXT NOT NULL REFERENCES orders (client_order_id),
    symbol TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    price INTEGER NOT NULL CHECK (price > 0),
    commission INTEGER NOT NULL CHECK (commission >= 0),
    session TEXT NOT NULL,
    filled_at TEXT NOT NULL
) STRICT;
CREATE TABLE payments (  -- dividends owed and not yet paid
    symbol TEXT NOT NULL,
    ex_date TEXT NOT NULL,
    due TEXT NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (symbol, ex_date)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
"""
#: From version 1, where an order filled whole or not at all. SQLite cannot alter a CHECK, so the table is made anew, in the order of steps
#: of https://www.sqlite.org/lang_altertable.html; a process of the old version that has the file open goes on with it.
_FROM_1 = f"""
CREATE TABLE orders_2 {_ORDERS};
INSERT INTO orders_2 (number, client_order_id, session, symbol, side, quantity, reference_price, order_type, time_in_force, state,
    filled_quantity, executions, reason)
SELECT number, client_order_id, session, symbol, side, quantity, reference_price, order_type, time_in_force, state,
    filled_quantity, filled_quantity > 0, reason
FROM orders;
DROP TABLE orders;
ALTER TABLE orders_2 RENAME TO orders;
{_OPEN_ORDERS};
PRAGMA user_version = {SCHEMA_VERSION};
"""
#: From version 4, where legs were for what was held.
_FROM_4 = f"""
ALTER TABLE orders ADD COLUMN entry TEXT NOT NULL DEFAULT '';
PRAGMA user_version = {SCHEMA_VERSION};
"""
#: From version 3, where a stop that had not filled was as if it had never triggered, and no order was a leg.
_FROM_3 = f"""
ALTER TABLE orders ADD COLUMN triggered INTEGER NOT NULL DEFAULT 0 CHECK (triggered IN (0, 1));
ALTER TABLE orders ADD COLUMN role TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN other TEXT NOT NULL DEFAULT '';{_FROM_4}"""
#: From version 2, where no order had a price.
_FROM_2 = f"""
ALTER TABLE orders ADD COLUMN price INTEGER;{_FROM_3}"""
_EARLIER = {1: _FROM_1, 2: _FROM_2, 3: _FROM_3, 4: _FROM_4}


def open_book(path: Path, book: str, initial_cash: Micros, busy_seconds: float) -> sqlite3.Connection:
    """The file's connection. It is made, with its opening cash, where there is none, and one of an earlier version is brought up to this.

    Durable across power loss (WAL, synchronous FULL). A lock held by another process is waited for `busy_seconds`.

    Raises:
        ConfigError: the file belongs to another book.
        DataError: the file is no paper broker's file, or one of another version.
        BrokerUnavailable: it is locked, or the disk refuses.
    """
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA page_size = 1024")  # of a new file: an order changes four pages, each written at its commit
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = OFF")  # while a table that others refer to is made anew
            with immediate(connection):
                version = int(connection.execute("PRAGMA user_version").fetchone()[0])
                if version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    _execute(connection, _SCHEMA)
                    connection.execute("INSERT INTO account VALUES (1, ?, ?, ?, 0)", (book, initial_cash, initial_cash))
                    version = SCHEMA_VERSION
                if version not in (*_EARLIER, SCHEMA_VERSION):
                    raise DataError(f"{path} is not a paper broker's file of version {SCHEMA_VERSION} (found {version}); move it away")
                owner = str(connection.execute("SELECT book FROM account").fetchone()[0])
                if owner != book:
                    raise ConfigError(f"paper broker file {path} belongs to book {owner!r}, not {book!r}; give each book its own file")
                if version in _EARLIER:
                    _execute(connection, _EARLIER[version])
                connection.execute(_FILLS_BY_SESSION)
                connection.execute(_DAYS)
                connection.execute(_STARTS)
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def _execute(connection: sqlite3.Connection, script: str) -> None:
    """Its statements, in the transaction that is open; `executescript` would commit it."""
    for statement in script.split(";\n"):
        connection.execute(statement)


# Two classes and not two generators: each order of a basket enters both, and a generator's context costs three times as much.


class translated:  # noqa: N801
    """SQLite's and the disk's errors as ours."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        """Of the file at a path."""
        self._path = path

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Raise ours.

        Raises:
            BrokerUnavailable, DataError: in place of what was raised.
        """
        if isinstance(error, sqlite3.OperationalError | OSError):
            said = f"paper broker file {self._path}: {error}; check that the disk has room and no one locks it"
            raise BrokerUnavailable(said) from error
        if isinstance(error, sqlite3.IntegrityError | OverflowError):
            raise DataError(f"paper broker file {self._path} refuses the change: {error}") from error
        if isinstance(error, sqlite3.DatabaseError):
            raise DataError(f"paper broker file {self._path} cannot be read: {error}; restore it from a backup") from error


class immediate:  # noqa: N801
    """One write transaction: committed on a clean exit, rolled back on any exception."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Over a connection that has none."""
        self._connection = connection

    def __enter__(self) -> None:
        """Begin."""
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Commit, or roll back."""
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
