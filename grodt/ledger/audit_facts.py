"""The facts that stand in the file, each with the seal it should have in the audit chain."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from grodt.errors import DataError
from grodt.ledger.audit import EVIDENCE, EVIDENCE_COLUMNS, evidence_seal, seal_of
from grodt.ledger.evidence_packing import unpacked


def facts_in(connection: Connection, table: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Every fact of a table: its key, by column, and its seal."""
    return _evidence(connection) if table == EVIDENCE else _rows(connection, table)


def named(table: str, key: dict[str, Any]) -> str:
    """A fact as a person finds it."""
    return f"{table} {', '.join(f'{name} {value}' for name, value in key.items())}"


def _rows(connection: Connection, table: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    driver = connection.connection.cursor()
    columns = driver.execute(f"SELECT name, pk FROM pragma_table_info('{table}') ORDER BY name").fetchall()
    names = tuple(name for name, _ in columns)
    keys = [(name, names.index(name)) for name, place in sorted(columns, key=lambda column: column[1]) if place]
    for row in driver.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {', '.join(name for name, _ in keys)}"):
        yield {name: row[at] for name, at in keys}, seal_of(table, names, row)


def _evidence(connection: Connection) -> Iterator[tuple[dict[str, Any], bytes]]:
    """One attempt of a run at a time. The next one is sought, which reads no row twice."""
    driver = connection.connection.cursor()
    rows = "SELECT control, scope, name, verdict, bound, checks FROM evidence WHERE run_id = ? AND attempt = ?"
    after = "SELECT run_id, attempt FROM evidence WHERE (run_id, attempt) > (?, ?) ORDER BY run_id, attempt LIMIT 1"
    group = driver.execute(after, ("", 0)).fetchone()
    while group is not None:
        run_id, attempt = group
        yield {"run_id": run_id, "attempt": attempt}, _seal_of_evidence(run_id, attempt, driver.execute(rows, group))
        group = driver.execute(after, group).fetchone()


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
