"""Does the audit chain hold, and are the facts in the file those that it was made of?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from grodt.ledger.audit import FACTS, GENESIS, SEAL, chain_hash
from grodt.ledger.audit_facts import Key, facts_in, named
from grodt.ledger.tables_audit import audit
from grodt.ledger.transaction import Read
from grodt.ledger.verify_damage import within
from grodt.ledger.verify_findings import AT_ONCE, Say

#: Findings named of each table.
SHOWN = 3
_IN_ORDER = select(audit).order_by(audit.c.sequence).execution_options(yield_per=AT_ONCE)


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


def verify_chain(tx: Read, head: str | None = None, say: Say = lambda _: None) -> Chain:
    """Hash the chain anew, and the facts in the file, and compare them. In memory are the seals, twice those of the largest table.

    Args:
        tx: the ledger.
        head: the hash of some row of the chain, noted earlier, that must still be in it; None: none was.
        say: hears how far it has come.
    """
    say("the audit chain")
    rows, facts, previous, known = 0, 0, GENESIS, head is None or head == GENESIS
    findings: list[str] = []
    written: dict[str, bytearray] = {table: bytearray() for table in sorted(FACTS)}
    with tx.connection.execute(_IN_ORDER) as chain:
        for row in chain:
            rows += 1
            facts += row.facts
            if row.sequence != rows:
                return Chain(rows, facts, previous, (f"audit {rows} is missing: {row.sequence} follows {rows - 1}; the chain was cut",))
            if (
                row.previous != previous
                or row.hash != chain_hash(row.sequence, row.table_name, row.seals, previous)
                or len(row.seals) % SEAL
            ):
                return Chain(rows, facts, previous, (f"audit {row.sequence} of {row.table_name} does not follow from the row before it",))
            previous = row.hash
            known |= row.hash == head
            written.setdefault(row.table_name, bytearray()).extend(row.seals)
    if not known:
        findings.append(f"no row of the chain has the head {head}: it was written anew, or the ledger is older than that head")
    compared = 0
    for table in list(written):
        seals = written.pop(table)
        say(f"the audit chain: {compared:,} of {facts:,} facts")
        findings += _of_table(tx, table, seals)
        compared += len(seals) // SEAL
    return Chain(rows, facts, previous, tuple(findings))


def _of_table(tx: Read, table: str, seals: bytearray) -> list[str]:
    """What is found of one table, also where a damaged value ends it."""
    found: list[str] = []

    def work() -> None:
        found[:] = _differences(tx.connection, table, seals)

    fault = within(tx, work)
    return [*found, f"{table}: {fault}"] if fault else found


def _differences(connection: Connection, table: str, written: bytearray) -> Iterator[str]:
    """Facts of one table that the chain does not have, and those it has that are gone."""
    found, expected = _seals(b"".join(seal for _, seal in facts_in(connection, table))), _seals(written)
    if np.array_equal(np.sort(found), np.sort(expected)):
        return
    strange = np.flatnonzero(~np.isin(found, expected))
    gone = {bytes(written[at * SEAL : (at + 1) * SEAL]) for at in np.flatnonzero(~np.isin(expected, found)).tolist()}
    for key in _keys(connection, table, strange[:SHOWN].tolist()):
        yield f"{named(connection, table, key)} is not as it was written, or was never written by GRODT"
    if len(strange) > SHOWN:
        yield f"{table}: {len(strange) - SHOWN:,} more like these"
    if len(gone) > len(strange):
        missing, of = len(gone) - len(strange), len(expected)
        yield f"{table}: {missing:,} of {of:,} facts are gone; {_sequence_of(connection, table, gone)}"


def _keys(connection: Connection, table: str, places: list[int]) -> list[Key]:
    """The keys of the facts at those places, ascending, of a table."""
    return [key for place, (key, _) in enumerate(facts_in(connection, table)) if place in places]


def _seals(whole: bytes | bytearray) -> NDArray[np.bytes_]:
    return np.frombuffer(whole, dtype=f"S{SEAL}")


def _sequence_of(connection: Connection, table: str, gone: set[bytes]) -> str:
    """Which row of the chain wrote what is gone, and what it wrote beside it."""
    for row in connection.execute(select(audit).where(audit.c.table_name == table).order_by(audit.c.sequence)):
        seals = {row.seals[at : at + SEAL] for at in range(0, len(row.seals), SEAL)}
        if seals & gone:
            beside = next((key for key, seal in facts_in(connection, table) if seal in seals), None)
            return f"the first was written by audit {row.sequence}" + (
                f", together with {named(connection, table, beside)}" if beside else ""
            )
    return ""
