"""The facts that stand in the file, each with the seal it should have in the audit chain."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

from sqlalchemy import Connection

from grodt.errors import DataError
from grodt.ledger import catalogue
from grodt.ledger.audit import EVIDENCE, EVIDENCE_COLUMNS, evidence_seal, seal_of
from grodt.ledger.evidence_packing import unpacked

_NUMBERS = count()


def facts_in(connection: Connection, table: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Every fact of a table: its key, by column, and its seal."""
    return _evidence(connection) if table == EVIDENCE else _rows(connection, table)


def named(table: str, key: dict[str, Any]) -> str:
    """A fact as a person finds it."""
    return f"{table} {', '.join(f'{name} {value}' for name, value in key.items())}"


def _rows(connection: Connection, table: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    columns = catalogue.columns(connection, table)
    names = tuple(name for name, _ in columns)
    keys = [(name, names.index(name)) for name, place in sorted(columns, key=lambda column: column[1]) if place]
    with _streaming(connection) as driver:
        driver.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {', '.join(name for name, _ in keys)}")
        for row in driver:
            yield {name: row[at] for name, at in keys}, seal_of(table, names, row)


def _evidence(connection: Connection) -> Iterator[tuple[dict[str, Any], bytes]]:
    """One attempt of a run at a time. The next one is sought, which reads no row twice."""
    driver: Any = connection.connection.cursor()
    mark = catalogue.placeholder(connection)
    rows = f"SELECT control, scope, name, verdict, bound, checks FROM evidence WHERE run_id = {mark} AND attempt = {mark}"
    after = f"SELECT run_id, attempt FROM evidence WHERE (run_id, attempt) > ({mark}, {mark}) ORDER BY run_id, attempt LIMIT 1"
    driver.execute(after, ("", 0))
    while (group := driver.fetchone()) is not None:
        driver.execute(rows, group)
        run_id, attempt = group
        yield {"run_id": run_id, "attempt": attempt}, _seal_of_evidence(run_id, attempt, driver)
        driver.execute(after, group)


def _seal_of_evidence(run_id: str, attempt: int, rows: Iterable[Sequence[Any]]) -> bytes:
    """Nothing that the chain has, where rows cannot be read any more."""
    try:
        found = unpacked(rows)
    except DataError:
        return b""
    keys = list(zip(found["control"], found["scope"], found["symbol"], strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    columns = ([found["limit" if name == "bound" else name][place] for place in order] for name in EVIDENCE_COLUMNS)
    return evidence_seal(run_id, attempt, len(order), list(columns))


@contextmanager
def _streaming(connection: Connection) -> Iterator[Any]:
    """A cursor of the driver that hands rows over as they are read, rather than all at once."""
    driver: Any = connection.connection
    cursor = driver.cursor() if catalogue.is_sqlite(connection) else driver.cursor(f"facts_{next(_NUMBERS)}")
    with closing(cursor):
        yield cursor
