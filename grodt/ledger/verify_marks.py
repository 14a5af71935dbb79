"""A check of marks: that each high-water mark is what the marks before it make it."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row

from grodt.ledger.transaction import Read
from grodt.ledger.valuation import flows_in, high_water_mark
from grodt.ledger.verify_findings import Found, ask, stream

_VALUES = "book, session, equity, profit, high_water_mark, drawdown, recorded_at"
#: Slots of a session before its close.
_MARKS = f"""
    SELECT {_VALUES}, slot, 0 AS closes FROM slot_marks WHERE :book IS NULL OR book = :book
    UNION ALL SELECT {_VALUES}, '' AS slot, 1 AS closes FROM marks WHERE :book IS NULL OR book = :book
"""


def check_marks(tx: Read, book: str | None) -> Found:
    """Each high-water mark, of closes and of slots, is the highest equity up to it, and the drawdown is measured from it.

    The money that came in or went out between two marks is what their equities and the profit leave. A mark is made again by its own run
    alone; where that was done after a later one was made, which then rests on the former, the later one is not asked.
    """
    marks = int(ask(tx, f"SELECT count(*) FROM ({_MARKS}) AS found", book=book).scalar_one())
    return Found(f"{marks:,} marks", marks, _wrong(stream(tx, f"{_MARKS} ORDER BY book, session, closes, slot", book=book)))


def _wrong(rows: Iterator[Row[Any]]) -> Iterator[str]:
    close: Row[Any] | None = None
    slot: Row[Any] | None = None
    for row in rows:
        if close is not None and close.book != row.book:
            close = None
        if slot is not None and (slot.book, slot.session) != (row.book, row.session):
            slot = None
        rests_on = [each for each in (close, slot) if each is not None]
        if all(each.recorded_at <= row.recorded_at for each in rests_on):
            yield from _apart(row, close, slot)
        if row.closes:
            close = row
        else:
            slot = row


def _apart(row: Row[Any], close: Row[Any] | None, slot: Row[Any] | None) -> Iterator[str]:
    """What is wrong with a mark, after the close before it and the slot of its session before it."""
    where = f"mark of book {row.book}, {' '.join(filter(None, (row.session, row.slot)))}"
    if row.equity <= 0:
        yield f"{where}: its equity is {row.equity:,} micros, not above zero"
        return
    previous = 0 if close is None else close.equity
    earlier = [] if close is None else [(close.high_water_mark, 0)]
    if slot is not None:
        earlier.append((slot.high_water_mark, flows_in(slot.equity, slot.profit, previous)))
    high = high_water_mark(row.equity, flows_in(row.equity, row.profit, previous), earlier)
    if row.high_water_mark != high:
        yield f"{where}: its high-water mark is {row.high_water_mark:,} micros, and the marks up to it make it {high:,}"
    elif row.drawdown != row.equity / high - 1:
        yield f"{where}: its drawdown is {row.drawdown}, and its equity over its high-water mark, less one, is {row.equity / high - 1}"
