"""Merge the small files of periods that are over, once a source has been filled; see `grodt.lake.compaction`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from grodt.execution.filling import SourceLease
from grodt.lake import Lake, NotCompacted, closed_periods
from grodt.ledger.leases import Lease
from grodt.ledger.manifest import LedgerManifest, commit_files
from grodt.ledger.unit import Ledger


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was merged.

    Attributes:
        files: how many there were.
        into: how many they became.
        refusals: why others were left as they are, in words.
    """

    files: int = 0
    into: int = 0
    refusals: tuple[str, ...] = ()


def compact(
    ledger: Ledger,
    lease: Lease | None,
    filling: SourceLease,
    lake: Lake,
    source: str,
    session: date,
    *,
    tables: Sequence[str],
    run_id: str,
    now: Callable[[], datetime],
) -> Compacted:
    """Merge the files of each month and year of a source that is over; rows, coverage and what earlier snapshots show stay as they are.

    Each period is committed by itself. A run that dies before its commit leaves the files in the history, and the next `Lake.set_aside`
    brings them back. Where files cannot be merged, nothing is: reads cost more, and that is all.

    Args:
        ledger, lake: the parts.
        lease: the book's; None outside a cycle.
        filling: the source's, taken.
        source: its name.
        session: the newest one: its month and year are not over.
        tables: which of the source's.
        run_id: written beside each merged file.
        now: the clock.

    Raises:
        DataError: a file is missing or altered.
        LakeWriteFailed: the storage refused.
        LeaseHeld: a lease was lost; nothing more is committed.
    """
    manifest = LedgerManifest(ledger)
    snapshot = manifest.snapshot(tables=tables)
    files, into, refusals = 0, 0, list[str]()
    for period in closed_periods((file for file in snapshot.files if file.source == source), session):
        with ledger.write(lease) as tx:
            filling.renew(tx)
        try:
            merged = lake.compact(period, snapshot, run_id=run_id)
        except NotCompacted as refusal:
            refusals.append(str(refusal))
            continue
        with ledger.write(lease) as tx:
            filling.renew(tx)
            commit_files(tx, [merged], now(), removed=[file.path for file in period.files])
        snapshot = manifest.snapshot(tables=tables)
        files, into = files + len(period.files), into + 1
    return Compacted(files, into, tuple(dict.fromkeys(refusals)))
