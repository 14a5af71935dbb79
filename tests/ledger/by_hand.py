"""Changing a ledger's file as somebody with a SQLite shell would."""

import sqlite3
from contextlib import closing

from grodt.ledger.unit import Ledger


def by_hand(ledger: Ledger, *statements: str) -> None:
    """Run statements, each of which changes rows, with the triggers that guard facts out of the way."""
    with closing(sqlite3.connect(ledger.path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        for _, made in triggers:
            connection.execute(made)
        connection.commit()
