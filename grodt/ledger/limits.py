"""The limits of books with their history: who set which, when, from what to what, and why.

The books file gives the first values. From then on what holds is what the ledger says; a change of the file changes nothing until a
person makes it a change here. What gives a book more room needs two people, what takes room away holds at once.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select

from grodt.errors import ConfigError
from grodt.ledger.requests import Request, ask, require_person, require_reason
from grodt.ledger.tables_people import limit_changes
from grodt.ledger.transaction import Read, Write
from grodt.risk.limit_values import RESTRICTED, RULES, Key, Value, Values, limits_of, loosened, values_of
from grodt.risk.limits import Limits

#: Author of the first values.
FILE = "books file"
#: The kind of request that gives a book more room.
KIND = "limit"
#: How long such a request waits.
TERM = timedelta(hours=24)
_FIRST = "first value"


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One change of one limit. `before` and `after` are None where it was, or is, not set; `request_id` where one person was enough."""

    change_id: int
    key: Key
    before: Value | None
    after: Value | None
    author: str
    reason: str
    request_id: str | None
    at: datetime

    def __str__(self) -> str:
        return f"{self.key} from {shown(self.before)} to {shown(self.after)}"


@dataclass(frozen=True, slots=True)
class InForce:
    """The limits of a book at one instant.

    Attributes:
        version: number of the last change that counts; 0 before the first.
        limits: what holds.
        set_by: the change that set each; none for a limit that the books file alone gives so far.
    """

    version: int
    limits: Limits
    set_by: Mapping[Key, LimitChange]


@dataclass(frozen=True, slots=True)
class Difference:
    """A limit that the books file has otherwise than it is in force; None where it is not set."""

    key: Key
    in_force: Value | None
    file: Value | None

    @property
    def command(self) -> str:
        """The command that makes it as the file has it."""
        scope = f" --symbol {self.key.symbol}" if self.key.symbol else f" --group '{self.key.group}'" if self.key.group else ""
        if self.file is None:
            return f"grodt limits unset {self.key.name}{scope} --reason WHY"
        value = "yes" if self.key.name == RESTRICTED else shown(self.file)
        return f"grodt limits set {self.key.name} {value}{scope} --reason WHY"

    def __str__(self) -> str:
        return f"{self.key} is {shown(self.in_force)} and the books file says {shown(self.file)}: {self.command}"


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of changes that a person asked for: those that hold now, and the request for those that give the book more room."""

    made: tuple[LimitChange, ...]
    request: Request | None


def shown(value: Value | None) -> str:
    """A limit's value as a person writes it."""
    if value is None:
        return "not set"
    return "yes" if value is True else repr(value)


def begin_limits(tx: Write, book: str, file: Limits, now: datetime) -> None:
    """Take the first values of limits that the book's ledger does not know yet from the books file. Saying it again changes nothing."""
    known = set(tx.connection.execute(select(limit_changes.c.name).where(limit_changes.c.book == book).distinct()).scalars())
    first = values_of(file)
    for name in RULES:
        if name not in known:
            keys = [key for key in first if key.name == name] or [Key(name)]  # a row says of each name that it has begun
            for key in keys:
                _record(tx, book, key, None, first.get(key), FILE, _FIRST, None, now)


def limits_in_force(tx: Read, book: str, file: Limits | None) -> InForce:
    """The limits that hold for a book now.

    Args:
        tx: the ledger.
        book: whose.
        file: what the books file says, for limits that the ledger does not know yet; None: it must know each.

    Raises:
        ConfigError: the ledger does not know one, or they do not fit together.
    """
    changes = _changes(tx, limit_changes.c.book == book)
    known = {each.key.name for each in changes}
    unknown = [name for name in RULES if name not in known]
    if file is None and unknown:
        raise ConfigError(
            f"the ledger of book {book} does not know limit {', '.join(unknown)} yet, which this version needs: its next cycle takes "
            f"it from the books file, and so does `grodt limits set` of any limit"
        )
    values: Values = {} if file is None else {key: value for key, value in values_of(file).items() if key.name not in known}
    set_by = _set(changes)
    values |= {key: each.after for key, each in set_by.items() if each.after is not None}
    return InForce(max((each.change_id for each in changes), default=0), limits_of(values), set_by)


def limits_set(tx: Read, book: str, version: int) -> Mapping[Key, LimitChange]:
    """The change that set each limit which held up to a version; what a later GRODT has added since is not in it."""
    return _set(_changes(tx, limit_changes.c.book == book, limit_changes.c.change_id <= version))


def _set(changes: Iterable[LimitChange]) -> dict[Key, LimitChange]:
    """The last change of each limit that is set; one that this version has no control for holds nothing any more."""
    latest = {each.key: each for each in changes}
    return {key: each for key, each in latest.items() if each.after is not None and key.name in RULES}


def limits_version(tx: Read, book: str) -> int:
    """Number of the last change of the book's limits; 0 before the first."""
    query = select(func.coalesce(func.max(limit_changes.c.change_id), 0)).where(limit_changes.c.book == book)
    return int(tx.connection.execute(query).scalar_one())


def limit_history(tx: Read, book: str, name: str | None = None) -> tuple[LimitChange, ...]:
    """Changes of a book's limits (of one), oldest first."""
    return _changes(tx, limit_changes.c.book == book, *([] if name is None else [limit_changes.c.name == name]))


