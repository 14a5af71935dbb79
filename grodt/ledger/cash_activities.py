"""Interest and fees that a broker tells, each booked once by its exact id; and whatever else it tells of cash, kept with why it is not.

What is kept is evidence of a break of cash and moves nothing. One that could not be booked is looked at again whenever it is told again,
until people have booked cash in the book: from then on it has been dealt with, whatever it would be.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select

from grodt.ledger.accounts import first_session_here
from grodt.ledger.cash_entries import BY_PEOPLE, CashKind, as_cash_kind, cash_entry
from grodt.ledger.entries import CURRENCY, Entry
from grodt.ledger.marks import latest_mark
from grodt.ledger.postings import balances, post_all
from grodt.ledger.tables_cash import cash_activities, cash_starts
from grodt.ledger.tables_postings import entries, postings
from grodt.ledger.transaction import Read, Write
from grodt.money import Micros
from grodt.orders.cash_activity import CashActivity, in_usd

_BPS = 10_000
#: Interest of a month is dated to its end, and may come days later.
_LATE = timedelta(days=31)
_CONTENT = ("activity_id", "kind", "code", "amount", "session", "day", "symbol", "words", "unreadable")
_NOT_BY_ITSELF = {
    "dividend": "dividends are booked from corporate actions, not from what the account tells",
    "transfer": "cash that comes in or goes out is booked by people",
    "action": "what a corporate action pays is booked from corporate actions, not from what the account tells",
    "unknown": "it is of a type that is not known here",
}


@dataclass(frozen=True, slots=True)
class KeptActivity:
    """An activity as the broker told it, that is not booked.

    Attributes:
        activity: with its content of then.
        reason: why not, in words.
        run_id: the run that it was told first.
        recorded_at: when.
    """

    activity: CashActivity
    reason: str
    run_id: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """What would become of activities.

    Attributes:
        sound: those that would be booked.
        refused: those that cannot be, each with why. Those that are booked are in neither.
    """

    sound: tuple[CashActivity, ...]
    refused: Mapping[CashActivity, str]


@dataclass(slots=True)
class _Told:
    """What the ledger has of one activity's id."""

    booked: CashActivity | None = None
    kept: dict[CashActivity, datetime] = field(default_factory=dict)
    rows: int = 0


def begun(tx: Read, book: str) -> date | None:
    """The session that activities begin after; None where none was asked for. The cash that was compared has what is of it or before.

    Where the book has come to another account since, that account's begin after its first session there.
    """
    asked: date | None = tx.connection.execute(select(cash_starts.c.session).where(cash_starts.c.book == book)).scalar_one_or_none()
    return None if asked is None else max(asked, first_session_here(tx, book) or asked)


def begin(tx: Write, book: str, session: date, run_id: str, now: datetime) -> None:
    """Begin after a session; nothing where it was begun before.

    Args:
        tx, book, run_id, now: whose, and when.
        session: the last one that was settled before; of a new book its first, whose capital is what the account has in its evening.
    """
    if begun(tx, book) is None:
        tx.connection.execute(insert(cash_starts).values(book=book, session=session, run_id=run_id, recorded_at=now))


def asked_since(tx: Read, book: str, last: date) -> date:
    """From which session on a broker is asked for activities, after the last settled one: it may date back what it charges."""
    return max(last - _LATE, begun(tx, book) or last)


def bound(tx: Read, book: str, bps: Decimal) -> Micros:
    """What interest and fees of a session may come to, both counted as if they were paid, to be booked by themselves.

    Args:
        tx: the ledger.
        book: whose.
        bps: of the equity at its latest mark; of what was deposited where there is none.
    """
    mark = latest_mark(tx, book)
    equity = mark.equity if mark is not None else -balances(tx, book, ["capital"]).get(("capital", CURRENCY, ""), 0)
    return Micros(int(max(equity, 0) * bps / _BPS))


