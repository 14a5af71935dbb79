"""Figures over the whole ledger for those who watch it: each a few indexed sums, read together at one instant."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from grodt.ledger.marks import Mark
from grodt.ledger.requests import waiting
from grodt.ledger.tables import run_attempts, runs, stage_runs
from grodt.ledger.tables_breaks import breaks
from grodt.ledger.tables_halts import halts
from grodt.ledger.tables_lake import lake_files
from grodt.ledger.tables_marks import marks
from grodt.ledger.tables_orders import order_status
from grodt.ledger.tables_postings import fills
from grodt.ledger.transaction import Read
from grodt.money import Micros

_HALT = (halts.c.book, halts.c.scope, halts.c.side, halts.c.kind)


@dataclass(frozen=True, slots=True)
class LastDone:
    """The done run of a book's latest session."""

    book: str
    kind: str
    session: date
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are of something. `labels` are (name, value) pairs."""

    labels: tuple[tuple[str, str], ...]
    value: int


@dataclass(frozen=True, slots=True)
class StageTry:
    """The latest ended try of a stage."""

    book: str
    stage: str
    outcome: str
    rows: int
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class OldestBreak:
    """The open break of a book that was first seen longest ago."""

    book: str
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingKind:
    """What waits for people of one kind and book: how many requests, and when the first of them expires."""

    book: str
    kind: str
    requests: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TableSize:
    """What the current files of a lake table hold, for one source or book."""

    table: str
    source: str
    files: int
    rows: int
    size: int
    last_session: date | None
    known_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """What `ledger_figures` reads."""

    last_done: tuple[LastDone, ...]
    runs: tuple[Count, ...]
    attempts: tuple[Count, ...]
    stage_tries: tuple[Count, ...]
    stages: tuple[StageTry, ...]
    marks: tuple[Mark, ...]
    orders: tuple[Count, ...]
    fills: tuple[Count, ...]
    open_breaks: tuple[Count, ...]
    oldest_breaks: tuple[OldestBreak, ...]
    active_halts: tuple[Count, ...]
    waiting: tuple[WaitingKind, ...]
    lake: tuple[TableSize, ...]


def ledger_figures(tx: Read, now: datetime) -> LedgerFigures:
    """Every figure, as the ledger stands in this transaction. A halt of every book has an empty book."""
    attempts = run_attempts.join(runs, runs.c.run_id == run_attempts.c.run_id)
    tries = stage_runs.join(runs, runs.c.run_id == stage_runs.c.run_id)
    return LedgerFigures(
        last_done=_last_done(tx),
        runs=_counts(tx, select(runs.c.book, runs.c.kind, runs.c.state, func.count()).group_by(runs.c.book, runs.c.kind, runs.c.state)),
        attempts=_counts(
            tx,
            select(runs.c.book, runs.c.kind, run_attempts.c.outcome, func.count())
            .select_from(attempts)
            .where(run_attempts.c.ended_at.is_not(None))
            .group_by(runs.c.book, runs.c.kind, run_attempts.c.outcome),
        ),
        stage_tries=_counts(
            tx,
            select(runs.c.book, stage_runs.c.stage, stage_runs.c.outcome, func.count())
            .select_from(tries)
            .where(stage_runs.c.ended_at.is_not(None))
            .group_by(runs.c.book, stage_runs.c.stage, stage_runs.c.outcome),
        ),
        stages=_stages(tx),
        marks=_marks(tx),
        orders=_counts(
            tx, select(order_status.c.book, order_status.c.state, func.count()).group_by(order_status.c.book, order_status.c.state)
        ),
        fills=_counts(tx, select(fills.c.book, func.count()).group_by(fills.c.book)),
        open_breaks=_counts(
            tx,
            select(breaks.c.book, breaks.c.kind, func.count()).where(breaks.c.resolved_at.is_(None)).group_by(breaks.c.book, breaks.c.kind),
        ),
        oldest_breaks=_oldest_breaks(tx),
        active_halts=_counts(
            tx,
            select(*_HALT, func.count())
            .where(halts.c.ended_at.is_(None), or_(halts.c.expires_at.is_(None), halts.c.expires_at > now))
            .group_by(*_HALT),
        ),
        waiting=_waiting(tx, now),
        lake=_lake(tx),
    )


def _counts(tx: Read, query: Select[Any]) -> tuple[Count, ...]:
    """One `Count` per row: its last column counts, the others are labels under their own names."""
    result = tx.connection.execute(query)
    names = tuple(result.keys())[:-1]
    return tuple(Count(tuple(zip(names, map(str, row[:-1]), strict=True)), row[-1]) for row in result)


def _last_done(tx: Read) -> tuple[LastDone, ...]:
    latest = (
        select(runs.c.book, runs.c.kind, func.max(runs.c.session).label("session"))
        .where(runs.c.state == "done")
        .group_by(runs.c.book, runs.c.kind)
        .subquery()
    )
    same = and_(runs.c.book == latest.c.book, runs.c.kind == latest.c.kind, runs.c.session == latest.c.session, runs.c.state == "done")
    query = (
        select(runs.c.book, runs.c.kind, runs.c.session, func.max(runs.c.closed_at))
        .join_from(runs, latest, same)
        .group_by(runs.c.book, runs.c.kind, runs.c.session)
    )
    return tuple(LastDone(*row) for row in tx.connection.execute(query))


def _stages(tx: Read) -> tuple[StageTry, ...]:
    ended = (
        select(
            runs.c.book,
            stage_runs.c.stage,
            stage_runs.c.outcome,
            stage_runs.c.rows,
            stage_runs.c.started_at,
            stage_runs.c.ended_at,
            func.row_number()
            .over(partition_by=(runs.c.book, stage_runs.c.stage), order_by=(stage_runs.c.ended_at.desc(), stage_runs.c.try_number.desc()))
            .label("place"),
        )
        .join_from(stage_runs, runs, runs.c.run_id == stage_runs.c.run_id)
        .where(stage_runs.c.ended_at.is_not(None), stage_runs.c.outcome != "lost")
        .subquery()
    )
    query = (
        select(*(column for column in ended.c if column.name != "place")).where(ended.c.place == 1).order_by(ended.c.book, ended.c.stage)
    )
    return tuple(StageTry(*row) for row in tx.connection.execute(query))


def _marks(tx: Read) -> tuple[Mark, ...]:
    latest = select(marks.c.book, func.max(marks.c.session).label("session")).group_by(marks.c.book).subquery()
    query = select(marks).join_from(marks, latest, and_(marks.c.book == latest.c.book, marks.c.session == latest.c.session))
    return tuple(
        Mark(
            book=row.book,
            session=row.session,
            cash=Micros(row.cash),
            receivable=Micros(row.receivable),
            positions_value=Micros(row.positions_value),
            equity=Micros(row.equity),
            gross=row.gross,
            net=row.net,
            high_water_mark=Micros(row.high_water_mark),
            drawdown=row.drawdown,
            profit=Micros(row.profit),
        )
        for row in tx.connection.execute(query)
    )


def _oldest_breaks(tx: Read) -> tuple[OldestBreak, ...]:
    query = select(breaks.c.book, func.min(breaks.c.first_seen_at)).where(breaks.c.resolved_at.is_(None)).group_by(breaks.c.book)
    return tuple(OldestBreak(*row) for row in tx.connection.execute(query))


def _waiting(tx: Read, now: datetime) -> tuple[WaitingKind, ...]:
    expiries: dict[tuple[str, str], list[datetime]] = {}
    for each in waiting(tx, now):
        expiries.setdefault((each.book, each.kind), []).append(each.expires_at)
    return tuple(WaitingKind(*of, len(ends), min(ends)) for of, ends in sorted(expiries.items()))


def _lake(tx: Read) -> tuple[TableSize, ...]:
    latest = select(lake_files.c.path, func.max(lake_files.c.version).label("version")).group_by(lake_files.c.path).subquery()
    current = and_(lake_files.c.path == latest.c.path, lake_files.c.version == latest.c.version)
    query = (
        select(
            lake_files.c.table_name,
            lake_files.c.source,
            func.count(),
            func.sum(lake_files.c.rows),
            func.sum(lake_files.c.size),
            func.max(lake_files.c.last_session),
            func.max(lake_files.c.known_at),
        )
        .join_from(lake_files, latest, current)
        .group_by(lake_files.c.table_name, lake_files.c.source)
    )
    return tuple(TableSize(*row) for row in tx.connection.execute(query))
