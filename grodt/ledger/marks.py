"""Marks: what a book was worth at each session's close."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from math import isfinite
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, select, update

from grodt.errors import DataError
from grodt.ledger.booking import booking_instant
from grodt.ledger.runs import Run
from grodt.ledger.tables_marks import marks
from grodt.ledger.transaction import Read, Write
from grodt.money import Micros


@dataclass(frozen=True, slots=True)
class Mark:
    """A book's value at a session's close.

    Attributes:
        book, session: whose and when.
        cash, receivable, positions_value, equity: micros; equity is the sum of the others.
        gross, net: exposures over equity.
        high_water_mark: highest equity so far, micros.
        drawdown: equity / high-water mark − 1.
        profit: change of equity since the last mark, micros.
    """

    book: str
    session: date
    cash: Micros
    receivable: Micros
    positions_value: Micros
    equity: Micros
    gross: float
    net: float
    high_water_mark: Micros
    drawdown: float
    profit: Micros

    def __post_init__(self) -> None:
        if self.equity != self.cash + self.receivable + self.positions_value:
            raise ValueError(f"mark of {self.book} {self.session}: equity {self.equity} is not cash + receivable + positions")
        for name in ("gross", "net", "drawdown"):
            value: float = getattr(self, name)
            if not isfinite(value):
                raise ValueError(f"mark of {self.book} {self.session}: {name} is {value}, which is no number")


def record_mark(tx: Write, mark: Mark, run_id: str, now: datetime) -> None:
    """Keep a mark, made after all that it rests on was booked. Its own run may mark anew; the same mark again changes nothing.

    Raises:
        DataError: another run has marked that session otherwise.
    """
    mine = (marks.c.book == mark.book, marks.c.session == mark.session)
    row = tx.connection.execute(select(marks).where(*mine)).first()
    values = asdict(mark) | {"run_id": run_id, "recorded_at": booking_instant(tx, mark.book, now)}
    if row is None:
        tx.connection.execute(insert(marks).values(values))
    elif _mark(row) != mark:
        if row.run_id != run_id:
            raise DataError(
                f"book {mark.book} {mark.session} was marked at {row.equity} micros by run {row.run_id} and would be {mark.equity} "
                f"by run {run_id}; a mark belongs to the run that made it"
            )
        tx.connection.execute(update(marks).where(*mine).values(values))


def latest_mark(tx: Read, book: str, before: date | None = None) -> Mark | None:
    """The latest mark of a book, or the latest one of an earlier session than `before`."""
    return _first(tx, marks.c.book == book, *(() if before is None else (marks.c.session < before,)))


def mark_of(tx: Read, book: str, session: date) -> Mark | None:
    """The mark of one session."""
    return _first(tx, marks.c.book == book, marks.c.session == session)


def marked_at(tx: Read, mark: Mark) -> datetime:
    """When a mark was made: it knows what was booked up to then, and nothing of its session or before that came in later."""
    query = select(marks.c.recorded_at).where(marks.c.book == mark.book, marks.c.session == mark.session)
    at: datetime = tx.connection.execute(query).scalar_one()
    return at


def marks_by(tx: Read, run: Run) -> tuple[Mark, ...]:
    """The marks that a run made, oldest first: of its own session, and of one before it whose close was missed."""
    query = select(marks).where(marks.c.book == run.book, marks.c.run_id == run.run_id).order_by(marks.c.session)
    return tuple(_mark(row) for row in tx.connection.execute(query))


def marks_until(tx: Read, book: str, session: date) -> tuple[Mark, ...]:
    """The marks of a book up to and including a session, oldest first."""
    query = select(marks).where(marks.c.book == book, marks.c.session <= session).order_by(marks.c.session)
    return tuple(_mark(row) for row in tx.connection.execute(query))


def _first(tx: Read, *where: ColumnElement[bool]) -> Mark | None:
    row = tx.connection.execute(select(marks).where(*where).order_by(marks.c.session.desc()).limit(1)).first()
    return None if row is None else _mark(row)


def _mark(row: Row[Any]) -> Mark:
    values = dict(row._mapping)
    del values["run_id"], values["recorded_at"]
    return Mark(**values)
