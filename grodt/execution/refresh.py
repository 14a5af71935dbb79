"""Bring the lake up to a session, and pin what the cycle reads."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from grodt.bars.chunks import Chunk, plan, symbols_to_ask
from grodt.bars.ingest import LATE_SESSIONS, GateHalt, IngestReport, measure_completeness
from grodt.bars.quality import Completeness, Thresholds
from grodt.bars.revisions import plan_again
from grodt.bars.source import BarSource
from grodt.bars.taken_back import TakenBack
from grodt.errors import HaltActive
from grodt.execution.breaching import halt_on_data
from grodt.execution.compaction import compact
from grodt.execution.filling import FILLED, LARGEST_CHUNK, SourceLease, fill
from grodt.execution.listings import record_listings
from grodt.instruments import Instrument
from grodt.lake import Lake, Snapshot
from grodt.ledger.evidence import record_checks
from grodt.ledger.leases import Lease
from grodt.ledger.manifest import LedgerManifest, coverage, snapshot
from grodt.ledger.orders import orders_in
from grodt.ledger.postings import holdings
from grodt.ledger.runs import Run, pin_snapshot
from grodt.ledger.transaction import Read
from grodt.ledger.unit import Ledger
from grodt.orders.states import MAY_TRADE
from grodt.risk.controls import Evaluation, data_complete, whole_answers
from grodt.risk.evidence import Answered, rows
from grodt.sessions import Calendar

#: What a decision rests on.
TABLES = ("bars_1d", "corporate_actions", "instruments")


def symbols_of(tx: Read, book: str) -> frozenset[str]:
    """What a book holds, and what its orders that may still trade may bring it: it needs their prices, whatever its universe has become."""
    return frozenset(holdings(tx, book)).union(each.order.symbol for each in orders_in(tx, book, MAY_TRADE))


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The data a cycle reads.

    Attributes:
        snapshot: pinned versions of bars, corporate actions and instruments.
        completeness: of the session.
        fetched: good bars that came in.
        quarantined: rows refused.
        revised: bars and corporate actions of earlier sessions that the source has changed since.
        unmerged: why files of periods that are over were left as they are; see `compact`.
        taken_back: corporate actions that left the lake, because the source tells them under another ex date now.
    """

    snapshot: Snapshot
    completeness: Completeness
    fetched: int
    quarantined: int
    revised: int = 0
    unmerged: tuple[str, ...] = ()
    taken_back: tuple[TakenBack, ...] = ()


def refresh(
    ledger: Ledger,
    lease: Lease | None,
    lake: Lake,
    source: BarSource,
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
    """Fetch every bar that is missing up to the run's session and pin the snapshot. A pinned run reads what it read before.

    Args:
        ledger, lease, lake, source, calendar, run: the parts.
        universe: what the book may trade in a session. Asked for are it, what is held, and what has left it since it was last
            asked for (a delisting is still to come). Its completeness counts.
        history_start: first day wanted.
        thresholds: the gate's.
        revisions: sessions before the run's that are asked for again, because the source may have corrected them; only while the run's own
            is so recent that bars may still be late.
        holder, is_alive: who we are, and whether another still runs.
        now, sleep: clock and wait.
        progress: told (chunks done, chunks, bars).

    Raises:
        HaltActive: the quality gate does not trust the data; the book is halted, and what controls 24 and 25 found is in its evidence.
        LeaseHeld: another process has been filling this source for too long.
        VendorUnavailable: the source did not answer.
        DataError: it cannot be read.
    """
    session = run.session
    listed = {instrument.symbol for instrument in universe(session)}
    if run.snapshot_version is not None:
        with ledger.read() as tx:
            pinned = snapshot(tx, run.snapshot_version, tables=TABLES)
        return Refreshed(pinned, measure_completeness(lake, pinned, source.name, session, listed), 0, 0)
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
            session=session,
            universe=universe,
            history_start=history_start,
            thresholds=thresholds,
            revisions=revisions,
            now=now,
            progress=progress,
        )
        with ledger.write(lease) as tx:
            pinned = snapshot(tx, tables=TABLES)
            pin_snapshot(tx, run.run_id, pinned)
    return Refreshed(pinned, report.completeness, report.rows, report.quarantined, report.revised, unmerged, report.taken_back)


