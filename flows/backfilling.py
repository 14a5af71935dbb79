"""What a `grodt ingest` has to do, and doing it in this process. Prefect is imported only where something is missing."""

import importlib
from dataclasses import dataclass
from datetime import date

from flows.desk import chosen_book
from grodt.bars.ingest import Progress
from grodt.execution.backfill import Backfilled, find_missing, last_session
from tasks.environment import clock, environment
from tasks.wiring import books, data_parts


@dataclass(frozen=True, slots=True)
class Asked:
    """A range of a book's history.

    Attributes:
        book: its book.
        start: first day.
        session: last session.
        parts: questions to the source that are missing, as it looks before the source is ours.
    """

    book: str
    start: date
    session: date
    parts: int

    def nothing(self) -> Backfilled:
        """The outcome where nothing is missing."""
        return Backfilled(self.start, self.session)


def ask(name: str | None, start: date, end: date) -> Asked:
    """Look at what is missing before anything is asked.

    Raises:
        ConfigError: the book, its file or the range is wrong; nothing was written.
        DataError: the book's source cannot be read.
    """
    where = environment()
    book = chosen_book(name)
    session = last_session(books(where).book(book).exchange, start, end, clock(where)())
    parts = data_parts(book, session)
    try:
        missing = find_missing(
            parts.ledger, parts.lake, parts.source, calendar=parts.calendar, universe=parts.universe, start=start, session=session
        )
    finally:
        parts.close()
    if missing.chunks:
        importlib.import_module("flows.backfill")  # while the server starts, instead of after it is ready
    return Asked(book, start, session, len(missing.chunks))


def run_flow(asked: Asked, progress: Progress) -> Backfilled:
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
            return backfill(asked.book, asked.start, asked.session)
    finally:
        counted.reset(token)