def judge_activities(tx: Read, book: str, told: Iterable[CashActivity], *, session: date, most: Micros) -> Judged:
    """Which of the activities would be booked in a session, as the ledger stands; it books none of them.

    Args:
        tx: the ledger.
        book: whose.
        told: by the broker, in any order, each as often as it likes.
        session: that they would be booked in.
        most: what those of a session may come to, micros; see `bound`.
    """
    first = begun(tx, book)
    activities = sorted({each for each in told if first is not None and each.session >= first}, key=attrgetter("session", *_CONTENT))
    known = _known(tx, book, {each.activity_id for each in activities})
    dealt_with = _latest_by_people(tx, book)
    sound: dict[str, CashActivity] = {}
    refused: dict[CashActivity, str] = {}
    for each in activities:
        before = known.get(each.activity_id, _Told())
        booked = before.booked or sound.get(each.activity_id)
        if booked == each:
            continue
        if booked is not None:
            refused[each] = f"it is booked with other content: {booked}"
        elif each.unreadable:
            refused[each] = f"it cannot be read: {each.unreadable}"
        elif not each.may_be_booked:
            refused[each] = _NOT_BY_ITSELF[each.kind]
        elif each.session == first:
            refused[each] = _of_first(tx, book, first)
        elif before.kept and dealt_with is not None and dealt_with >= min(before.kept.values()):
            refused[each] = "it was told before, and people have booked cash since"
        else:
            sound[each.activity_id] = each
    whole = sum(abs(each.amount) for each in sound.values())
    already = _booked_in(tx, book, session) if sound else 0
    if whole + already > most:
        over = (
            f"interest and fees of session {session} come to {in_usd(whole + already)} USD, and "
            f"{in_usd(most)} are booked by themselves (charges_bps)"
        )
        refused |= dict.fromkeys(sound.values(), over)
        sound = {}
    return Judged(tuple(sound.values()), refused)


def book_activities(
    tx: Write, book: str, told: Iterable[CashActivity], *, session: date, most: Micros, run_id: str, now: datetime
) -> tuple[Entry, ...]:
    """Book what may be, keep the rest. Told twice, late or in any order it comes to the same, and booking again books nothing.

    Args:
        tx, book, told, session, most: see `judge_activities`.
        run_id: the run that books.
        now: instant of the entries.

    Returns:
        The entries that were booked now.
    """
    found = judge_activities(tx, book, told, session=session, most=most)
    made = post_all(tx, [_entry(book, each, session) for each in found.sound], run_id, now)
    _record(tx, book, dict.fromkeys(found.sound, ""), run_id, now)
    keep_activities(tx, book, found.refused, run_id, now)
    return made


def keep_activities(tx: Write, book: str, told: Mapping[CashActivity, str], run_id: str, now: datetime) -> None:
    """Keep activities that cannot be booked, each content once, with why."""
    known = _known(tx, book, {each.activity_id for each in told})
    _record(tx, book, {each: why for each, why in told.items() if each not in known.get(each.activity_id, _Told()).kept}, run_id, now)


def news(tx: Read, book: str, told: Iterable[CashActivity]) -> tuple[CashActivity, ...]:
    """Those of the activities that the ledger does not have, has otherwise, or may book after all."""
    activities = tuple(dict.fromkeys(told))
    known = _known(tx, book, {each.activity_id for each in activities})
    found = ((each, known.get(each.activity_id, _Told())) for each in activities)
    return tuple(
        each for each, have in found if each != have.booked and (each not in have.kept or (each.may_be_booked and have.booked is None))
    )


def not_due(tx: Read, book: str, told: Iterable[CashActivity], session: date) -> tuple[CashActivity, ...]:
    """Those of the activities that wait to be booked although a session is settled: of later ones, and those that came after it was."""
    found = news(tx, book, told)
    known = _known(tx, book, {each.activity_id for each in found})
    return tuple(each for each in found if each.session > session or each.activity_id not in known)


