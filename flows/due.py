"""Whether a scheduled end of day is due: in time, and after a session that has not been run."""

from datetime import date, timedelta
from typing import Any

from prefect.client.schemas.objects import State

from flows.schedule import scheduled_at, skipped, too_late
from tasks.environment import clock, environment
from tasks.wiring import books


def latest_due(book: str) -> date:
    """The latest complete session of the book's calendar."""
    where = environment()
    return books(where).book(book).exchange.latest_complete(clock(where)())


def refusal(book: str) -> State[Any] | None:
    """Why a run that a schedule made should not work: it is late, or its day was no session; None where it should."""
    where = environment()
    config = books(where).book(book)
    wanted = scheduled_at()
    if wanted is None:
        return None
    late = too_late(clock(where)(), timedelta(minutes=config.schedule.latest_start_minutes))
    if late is not None:
        return late
    day = wanted.astimezone(config.exchange.zone).date()
    return None if config.exchange.is_session(day) else skipped(f"{day} is no session of {config.exchange.name}: nothing to do")
