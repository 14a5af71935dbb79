"""Which of two facts was committed first, as the audit chain has it: a clock that stepped back between them decides nothing."""

from typing import Any

from sqlalchemy import select

from grodt.ledger import catalogue
from grodt.ledger.audit import SEAL
from grodt.ledger.audit_facts import seals_in
from grodt.ledger.tables_audit import audit
from grodt.ledger.transaction import Read


def came_first(tx: Read, table: str, key: dict[str, str | int], other: str, of_other: dict[str, str | int]) -> bool:
    """Whether a fact was committed before another one. No, where the chain does not have both as they stand in the file.

    The chain is read up to them, so this is for the few facts whose instants say otherwise.

    Args:
        tx: the ledger.
        table, key: the fact; of several with these values the one that was committed first.
        other, of_other: the other one.
    """
    one, two = _sequence(tx, table, key), _sequence(tx, other, of_other)
    return one is not None and two is not None and one < two


def _sequence(tx: Read, table: str, key: dict[str, str | int]) -> int | None:
    """The row of the chain that the first of those facts was committed with."""
    seals = _seals(tx, table, key)
    chain = select(audit.c.sequence, audit.c.seals).where(audit.c.table_name == table).order_by(audit.c.sequence)
    for row in tx.connection.execute(chain) if seals else ():
        if not seals.isdisjoint(row.seals[at : at + SEAL] for at in range(0, len(row.seals), SEAL)):
            return int(row.sequence)
    return None


def _seals(tx: Read, table: str, key: dict[str, str | int]) -> set[bytes]:
    names = [name for name, _ in catalogue.columns(tx.connection, table)]
    mark = catalogue.placeholder(tx.connection)
    driver: Any = tx.connection.connection.cursor()  # values as they stand in the file
    driver.execute(f"SELECT {', '.join(names)} FROM {table} WHERE {' AND '.join(f'{name} = {mark}' for name in key)}", tuple(key.values()))
    rows = driver.fetchall()
    driver.close()
    return set(seals_in(table, names, rows)) if rows else set()
