"""Bring the lake up to a slot of a session, and pin what its cycle reads."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from grodt.bars.actions_of_today import fetch_actions_of_today
from grodt.bars.chunks import Chunk, ChunkResult, parted, symbols_to_ask
from grodt.bars.ingest import GateHalt
from grodt.bars.minute_chunks import LARGEST, plan_minutes
from grodt.bars.minute_gate import MinuteThresholds
from grodt.bars.minute_ingest import MINUTE_TABLES, ingest_minutes, require_minutes
from grodt.bars.quality import Completeness, Thresholds
from grodt.bars.source import BarSource
from grodt.bars.taken_back import TakenBack, Untold
from grodt.execution.compaction import compact
from grodt.execution.filling import SourceLease
from grodt.execution.opening import LEASE_TTL
from grodt.execution.refresh import TABLES, Refreshed, bring_up, halted_by_gate, symbols_of
from grodt.instruments import Instrument
from grodt.lake import Lake, Snapshot
from grodt.ledger.leases import Lease, renew
from grodt.ledger.manifest import LedgerManifest, commit_files, coverage, extend_coverage, snapshot
from grodt.ledger.runs import Run, pin_snapshot
from grodt.ledger.unit import Ledger
from grodt.risk.controls import data_complete, whole_answers
from grodt.sessions import Calendar
from grodt.slots import Slot, minutes_traded

#: What a slot's decision rests on.
SLOT_TABLES = ("bars_1m", *TABLES)


@dataclass(frozen=True, slots=True)
class SlotData:
    """What the bars of a slot are fetched by, beyond what an end of day has.

    Attributes:
        slot: up to which.
        every: minutes between slots: minutes of trading so recent say that the source still tells of the session.
        history: sessions before this one whose minutes are wanted too.
        minutes: thresholds of the gate of minutes.
    """

    slot: Slot
    every: int
    history: int
    minutes: MinuteThresholds


def refresh_slot(
    ledger: Ledger,
    lease: Lease | None,
    lake: Lake,
    source: BarSource,
    data: SlotData,
    *,
    calendar: Calendar,
    run: Run,
    universe: Callable[[date], Sequence[Instrument]],
    history_start: date,
    thresholds: Thresholds,
    revisions: int = 0,
    holder: str,
    is_alive: Callable[[str], bool],
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    progress: Callable[[int, int, int], None],
) -> Refreshed:
    """Fetch what is missing up to a slot and pin the snapshot. A pinned run reads what it read before.

    Of the session itself: its corporate actions, and its minutes that had ended by the slot's instant; at its close, the daily bars as
    well, and all its minutes. Of the sessions before: daily bars, and the minutes of `data.history` of them, or of all since a
    symbol was last asked for. All of it of the universe, of what is held and of orders that may still trade, which are settled by it. A
    part of a session adds no coverage, so whatever asks for it later brings in the rest, and nothing twice.

    Completeness counts the symbols of the universe that have traded in the session so far; none, where no minute is younger than `every`
    of trading: then the source stands still. At the close it is that of the daily bars.

    Args:
        ledger, lease, lake, source, calendar, run, universe, history_start, thresholds, revisions: as for `refresh`.
        holder, is_alive, now, sleep, progress: likewise.
        data: of the slot.

    Raises:
        HaltActive: a gate does not trust the data; the book is halted, and what controls 24 and 25 found is in its evidence.
        LeaseHeld: another process has been filling this source for too long.
        VendorUnavailable: the source did not answer.
        ConfigError: it has no minutes.
        DataError: it cannot be read.
    """
    require_minutes(source)
    session, slot = run.session, data.slot
    listed = {instrument.symbol for instrument in universe(session)}
    over = slot.role == "close"
    if run.snapshot_version is not None:
        with ledger.read() as tx:
            pinned = snapshot(tx, run.snapshot_version, tables=SLOT_TABLES)
        return Refreshed(pinned, _completeness(lake, pinned, source.name, data, listed, calendar), 0, 0)
    previous = calendar.previous(session)
    filling = SourceLease(ledger, source.name, holder, is_alive, now, sleep)
    with filling:
        report, unmerged = bring_up(
            ledger,
            lease,
            filling,
            lake,
            source,
            calendar=calendar,
            run=run,
            session=session if over else previous,
            universe=universe,
            history_start=history_start,
            thresholds=thresholds,
            revisions=revisions,
            now=now,
            progress=progress,
        )
        filler = _Minutes(ledger, lease, filling, lake, source, data, calendar, run, now, progress)
        with ledger.read() as tx:
            own = symbols_of(tx, run.book)
            asked = symbols_to_ask(universe, coverage(tx, source.name), session, own, source.listings)
        try:
            if not over:
                filler.record_actions(sorted(asked), report.untold)
            filler.fill(sorted(listed.union(own)), calendar.latest(previous, data.history)[0], previous)
        except GateHalt as stop:
            answers = [data_complete(len(listed), 0, False, thresholds.completeness), whole_answers(1)]
            raise halted_by_gate(ledger, lease, run, stop, answers, now()) from stop
        merged = compact(ledger, lease, filling, lake, source.name, session, tables=MINUTE_TABLES, run_id=run.run_id, now=now)
        with ledger.write(lease) as tx:
            pinned = snapshot(tx, tables=SLOT_TABLES)
            pin_snapshot(tx, run.run_id, pinned)
    complete = report.completeness if over else _completeness(lake, pinned, source.name, data, listed, calendar)
    taken_back = (*report.taken_back, *filler.taken_back)
    refusals = (*unmerged, *merged.refusals)
    return Refreshed(pinned, complete, report.rows + filler.rows, report.quarantined, report.revised, refusals, taken_back)


def _completeness(lake: Lake, pinned: Snapshot, source: str, data: SlotData, listed: set[str], calendar: Calendar) -> Completeness:
    """How much of the universe has traded in the session up to the slot."""
    slot = data.slot
    minutes = lake.read("bars_1m", pinned, source=source, columns=["symbol", "start"], start=slot.session, end=slot.session)
    so_far = minutes.filter((pl.col("start") < slot.at) & pl.col("symbol").is_in(list(listed)))
    newest = so_far["start"].max()
    fresh = isinstance(newest, datetime) and minutes_traded(calendar, slot, newest + timedelta(minutes=1)) < data.every
    return Completeness(slot.session, len(listed), so_far["symbol"].n_unique() if fresh else 0)


@dataclass(slots=True)
class _Minutes:
    """What fills the lake's minutes of one slot."""

    ledger: Ledger
    lease: Lease | None
    filling: SourceLease
    lake: Lake
    source: BarSource
    data: SlotData
    calendar: Calendar
    run: Run
    now: Callable[[], datetime]
    progress: Callable[[int, int, int], None]
    rows: int = 0
    taken_back: tuple[TakenBack, ...] = ()

    def record_actions(self, symbols: Sequence[str], untold: Untold) -> None:
        """Commit the actions that take effect in the session and that the lake lacks, without those that they take the place of."""
        session, known_at = self.run.session, self.now()
        told = asyncio.run(
            fetch_actions_of_today(
                self.source,
                symbols,
                session,
                untold,
                since=self.calendar.previous(session) + timedelta(days=1),
                lake=self.lake,
                standing=LedgerManifest(self.ledger).snapshot(tables=("corporate_actions",)),
                run_id=self.run.run_id,
                known_at=known_at,
            )
        )
        if told.files:
            with self.ledger.write(self.lease) as tx:
                self.filling.renew(tx)
                commit_files(tx, told.files, self.now())
        self.taken_back = told.taken_back

    def fill(self, symbols: Sequence[str], start: date, previous: date) -> None:
        """Commit the minutes that are missing from `start` on.

        Raises:
            GateHalt: an answer is not to be trusted.
        """
        self.lake.set_aside(self.source.name, MINUTE_TABLES)
        slot = self.data.slot
        with self.ledger.read() as tx:
            covered = {symbol: days for symbol, days in coverage(tx, self.source.name, "1m").items() if symbol in set(symbols)}
        if slot.role == "close":
            self._ask(plan_minutes(covered, symbols, start, slot.session, self.calendar), None)
            return
        self._ask(plan_minutes(covered, symbols, start, previous, self.calendar), None)
        several = max(1, LARGEST // self.calendar.minutes_of(slot.session))
        done = {symbol for symbol, (_, last) in covered.items() if last >= slot.session}
        today = parted([symbol for symbol in symbols if symbol not in done], several)
        self._ask([Chunk(part, slot.session, slot.session) for part in today], slot.at)

    def _ask(self, chunks: Sequence[Chunk], until: datetime | None) -> None:
        if not chunks:
            return
        report = asyncio.run(
            ingest_minutes(
                chunks,
                source=self.source,
                calendar=self.calendar,
                lake=self.lake,
                manifest=LedgerManifest(self.ledger),
                session=self.run.session,
                listed=(),
                thresholds=self.data.minutes,
                completeness=1.0,
                run_id=self.run.run_id,
                now=self.now,
                commit=self._commit,
                progress=self.progress,
                until=until,
            )
        )
        self.rows += report.rows

    def _commit(self, result: ChunkResult) -> None:
        with self.ledger.write(self.lease) as tx:
            self.filling.renew(tx)
            if self.lease is not None:
                renew(tx, self.lease, self.now(), LEASE_TTL)
            commit_files(tx, result.files, self.now())
            for each in result.covered:
                extend_coverage(tx, self.source.name, each.symbols, each.start, each.end, self.run.run_id, "1m")