def differences(file: Limits, in_force: Limits) -> tuple[Difference, ...]:
    """What the books file has otherwise than it is in force."""
    theirs, ours = values_of(file), values_of(in_force)
    keys = [*theirs, *(key for key in ours if key not in theirs)]
    return tuple(Difference(key, ours.get(key), theirs.get(key)) for key in keys if ours.get(key) != theirs.get(key))


def change_limits(
    tx: Write, book: str, file: Limits, changes: Sequence[tuple[Key, Value | None]], *, by: str, reason: str, now: datetime
) -> Changed:
    """Change limits of a book: what gives it no more room holds at once, the rest is one request that a second person must approve.

    Args:
        tx: the transaction.
        book: whose.
        file: what the books file says, for limits that the ledger does not know yet.
        changes: each limit with its new value, None to take one of a symbol or group away; each limit once.
        by: the person.
        reason: why.
        now: instant.

    Raises:
        ConfigError: a value is outside its bound, is in force already, or cannot be taken away; or name or reason is empty.
    """
    person, reason = require_person(by), require_reason(reason)
    begin_limits(tx, book, file, now)
    limits = limits_in_force(tx, book, file).limits
    made: list[LimitChange] = []
    later: list[tuple[Key, Value | None]] = []
    for key, value in changes:
        after = _changed(limits, key, value)
        if loosened(limits, after):
            later.append((key, value))
        else:
            before = values_of(limits).get(key)
            made.append(_record(tx, book, key, before, value, person, reason, None, now))
            limits = after
    if not later:
        return Changed(tuple(made), None)
    whole = limits
    for key, value in later:
        whole = _changed(whole, key, value)
    values = values_of(limits)
    subject = {"changes": [_plain(key, values.get(key), value) for key, value in later]}
    request = ask(tx, kind=KIND, book=book, subject=subject, people=2, by=person, reason=reason, now=now, expires_at=now + TERM)
    return Changed(tuple(made), request)


def what_is_asked(request: Request) -> str:
    """The changes that a request asks for, in one line."""
    return "; ".join(f"{key} from {shown(before)} to {shown(after)}" for key, before, after in _asked(request))


def refusal(tx: Read, request: Request) -> str:
    """Why a request for more room can no longer be decided, "" where it can: what was to be changed must be what it was."""
    latest = {each.key: each.after for each in limit_history(tx, request.book)}
    moved = [f"{key} is {shown(latest.get(key))} now and was {shown(was)}" for key, was, _ in _asked(request) if latest.get(key) != was]
    return f"{'; '.join(moved)}; ask for it anew" if moved else ""


def carry_out(tx: Write, request: Request, now: datetime) -> str:
    """Make the changes of an approved request; returns what was done.

    Raises:
        ConfigError: see `refusal`; or the limits do not fit together any more.
    """
    why = refusal(tx, request)
    if why:
        raise ConfigError(f"limit {request.short}: {why}")
    limits = limits_in_force(tx, request.book, None).limits
    for key, before, after in _asked(request):
        limits = _changed(limits, key, after)
        _record(tx, request.book, key, before, after, " and ".join(request.agreed), request.reason, request.request_id, now)
    return f"from now on: {what_is_asked(request)}"


def _changed(limits: Limits, key: Key, value: Value | None) -> Limits:
    """The limits after one change."""
    values = values_of(limits)
    if value is None and not (key.require_fitting().symbol or key.group):
        raise ConfigError(f"limit {key} cannot be taken away: without a limit there is no trading; set another value")
    if values.get(key) == value:
        raise ConfigError(f"limit {key} is {shown(value)} already")
    if value is None:
        del values[key]
    else:
        values[key] = value
    return limits_of(values)


def _plain(key: Key, before: Value | None, after: Value | None) -> dict[str, Any]:
    return {"name": key.name, "symbol": key.symbol, "group": key.group, "from": before, "to": after}


def _asked(request: Request) -> Iterable[tuple[Key, Value | None, Value | None]]:
    return [(Key(each["name"], each["symbol"], each["group"]), each["from"], each["to"]) for each in request.subject["changes"]]


def _record(
    tx: Write,
    book: str,
    key: Key,
    before: Value | None,
    after: Value | None,
    author: str,
    reason: str,
    request_id: str | None,
    now: datetime,
) -> LimitChange:
    row: dict[str, Any] = {"book": book, "name": key.name, "symbol": key.symbol, "group_name": key.group}
    row |= {"value_before": _text(before), "value_after": _text(after), "author": author, "reason": reason, "request_id": request_id}
    made = tx.connection.execute(insert(limit_changes).values(row | {"changed_at": now})).inserted_primary_key
    assert made is not None
    return LimitChange(int(made[0]), key, before, after, author, reason, request_id, now)


def _text(value: Value | None) -> str | None:
    return None if value is None else json.dumps(value, allow_nan=False)


def _changes(tx: Read, *where: ColumnElement[bool]) -> tuple[LimitChange, ...]:
    return tuple(
        LimitChange(
            row.change_id,
            Key(row.name, row.symbol, row.group_name),
            None if row.value_before is None else json.loads(row.value_before),
            None if row.value_after is None else json.loads(row.value_after),
            row.author,
            row.reason,
            row.request_id,
            row.changed_at,
        )
        for row in tx.connection.execute(select(limit_changes).where(*where).order_by(limit_changes.c.change_id))
    )
