"""bars: fetch what is missing up to the session, judge it, commit it to the lake, pin the snapshot."""

from grodt.bars.quality import Completeness
from grodt.execution.refresh import Refreshed, refresh
from tasks.cycle import Cycle
from tasks.lake_log import log_lake
from tasks.stage import stage
from tasks.wiring import is_alive, process_name


@stage("bars", timeout_seconds=7200)
def fetch_bars(cycle: Cycle) -> int:
    """Bring the lake up to the session and pin what this run reads. Rows: bars of the session."""
    parts = cycle.parts
    refreshed: Refreshed = refresh(
        parts.ledger,
        cycle.lease,
        parts.lake,
        parts.source,
        calendar=parts.calendar,
        run=cycle.opened,
        universe=parts.universe,
        history_start=parts.config.history.first_day(cycle.session),
        thresholds=parts.quality(),
        revisions=parts.config.history.revisions,
        holder=process_name(),
        is_alive=is_alive,
        now=parts.now,
        sleep=cycle.sleep,
        progress=lambda done, total, rows: cycle.tell("bars", f"fetched {done} of {total} parts, {rows:,} bars"),
    )
    cycle.snapshot, cycle.completeness = refreshed.snapshot, refreshed.completeness
    if refreshed.revised:
        cycle.tell("bars", f"{refreshed.revised:,} bars and corporate actions of earlier sessions were revised by the source")
    for taken_back in refreshed.taken_back:
        cycle.tell("bars", str(taken_back))
    log_lake(refreshed.unmerged, refreshed.taken_back)
    completeness: Completeness = refreshed.completeness
    return completeness.present
