"""New ledgers without their migrations: these are run once in a process, and what they made is made again statement by statement.

The migrations cost as much as a whole cycle. Everything else about a new ledger is as ever: the one transaction, the look at what it has
made, and a ledger that is not new is brought to the schema by Alembic.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from sqlalchemy import Connection

from grodt.ledger import catalogue, schema
from grodt.ledger.unit import Ledger

_migrate = schema.upgrade


@contextmanager
def made_at_once() -> Iterator[None]:
    """While the block runs, SQLite ledgers that are new are made so."""
    with patch.object(schema, "upgrade", _upgrade):
        yield


def _upgrade(connection: Connection, name: str) -> None:
    if not catalogue.is_sqlite(connection) or catalogue.has_anything(connection):
        _migrate(connection, name)
        return
    cursor = connection.connection.cursor()
    for statement in _made(schema.HEAD):
        cursor.execute(statement)
    cursor.close()


@cache
def _made(_head: str) -> tuple[str, ...]:
    """What the migrations up to that one, which is the newest while it is asked, make, as SQL."""
    with TemporaryDirectory(prefix="grodt-ledger-") as folder, patch.object(schema, "upgrade", _migrate):
        file = Path(folder) / "ledger.db"
        Ledger.open(f"sqlite:///{file}").close()
        with closing(sqlite3.connect(file)) as connection:
            ((found_good,),) = connection.execute("PRAGMA user_version")
            made = [line for line in connection.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;")]
            return (*made, f"PRAGMA user_version = {found_good}")
