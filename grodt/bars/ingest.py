"""How missing bars come into the lake: fetched, judged, written and committed chunk by chunk.

A chunk becomes at most one file per table. Its files and its coverage are committed together by the caller, so a run that dies
goes on where it stopped.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl

from grodt.bars.answers import Answers
from grodt.bars.chunks import Chunk, ChunkResult, Covered
from grodt.bars.jumps import REFUSED, WINDOW, Tail
from grodt.bars.quality import Completeness, GateResult, Thresholds, gate
from grodt.bars.revisions import daily_parts, write_again
from grodt.bars.row_rules import LEAPS, STALE
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, BarSource
from grodt.bars.taken_back import TakenBack, Untold, take_back
from grodt.errors import DataError
from grodt.lake import Lake, Manifest, Snapshot, actions_path, bars_path, quarantine_path
from grodt.sessions import Calendar

#: Sessions for which a listed symbol that went silent is asked for again.
LATE_SESSIONS = 5
_DAY = timedelta(days=1)
_CELL = ("symbol", "session")
_TABLES = ("bars_1d", "corporate_actions", "quarantine")
#: Of these, the one that slots of an intraday book may have written before.
_ACTIONS = ("corporate_actions",)


class GateHalt(DataError):
    """The quality gate does not trust an answer: nothing of it is recorded, and the book halts until a person has looked.

    Attributes:
        reasons: why, in words.
        completeness: of the session, where that is why; None where it was not reached.
    """

    def __init__(self, message: str, reasons: tuple[str, ...], completeness: Completeness | None = None) -> None:
        super().__init__(message)
        self.reasons = reasons
        self.completeness = completeness


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did, and how complete the session is with it.

    `healed`: those of the `rows` that filled gaps. `revised`: bars and corporate actions that the source has changed since. `taken_back`:
    corporate actions that it tells under another ex date. `untold`: those that it does not tell any more, for an answer that comes next.
    """

    chunks: int
    rows: int
    healed: int
    revised: int
    quarantined: int
    reasons: tuple[str, ...]
    completeness: Completeness
    taken_back: tuple[TakenBack, ...]
    untold: Untold


type Progress = Callable[[int, int, int], None]
"""Called with chunks done, chunks in total, good bars so far."""


async def ingest(
    chunks: Sequence[Chunk],
    *,
    source: BarSource,
    calendar: Calendar,
    lake: Lake,
    manifest: Manifest,
    session: date,
    listed: Collection[str],
    thresholds: Thresholds,
    run_id: str,
    now: Callable[[], datetime],
    commit: Callable[[ChunkResult], None],
    progress: Progress | None = None,
) -> IngestReport:
    """Fetch, judge, write and commit chunks in their order.

    The chunks that reach `session` are committed together at the end, once completeness over all of `listed` is known, so an
    incomplete session is asked for again by the next attempt. Of what answers a gap, only what the lake lacks is recorded. Whatever an
    answer is to, a corporate action that comes under another ex date than it did takes the place of the former one.

    Args:
        chunks: from `plan` and `plan_gaps`.
        source: who is asked.
        calendar: the book's exchange calendar.
        lake: where files go.
        manifest: the lake's manifest, read again for each chunk.
        session: the session that must be complete.
        listed: symbols that must have a bar in it.
        thresholds: bounds of the gate.
        run_id: written beside each file.
        now: the instant at which an answer is known.
        commit: commits files and coverage of one chunk in one transaction.
        progress: told after each chunk.

    Raises:
        GateHalt: an answer, or the session, is not to be trusted; what was committed before stays.
        VendorUnavailable: the source did not answer; chunks committed before stay.
        DataError: an answer cannot be read.
    """
    report, untold = _Report(len(chunks), commit, progress), Untold(source.name)
    held_back: list[_Judged] = []
    async with Answers(lambda chunk: source.fetch(chunk.symbols, chunk.start, chunk.end), chunks) as fetches:
        async for chunk, fetched in fetches:
            known_at = now()
            previous = read_tail(lake, manifest.snapshot(tables=_TABLES), source.name, calendar, chunk)
            result = await asyncio.to_thread(
                gate,
                fetched,
                calendar=calendar,
                asked=chunk.symbols,
                start=chunk.start,
                end=chunk.end,
                previous=previous,
                thresholds=thresholds.of_a_gap() if chunk.gap else thresholds,
            )
            if result.outcome == "halt":
                raise _halt(source, chunk.start, chunk.end, result.reasons)
            judged = _Judged(chunk, result, previous, known_at)
            if chunk.again:
                standing = manifest.snapshot(tables=_TABLES)
                gone = _moved(judged, untold, lake, standing).gone
                parts = daily_parts(chunk, result, gone, source=source.name, run_id=run_id, known_at=known_at)
                revised = await asyncio.to_thread(write_again, parts, lake, standing, source=source.name, run_id=run_id, known_at=known_at)
                report.add(revised.result(chunk, "bars_1d", "quarantine", result.reasons))
            elif chunk.gap:
                standing = manifest.snapshot(tables=_TABLES)
                news = await asyncio.to_thread(_news, _moved(judged, untold, lake, standing), lake, standing, source.name)
                report.add(await asyncio.to_thread(_write, news, (), lake, source.name, run_id, standing))
            elif chunk.end == session and not chunk.before_coverage:
                held_back.append(judged)
            else:
                whole = (Covered(chunk.symbols, chunk.start, chunk.end),)
                standing = manifest.snapshot(tables=_TABLES)
                news = _without_known_actions(_moved(judged, untold, lake, standing), lake, standing, source.name)
                report.add(await asyncio.to_thread(_write, news, whole, lake, source.name, run_id, standing, _ACTIONS))

    present = _present(lake, manifest.snapshot(tables=_TABLES), source.name, session)
    for judged in held_back:
        present |= _symbols_on(judged.result.bars, session)
    completeness = Completeness(session, len(set(listed)), len(present.intersection(listed)))
    if reasons := completeness.reasons(thresholds):
        raise _halt(source, session, session, reasons, completeness)
    for judged in held_back:
        covered = _coverage(judged, session, calendar, listed)
        standing = manifest.snapshot(tables=_TABLES)
        news = _without_known_actions(_moved(judged, untold, lake, standing), lake, standing, source.name)
        report.add(await asyncio.to_thread(_write, news, covered, lake, source.name, run_id, standing, _ACTIONS))
    return IngestReport(
        len(chunks),
        report.rows,
        report.healed,
        report.revised,
        report.quarantined,
        tuple(report.reasons),
        completeness,
        tuple(report.taken_back),
        untold,
    )


