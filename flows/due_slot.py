"""Which slot an intraday flow works on, and whether a scheduled one is due."""

from datetime import date
from typing import Any

from prefect.client.schemas.objects import State

from flows.at_home import ledger_at_home
from flows.schedule import scheduled_at, skipped
from grodt.errors import ConfigError
from grodt.execution.opening import find_done
from grodt.ledger.requests import Request
from grodt.ledger.runs import find_run
from grodt.slots import CLOSE, Slot, latest_slot, slot_named, too_late
from tasks.environment import clock, environment
from tasks.kinds import INTRADAY
from tasks.wiring import books


def asked_slot(book: str, session: date | None, name: str | None) -> Slot:
    """The slot of that name in a session, or in that of the latest slot; without a name, the latest one whose instant has come.

    A schedule asks for the close of the latest session that was over at the time it wanted, whatever day that is.

    Raises:
        ConfigError: the book is decided at the end of its sessions, or a session was given without a slot.
        SessionError: there is no such slot.
    """
    where = environment()
    config = books(where).book(book)
    rule, calendar = config.within.rule(), config.exchange
    wanted = scheduled_at()
    if name == CLOSE and session is None and wanted is not None:
        return slot_named(rule, calendar, calendar.latest_complete(wanted), CLOSE)
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
    """Why a run that a schedule made should not work: its day has no slot, or its slot is past or done; None where it should.

    The close is asked for its session alone, since it may be scheduled on a later day.

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
    if closing:
        if where.has_ledger:
            with ledger_at_home() as ledger, ledger.read() as tx:
                if find_done(tx, book, INTRADAY, slot.session, slot.name) is not None:
                    return skipped(f"slot {slot} is done, as before: nothing to do")
    else:
        day = wanted.astimezone(exchange.zone).date()
        if not exchange.is_session(day):
            return skipped(f"{day} is no session of {exchange.name}: nothing to do")
        if slot.role == "close":
            return skipped(f"session {slot.session} of {exchange.name} is over, or the next one has not begun to decide: nothing to do")
    late = too_late(slot, clock(where)())
    return skipped(late) if late else None
