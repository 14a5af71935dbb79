"""Requests: what is asked for and takes effect only when enough people have agreed.

A basket that waits, a limit to be raised, a halt to be ended, an override, a correction: each is one request, decided by name and
with a reason. Two people are two names, compared without regard to case and to how they are spelt in Unicode; a person who asks has
agreed, and cannot agree a second time. What asks on the system's own behalf (`SYSTEM`) is nobody's agreement. A request is never changed:
what it came to follows from the decisions, and whoever makes the last one carries it out in the same transaction.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, insert, select

from grodt.errors import ConfigError, NotFound
from grodt.ledger.tables_people import decisions, requests
from grodt.ledger.transaction import Read, Write
from grodt.people import identity, person_name, printable
from grodt.sessions import require_utc

RequestState = Literal["waiting", "approved", "rejected", "expired"]
Verdict = Literal["approve", "reject"]

#: Names under which the system itself acts; no person may use them.
SYSTEM = frozenset({"automatic", "books file", "execution", "expiry", "quality gate", "reconciliation", "risk", "settle"})
#: Characters of an id that name a request well enough to type.
SHORT = 12
_SHORTEST = 6


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person said of a request, and why."""

    person: str
    verdict: Verdict
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """Something that waits for people.

    Attributes:
        request_id: hex; of a basket its hash.
        kind: what is asked for; its module says what `subject` holds.
        book: whose; "" for all books.
        subject: what exactly, as plain JSON values.
        people: how many different people must agree, 1 or 2.
        asked_by, reason: who asked, and why.
        asked_at, expires_at: from when, and before which instant it can be decided.
        decisions: so far, first one first.
    """

    request_id: str
    kind: str
    book: str
    subject: Mapping[str, Any]
    people: int
    asked_by: str
    reason: str
    asked_at: datetime
    expires_at: datetime
    decisions: tuple[Decision, ...]

    @property
    def short(self) -> str:
        """As much of its id as a person types."""
        return self.request_id[:SHORT]

    @property
    def agreed(self) -> tuple[str, ...]:
        """Who has agreed."""
        return tuple(each.person for each in self.decisions if each.verdict == "approve")

    @property
    def missing(self) -> int:
        """How many more people must agree."""
        return max(self.people - len(self.agreed), 0)

    def state(self, now: datetime) -> RequestState:
        """What it has come to: one rejection is enough; enough agreement in time holds for good."""
        if any(each.verdict == "reject" for each in self.decisions):
            return "rejected"
        if self.missing == 0:
            return "approved"
        return "expired" if now >= self.expires_at else "waiting"

    def require_waiting(self, now: datetime) -> None:
        """Refuse to go on with what is over.

        Raises:
            ConfigError: it is rejected, approved or expired; says by whom or when.
        """
        state = self.state(now)
        if state == "expired":
            raise ConfigError(f"{self.kind} {self.short} expired at {self.expires_at:%Y-%m-%d %H:%M} UTC; ask for it anew")
        if state != "waiting":
            last = self.decisions[-1]
            raise ConfigError(f"{self.kind} {self.short} is {state} already, by {last.person} at {last.at:%Y-%m-%d %H:%M} UTC")


def require_person(name: str) -> str:
    """The name of a person, in the form of `grodt.people.person_name`.

    Raises:
        ConfigError: it is empty, one of the system's own names, or has a character that nobody sees.
    """
    try:
        person = person_name(name)
    except ValueError as error:
        raise ConfigError(f"author {name!r}: {error}") from None
    if not person or identity(person) in SYSTEM:
        raise ConfigError(f"author {name!r} is no person; say who with --author")
    return person


def require_reason(reason: str) -> str:
    """A reason, without spaces around it.

    Raises:
        ConfigError: it is empty, or has a control character.
    """
    if not reason.strip():
        raise ConfigError("every act on a book needs a reason; give it with --reason")
    try:
        return printable(reason.strip())
    except ValueError as error:
        raise ConfigError(f"reason {reason!r}: {error}") from None


def ask(
    tx: Write,
    *,
    kind: str,
    book: str,
    subject: Mapping[str, Any],
    people: int,
    by: str,
    reason: str,
    now: datetime,
    expires_at: datetime,
    request_id: str | None = None,
) -> Request:
    """Ask for something. A person who asks has agreed by it; the same request that still waits is returned in place of a second one.

    Args:
        kind, book, subject: what is asked for; the subject holds plain JSON values.
        people: how many must agree, 1 or 2.
        by: a person, or one of `SYSTEM`.
        reason: why.
        now: instant.
        expires_at: before which it must be decided.
        request_id: hex; None: one made of all that.

    Raises:
        ConfigError: name or reason is empty.
        ValueError: the id belongs to another request, or people or term are impossible.
    """
    reason = require_reason(reason)
    by = by if by in SYSTEM else require_person(by)
    text = json.dumps(subject, sort_keys=True, separators=(",", ":"), allow_nan=False)
    if people not in (1, 2) or expires_at <= now:
        raise ValueError(f"{kind} of book {book!r}: {people} people until {expires_at} cannot be asked for at {now}")
    if request_id is None:
        same = _requests(tx, requests.c.kind == kind, requests.c.book == book, requests.c.subject == text)
        for known in same:
            if known.state(now) == "waiting":
                return known
        whole = "\x00".join((kind, book, text, str(len(same)), require_utc(now).isoformat()))
        request_id = hashlib.sha256(whole.encode()).hexdigest()
    found = _requests(tx, requests.c.request_id == request_id)
    if found:
        if (found[0].kind, found[0].book, dict(found[0].subject)) != (kind, book, json.loads(text)):
            raise ValueError(f"request {request_id} is a {found[0].kind} of book {found[0].book!r}, not this {kind} of {book!r}")
        return found[0]
    tx.connection.execute(
        insert(requests).values(
            request_id=request_id,
            kind=kind,
            book=book,
            subject=text,
            people=people,
            asked_by=by,
            reason=reason,
            asked_at=now,
            expires_at=expires_at,
        )
    )
    if by not in SYSTEM:
        _decide(tx, request_id, by, "approve", reason, now)
    return find_request(tx, request_id)