def read_tail(lake: Lake, snapshot: Snapshot, source: str, calendar: Calendar, chunk: Chunk) -> Tail:
    """What earlier gates decided in the `WINDOW` sessions before a chunk."""
    before = calendar.latest(chunk.start - _DAY, WINDOW)
    if not before:
        return Tail.empty()
    first, last = before[0], chunk.start - _DAY
    bars = lake.read("bars_1d", snapshot, source=source, columns=RAW_BARS.names(), start=first, end=last, symbols=chunk.symbols)
    refused = lake.read("quarantine", snapshot, source=source, start=first, end=last, symbols=chunk.symbols)
    actions = lake.read("corporate_actions", snapshot, source=source, start=first, end=last, symbols=chunk.symbols)
    return Tail(
        bars=bars,
        refused=refused.filter(pl.col("rule").is_in([STALE, *LEAPS])).select(REFUSED.names()).join(bars, on=_CELL, how="anti"),
        actions=actions.select(RAW_ACTIONS.names()).cast({"kind": pl.String}),
    )


def measure_completeness(lake: Lake, snapshot: Snapshot, source: str, session: date, listed: Collection[str]) -> Completeness:
    """How much of `listed` has a good bar in the session, as the snapshot shows it."""
    return Completeness(session, len(set(listed)), len(_present(lake, snapshot, source, session).intersection(listed)))


@dataclass(frozen=True, slots=True)
class _Judged:
    chunk: Chunk
    result: GateResult
    previous: Tail
    known_at: datetime
    gone: tuple[TakenBack, ...] = ()


class _Report:
    """Sums over the chunks committed so far."""

    def __init__(self, total: int, commit: Callable[[ChunkResult], None], progress: Progress | None) -> None:
        self._total = total
        self._commit = commit
        self._progress = progress
        self._done = 0
        self.rows = 0
        self.healed = 0
        self.revised = 0
        self.quarantined = 0
        self.reasons: list[str] = []
        self.taken_back: list[TakenBack] = []

    def add(self, result: ChunkResult) -> None:
        self._commit(result)
        self._done += 1
        self.rows += result.rows
        self.healed += result.rows if result.chunk.gap or result.chunk.again else 0
        self.revised += result.revised
        self.quarantined += result.quarantined
        self.reasons += result.reasons
        self.taken_back += result.taken_back
        if self._progress is not None:
            self._progress(self._done, self._total, self.rows)


def _moved(judged: _Judged, untold: Untold, lake: Lake, standing: Snapshot) -> _Judged:
    """With the actions that leave the lake because of what is told now."""
    chunk = judged.chunk
    return replace(judged, gone=untold.answered(lake, standing, chunk.symbols, chunk.start, chunk.end, judged.result.actions))


def _news(judged: _Judged, lake: Lake, snapshot: Snapshot, source: str) -> _Judged:
    """Of the answer to a gap, what the lake does not have: one row per bar and per action, and one refusal of a bar is enough."""
    chunk, result = judged.chunk, judged.result
    bars = lake.read("bars_1d", snapshot, source=source, columns=_CELL, start=chunk.start, end=chunk.end, symbols=chunk.symbols)
    actions = lake.read("corporate_actions", snapshot, source=source, start=chunk.start, end=chunk.end, symbols=chunk.symbols)
    given = result.quarantined["symbol"].unique().to_list()
    refused = lake.read("quarantine", snapshot, source=source, columns=_CELL, symbols=given) if given else result.quarantined.select(_CELL)
    quarantined = result.quarantined.join(refused, on=_CELL, how="anti")
    news = replace(
        result,
        bars=result.bars.join(bars, on=_CELL, how="anti"),
        actions=result.actions.join(actions.cast({"kind": pl.String}), on=("symbol", "ex_date", "kind"), how="anti"),
        quarantined=quarantined,
        reasons=result.reasons if quarantined.height else (),
    )
    return replace(judged, result=news)


