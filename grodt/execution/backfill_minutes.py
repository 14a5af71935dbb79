"""Backfill a source's minute bars: before and after what they cover, and sessions inside that are not there or cut off.

It works as the backfill of daily bars does, under the same lease, and keeps a coverage of its own. Daily bars are not needed for it; where
the lake has them, a session in which a symbol traded and has no minute is asked for again, and the minutes are laid beside them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from grodt.bars.chunks import Chunk, ChunkResult
from grodt.bars.ingest import LATE_SESSIONS, Progress
from grodt.bars.minute_chunks import plan_minute_gaps, plan_minutes, plan_minutes_again, windows
from grodt.bars.minute_gate import MinuteThresholds
from grodt.bars.minute_ingest import MINUTE_TABLES, MinutesReport, ingest_minutes, require_minutes
from grodt.bars.minute_sessions import measure_sessions, sessions_without_minutes
from grodt.bars.source import BarSource
from grodt.execution.backfill import Universe, wanted_symbols
from grodt.execution.compaction import compact
from grodt.execution.filling import SourceLease
from grodt.lake import Lake
from grodt.ledger.manifest import LedgerManifest, commit_files, coverage, extend_coverage
from grodt.ledger.unit import Ledger
from grodt.sessions import Calendar


@dataclass(frozen=True, slots=True)
class MissingMinutes:
    """What is to be asked of a source.

    Attributes:
        gaps: sessions inside the coverage that are not there or cut off.
        history: days before and after the coverage.
        gap_sessions: symbol-sessions among the gaps.
        again: what is covered and asked for again all the same; it takes the place of the gaps.
    """

    gaps: tuple[Chunk, ...]
    history: tuple[Chunk, ...]
    gap_sessions: int
    again: tuple[Chunk, ...] = ()

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """All of it, in the order in which it is asked."""
        return (*(self.again or self.gaps), *self.history)


@dataclass(frozen=True, slots=True)
class BackfilledMinutes:
    """What a backfill of minute bars did.

    Attributes:
        start: first day.
        session: last session.
        gap_sessions: symbol-sessions inside the coverage that were asked for again.
        report: what came in.
        unmerged: why files of periods that are over were left as they are; see `compact`.
    """

    start: date
    session: date
    gap_sessions: int = 0
    report: MinutesReport = field(default_factory=MinutesReport)
    unmerged: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Bars that came in."""
        return self.report.rows


def find_missing_minutes(
    ledger: Ledger,
    lake: Lake,
    source: BarSource,
    *,
    calendar: Calendar,
    universe: Universe,
    start: date,
    session: date,
    thresholds: MinuteThresholds,
    again: bool = False,
) -> MissingMinutes:
    """What the lake lacks of every symbol that the universe had in any session of the range; with `again`, also what it has.

    Raises:
        ConfigError: the source has no minutes.
    """
    require_minutes(source)
    wanted = wanted_symbols(source, universe, calendar, start, session)
    with ledger.read() as tx:
        covered = {symbol: days for symbol, days in coverage(tx, source.name, "1m").items() if symbol in wanted}
    missing = _missing_sessions(ledger, lake, source.name, calendar, covered, start, session, thresholds)
    gaps = plan_minute_gaps(missing, calendar)
    asked_again = plan_minutes_again(covered, sorted(covered), start, session, calendar) if again else ()
    return MissingMinutes(gaps, plan_minutes(covered, wanted, start, session, calendar), missing.height, asked_again)