def bring_up(
    ledger: Ledger,
    lease: Lease | None,
    filling: SourceLease,
    lake: Lake,
    source: BarSource,
    *,
    calendar: Calendar,
    run: Run,
    session: date,
    universe: Callable[[date], Sequence[Instrument]],
    history_start: date,
    thresholds: Thresholds,
    revisions: int,
    now: Callable[[], datetime],
    progress: Callable[[int, int, int], None],
) -> tuple[IngestReport, tuple[str, ...]]:
    """Fetch every daily bar that is missing up to a session, under the source's lease.

    Args:
        ledger, lease, lake, source, calendar, universe, history_start, thresholds, revisions, now, progress: see `refresh`.
        filling: the source's lease, taken.
        run: who asks.
        session: the last one.

    Returns:
        What came in, and why files of periods that are over were left as they are.

    Raises:
        HaltActive, LeaseHeld, VendorUnavailable, DataError: see `refresh`.
    """
    listed = {instrument.symbol for instrument in universe(session)}
    lake.set_aside(source.name, FILLED)
    with ledger.read() as tx:
        covered = coverage(tx, source.name)
        own = symbols_of(tx, run.book)
    start = min([history_start, *(first for first, _ in covered.values())])
    symbols = symbols_to_ask(universe, covered, session, own, source.listings)
    record_listings(ledger, lease, lake, source, symbols, run_id=run.run_id, now=now)
    chunks = (
        *_again(covered, symbols, calendar, run.session, revisions, now()),
        *plan(covered, symbols, start, session, largest=LARGEST_CHUNK),
    )
    try:
        report = fill(
            ledger,
            lease,
            filling,
            lake,
            source,
            chunks,
            calendar=calendar,
            session=session,
            listed=listed,
            thresholds=thresholds,
            run_id=run.run_id,
            now=now,
            progress=progress,
        )
    except GateHalt as stop:
        found = stop.completeness or _measured(ledger, lake, source.name, session, listed)
        answers = [data_complete(found.expected, found.present, found.last_session_fresh, thresholds.completeness)]
        if stop.completeness is None:
            answers.append(whole_answers(1))
        raise halted_by_gate(ledger, lease, run, stop, answers, now()) from stop
    merged = compact(ledger, lease, filling, lake, source.name, session, tables=FILLED, run_id=run.run_id, now=now)
    return report, merged.refusals


def halted_by_gate(
    ledger: Ledger, lease: Lease | None, run: Run, stop: GateHalt, answers: Sequence[Evaluation], now: datetime
) -> HaltActive:
    """Halt the book because its data is not to be trusted; the answers of the gate's controls, the last one failed, are its evidence."""
    evidence = rows([Answered(each) for each in answers], book=run.book, session=run.session, run_id=run.run_id, symbols=())
    with ledger.write(lease) as tx:
        record_checks(tx, evidence, run.attempts)
        halt_on_data(tx, run.book, answers[-1], stop.reasons, now)
    return HaltActive(f"book {run.book} session {run.session}: {stop}. The book is halted: `grodt rearm --book {run.book} --reason WHY`")


def _again(
    covered: Mapping[str, tuple[date, date]], symbols: Collection[str], calendar: Calendar, session: date, count: int, now: datetime
) -> tuple[Chunk, ...]:
    """What is asked a second time: the sessions just before the run's, if that one is of these days, or goes on."""
    if not count or session < calendar.latest(calendar.latest_complete(now), LATE_SESSIONS)[0]:
        return ()
    before = calendar.previous(session)
    return plan_again(covered, symbols, calendar.latest(before, count)[0], before, largest=LARGEST_CHUNK)


def _measured(ledger: Ledger, lake: Lake, source: str, session: date, listed: Collection[str]) -> Completeness:
    """Of the lake as it is now: a refused answer has added nothing to it."""
    return measure_completeness(lake, LedgerManifest(ledger).snapshot(tables=TABLES), source, session, listed)
