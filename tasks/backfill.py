"""backfill: fetch what a source's history lacks, judge it, commit it to the lake."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date

from grodt.bars.ingest import Progress
from grodt.execution.backfill import Backfilled, backfill, last_session
from grodt.execution.backfill_minutes import BackfilledMinutes, backfill_minutes
from grodt.ledger.manifest import Width
from tasks.environment import clock, environment
from tasks.lake_log import log_lake
from tasks.logs import connect
from tasks.stage import StageOutcome, stage
from tasks.wiring import DataParts, books, data_parts, is_alive, observer, process_name

#: Told (chunks done, chunks, bars so far); the command line listens to it.
counted: ContextVar[Progress] = ContextVar("counted", default=lambda _done, _total, _rows: None)


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill of a book's source; a `StageContext`, of which the log and Prefect keep the stages: the ledger's are for cycles.

    Attributes:
        parts: what it works with.
        start: first day.
        session: last session.
        width: of the bars.
        again: whether what is there is asked for as well.
    """

    parts: DataParts
    start: date
    session: date
    width: Width = "1d"
    again: bool = False

    @property
    def book(self) -> str:
        """The book whose universe is asked for."""
        return self.parts.config.name

    @property
    def run_id(self) -> str:
        """Its id, written beside what comes in."""
        kind = "backfill" if self.width == "1d" else f"backfill-{self.width}"
        return f"{self.book}-{kind}{'-again' if self.again else ''}-{self.start}-{self.session}"

    @property
    def attempt(self) -> int:
        """Always 1: what an earlier start of the same backfill has committed is simply no longer missing."""
        return 1

    def stage_started(self, stage: str, try_number: int) -> None:
        """Tell whoever watches."""
        observer.get()(stage, "")

    def stage_ended(self, stage: str, try_number: int, outcome: StageOutcome, rows: int, error: str) -> None:
        """The log has it."""


@contextmanager
def backfill_of(book: str, start: date, end: date, width: Width = "1d", *, again: bool = False) -> Iterator[Backfill]:
    """A backfill with its parts, closed at the end.

    Raises:
        ConfigError: the book, its file or the range is wrong; nothing was written.
        DataError: its source cannot be read; nothing was written.
    """
    where = environment()
    connect(where)
    session = last_session(books(where).book(book).exchange, start, end, clock(where)())
    parts = data_parts(book, session)
    try:
        yield Backfill(parts, start, session, width, again)
    finally:
        parts.close()


@stage("backfill")
def fetch_missing(this: Backfill) -> Backfilled | BackfilledMinutes:
    """Bring in what the lake lacks of the range. Rows: bars that came in."""
    done = _daily(this) if this.width == "1d" else _minutes(this)
    log_lake(done.unmerged, done.taken_back if isinstance(done, Backfilled) else ())
    return done


def _daily(this: Backfill) -> Backfilled:
    parts = this.parts
    return backfill(
        parts.ledger,
        parts.lake,
        parts.source,
        calendar=parts.calendar,
        universe=parts.universe,
        start=this.start,
        session=this.session,
        thresholds=parts.quality(),
        again=this.again,
        run_id=this.run_id,
        holder=process_name(),
        is_alive=is_alive,
        now=parts.now,
        sleep=time.sleep,
        progress=counted.get(),
    )


def _minutes(this: Backfill) -> BackfilledMinutes:
    parts = this.parts
    return backfill_minutes(
        parts.ledger,
        parts.lake,
        parts.source,
        calendar=parts.calendar,
        universe=parts.universe,
        start=this.start,
        session=this.session,
        thresholds=parts.config.minute_quality,
        completeness=parts.quality().completeness,
        again=this.again,
        run_id=this.run_id,
        holder=process_name(),
        is_alive=is_alive,
        now=parts.now,
        sleep=time.sleep,
        progress=counted.get(),
    )
