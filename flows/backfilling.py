"""What a `grodt ingest` has to do, and doing it in this process. Prefect is imported only where something is missing."""

import importlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from flows.at_home import chosen_book
from grodt.bars.ingest import Progress
from grodt.bars.minute_ingest import require_minutes
from grodt.execution.backfill import Backfilled, find_missing, last_session
from grodt.execution.backfill_minutes import BackfilledMinutes, find_missing_minutes
from grodt.ledger.manifest import Width
from tasks import wiring
from tasks.environment import clock, environment
from tasks.wiring import DataParts, books, data_parts


@dataclass(frozen=True, slots=True)
class Asked:
    """A range of a book's history.

    Attributes:
        book: its book.
        start: first day.
        session: last session.
        parts: questions to the source that are missing, as it looks before the source is ours.
        width: of the bars.
        again: whether what is there is asked for as well.
    """

    book: str
    start: date
    session: date
    parts: int
    width: Width = "1d"
    again: bool = False

    def nothing(self) -> Backfilled | BackfilledMinutes:
        """The outcome where nothing is missing."""
        return Backfilled(self.start, self.session) if self.width == "1d" else BackfilledMinutes(self.start, self.session)


def ask(name: str | None, start: date, end: date, width: Width = "1d", *, again: bool = False) -> Asked:
    """Look at what is to be asked before anything is.

    Raises:
        ConfigError: the book, its file or the range is wrong, or the source has no minutes; nothing was written.
        DataError: the book's source cannot be read.
    """
    where = environment()
    book = chosen_book(name)
    described = books(where)
    config = described.book(book)
    session = last_session(config.exchange, start, end, clock(where)())
    if width == "1m":  # before there is a ledger
        folder = where.books_file.parent if where.books_file else Path.cwd()
        require_minutes(wiring.source(config.source, described.sources[config.source], config.exchange, folder))
    parts = data_parts(book, session)
    try:
        chunks = _missing(parts, start, session, width, again)
    finally:
        parts.close()
    if chunks:
        importlib.import_module("flows.backfill")  # while the server starts, instead of after it is ready
    return Asked(book, start, session, chunks, width, again)


def _missing(parts: DataParts, start: date, session: date, width: Width, again: bool) -> int:
    """How many questions to the source there are."""
    if width == "1d":
        daily = find_missing(
            parts.ledger,
            parts.lake,
            parts.source,
            calendar=parts.calendar,
            universe=parts.universe,
            start=start,
            session=session,
            again=again,
        )
        return len(daily.chunks)
    minutes = find_missing_minutes(
        parts.ledger,
        parts.lake,
        parts.source,
        calendar=parts.calendar,
        universe=parts.universe,
        start=start,
        session=session,
        thresholds=parts.config.minute_quality,
        again=again,
    )
    return len(minutes.chunks)


def run_flow(asked: Asked, progress: Progress) -> Backfilled | BackfilledMinutes:
    """Run the backfill as a flow run.

    Raises:
        GrodtError: it failed; the message says what to do, and what came in before stays.
    """
    from flows.backfill import backfill
    from flows.halting import without_heartbeats
    from tasks.backfill import counted

    token = counted.set(progress)
    try:
        with without_heartbeats():
            return backfill(asked.book, asked.start, asked.session, asked.width, asked.again)
    finally:
        counted.reset(token)
