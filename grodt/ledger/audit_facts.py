"""The facts that stand in the file, each with the seal it should have in the audit chain."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain, count
from typing import Any

from sqlalchemy import Connection

from grodt.errors import DataError
from grodt.ledger import catalogue
from grodt.ledger.audit import EVIDENCE, EVIDENCE_COLUMNS, SEAL, evidence_seal, seals_of
from grodt.ledger.evidence_packing import unpacked

#: Values of a fact's key.
Key = tuple[Any, ...]
_NUMBERS = count()
#: Rows that are read and sealed at a time.
_AT_ONCE = 2_000
_KEY_OF_EVIDENCE = ("run_id", "attempt")


def facts_in(connection: Connection, table: str) -> Iterator[tuple[Key, bytes]]:
    """Every fact of a table, by key: the key and the seal."""
    return _evidence(connection) if table == EVIDENCE else _rows(connection, table)


def named(connection: Connection, table: str, key: Key) -> str:
    """A fact as a person finds it."""
    names = _KEY_OF_EVIDENCE if table == EVIDENCE else _key(catalogue.columns(connection, table))
    return f"{table} {', '.join(f'{name} {value}' for name, value in zip(names, key, strict=True))}"


def seals_in(table: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """What `seals_of` says of rows that stand in the file: zeros, which the chain never has, for one with a value that no seal is of."""
    try:
        return seals_of(table, names, rows)
    except (ValueError, TypeError):  # a number that is not finite, or bytes
        return [bytes(SEAL)] if len(rows) == 1 else [seal for row in rows for seal in seals_in(table, names, [row])]


def _key(columns: list[tuple[str, int]]) -> tuple[str, ...]:
    return tuple(name for name, place in sorted(columns, key=lambda column: column[1]) if place)


def _rows(connection: Connection, table: str) -> Iterator[tuple[Key, bytes]]:
    columns = catalogue.columns(connection, table)
    key = _key(columns)
    names = (*key, *(name for name, place in columns if not place))
    with _streaming(connection) as driver:
        driver.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {', '.join(key)}")
        for rows in iter(partial(driver.fetchmany, _AT_ONCE), []):
            for row, seal in zip(rows, seals_in(table, names, rows), strict=True):
                yield row[: len(key)], seal


def _evidence(connection: Connection) -> Iterator[tuple[Key, bytes]]:
    """One attempt of a run at a time. The next one is sought, which reads no row twice."""
    driver: Any = connection.connection.cursor()
    of_sqlite = catalogue.is_sqlite(connection)
    mark = catalogue.placeholder(connection)
    run = "CAST(? AS TEXT)" if of_sqlite else mark  # of its bytes, because those of a damaged one are no text
    rows = f"SELECT control, scope, name, verdict, bound, checks FROM evidence WHERE run_id = {run} AND attempt = {mark}"
    after = f"SELECT run_id, attempt FROM evidence WHERE (run_id, attempt) > ({run}, {mark}) ORDER BY run_id, attempt LIMIT 1"
    driver.execute(after, (b"" if of_sqlite else "", 0))
    while (group := driver.fetchone()) is not None:
        run_id, attempt = group
        sought = (run_id.encode(errors="surrogateescape") if of_sqlite else run_id, attempt)
        driver.execute(rows, sought)
        yield (run_id, attempt), _seal_of_evidence(run_id, attempt, driver)
        driver.execute(after, sought)


def _seal_of_evidence(run_id: str, attempt: int, rows: Iterable[Sequence[Any]]) -> bytes:
    """Zeros, which the chain never has, where rows cannot be read any more."""
    groups: dict[tuple[Any, Any], list[Sequence[Any]]] = {}
    for row in rows:
        groups.setdefault((row[0], row[1]), []).append(row)  # by control and scope
    try:
        parts = [_by_symbol(unpacked(groups[key])) for key in sorted(groups)]
    except DataError:
        return bytes(SEAL)
    columns = [[*chain.from_iterable(part["limit" if name == "bound" else name] for part in parts)] for name in EVIDENCE_COLUMNS]
    return evidence_seal(run_id, attempt, len(columns[0]), columns)


def _by_symbol(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Ascending, as they stand in the file unless a control's checks ended differently."""
    symbols = found["symbol"]
    if symbols == sorted(symbols):
        return found
    order = sorted(range(len(symbols)), key=symbols.__getitem__)
    return {name: [column[place] for place in order] for name, column in found.items()}


@contextmanager
def _streaming(connection: Connection) -> Iterator[Any]:
    """A cursor of the driver that hands rows over as they are read, rather than all at once."""
    driver: Any = connection.connection
    cursor = driver.cursor() if catalogue.is_sqlite(connection) else driver.cursor(f"facts_{next(_NUMBERS)}")
    with closing(cursor):
        yield cursor
