"""Marks within a session: what a book was worth at each slot, at the last minute's close known then.

The day's profit of such a mark, and so the day's loss, is measured from the close of the session before. The high-water mark counts slots
too.
"""

from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, update

from grodt.errors import DataError
from grodt.ledger.marks import Mark, latest_mark
from grodt.ledger.tables_marks import slot_marks
from grodt.ledger.transaction import Read, Write
from grodt.ledger.valuation import flows_in, high_water_mark


def record_slot_mark(tx: Write, mark: Mark, slot: str, run_id: str, now: datetime) -> None:
    """Keep the mark of a slot. Its own run may mark anew; the same mark again changes nothing.

    Raises:
        DataError: another run has marked that slot otherwise.
    """
    mine = (slot_marks.c.book == mark.book, slot_marks.c.session == mark.session, slot_marks.c.slot == slot)
    row = tx.connection.execute(select(slot_marks).where(*mine)).first()
    values = asdict(mark) | {"slot": slot, "run_id": run_id, "recorded_at": now}
    if row is None:
        tx.connection.execute(insert(slot_marks).values(values))
    elif _mark(row) != mark:
        if row.run_id != run_id:
            raise DataError(
                f"book {mark.book} {mark.session} {slot} was marked at {row.equity} micros by run {row.run_id} and would be {mark.equity} "
                f"by run {run_id}; a mark belongs to the run that made it"
            )
        tx.connection.execute(update(slot_marks).where(*mine).values(values))


def slot_mark_of(tx: Read, book: str, session: date, slot: str) -> Mark | None:
    """The mark of one slot."""
    return _first(tx, slot_marks.c.book == book, slot_marks.c.session == session, slot_marks.c.slot == slot)


def latest_value(tx: Read, book: str) -> tuple[Mark, str] | None:
    """The latest mark of a book, be it of a close or of a slot, and the slot's name; "" of a close."""
    closing = latest_mark(tx, book)
    since = () if closing is None else (slot_marks.c.session > closing.session,)
    row = _row(tx, slot_marks.c.book == book, *since)
    if row is not None:
        return _mark(row), str(row.slot)
    return None if closing is None else (closing, "")


def with_slots_before(tx: Read, mark: Mark, flows: int, previous: Mark | None, slot: str | None = None) -> Mark:
    """A mark whose high-water mark is no lower than that of the slots of its session before it.

    Args:
        tx: a transaction.
        mark: from `value_book`.
        flows: deposits less withdrawals since `previous`, micros.
        previous: the mark of the close before.
        slot: which of the session's; None: its close.
    """
    own = [slot_marks.c.book == mark.book, slot_marks.c.session == mark.session]
    before = _first(tx, *own, *(() if slot is None else (slot_marks.c.slot < slot,)))
    if before is None:
        return mark
    flowed = flows_in(before.equity, before.profit, 0 if previous is None else previous.equity)
    high = max(mark.high_water_mark, high_water_mark(mark.equity, flows, [(before.high_water_mark, flowed)]))
    return replace(mark, high_water_mark=high, drawdown=mark.equity / high - 1)


def best_slots(tx: Read, book: str, after: datetime, until: date) -> dict[date, int]:
    """The highest profit, by session up to one, of the slots that were marked after an instant; micros."""
    query = (
        select(slot_marks.c.session, func.max(slot_marks.c.profit))
        .where(slot_marks.c.book == book, slot_marks.c.recorded_at > after, slot_marks.c.session <= until)
        .group_by(slot_marks.c.session)
    )
    return {session: int(profit) for session, profit in tx.connection.execute(query)}


def _row(tx: Read, *where: ColumnElement[bool]) -> Row[Any] | None:
    return tx.connection.execute(
        select(slot_marks).where(*where).order_by(slot_marks.c.session.desc(), slot_marks.c.slot.desc()).limit(1)
    ).first()


def _first(tx: Read, *where: ColumnElement[bool]) -> Mark | None:
    row = _row(tx, *where)
    return None if row is None else _mark(row)


def _mark(row: Row[Any]) -> Mark:
    values = dict(row._mapping)
    del values["slot"], values["run_id"], values["recorded_at"]
    return Mark(**values)
