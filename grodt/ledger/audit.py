"""The audit chain: whatever is written into a table of facts is chained by SHA-256, so that a change by hand is found.

A fact's *seal* is the first 16 bytes of the SHA-256 of its canonical form: JSON of its table and its columns by name, those that
are NULL left out, so that a column which a later revision adds changes no seal as long as it is NULL in the rows before it. Two facts
are more than one row: an entry, whose digest covers its postings; and the evidence of one attempt of a run (`evidence_seal`).

Each transaction adds a row to `audit` for each table that it added facts to: their seals, the hash of the row before, and
hash = SHA-256(JSON of [sequence, table, SHA-256 of the seals, hash of the row before]). It is written at commit by `Ledger.write`
from what the connection itself saw being inserted, so that no function can forget it; SQL of one's own that inserts facts must
`announce` their seals, or the transaction is refused.

The chain proves that nothing in it was altered, removed or added to. Whoever can rewrite the file can write the chain anew from some
row on; what shows that is an earlier head that was kept elsewhere, which `grodt verify` prints and compares.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from json.encoder import encode_basestring_ascii
from operator import itemgetter
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, Table, event, insert, select
from sqlalchemy.engine.interfaces import ExecutionContext

from grodt.ledger import tables_orders
from grodt.ledger.append_only import APPEND_ONLY
from grodt.ledger.catalogue import placeholder
from grodt.ledger.tables_audit import audit
from grodt.ledger.transaction import Write

EVIDENCE = "risk_checks"
#: Facts by the name that the chain has for them: of the table they are the rows of, but for evidence. Postings are by their entry's digest.
FACTS = frozenset({*APPEND_ONLY, EVIDENCE} - {"postings", "evidence"})
#: Bytes of a seal.
SEAL = 16
#: The hash before the first row.
GENESIS = "0" * 64
_COLLECTED = "facts of this transaction"
#: Columns of evidence after run and attempt: in the order of its seal.
EVIDENCE_COLUMNS = ("control", "scope", "symbol", "name", "value", "bound", "headroom", "verdict", "reason")

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_INSERT = re.compile(r"INSERT (?:OR \w+ )?INTO (\w+)")
_HEAD = select(audit.c.sequence, audit.c.hash).order_by(audit.c.sequence.desc()).limit(1)
_ADD = insert(audit)


class _Collected:
    """What one transaction inserted: seals by table, and tables that were written by SQL of one's own."""

    __slots__ = ("seals", "unseen")

    def __init__(self) -> None:
        self.seals: dict[str, list[bytes]] = {}
        self.unseen: set[str] = set()


def seal_of(table: str, names: Sequence[str], values: Iterable[Any]) -> bytes:
    """The seal of one fact.

    Args:
        table: its table.
        names: of its columns, ascending.
        values: as they stand in the file, in the order of the names.
    """
    row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return hashlib.sha256(_encode([table, row]).encode()).digest()[:SEAL]


