"""Ending halts: one person ends a pause or a fault; a kill or a breach is asked for by one and agreed to by another."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from grodt.errors import ConfigError
from grodt.ledger.halts import Halt, active, end_halts, expire, find_halt
from grodt.ledger.requests import Request, ask, require_person, require_reason
from grodt.ledger.transaction import Read, Write

#: Kind of the request that a kill or a breach is ended by; its subject names the halts.
REARM = "rearm"
#: How long such a request waits for the second person.
TERM = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Rearmed:
    """What became of an act of re-arming.

    Attributes:
        ended: halts that it ended.
        asked: the request about those that need another person; None where there is none.
        waiting: the halts that it is about.
    """

    ended: tuple[Halt, ...]
    asked: Request | None = None
    waiting: tuple[Halt, ...] = ()


def rearm(tx: Write, *, book: str, reason: str, author: str, now: datetime) -> Rearmed:
    """End every halt of a book, its strategies and its symbols; with book "", those on all books. Ask for what takes two people.

    Raises:
        ConfigError: author is no person, or the reason is empty.
    """
    expire(tx, now)
    return _rearm(tx, tuple(each for each in active(tx, book, now) if each.book == book), book, reason, author, now)


def rearm_one(tx: Write, halt_id: int, *, reason: str, author: str, now: datetime) -> Rearmed:
    """End one halt, or ask for it.

    Raises:
        ConfigError: there is no such halt, it is over, author is no person, or the reason is empty.
    """
    expire(tx, now)
    found = find_halt(tx, halt_id)
    if found.ended_at is not None:
        raise ConfigError(f"halt {halt_id} was ended by {found.end_author} at {found.ended_at:%Y-%m-%d %H:%M} UTC: {found.end_reason}")
    return _rearm(tx, (found,), found.book, reason, author, now)


def _rearm(tx: Write, found: tuple[Halt, ...], book: str, reason: str, author: str, now: datetime) -> Rearmed:
    person, reason = require_person(author), require_reason(reason)
    alone = tuple(each for each in found if not each.of_two)
    end_halts(tx, alone, reason=reason, author=person, now=now)
    both = tuple(each for each in found if each.of_two)
    if not both:
        return Rearmed(alone)
    subject = {"halts": [each.halt_id for each in both]}
    asked = ask(tx, kind=REARM, book=book, subject=subject, people=2, by=person, reason=reason, now=now, expires_at=now + TERM)
    return Rearmed(alone, asked, both)


# What `grodt.ledger.acts` does with such a request.


def what(request: Request) -> str:
    """What is asked for, in one line."""
    numbers = request.subject["halts"]
    return f"the end of halt{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def carry_out(tx: Write, request: Request, now: datetime) -> str:
    """End the halts in the names of those who agreed; returns what was done."""
    found = _still_active(tx, request)
    end_halts(tx, found, reason=request.reason, author=" and ".join(request.agreed), now=now)
    return "\n".join(f"ended: {each}" for each in found)


def refusal(tx: Read, request: Request) -> str:
    """Why the request is no longer about anything."""
    return "" if _still_active(tx, request) else "those halts are over already"


def _still_active(tx: Read, request: Request) -> tuple[Halt, ...]:
    found = (find_halt(tx, number) for number in request.subject["halts"])
    return tuple(each for each in found if each.ended_at is None)