def _missing_sessions(
    ledger: Ledger,
    lake: Lake,
    source: str,
    calendar: Calendar,
    covered: dict[str, tuple[date, date]],
    start: date,
    session: date,
    thresholds: MinuteThresholds,
) -> pl.DataFrame:
    """Symbol and session of what is covered and not there, or cut off; looked at a window of sessions after the other."""
    inside = {symbol: (max(first, start), min(last, session)) for symbol, (first, last) in covered.items()}
    inside = {symbol: days for symbol, days in inside.items() if days[0] <= days[1]}
    found = [pl.DataFrame(schema={"symbol": pl.String, "session": pl.Date})]
    if not inside:
        return found[0]
    snapshot = LedgerManifest(ledger).snapshot(tables=("bars_1d", *MINUTE_TABLES))
    symbols = sorted(inside)
    days = calendar.between(min(first for first, _ in inside.values()), max(last for _, last in inside.values()))
    ranges = pl.DataFrame([(symbol, *days) for symbol, days in inside.items()], schema=["symbol", "first", "last"], orient="row")
    for first, last in windows(days, len(symbols), calendar):
        minutes = lake.read(
            "bars_1m", snapshot, source=source, columns=["symbol", "start", "session"], start=first, end=last, symbols=symbols
        )
        measured = measure_sessions(minutes.sort("symbol", "start"), calendar, silent_minutes=thresholds.silent_minutes)
        daily = lake.read(
            "bars_1d", snapshot, source=source, columns=["symbol", "session", "volume"], start=first, end=last, symbols=symbols
        )
        lacking = sessions_without_minutes(daily, measured, symbols, first, last).join(ranges, on="symbol")
        found.append(lacking.filter(pl.col("session").is_between("first", "last")).select("symbol", "session"))
    return pl.concat(found)


def backfill_minutes(
    ledger: Ledger,
    lake: Lake,
    source: BarSource,
    *,
    calendar: Calendar,
    universe: Universe,
    start: date,
    session: date,
    thresholds: MinuteThresholds,
    completeness: float,
    again: bool = False,
    run_id: str,
    holder: str,
    is_alive: Callable[[str], bool],
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    progress: Progress,
) -> BackfilledMinutes:
    """Ask a source for the minutes that are missing from `start` to `session`, under its lease.

    Killed and run again, it goes on where it stopped. A session that is so recent that bars may still be late must be complete.

    Args:
        ledger, lake, source, calendar: the parts.
        universe: asked for is what it had in any session of the range.
        start: first day.
        session: last session, from `last_session`.
        thresholds: the minute gate's.
        completeness: least share of the symbols that traded in a recent session whose minutes must be whole.
        again: ask as well for what is there, and record what differs as a new version.
        run_id: written beside what comes in.
        holder, is_alive: who we are, and whether another still runs.
        now, sleep: clock and wait.
        progress: told (chunks done, chunks, bars).

    Raises:
        GateHalt: the quality gate does not trust an answer; what came in before stays, and no book is halted.
        LeaseHeld: another process has been filling this source for too long.
        VendorUnavailable: the source did not answer.
        ConfigError: it has no minutes.
        DataError: it cannot be read.
    """
    filling = SourceLease(ledger, source.name, holder, is_alive, now, sleep)

    def commit(result: ChunkResult) -> None:
        with ledger.write() as tx:
            filling.renew(tx)
            commit_files(tx, result.files, now())
            for each in result.covered:
                extend_coverage(tx, source.name, each.symbols, each.start, each.end, run_id, "1m")

    with filling:
        lake.set_aside(source.name, MINUTE_TABLES)
        missing = find_missing_minutes(
            ledger, lake, source, calendar=calendar, universe=universe, start=start, session=session, thresholds=thresholds, again=again
        )
        if not missing.chunks:
            return BackfilledMinutes(start, session)
        may_be_late = session in calendar.latest(calendar.latest_complete(now()), LATE_SESSIONS)
        report = asyncio.run(
            ingest_minutes(
                missing.chunks,
                source=source,
                calendar=calendar,
                lake=lake,
                manifest=LedgerManifest(ledger),
                session=session,
                listed={instrument.symbol for instrument in universe(session)} if may_be_late else (),
                thresholds=thresholds,
                completeness=completeness,
                run_id=run_id,
                now=now,
                commit=commit,
                progress=progress,
            )
        )
        merged = compact(ledger, None, filling, lake, source.name, session, tables=MINUTE_TABLES, run_id=run_id, now=now)
    return BackfilledMinutes(start, session, missing.gap_sessions, report, merged.refusals)
