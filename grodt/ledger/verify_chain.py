"""Does the audit chain hold, and are the facts in the file those that it was made of?"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from grodt.ledger.audit import FACTS, GENESIS, SEAL, chain_hash
from grodt.ledger.audit_facts import facts_in, named
from grodt.ledger.tables_audit import audit
from grodt.ledger.transaction import Read

#: Findings named of each table.
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Chain:
    """What was found of the audit chain.

    Attributes:
        rows: of the chain.
        facts: that it covers.
        head: hash of its last row. Kept elsewhere, it shows later that nothing up to it was written anew.
        findings: what is wrong, each with the row concerned; none where it holds.
    """

    rows: int
    facts: int
    head: str
    findings: tuple[str, ...]


def verify_chain(tx: Read, head: str | None = None) -> Chain:
    """Hash the chain anew, and the facts in the file, and compare them.

    Args:
        tx: the ledger.
        head: the hash of some row of the chain, noted earlier, that must still be in it; None: none was.
    """
    rows, facts, previous, known = 0, 0, GENESIS, head is None or head == GENESIS
    findings: list[str] = []
    written: dict[str, bytearray] = {table: bytearray() for table in sorted(FACTS)}
    for row in tx.connection.execute(select(audit).order_by(audit.c.sequence)):
        rows += 1
        facts += row.facts
        if row.sequence != rows:
            return Chain(rows, facts, previous, (f"audit {rows} is missing: {row.sequence} follows {rows - 1}; the chain was cut",))
        if row.previous != previous or row.hash != chain_hash(row.sequence, row.table_name, row.seals, previous):
            return Chain(rows, facts, previous, (f"audit {row.sequence} of {row.table_name} does not follow from the row before it",))
        previous = row.hash
        known |= row.hash == head
        written.setdefault(row.table_name, bytearray()).extend(row.seals)
    if not known:
        findings.append(f"no row of the chain has the head {head}: it was written anew, or the ledger is older than that head")
    for table, seals in written.items():
        findings += _differences(tx.connection, table, bytes(seals))
    return Chain(rows, facts, previous, tuple(findings))


def _differences(connection: Connection, table: str, written: bytes) -> Iterator[str]:
    """Facts of one table that the chain does not have, and those it has that are gone."""
    expected = sorted(written[at : at + SEAL] for at in range(0, len(written), SEAL))
    found = sorted(seal for _, seal in facts_in(connection, table))
    if found == expected:
        return
    strange, gone = _without(found, expected), _without(expected, found)
    at_fault = [key for key, seal in facts_in(connection, table) if seal in strange]
    for key in at_fault[:SHOWN]:
        yield f"{named(table, key)} is not as it was written, or was never written by GRODT"
    if len(at_fault) > SHOWN:
        yield f"{table}: {len(at_fault) - SHOWN:,} more like these"
    if len(gone) > len(strange):
        yield f"{table}: {len(gone) - len(strange):,} of {len(expected):,} facts are gone; {_sequence_of(connection, table, gone)}"


def _without(these: list[bytes], others: list[bytes]) -> set[bytes]:
    return set(these).difference(others)


def _sequence_of(connection: Connection, table: str, gone: set[bytes]) -> str:
    """Which row of the chain wrote what is gone, and what it wrote beside it."""
    for row in connection.execute(select(audit).where(audit.c.table_name == table).order_by(audit.c.sequence)):
        seals = {row.seals[at : at + SEAL] for at in range(0, len(row.seals), SEAL)}
        if seals & gone:
            beside = next((key for key, seal in facts_in(connection, table) if seal in seals), None)
            return f"the first was written by audit {row.sequence}" + (f", together with {named(table, beside)}" if beside else "")
    return ""
