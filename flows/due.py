"""Whether a scheduled end of day is due: in time, and after a session."""

from datetime import date, timedelta
from typing import Any

from prefect.client.schemas.objects import State

from flows.schedule import scheduled_at, skipped, too_late
from tasks.environment import clock, environment
from tasks.wiring import books

_DAY = timedelta(days=1)


def latest_due(book: str) -> date:
    """The latest complete session of the book's calendar."""
    where = environment()
    return books(where).book(book).exchange.latest_complete(clock(where)())


def refusal(book: str) -> State[Any] | None:
    """Why a run that a schedule made should not work: it is late, or its day was no session; None where it should.

    A time after midnight is of the session that ended less than a day before, whatever day it is.
    """
    where = environment()
    config = books(where).book(book)
    wanted = scheduled_at()
    if wanted is None:
        return None
    late = too_late(clock(where)(), timedelta(minutes=config.schedule.latest_start_minutes))
    if late is not None:
        return late
    calendar = config.exchange
    day = wanted.astimezone(calendar.zone).date()
    if calendar.is_session(day) or wanted - calendar.closes_at(calendar.latest_complete(wanted)) < _DAY:
        return None
    return skipped(f"{day} is no session of {calendar.name}: nothing to do")
