"""Keep what a source says of its instruments and their symbols, as it was known when."""

from collections.abc import Callable, Sequence
from datetime import datetime

from grodt.bars.listings import changed
from grodt.bars.source import BarSource
from grodt.lake import Lake, instruments_path
from grodt.ledger.leases import Lease
from grodt.ledger.manifest import LedgerManifest, commit_files
from grodt.ledger.unit import Ledger


def record_listings(
    ledger: Ledger,
    lease: Lease | None,
    lake: Lake,
    source: BarSource,
    symbols: Sequence[str],
    *,
    run_id: str,
    now: Callable[[], datetime],
) -> bool:
    """Ask a source for the listings of symbols, and commit a new version of its file in table `instruments` where they changed.

    The caller holds the source's lease. Asking again changes nothing.

    Args:
        ledger, lake, source: the parts.
        lease: the book's; None outside a cycle.
        symbols: those asked for bars.
        run_id: written beside the file.
        now: the clock.

    Returns:
        Whether anything changed.

    Raises:
        VendorUnavailable: the source did not answer.
        DataError: it cannot be read.
    """
    known = lake.read("instruments", LedgerManifest(ledger).snapshot(tables=("instruments",)), source=source.name)
    at = now()
    rows = changed(known, source.name, symbols, source.listings(symbols), at)
    if rows is None:
        return False
    file = lake.write("instruments", instruments_path(source.name), rows, source=source.name, known_at=at, run_id=run_id)
    with ledger.write(lease) as tx:
        commit_files(tx, [file], at)
    return True
