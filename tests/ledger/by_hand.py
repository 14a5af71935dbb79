"""Changing a ledger as somebody with a shell of the database would."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy import text

from grodt.ledger.unit import Ledger, Write


def forced(tx: Write, table: str, statement: str) -> None:
    """Run a statement inside a transaction, with the triggers that guard that table out of the way."""
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(text("SET LOCAL session_replication_role = replica"))
        tx.connection.execute(text(statement))
        tx.connection.execute(text("SET LOCAL session_replication_role = origin"))
    else:
        for act in ("update", "delete"):
            tx.connection.execute(text(f"DROP TRIGGER {table}_no_{act}"))
        tx.connection.execute(text(statement))


def by_hand(ledger: Ledger, *statements: str) -> None:
    """Run statements, each of which changes rows, with the triggers that guard facts out of the way."""
    if ledger.name.startswith("postgresql://"):
        with psycopg.connect(ledger.name) as server:
            server.execute("SET session_replication_role = replica")
            for statement in statements:
                assert server.execute(statement.encode()).rowcount > 0, statement
        return
    file_by_hand(ledger.name, *statements)


def file_by_hand(path: str | Path, *statements: str) -> None:
    """The same in the file of an SQLite ledger."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        for _, made in triggers:
            connection.execute(made)
        connection.commit()
