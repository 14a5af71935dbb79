"""Backfill a source: history before and after what it covers, and the gaps inside.

It works on the data alone: no cycle, no orders, and a halt of the gate halts no book.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from grodt.bars.chunks import Chunk, other_symbols, plan
from grodt.bars.gaps import plan_gaps
from grodt.bars.ingest import LATE_SESSIONS, Progress
from grodt.bars.quality import Thresholds
from grodt.bars.revisions import plan_again
from grodt.bars.source import BarSource
from grodt.bars.taken_back import TakenBack
from grodt.errors import SessionError
from grodt.execution.compaction import compact
from grodt.execution.filling import FILLED, LARGEST_CHUNK, SourceLease, fill
from grodt.execution.listings import record_listings
from grodt.instruments import Instrument
from grodt.lake import Lake
from grodt.ledger.manifest import LedgerManifest, coverage
from grodt.ledger.unit import Ledger
from grodt.sessions import Calendar

type Universe = Callable[[date], Sequence[Instrument]]
"""What a book may trade in a session."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What is to be asked of a source.

    Attributes:
        gaps: sessions inside the coverage that lack a bar.
        history: days before and after the coverage.
        gap_bars: bars that would fill every gap.
        symbols: whose, ascending, with the other symbols of their instruments.
        again: what is covered and asked for again all the same; it takes the place of the gaps.
    """

    gaps: tuple[Chunk, ...]
    history: tuple[Chunk, ...]
    gap_bars: int
    symbols: tuple[str, ...] = ()
    again: tuple[Chunk, ...] = ()

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """All of it, in the order in which it is asked: the jump rule's memory runs forward, so gaps come first."""
        return (*(self.again or self.gaps), *self.history)


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill did.

    Attributes:
        start: first day.
        session: last session.
        chunks: questions to the source.
        rows: bars that came in.
        gap_bars: bars inside the coverage that were asked for again.
        healed: of these, those that came in.
        quarantined: rows refused that had not been refused before.
        reasons: why, in words.
        unmerged: why files of periods that are over were left as they are; see `compact`.
        revised: bars and corporate actions that differ from what was recorded before.
        taken_back: corporate actions that left the lake, because the source tells them under another ex date now.
    """

    start: date
    session: date
    chunks: int = 0
    rows: int = 0
    gap_bars: int = 0
    healed: int = 0
    quarantined: int = 0
    reasons: tuple[str, ...] = ()
    unmerged: tuple[str, ...] = ()
    revised: int = 0
    taken_back: tuple[TakenBack, ...] = ()


def last_session(calendar: Calendar, start: date, end: date, now: datetime) -> date:
    """The last complete session from `start` to `end`: where a backfill of that range ends.

    Raises:
        SessionError: the range is empty, has no complete session, or begins before the calendar does.
    """
    first, _ = calendar.bounds()
    latest = calendar.latest_complete(now)
    if start > end:
        raise SessionError(f"start {start} lies after end {end}; give the earlier day first")
    if start < first:
        raise SessionError(f"start {start} lies before {first}, the first session of {calendar.name} that is known; start there")
    if start > latest:
        raise SessionError(f"start {start} lies after {latest}, the latest complete session of {calendar.name}: no bar of it is there yet")
    sessions = calendar.between(start, min(end, latest))
    if not sessions:
        raise SessionError(f"{calendar.name} has no complete session from {start} to {end}; the latest one is {latest}")
    return sessions[-1]


def wanted_symbols(source: BarSource, universe: Universe, calendar: Calendar, start: date, session: date) -> set[str]:
    """Every symbol that the universe had in any session of the range, and the other symbols of their instruments."""
    wanted = {instrument.symbol for each in calendar.between(start, session) for instrument in universe(each)}
    return wanted | other_symbols(source.listings(sorted(wanted)), wanted, session)


def find_missing(
    ledger: Ledger,
    lake: Lake,
    source: BarSource,
    *,
    calendar: Calendar,
    universe: Universe,
    start: date,
    session: date,
    again: bool = False,
) -> Missing:
    """What the lake lacks of every symbol that the universe had in any session of the range; with `again`, also what it has.

    A gap is asked for whenever somebody asks for its range: the lake is the memory of it, so a bar that the vendor mends late comes
    in whenever that is.
    """
    wanted = wanted_symbols(source, universe, calendar, start, session)
    with ledger.read() as tx:
        covered = {symbol: days for symbol, days in coverage(tx, source.name).items() if symbol in wanted}
    gaps = _gaps(lake, ledger, source.name, calendar, covered, start, session)
    gap_bars = sum(len(chunk.symbols) * len(calendar.between(chunk.start, chunk.end)) for chunk in gaps)
    asked_again = plan_again(covered, covered, start, session, largest=LARGEST_CHUNK) if again else ()
    history = plan(covered, wanted, start, session, largest=LARGEST_CHUNK)
    return Missing(gaps, history, gap_bars, tuple(sorted(wanted)), asked_again)


def _gaps(
    lake: Lake, ledger: Ledger, source: str, calendar: Calendar, covered: dict[str, tuple[date, date]], start: date, session: date
) -> tuple[Chunk, ...]:
    inside = {symbol: (first, last) for symbol, (first, last) in covered.items() if first <= session and last >= start}
    if not inside:
        return ()
    snapshot = LedgerManifest(ledger).snapshot(tables=FILLED)
    actions = lake.read("corporate_actions", snapshot, source=source, columns=["symbol", "ex_date", "kind"])
    return plan_gaps(
        lake.read("bars_1d", snapshot, source=source, columns=["symbol", "session"]),
        lake.read("quarantine", snapshot, source=source, columns=["symbol", "session"]),
        actions.filter(pl.col("kind").is_in(["delisting", "symbol_change"])),
        inside,
        calendar.between(min(first for first, _ in inside.values()), max(last for _, last in inside.values())),
        start=start,
        end=session,
        largest=LARGEST_CHUNK,
    )


def backfill(
    ledger: Ledger,
    lake: Lake,
    source: BarSource,
    *,
    calendar: Calendar,
    universe: Universe,
    start: date,
    session: date,
    thresholds: Thresholds,
    again: bool = False,
    run_id: str,
    holder: str,
    is_alive: Callable[[str], bool],
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    progress: Progress,
) -> Backfilled:
    """Ask a source for what is missing from `start` to `session`, under its lease. Killed and run again, it goes on where it stopped.

    A session that is so recent that bars may still be late must be complete, as in a cycle; an older one is history, in which a
    missing bar is no more than that.

    Args:
        ledger, lake, source, calendar: the parts.
        universe: asked for is what it had in any session of the range.
        start: first day.
        session: last session, from `last_session`.
        thresholds: the gate's.
        again: ask as well for what is there, and record what differs as a new version.
        run_id: written beside what comes in.
        holder, is_alive: who we are, and whether another still runs.
        now, sleep: clock and wait.
        progress: told (chunks done, chunks, bars).

    Raises:
        GateHalt: the quality gate does not trust an answer; what came in before stays, and no book is halted.
        LeaseHeld: another process has been filling this source for too long.
        VendorUnavailable: the source did not answer.
        DataError: it cannot be read.
    """
    filling = SourceLease(ledger, source.name, holder, is_alive, now, sleep)
    with filling:
        lake.set_aside(source.name, FILLED)
        missing = find_missing(ledger, lake, source, calendar=calendar, universe=universe, start=start, session=session, again=again)
        record_listings(ledger, None, lake, source, missing.symbols, run_id=run_id, now=now)
        if not missing.chunks:
            merged = compact(ledger, None, filling, lake, source.name, session, tables=FILLED, run_id=run_id, now=now)
            return Backfilled(start, session, unmerged=merged.refusals)
        reaches = any(chunk.end == session and not chunk.before_coverage for chunk in missing.history)
        may_be_late = session in calendar.latest(calendar.latest_complete(now()), LATE_SESSIONS)
        report = fill(
            ledger,
            None,
            filling,
            lake,
            source,
            missing.chunks,
            calendar=calendar,
            session=session,
            listed={instrument.symbol for instrument in universe(session)} if reaches and may_be_late else (),
            thresholds=thresholds,
            run_id=run_id,
            now=now,
            progress=progress,
        )
        merged = compact(ledger, None, filling, lake, source.name, session, tables=FILLED, run_id=run_id, now=now)
    return Backfilled(
        start,
        session,
        report.chunks,
        report.rows,
        missing.gap_bars,
        report.healed,
        report.quarantined,
        report.reasons,
        merged.refusals,
        report.revised,
        report.taken_back,
    )
