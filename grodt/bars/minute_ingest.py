"""How missing minute bars come into the lake: fetched, judged, written and committed chunk by chunk, as daily bars do.

A chunk becomes at most one file per table. Its files and its coverage are committed together by the caller, so a run that dies goes on
where it stopped.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl

from grodt.bars.answers import Answers
from grodt.bars.chunks import Chunk, ChunkResult, Covered
from grodt.bars.files import FilesSource
from grodt.bars.ingest import GateHalt, Progress
from grodt.bars.minute_gate import MinuteThresholds, MinuteVerdict, gate_minutes
from grodt.bars.minute_sessions import Agreement
from grodt.bars.revisions import BAR_VALUES, Again, write_again
from grodt.bars.source import BarSource, MinuteSource
from grodt.errors import ConfigError
from grodt.lake import Lake, Manifest, Snapshot, minute_bars_path, minute_quarantine_path
from grodt.sessions import Calendar

#: Tables that minute bars go to.
MINUTE_TABLES = ("bars_1m", "quarantine_1m")
_READ = ("bars_1d", *MINUTE_TABLES)
_DAILY = ("symbol", "session", "open", "high", "low", "close", "volume")
_MINUTE = ("symbol", "start")
_DAY = timedelta(days=1)
_MINUTE_LONG = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class MinutesReport:
    """What an ingest of minute bars did; symbol-sessions are counted where a session of a symbol is.

    Attributes:
        chunks: questions asked.
        rows: good bars that came in.
        healed: symbol-sessions asked for again of which some did.
        revised: bars that differ from what was recorded before.
        quarantined: rows refused that had not been refused before.
        extended: rows outside trading hours that were left out as the book says.
        filled: rows that were left out because nobody traded.
        minutes, expected: of liquid symbols, the minutes that have a bar, of those in which the exchange traded.
        incomplete: symbol-sessions of liquid symbols that came in cut off.
        compared: symbol-sessions whose minutes were added up and laid beside a daily bar.
        identical: of these, those that are the very same numbers.
        reasons: what the gate refused or noticed, in words.
    """

    chunks: int = 0
    rows: int = 0
    healed: int = 0
    revised: int = 0
    quarantined: int = 0
    extended: int = 0
    filled: int = 0
    minutes: int = 0
    expected: int = 0
    incomplete: int = 0
    compared: int = 0
    identical: int = 0
    reasons: tuple[str, ...] = ()


def require_minutes(source: BarSource) -> MinuteSource:
    """The source, if it has minute bars.

    Raises:
        ConfigError: it has none.
    """
    if isinstance(source, FilesSource) and not source.has_minutes:
        raise ConfigError(f"source {source.name!r} has no minute bars; describe their file under `minutes` in the books file")
    if not isinstance(source, MinuteSource):
        raise ConfigError(f"source {source.name!r} has no minute bars; use a book on a source that has them, or --bars 1d")
    return source


async def ingest_minutes(
    chunks: Sequence[Chunk],
    *,
    source: BarSource,
    calendar: Calendar,
    lake: Lake,
    manifest: Manifest,
    session: date,
    listed: Collection[str],
    thresholds: MinuteThresholds,
    completeness: float,
    run_id: str,
    now: Callable[[], datetime],
    commit: Callable[[ChunkResult], None],
    progress: Progress | None = None,
    until: datetime | None = None,
) -> MinutesReport:
    """Fetch, judge, write and commit chunks in their order.

    Where `session` must be complete (somebody is `listed`), the chunks that reach it are committed together at the end, once it is known
    whether it is. Only what the lake lacks is recorded, unless it is asked for again: slots of an intraday book may have brought in a part
    of a session before.

    Args:
        chunks: from `plan_minutes` and `plan_minute_gaps`.
        source: who is asked; it has minutes.
        calendar: the book's exchange calendar.
        lake: where files go, and where the daily bars are that minutes are laid beside.
        manifest: the lake's manifest, read again for each chunk.
        session: the last session.
        listed: symbols that must have minutes in it, if they traded that day as far as daily bars tell; none: it need not be complete.
        thresholds: bounds of the gate.
        completeness: least share of those symbols.
        run_id: written beside each file.
        now: the instant at which an answer is known.
        commit: commits files and coverage of one chunk in one transaction.
        progress: told after each chunk.
        until: of a session that goes on, the instant up to which minutes are taken; none of it is covered then. None: it is over.

    Raises:
        GateHalt: an answer, or the session, is not to be trusted; what was committed before stays.
        VendorUnavailable: the source did not answer; chunks committed before stay.
        ConfigError: the source has no minutes.
        DataError: an answer cannot be read.
    """
    minutes = require_minutes(source)
    tally = _Tally(len(chunks), commit, progress)
    held_back: list[_Judged] = []
    async with Answers(lambda chunk: minutes.fetch_minutes(chunk.symbols, chunk.start, chunk.end), chunks) as answers:
        async for chunk, answer in answers:
            known_at = now()
            standing = manifest.snapshot(tables=_READ)
            daily = lake.read(
                "bars_1d", standing, source=source.name, columns=_DAILY, start=chunk.start, end=chunk.end, symbols=chunk.symbols
            )
            if until is not None:  # a part of a session adds up to no daily bar
                answer, daily = answer.filter(pl.col("start") + _MINUTE_LONG <= until), daily.clear()  # noqa: PLW2901
            # a gap may be nothing but rows that were refused before
            bounds = replace(thresholds, quarantined_share=1.0) if chunk.gap else thresholds
            verdict = await asyncio.to_thread(
                gate_minutes,
                answer,
                calendar=calendar,
                asked=chunk.symbols,
                start=chunk.start,
                end=chunk.end,
                daily=daily,
                thresholds=bounds,
            )
            del answer
            if verdict.halts:
                raise _halt(source, chunk.start, chunk.end, (*verdict.halts, *verdict.reasons))
            judged = _Judged(chunk, verdict, known_at)
            if chunk.again:
                parts = _parts(judged, source.name, run_id)
                revised = await asyncio.to_thread(write_again, parts, lake, standing, source=source.name, run_id=run_id, known_at=known_at)
                tally.add(revised.result(chunk, *MINUTE_TABLES, verdict.reasons), verdict)
            elif chunk.gap:
                news = await asyncio.to_thread(_news, judged, lake, standing, source.name)
                tally.add(await asyncio.to_thread(_write, news, (), lake, source.name, run_id, standing), news.verdict)
            elif listed and chunk.end == session and not chunk.before_coverage:
                held_back.append(judged)
            else:
                whole = (Covered(chunk.symbols, chunk.start, chunk.end),) if until is None else ()
                news = await asyncio.to_thread(_news, judged, lake, standing, source.name)
                tally.add(await asyncio.to_thread(_write, news, whole, lake, source.name, run_id, standing), news.verdict)
            del verdict, judged
    if held_back:
        expected = _expected(lake, manifest.snapshot(tables=_READ), source.name, session, held_back, listed)
        _require_complete(source, session, held_back, expected, completeness)
        for judged in held_back:
            covered, standing = _coverage(judged, session, expected), manifest.snapshot(tables=_READ)
            news = await asyncio.to_thread(_news, judged, lake, standing, source.name)
            tally.add(await asyncio.to_thread(_write, news, covered, lake, source.name, run_id, standing), news.verdict)
    return tally.report


@dataclass(frozen=True, slots=True)
class _Judged:
    chunk: Chunk
    verdict: MinuteVerdict
    known_at: datetime


class _Tally:
    """Sums over the chunks committed so far."""

    def __init__(self, total: int, commit: Callable[[ChunkResult], None], progress: Progress | None) -> None:
        self._total = total
        self._commit = commit
        self._progress = progress
        self._done = 0
        self.report = MinutesReport(chunks=total)

    def add(self, result: ChunkResult, verdict: MinuteVerdict) -> None:
        self._commit(result)
        self._done += 1
        so_far, liquid = self.report, verdict.sessions.filter("liquid")
        came = verdict.bars.select("symbol", "session").n_unique() if result.chunk.gap and verdict.bars.height else 0
        self.report = replace(
            so_far,
            rows=so_far.rows + result.rows,
            healed=so_far.healed + came,
            revised=so_far.revised + result.revised,
            quarantined=so_far.quarantined + result.quarantined,
            extended=so_far.extended + verdict.extended,
            filled=so_far.filled + verdict.filled,
            minutes=so_far.minutes + int(liquid["minutes"].sum()),
            expected=so_far.expected + int(liquid["expected"].sum()),
            incomplete=so_far.incomplete + int(verdict.sessions["incomplete"].sum()),
            compared=so_far.compared + verdict.agreement.compared,
            identical=so_far.identical + verdict.agreement.identical,
            reasons=(*so_far.reasons, *result.reasons),
        )
        if self._progress is not None:
            self._progress(self._done, self._total, self.report.rows)


def _news(judged: _Judged, lake: Lake, standing: Snapshot, source: str) -> _Judged:
    """Of an answer, the rows that the lake does not have."""
    chunk, verdict = judged.chunk, judged.verdict
    kept = []
    for table, frame in (("bars_1m", verdict.bars), ("quarantine_1m", verdict.quarantined)):
        symbols = frame["symbol"].unique().to_list()
        there = lake.read(table, standing, source=source, columns=_MINUTE, start=chunk.start, end=chunk.end, symbols=symbols)
        kept.append(frame.join(there, on=_MINUTE, how="anti") if there.height else frame)
    bars, quarantined = kept
    if bars is verdict.bars and quarantined is verdict.quarantined:
        return judged
    news = replace(verdict, bars=bars, quarantined=quarantined)
    if not bars.height and not quarantined.height:  # all of it has been told before
        nothing = Agreement(0, 0, verdict.agreement.apart.clear())
        news = replace(news, extended=0, filled=0, sessions=verdict.sessions.clear(), agreement=nothing, reasons=())
    return replace(judged, verdict=news)


def _write(
    judged: _Judged, covered: tuple[Covered, ...], lake: Lake, source: str, run_id: str, standing: Snapshot | None = None
) -> ChunkResult:
    """One file per table that has rows; rows of a file that stands at its path in `standing` stay in it."""
    chunk, verdict, known_at = judged.chunk, judged.verdict, judged.known_at
    mark = pl.lit(source).alias("source"), pl.lit(known_at).cast(pl.Datetime("us", "UTC")).alias("known_at")
    tables = (
        ("bars_1m", minute_bars_path, verdict.bars.with_columns(mark)),
        ("quarantine_1m", minute_quarantine_path, verdict.quarantined.with_columns(*mark, pl.lit(run_id).alias("run_id"))),
    )
    files = []
    for table, path_of, frame in tables:
        if not frame.height:
            continue
        path = path_of(source, chunk.symbols, chunk.start, chunk.end, chunk.start.year)
        there = tuple(file for file in standing.of(table) if file.path == path) if standing is not None else ()
        if standing is not None and there:
            rows = lake.read(table, replace(standing, files=there))
            frame = pl.concat([rows.select(frame.columns), frame])  # noqa: PLW2901
        files.append(lake.write(table, path, frame, source=source, known_at=known_at, run_id=run_id))
    return ChunkResult(chunk, tuple(files), covered, verdict.bars.height, verdict.quarantined.height, verdict.reasons)


def _parts(judged: _Judged, source: str, run_id: str) -> tuple[Again, ...]:
    """An answer that was asked for again, in parts for `write_again`."""
    chunk, verdict = judged.chunk, judged.verdict
    mark = pl.lit(source).alias("source"), pl.lit(judged.known_at).cast(pl.Datetime("us", "UTC")).alias("known_at")
    where = source, chunk.symbols, chunk.start, chunk.end, chunk.start.year
    refused = verdict.quarantined.with_columns(*mark, pl.lit(run_id).alias("run_id"))
    return (
        Again("bars_1m", _MINUTE, "session", BAR_VALUES, minute_bars_path(*where), verdict.bars.with_columns(mark)),
        Again("quarantine_1m", _MINUTE, "session", (), minute_quarantine_path(*where), refused),
    )


def _expected(
    lake: Lake, snapshot: Snapshot, source: str, session: date, held_back: Sequence[_Judged], listed: Collection[str]
) -> frozenset[str]:
    """Of the symbols asked for, those that must have minutes in the session: the listed ones that traded, if daily bars tell."""
    daily = lake.read("bars_1d", snapshot, source=source, columns=["symbol", "volume"], start=session, end=session)
    asked = {symbol for judged in held_back for symbol in judged.chunk.symbols}.intersection(listed)
    return frozenset(asked.intersection(daily.filter(pl.col("volume") > 0)["symbol"]) if daily.height else asked)


def _require_complete(
    source: BarSource, session: date, held_back: Sequence[_Judged], expected: frozenset[str], completeness: float
) -> None:
    """Halt where too many symbols lack the session, or are cut off in it.

    Raises:
        GateHalt: they do.
    """
    complete = (pl.col("session") == session) & ~pl.col("incomplete")
    whole = expected.intersection(symbol for judged in held_back for symbol in judged.verdict.sessions.filter(complete)["symbol"])
    if len(whole) >= completeness * len(expected):
        return
    details = tuple(reason for judged in held_back for reason in judged.verdict.reasons)
    share = len(whole) / len(expected)
    why = (
        f"session {session} has its minutes whole for {len(whole)} of {len(expected)} symbols that traded ({share:.1%}), below the "
        f"completeness of {completeness:.1%}"
    )
    raise _halt(source, session, session, (why, *details))


def _coverage(judged: _Judged, session: date, expected: frozenset[str]) -> tuple[Covered, ...]:
    """All of the chunk, except the session itself for symbols that are still to come in it."""
    chunk, sessions = judged.chunk, judged.verdict.sessions
    refused = judged.verdict.quarantined.filter(pl.col("session") == session)
    given = {*sessions.filter(pl.col("session") == session)["symbol"], *refused["symbol"]}
    late = tuple(symbol for symbol in chunk.symbols if symbol in expected and symbol not in given)
    punctual = tuple(symbol for symbol in chunk.symbols if symbol not in late)
    parts = (Covered(punctual, chunk.start, chunk.end), Covered(late, chunk.start, session - _DAY))
    return tuple(part for part in parts if part.symbols and part.start <= part.end)


def _halt(source: BarSource, start: date, end: date, reasons: tuple[str, ...]) -> GateHalt:
    return GateHalt(
        f"quality gate of source {source.name!r}, minute bars: {'; '.join(reasons)}. Nothing from {start} to {end} was recorded: look at "
        "the source's data, then run again",
        reasons,
    )