def seals_of(table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """The seals of many facts: what `seal_of` says of each, in less than half its time, column by column.

    Args:
        table: their table.
        names: of its columns, in the order of the values.
        rows: values as they stand in the file.
    """
    form, texts = "", list[Iterable[Any]]()
    for name, values in sorted(zip(names, zip(*rows, strict=True), strict=bool(rows)), key=itemgetter(0)):
        kinds = set(map(type, values))
        if kinds in ({int}, {str}):
            form += f"{_encode(name)}:%s,"
            texts.append(map(encode_basestring_ascii, values) if kinds == {str} else values)
        elif kinds != {type(None)}:
            form += "%s"
            member = f"{_encode(name)}:"
            texts.append(["" if value is None else f"{member}{_encode(value)}," for value in values])
    head = f"[{_encode(table)},{{"
    contents = map(form.__mod__, zip(*texts, strict=True)) if texts else [""] * len(rows)
    return [hashlib.sha256(f"{head}{content[:-1]}}}]".encode()).digest()[:SEAL] for content in contents]


def evidence_seal(run_id: str, attempt: int, rows: int, columns: Sequence[Any]) -> bytes:
    """The seal of the evidence of one attempt.

    Args:
        run_id, attempt: whose.
        rows: how many.
        columns: as `EVIDENCE_COLUMNS`, of rows by control, scope and symbol ascending. Whole numbers enter as little-endian int64,
            floats as float64 with NaN for NULL and 0.0 for -0.0, texts joined by NUL, which they may be already.
    """
    found = hashlib.sha256(_encode([EVIDENCE, run_id, attempt, rows]).encode())
    for name, column in zip(EVIDENCE_COLUMNS, columns, strict=True):
        if name == "control":
            found.update(np.asarray(column, dtype="<i8").tobytes())
        elif name in ("value", "bound", "headroom"):
            figures = np.asarray(column, dtype="<f8") + 0.0
            figures[np.isnan(figures)] = np.nan
            found.update(figures.tobytes())
        else:
            found.update((column if isinstance(column, str) else "\0".join(column)).encode())
    return found.digest()[:SEAL]


def chain_hash(sequence: int, table: str, seals: bytes, previous: str) -> str:
    """The hash of a row of `audit`."""
    content = [sequence, table, hashlib.sha256(seals).hexdigest(), previous]
    return hashlib.sha256(_encode(content).encode()).hexdigest()


def watch(engine: Engine) -> None:
    """Have the engine's connections collect the facts that are inserted over them, inside `chained`."""
    event.listen(engine, "after_cursor_execute", _collect)


@contextmanager
def chained(connection: Connection) -> Iterator[None]:
    """Chain the facts that the connection inserts in here, at the end of it; nothing, when it ends by an exception.

    Raises:
        ValueError: facts were inserted by SQL of one's own that nobody announced.
    """
    collected = connection.info[_COLLECTED] = _Collected()
    try:
        yield
    finally:
        del connection.info[_COLLECTED]
    if collected.unseen:
        raise ValueError(f"{', '.join(sorted(collected.unseen))}: facts were inserted and not announced to the audit chain")
    chain(connection, collected.seals)


def announce(tx: Write, table: str, *seals: bytes) -> None:
    """Say the seals of facts that SQL of one's own has inserted."""
    collected: _Collected = tx.connection.info[_COLLECTED]
    collected.unseen.discard(table)
    collected.seals.setdefault(table, []).extend(seals)


def chain(connection: Connection, seals: Mapping[str, Sequence[bytes]]) -> None:
    """Add a row to the chain for each table."""
    last = connection.execute(_HEAD).first() if seals else None
    sequence, previous = (0, GENESIS) if last is None else (last.sequence, last.hash)
    rows = []
    for table, of_table in sorted(seals.items()):
        sequence += 1
        whole = b"".join(of_table)
        digest = chain_hash(sequence, table, whole, previous)
        row = {"sequence": sequence, "table_name": table, "facts": len(of_table), "seals": whole, "previous": previous, "hash": digest}
        rows.append(row)
        previous = digest
    if rows:
        connection.execute(_ADD, rows)


def _collect(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: ExecutionContext | None, executemany: bool
) -> None:
    collected: _Collected | None = connection.info.get(_COLLECTED)
    if collected is None or context is None:
        return
    if not context.isinsert:
        found = _INSERT.match(statement)
        if found is not None and found[1] in FACTS:
            collected.unseen.add(found[1])
        return
    compiled: Any = context.compiled
    table: Table = compiled.statement.table
    if table is tables_orders.evidence:
        collected.unseen.add(EVIDENCE)
    if table.name not in FACTS:
        return
    rows: Sequence[Sequence[Any]] = parameters if executemany else [parameters]
    collected.seals.setdefault(table.name, []).extend(
        inserted_seals(connection, table, tuple(compiled.positiontup), rows, getattr(cursor, "lastrowid", None))
    )


def inserted_seals(
    connection: Connection, table: Table, given: tuple[str, ...], rows: Sequence[Sequence[Any]], last: int | None = None
) -> list[bytes]:
    """The seals of facts that have just been inserted, with what the database made of the columns that they did not give.

    Args:
        connection: over which they were.
        table: their table.
        given: names of the values; those that are no column of the table are passed over.
        rows: values as they stand in the file.
        last: running number of the last row, where the driver tells it.
    """
    names, at, missing = _plan(table, given)
    found = rows if at == tuple(range(len(given))) else [[row[place] for place in at] for row in rows]
    if missing:
        made = _made_here(connection, table, given, missing, rows, last)
        found = [(*row, *rest) for row, rest in zip(found, made, strict=True)]
    return seals_of(table.name, (*names, *missing), found)


@cache
def _plan(table: Table, given: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...], tuple[str, ...]]:
    """Columns that a statement gives; where among its parameters; and the columns whose values the database makes."""
    known = {column.name for column in table.columns}
    at = tuple(place for place, name in enumerate(given) if name in known)
    missing = tuple(sorted(column.name for column in table.columns if column.name not in given and not column.nullable))
    return tuple(given[place] for place in at), at, missing


def _made_here(
    connection: Connection, table: Table, given: Sequence[str], missing: Sequence[str], rows: Sequence[Sequence[Any]], last: int | None
) -> Iterator[Sequence[Any]]:
    """The values of columns that the database made, by row: running numbers."""
    driver: Any = connection.connection.cursor()
    (*_, key) = table.primary_key.columns
    if missing == (key.name,):
        if len(rows) > 1 or last is None:  # they were given out one by one, and nobody else writes meanwhile
            driver.execute(f"SELECT max({key.name}) FROM {table.name}")
            last = driver.fetchone()[0]
        yield from ([last - len(rows) + place] for place in range(1, len(rows) + 1))
        return
    at = given.index(key.name)
    query = f"SELECT {', '.join(missing)} FROM {table.name} WHERE {key.name} = {placeholder(connection)}"
    for row in rows:
        driver.execute(query, (row[at],))
        yield driver.fetchone()
