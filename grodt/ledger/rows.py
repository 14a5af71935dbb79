"""Rows as they stand in the file, handed to the driver as they are: for what comes by the thousand, a basket's orders and its fills.

SQLAlchemy makes a dictionary, a tuple and several calls of each row, which costs more than SQLite takes to store it. What is inserted here
is sealed like all else, and the driver's errors are told as ever. Instants and days are texts already: `columns.instant_text`, `day_text`.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import batched, chain
from typing import Any

from sqlalchemy import Connection, Table

from grodt.ledger.audit import FACTS, announce, inserted_seals
from grodt.ledger.catalogue import placeholder
from grodt.ledger.transaction import Read, Write

#: Keys asked for in one statement.
_AT_ONCE = 5_000
#: Rows inserted by one statement: SQLite takes two thirds of the time that it takes for a statement each, and more of them gain nothing.
_TOGETHER = 100


def insert_rows(tx: Write, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]], clash: str = "") -> None:
    """Insert rows, in their order; facts are sealed.

    Args:
        tx: the transaction.
        table: where to.
        names: of the columns, in the order of the values: all but those that may be NULL, and a running number that the database makes.
        rows: values as they stand in the file.
        clash: what is done with one whose key is there, as SQL: an `ON CONFLICT` clause; "" refuses all of them. For no table of facts.
    """
    for some in batched(rows, _TOGETHER):
        values = tuple(chain.from_iterable(some))
        tx.connection.exec_driver_sql(_marked(tx.connection, _insertion(table, names, len(some), clash)), values)
    if rows and table.name in FACTS:
        announce(tx, table.name, *inserted_seals(tx.connection, table, names, rows))


def change_rows(tx: Write, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement for each row; its marks are `?`, whatever the database."""
    if rows:
        tx.connection.exec_driver_sql(_marked(tx.connection, statement), list(rows))


def rows_of(tx: Read, statement: str, keys: Iterable[str], *first: str) -> Iterator[tuple[Any, ...]]:
    """What a query finds for keys, as it stands in the file; the query has `IN {keys}` where they go, after its other marks."""
    for some in batched(sorted(keys), _AT_ONCE):
        asked = statement.format(keys=f"({', '.join(['?'] * len(some))})")
        yield from tx.connection.exec_driver_sql(_marked(tx.connection, asked), (*first, *some)).tuples().all()


@cache
def _insertion(table: Table, names: tuple[str, ...], rows: int, clash: str) -> str:
    values = ", ".join([f"({', '.join('?' * len(names))})"] * rows)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {values} {clash}"


def _marked(connection: Connection, statement: str) -> str:
    return statement.replace("?", placeholder(connection))
