"""Which slot an intraday flow works on, and whether a scheduled one is due."""

from datetime import date
from typing import Any

from prefect.client.schemas.objects import State

from flows.at_home import ledger_at_home
from flows.schedule import scheduled_at, skipped
from grodt.errors import ConfigError
from grodt.ledger.requests import Request
from grodt.ledger.runs import find_run
from grodt.slots import Slot, latest_slot, slot_named, too_late
from tasks.environment import clock, environment
from tasks.wiring import books


def asked_slot(book: str, session: date | None, name: str | None) -> Slot:
    """The slot of that name in a session, or in that of the latest slot; without a name, the latest one whose instant has come.

    Raises:
        ConfigError: the book is decided at the end of its sessions, or a session was given without a slot.
        SessionError: there is no such slot.
    """
    where = environment()
    config = books(where).book(book)
    rule, calendar = config.within.rule(), config.exchange
    latest = latest_slot(rule, calendar, clock(where)())
    if name is None:
        if session is not None:
            raise ConfigError(f"name a slot of session {session} too")
        return latest
    return slot_named(rule, calendar, session or latest.session, name)


def slot_of(request: Request) -> Slot:
    """The slot whose basket a request is about.

    Raises:
        ConfigError: its book has no such slot any more.
    """
    config = books().book(request.book)
    with ledger_at_home() as ledger, ledger.read() as tx:
        run = find_run(tx, request.subject["run_id"])
    if run is None:
        raise ConfigError(f"basket {request.short} is of a run that the ledger does not have")
    return slot_named(config.within.rule(), config.exchange, run.session, run.slot)


def refusal(book: str, slot: Slot, *, closing: bool) -> State[Any] | None:
    """Why a run that a schedule made should not work: its day was no session, or its slot is past; None where it should.

    Args:
        book: its book.
        slot: that it would work on.
        closing: whether it was made for the close; others leave the close alone.
    """
    wanted = scheduled_at()
    if wanted is None:
        return None
    where = environment()
    exchange = books(where).book(book).exchange
    day = wanted.astimezone(exchange.zone).date()
    if not exchange.is_session(day):
        return skipped(f"{day} is no session of {exchange.name}: nothing to do")
    if slot.role == "close" and not closing:
        return skipped(f"session {slot.session} of {exchange.name} is over, or the next one has not begun to decide: nothing to do")
    late = too_late(slot, clock(where)())
    return skipped(late) if late else None
