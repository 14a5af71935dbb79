"""Fill a source's part of the lake, chunk by chunk: what a cycle and a backfill share.

One process at a time fills it: books that share a source, and a backfill of it, wait for each other.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta

from grodt.bars.chunks import Chunk, ChunkResult
from grodt.bars.ingest import IngestReport, Progress, ingest
from grodt.bars.quality import Thresholds
from grodt.bars.source import BarSource
from grodt.errors import LeaseHeld
from grodt.execution.opening import LEASE_TTL
from grodt.lake import Lake
from grodt.ledger.leases import Lease, acquire, release, renew
from grodt.ledger.manifest import LedgerManifest, commit_files, extend_coverage
from grodt.ledger.unit import Ledger, Write
from grodt.sessions import Calendar

#: Tables that an answer of a source goes to.
FILLED = ("bars_1d", "corporate_actions", "instruments", "quarantine")
#: Symbols of one chunk: bounds the memory of a year of thousands of symbols.
LARGEST_CHUNK = 5_000
SOURCE_LEASE_TTL = timedelta(minutes=10)
_WAIT_SECONDS = 1.0
_WAITS = 120


class SourceLease:
    """The right to fill one source's part of the lake, waited for."""

    def __init__(
        self,
        ledger: Ledger,
        source: str,
        holder: str,
        is_alive: Callable[[str], bool],
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._ledger = ledger
        self._name = f"source:{source}"
        self._holder = holder
        self._is_alive = is_alive
        self._now = now
        self._sleep = sleep
        self._lease: Lease

    def __enter__(self) -> None:
        """Take it, as soon as nobody else has it.

        Raises:
            LeaseHeld: another process has had it for too long.
        """
        waits = 0
        while True:
            try:
                with self._ledger.write() as tx:
                    self._lease = acquire(tx, self._name, self._holder, self._now(), SOURCE_LEASE_TTL, self._is_alive)
                return
            except LeaseHeld:
                if waits == _WAITS:
                    raise
            waits += 1
            self._sleep(_WAIT_SECONDS)

    def renew(self, tx: Write) -> None:
        """Hold it longer.

        Raises:
            LeaseHeld: another process was given it.
        """
        self._lease = renew(tx, self._lease, self._now(), SOURCE_LEASE_TTL)

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        with self._ledger.write() as tx:
            release(tx, self._lease)


def fill(
    ledger: Ledger,
    lease: Lease | None,
    filling: SourceLease,
    lake: Lake,
    source: BarSource,
    chunks: Sequence[Chunk],
    *,
    calendar: Calendar,
    session: date,
    listed: Collection[str],
    thresholds: Thresholds,
    run_id: str,
    now: Callable[[], datetime],
    progress: Progress,
) -> IngestReport:
    """Ingest the chunks under the source's lease; files and coverage of each are committed in one transaction.

    Args:
        ledger, lake, source: the parts.
        lease: the book's, which a long fetch keeps alive; None outside a cycle.
        filling: the source's, taken.
        chunks: what to ask, in that order.
        calendar, session, listed, thresholds, run_id, now, progress: see `ingest`, whose errors are raised here too.

    Raises:
        LeaseHeld: a lease was lost; nothing more is committed.
    """

    def commit(result: ChunkResult) -> None:
        with ledger.write(lease) as tx:
            filling.renew(tx)
            if lease is not None:
                renew(tx, lease, now(), LEASE_TTL)
            commit_files(tx, result.files, now())
            for each in result.covered:
                extend_coverage(tx, source.name, each.symbols, each.start, each.end, run_id)

    return asyncio.run(
        ingest(
            chunks,
            source=source,
            calendar=calendar,
            lake=lake,
            manifest=LedgerManifest(ledger),
            session=session,
            listed=listed,
            thresholds=thresholds,
            run_id=run_id,
            now=now,
            commit=commit,
            progress=progress,
        )
    )