def decide(tx: Write, request_id: str, verdict: Verdict, *, by: str, reason: str, now: datetime) -> Request:
    """Say yes or no to a request in a person's name. Carrying out what is approved by it is the caller's, in this transaction.

    Raises:
        ConfigError: there is no such request, it is over, the person has decided it already, or name or reason is empty.
    """
    person, reason = require_person(by), require_reason(reason)
    found = find_request(tx, request_id)
    found.require_waiting(now)
    for each in found.decisions:
        if identity(each.person) == identity(person):
            act = "asked for it, which counts as agreement" if each.person == found.asked_by else f"decided it ({each.verdict})"
            raise ConfigError(f"{found.kind} {found.short}: {each.person} has {act}; another person must decide")
    _decide(tx, found.request_id, person, verdict, reason, now)
    return find_request(tx, found.request_id)


def find_request(tx: Read, request_id: str) -> Request:
    """The request whose id begins with those characters.

    Raises:
        NotFound: there is none.
        ConfigError: there are several, or fewer than 6 characters were given.
    """
    wanted = request_id.strip().lower()
    if len(wanted) < _SHORTEST:
        raise ConfigError(f"{request_id!r} is too short for an id; give at least {_SHORTEST} characters of one that `grodt waiting` lists")
    found = _requests(tx, requests.c.request_id.startswith(wanted, autoescape=True)) if wanted.isalnum() else ()
    if not found:
        raise NotFound(f"nothing waits under {request_id!r}; `grodt waiting` lists what does")
    if len(found) > 1:
        raise ConfigError(f"{request_id!r} begins the ids {', '.join(each.request_id for each in found)}; give more of the one you mean")
    return found[0]


def requests_of(
    tx: Read, book: str | None = None, *, kind: str | None = None, since: datetime | None = None, holding: str = ""
) -> tuple[Request, ...]:
    """Requests of a book (None: of every book), asked from an instant on, oldest first, whatever they came to.

    Args:
        tx: a transaction.
        book, kind, since: which.
        holding: a part of the subject as it is written; "" of every one.
    """
    where = [*([] if book is None else [requests.c.book == book]), *([] if kind is None else [requests.c.kind == kind])]
    where += [requests.c.subject.contains(holding, autoescape=True)] if holding else []
    return _requests(tx, *where, *([] if since is None else [requests.c.asked_at >= since]))


def waiting(tx: Read, now: datetime, book: str | None = None) -> tuple[Request, ...]:
    """Those that wait for people now, oldest first."""
    where = [requests.c.expires_at > now, *([] if book is None else [requests.c.book == book])]
    return tuple(each for each in _requests(tx, *where) if each.state(now) == "waiting")


def _decide(tx: Write, request_id: str, person: str, verdict: Verdict, reason: str, now: datetime) -> None:
    row = {"request_id": request_id, "person": person, "verdict": verdict, "reason": reason, "decided_at": now}
    tx.connection.execute(insert(decisions).values(row))


def _requests(tx: Read, *where: ColumnElement[bool]) -> tuple[Request, ...]:
    heads = tx.connection.execute(select(requests).where(*where).order_by(requests.c.asked_at, requests.c.request_id)).all()
    if not heads:
        return ()
    said: dict[str, list[Decision]] = {head.request_id: [] for head in heads}
    mine = decisions.c.request_id.in_(select(requests.c.request_id).where(*where))
    asked_by = {head.request_id: head.asked_by for head in heads}
    # whoever asked has said yes with it, before anybody else, also where a clock stands still
    rows = sorted(
        tx.connection.execute(select(decisions).where(mine)),
        key=lambda row: (row.decided_at, row.person != asked_by[row.request_id], row.person),
    )
    for row in rows:
        said[row.request_id].append(Decision(row.person, row.verdict, row.reason, row.decided_at))
    return tuple(
        Request(
            head.request_id,
            head.kind,
            head.book,
            json.loads(head.subject),
            head.people,
            head.asked_by,
            head.reason,
            head.asked_at,
            head.expires_at,
            tuple(said[head.request_id]),
        )
        for head in heads
    )
