"""Overrides in the ledger (control 34): asked for by one person, in force with a second one's word, for some cycles and never for good."""

from datetime import datetime, timedelta

from sqlalchemy import insert, select

from grodt.errors import ConfigError
from grodt.ledger.requests import Request, ask, requests_of, require_person
from grodt.ledger.tables_people import override_uses
from grodt.ledger.transaction import Read, Write
from grodt.risk.overriding import NOT_LIFTED, OF_BOOK, OF_ORDERS, OF_SHARED, Override
from grodt.sessions import require_utc

KIND = "override"
#: How long a request for one waits.
TERM = timedelta(hours=24)
#: How long one of some cycles holds at most, and how long any may.
CYCLES_TERM = timedelta(days=7)
LONGEST = timedelta(days=31)
MOST_CYCLES = 10


def require_liftable(control: int, symbol: str) -> None:
    """Refuse what no override may lift.

    Raises:
        ConfigError: says why, and what to do in its place.
    """
    if control in NOT_LIFTED:
        raise ConfigError(f"control {control} cannot be overridden: {NOT_LIFTED[control]}")
    if control not in OF_ORDERS | OF_SHARED | OF_BOOK:
        raise ConfigError(f"there is no control {control} that can be lifted; docs/risk.md has those that can")
    if symbol and control not in OF_ORDERS:
        raise ConfigError(f"control {control} is lifted for the whole book; leave --symbol away")


def ask_override(
    tx: Write,
    *,
    book: str,
    control: int,
    symbol: str,
    cycles: int | None,
    until: datetime | None,
    by: str,
    reason: str,
    now: datetime,
) -> Request:
    """Ask for an override; it is in force once a second person has approved it.

    Args:
        tx: the transaction.
        book: whose.
        control: number of what it lifts.
        symbol: of which symbol; "" for every order, or the book.
        cycles: for so many cycles, and no longer than 7 days; None: until an instant.
        until: that instant; None with `cycles`.
        by: the person.
        reason: why.
        now: instant.

    Raises:
        ConfigError: it may not be lifted, the term is none, or name or reason is empty.
    """
    require_liftable(control, symbol)
    if (cycles is None) == (until is None):
        raise ConfigError("an override has one term: give either --cycles or --until")
    if cycles is not None and not 1 <= cycles <= MOST_CYCLES:
        raise ConfigError(f"--cycles {cycles}: an override holds for 1 to {MOST_CYCLES} cycles; for longer, change the limit")
    end = now + CYCLES_TERM if until is None else require_utc(until, "--until")
    if not now < end <= now + LONGEST:
        raise ConfigError(
            f"--until {end:%Y-%m-%d %H:%M} UTC: it must be ahead, and within {LONGEST.days} days; for longer, change the limit"
        )
    subject = {"control": control, "symbol": symbol, "cycles": cycles, "until": end.isoformat()}
    person = require_person(by)
    waits = min(now + TERM, end)
    return ask(tx, kind=KIND, book=book, subject=subject, people=2, by=person, reason=reason, now=now, expires_at=waits)


def overrides_in_force(tx: Read, book: str, run_id: str | None, now: datetime) -> tuple[tuple[Request, Override], ...]:
    """The overrides of a book that hold for a run, oldest first, each with its request.

    Args:
        tx: the ledger.
        book: whose.
        run_id: the run; None: one that is yet to be opened.
        now: instant.
    """
    found = []
    for request in requests_of(tx, book, kind=KIND):
        until = _until(request)
        if request.state(now) != "approved" or now >= until:
            continue
        cycles = request.subject["cycles"]
        uses = _uses(tx, request.request_id)
        if cycles is None or run_id in uses or len(uses) < cycles:
            left = (until - now).total_seconds()
            one = Override(request.subject["control"], request.subject["symbol"], request.agreed, request.reason, left, _term(request))
            found.append((request, one))
    return tuple(found)


def take_overrides(tx: Write, book: str, run_id: str, now: datetime) -> tuple[Override, ...]:
    """The overrides that a run is judged with. One of some cycles counts it as one of them; taking them again changes nothing."""
    found = overrides_in_force(tx, book, run_id, now)
    for request, _ in found:
        if request.subject["cycles"] is not None and run_id not in _uses(tx, request.request_id):
            tx.connection.execute(insert(override_uses).values(request_id=request.request_id, run_id=run_id, used_at=now))
    return tuple(override for _, override in found)


def what_is_asked(request: Request) -> str:
    """What a request asks for, in one line."""
    symbol = request.subject["symbol"]
    return f"lift control {request.subject['control']} of {symbol or 'the book'} for {_term(request)}"


def carry_out(_tx: Write, request: Request, _now: datetime) -> str:
    """What follows from an approved request: the next decisions find it."""
    return f"from now on: {what_is_asked(request)}; each decision it is handed to records it under control 34"


def _until(request: Request) -> datetime:
    return datetime.fromisoformat(request.subject["until"])


def _term(request: Request) -> str:
    cycles = request.subject["cycles"]
    until = f"until {_until(request):%Y-%m-%d %H:%M} UTC"
    return f"every cycle {until}" if cycles is None else f"{cycles} {'cycle' if cycles == 1 else 'cycles'}, {until}"


def _uses(tx: Read, request_id: str) -> frozenset[str]:
    query = select(override_uses.c.run_id).where(override_uses.c.request_id == request_id)
    return frozenset(tx.connection.execute(query).scalars())