def kept_activities(tx: Read, book: str, start: date, end: date) -> tuple[KeptActivity, ...]:
    """What is kept of a book's activities that are dated from start to end, both included, or were kept from start on.

    Without those that were booked after all, and those that people have dealt with since.
    """
    kept_since = cash_activities.c.recorded_at >= datetime.combine(start, time(), UTC)
    about = cash_activities.c.session.between(start, end) | kept_since
    rows = _rows(tx, cash_activities.c.book == book, about)
    booked = {_activity(row) for row in rows if row.reason == ""}
    dealt_with = _latest_by_people(tx, book)
    return tuple(
        KeptActivity(_activity(row), row.reason, row.run_id, row.recorded_at)
        for row in rows
        if row.reason and _activity(row) not in booked and (dealt_with is None or dealt_with < row.recorded_at)
    )


def activity_entry_id(book: str, activity_id: str) -> str:
    """Id of the entry that books an activity."""
    return f"activity:{book}:{activity_id}"


def _of_first(tx: Read, book: str, first: date) -> str:
    """Why an activity of the session that they begin after is not booked."""
    if first_session_here(tx, book) == first:
        return f"it is of {first}, the first session of the book at this account, which may have had it before it was the book's"
    return f"it is of {first}, whose cash was compared before activities were asked for"


def _entry(book: str, told: CashActivity, session: date) -> Entry:
    kind: CashKind = as_cash_kind(told.kind)
    memo = " ".join(filter(None, (f"{told.code} of {told.day}", told.symbol, told.words)))
    return cash_entry(activity_entry_id(book, told.activity_id), kind, book, told.amount, session, memo)


def _record(tx: Write, book: str, told: Mapping[CashActivity, str], run_id: str, now: datetime) -> None:
    numbers = {key: each.rows for key, each in _known(tx, book, {each.activity_id for each in told}).items()}
    rows = []
    for each, reason in told.items():
        numbers[each.activity_id] = numbers.get(each.activity_id, 0) + 1
        content = {name: getattr(each, name) for name in _CONTENT}
        fact = {"book": book, "number": numbers[each.activity_id], "reason": reason, "run_id": run_id, "recorded_at": now}
        rows.append(content | fact)
    if rows:
        tx.connection.execute(insert(cash_activities), rows)


def _known(tx: Read, book: str, activity_ids: set[str]) -> dict[str, _Told]:
    found: dict[str, _Told] = {}
    if not activity_ids:
        return found
    for row in _rows(tx, cash_activities.c.book == book, cash_activities.c.activity_id.in_(sorted(activity_ids))):
        told = found.setdefault(row.activity_id, _Told())
        told.rows += 1
        if row.reason:
            told.kept[_activity(row)] = row.recorded_at
        else:
            told.booked = _activity(row)
    return found


def _rows(tx: Read, *where: ColumnElement[bool]) -> Sequence[Row[Any]]:
    query = select(cash_activities).where(*where)
    return tx.connection.execute(
        query.order_by(cash_activities.c.recorded_at, cash_activities.c.activity_id, cash_activities.c.number)
    ).all()


def _activity(row: Row[Any]) -> CashActivity:
    return CashActivity(**{name: row._mapping[name] for name in _CONTENT})


def _latest_by_people(tx: Read, book: str) -> datetime | None:
    """When people have moved the book's cash last: by a correction, a deposit or a withdrawal."""
    query = (
        select(func.max(entries.c.recorded_at))
        .join(postings, postings.c.entry_id == entries.c.entry_id)
        .where(entries.c.book == book, entries.c.run_id.in_(BY_PEOPLE), postings.c.account == "cash")
    )
    latest: datetime | None = tx.connection.execute(query).scalar_one()
    return latest


def _booked_in(tx: Read, book: str, session: date) -> int:
    """What activities have moved that are booked in a session, all counted as if they were paid."""
    query = (
        select(func.coalesce(func.sum(func.abs(postings.c.amount)), 0))
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(entries.c.book == book, entries.c.session == session, entries.c.kind.in_(["interest", "fee"]))
        .where(entries.c.run_id.not_in(BY_PEOPLE), postings.c.account == "cash")
    )
    return int(tx.connection.execute(query).scalar_one())