def _without_known_actions(judged: _Judged, lake: Lake, snapshot: Snapshot, source: str) -> _Judged:
    """Without the actions that a slot of an intraday book has recorded before the session's daily bars came."""
    chunk, result = judged.chunk, judged.result
    known = lake.read("corporate_actions", snapshot, source=source, start=chunk.start, end=chunk.end, symbols=chunk.symbols)
    if not known.height:
        return judged
    key = ("symbol", "ex_date", "kind")
    return replace(judged, result=replace(result, actions=result.actions.join(known.cast({"kind": pl.String}), on=key, how="anti")))


def _write(
    judged: _Judged,
    covered: tuple[Covered, ...],
    lake: Lake,
    source: str,
    run_id: str,
    standing: Snapshot,
    merged: Collection[str] = _TABLES,
) -> ChunkResult:
    """One file per table that has rows; rows of a file of one of the `merged` tables that stands at its path in `standing` stay in it.

    Beside these, new versions of the files that lose a corporate action.
    """
    chunk, result, known_at = judged.chunk, judged.result, judged.known_at
    mark = pl.lit(source).alias("source"), pl.lit(known_at).cast(pl.Datetime("us", "UTC")).alias("known_at")
    tables = (
        ("bars_1d", bars_path, result.bars.with_columns(mark)),
        ("corporate_actions", actions_path, result.actions.with_columns(mark)),
        ("quarantine", quarantine_path, result.quarantined.with_columns(*mark, pl.lit(run_id).alias("run_id"))),
    )
    files = []
    for table, path_of, frame in tables:
        frames: dict[str, pl.DataFrame] = {}
        if frame.height:
            path = path_of(source, chunk.symbols, chunk.start, chunk.end, chunk.start.year)
            frames[path] = _with_what_stands(lake, standing, table, path, frame) if table in merged else frame
        if table == "corporate_actions":
            take_back(frames, judged.gone, lake, standing)
        files += [lake.write(table, path, rows, source=source, known_at=known_at, run_id=run_id) for path, rows in sorted(frames.items())]
    bars, refused = result.bars.height, result.quarantined.height
    return ChunkResult(chunk, tuple(files), covered, bars, refused, result.reasons, taken_back=judged.gone)


def _with_what_stands(lake: Lake, standing: Snapshot, table: str, path: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the rows of the file at the path, such as refusals of other sessions of the same symbols and days."""
    files = tuple(file for file in standing.of(table) if file.path == path)
    if not files:
        return frame
    rows = lake.read(table, replace(standing, files=files))
    return pl.concat([rows.select(frame.columns).cast(frame.schema), frame])


def _coverage(judged: _Judged, session: date, calendar: Calendar, listed: Collection[str]) -> tuple[Covered, ...]:
    """All of the chunk, except the session itself for listed symbols that gave nothing for it and were not silent before."""
    chunk, result = judged.chunk, judged.result
    given = _symbols_on(result.bars, session) | _symbols_on(result.quarantined, session)
    given |= set(result.actions.filter(pl.col("ex_date") == session)["symbol"])
    recent = pl.col("session") > calendar.latest(session, LATE_SESSIONS + 1)[0]
    lately = {symbol for bars in (result.bars, judged.previous.bars) for symbol in bars.filter(recent)["symbol"].unique()}
    expected = lately.intersection(listed) - given
    late = tuple(symbol for symbol in chunk.symbols if symbol in expected)
    punctual = tuple(symbol for symbol in chunk.symbols if symbol not in expected)
    parts = (Covered(punctual, chunk.start, chunk.end), Covered(late, chunk.start, session - _DAY))
    return tuple(part for part in parts if part.symbols and part.start <= part.end)


def _present(lake: Lake, snapshot: Snapshot, source: str, session: date) -> set[str]:
    return set(lake.read("bars_1d", snapshot, source=source, columns=["symbol"], start=session, end=session)["symbol"])


def _symbols_on(frame: pl.DataFrame, session: date) -> set[str]:
    return set(frame.filter(pl.col("session") == session)["symbol"])


def _halt(source: BarSource, start: date, end: date, reasons: tuple[str, ...], completeness: Completeness | None = None) -> GateHalt:
    return GateHalt(
        f"quality gate of source {source.name!r}: {'; '.join(reasons)}. Nothing from {start} to {end} was recorded: look at the source's "
        "data, then run again",
        reasons,
        completeness,
    )
