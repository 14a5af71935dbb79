"""A ledger in a PostgreSQL database: how its connections are set up, and what their failures mean.

Writers take turns by an advisory lock that they hold from the start of their transaction to its end, which is what SQLite's
`BEGIN IMMEDIATE` does; so nothing that reads before it writes can be overtaken, and running numbers follow the order of commits.
They read committed: the snapshot of a stricter level would be taken before the lock is theirs, and miss what its last holder wrote.
Readers have one snapshot for a whole transaction, and cannot write.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from grodt.errors import ConfigError, GrodtError
from grodt.ledger.engine import Database, LedgerRefused, LedgerUnusable, locked

#: Number of the advisory lock, one per database: "GRDT" in ASCII.
_LOCK = f"SELECT pg_advisory_xact_lock({0x47524454})"
#: What a URL may change, and a server that is silent for this long is given up.
_DEFAULTS: dict[str, Any] = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
#: Of a client that vanished, the server notices after as long, and frees its lock.
_KEEPALIVES = ("SET tcp_keepalives_idle = 30", "SET tcp_keepalives_interval = 10", "SET tcp_keepalives_count = 3")
_AWAY = "the server is not reached, or went away: check that it runs and that GRODT_LEDGER is right, then run this again"
#: By SQLSTATE, or its class.
_ADVICE = {
    "25006": "it may not be written here: this is a reading connection, or a standby server",
    "42501": "it may not be written by this user: grant the rights, or name another user in the URL",
    "53100": "the server's disk is full: free some space, then run this again",
    "08": _AWAY,
    "57": _AWAY,
}


def open_postgres(url: str, busy_seconds: float) -> Database:
    """The database that a URL of libpq names: `postgresql://user@host/ledger`.

    Raises:
        ConfigError: it is no such URL, or it names no database.
    """
    try:
        told = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        problem = str(error).strip()
        raise ConfigError(f"ledger URL is none of PostgreSQL's: {problem}; write it as postgresql://user@host/database") from None
    if not told.get("dbname"):
        raise ConfigError("ledger URL names no database; write it as postgresql://user@host/database")
    place = _DEFAULTS | told
    name = _without_password(told)
    reader = _engine(partial(_reading_connection, place), None)
    meaning = partial(_meaning, name=name, busy_seconds=busy_seconds)
    return Database(
        name=name,
        writer=_engine(partial(_writing_connection, place, busy_seconds), _LOCK),
        reader=reader,
        is_new=lambda: False,
        state=partial(_state, reader, meaning),
        release=lambda: None,
        meaning=meaning,
        copy_to=partial(_no_file, name),
    )


def _no_file(name: str, target: Path) -> None:
    """A server's database is in no file.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(f"ledger {name} is on a server and cannot be copied to {target}: back it up with pg_dump (docs/ledger.md)")


def _state(reader: Engine, meaning: Callable[[DBAPIError], GrodtError]) -> str:
    """Which transactions are over, as the server has them: the whole snapshot, since a commit changes no other part of it for sure."""
    try:
        with reader.begin() as connection:
            return str(connection.exec_driver_sql("SELECT CAST(pg_current_snapshot() AS text)").scalar_one())
    except DBAPIError as error:
        raise meaning(error) from error


def _without_password(told: dict[str, Any]) -> str:
    """The URL, which opens the same database for whoever needs no password in it."""
    host, port = str(told.get("host", "")), f":{told['port']}" if "port" in told else ""
    user = f"{told['user']}@" if "user" in told else ""
    of_socket = f"?host={host}" if host.startswith("/") else ""
    return f"postgresql://{user}{'' if of_socket else host}{port}/{told['dbname']}{of_socket}"


def _engine(connect: Callable[[], psycopg.Connection[Any]], begin: str | None) -> Engine:
    # The URL only names the dialect. Parameters by place are what the audit chain reads statements by.
    engine = create_engine(
        "postgresql+psycopg://", creator=connect, poolclass=QueuePool, paramstyle="format", use_native_hstore=False, pool_pre_ping=True
    )
    if begin is not None:

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

    return engine


def _writing_connection(place: dict[str, Any], busy_seconds: float) -> psycopg.Connection[Any]:
    connection = _connection(place)
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    settings = [f"SET lock_timeout = {max(1, round(busy_seconds * 1000))}", *_KEEPALIVES]
    # Some servers acknowledge a commit before it is on disk.
    settings.append("SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')")
    for each in settings:
        connection.execute(each)
    connection.commit()
    return connection


def _reading_connection(place: dict[str, Any]) -> psycopg.Connection[Any]:
    connection = _connection(place)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection


def _connection(place: dict[str, Any]) -> psycopg.Connection[Any]:
    connection = psycopg.connect(**place, client_encoding="utf8", application_name="grodt")
    connection.adapters.register_loader("numeric", _WholeNumber)
    return connection


class _WholeNumber(Loader):
    """Sums of 64-bit integers come as `numeric`, and no column of the ledger is one."""

    def load(self, data: Buffer) -> int:
        """To an int; a fraction is an error."""
        return int(bytes(data))


def _meaning(error: DBAPIError, name: str, busy_seconds: float) -> GrodtError:
    cause = error.orig
    code = getattr(cause, "sqlstate", None) or ""
    text = " ".join(str(cause).split())
    if code == "55P03":
        return locked(name, busy_seconds)
    if code[:2] in ("22", "23"):  # data that does not fit, and broken constraints
        return LedgerRefused(f"ledger {name} refused a write, and nothing was written: {text}")
    advice = _ADVICE.get(code) or _ADVICE.get(code[:2], "check the server's log, then run this again")
    if not code and isinstance(error, OperationalError | InterfaceError):
        advice = _AWAY
    return LedgerUnusable(f"ledger {name}: {text}; {advice}")
