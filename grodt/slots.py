"""Slots of a session: the instants at which an intraday book decides, from the exchange's calendar.

A slot is named by the exchange's own time, as `1030`, and decides on what was known at that instant. Where a session closes early, the
last slot and the one by which the book is flat keep their distance to the close; the first keeps its time of day. What would fall outside
trading hours, or into a lunch break, is no slot; but the one by which the book is flat is never lost to an early close or a late open: it
comes as soon as the session can have it. Each session ends with the slot `close`, which decides nothing: it books and marks.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from grodt.errors import ConfigError, SessionError
from grodt.sessions import Calendar, require_utc

#: What a slot does: decides, sells and buys back what is held, or books and marks a session that is over.
Role = Literal["trade", "flat", "close"]
#: Name of a session's last slot. It sorts after every time of day.
CLOSE = "close"
#: Minutes after its instant in which a slot may begin where its book says nothing, and in which what it decides alone is of its instant.
PROMPT_MINUTES = 5
_MINUTE = timedelta(minutes=1)
_DAY_MINUTES = 1_440


@dataclass(frozen=True, slots=True)
class SlotRule:
    """When a book decides within a session.

    Attributes:
        every: minutes from one slot to the next.
        first, last: time of the first slot, and up to which there are more; the exchange's own.
        flat_by: time of the slot that only gives up what is held, after the last one; None: positions are kept over night.
        latest_start: minutes after its instant in which a slot may still begin; one that was missed is skipped.

    Raises:
        ConfigError: they do not come in that order, or a number is out of range.
    """

    every: int
    first: time
    last: time
    flat_by: time | None
    latest_start: int

    def __post_init__(self) -> None:
        if not 1 <= self.every < _DAY_MINUTES:
            raise ConfigError(f"intraday: every is {self.every} minutes; it must be from 1 to {_DAY_MINUTES - 1}")
        if not 1 <= self.latest_start <= self.every:
            raise ConfigError(
                f"intraday: latest_start_minutes is {self.latest_start}; it must be from 1 to {self.every}, the minutes to the next slot: "
                "slots that were missed never make a burst of orders"
            )
        if self.last < self.first:
            raise ConfigError(f"intraday: last {self.last:%H:%M} comes before first {self.first:%H:%M}; write them in the order of the day")
        if self.flat_by is not None and self.flat_by <= self.last:
            raise ConfigError(f"intraday: flat_by {self.flat_by:%H:%M} must come after last {self.last:%H:%M}")


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of one session.

    Attributes:
        session, name: its place among all cycles of a book.
        role: what it does.
        at: its instant. It decides on what was known then.
        ends_at: instant of the next slot: its orders fill in between. Of the close it is `at`.
        starts_by: instant from which on it is too late to begin.
    """

    session: date
    name: str
    role: Role
    at: datetime
    ends_at: datetime
    starts_by: datetime

    def __str__(self) -> str:
        """Session and name, as in `2026-11-20 1030`."""
        return f"{self.session} {self.name}"


def slots_of(rule: SlotRule, calendar: Calendar, session: date) -> tuple[Slot, ...]:
    """The slots of a session, ascending, the close last; the close alone where nothing else lies in its trading hours.

    Raises:
        SessionError: it is no session.
    """
    inside, closes_at = _times(rule, calendar, session), calendar.closes_at(session)
    ends = [*(at for at, _ in inside[1:]), closes_at]
    found = [
        Slot(session, f"{at.astimezone(calendar.zone):%H%M}", role, at, end, min(at + rule.latest_start * _MINUTE, end))
        for (at, role), end in zip(inside, ends, strict=False)
    ]
    tomorrow = datetime.combine(calendar.next(session), rule.first, calendar.zone).astimezone(UTC)
    return (*found, Slot(session, CLOSE, "close", closes_at, closes_at, tomorrow))


def _times(rule: SlotRule, calendar: Calendar, session: date) -> list[tuple[datetime, Role]]:
    """Instant and role of each slot of a session but its close, ascending.

    Raises:
        SessionError: it is no session.
    """
    opens_at, closes_at = calendar.opens_at(session), calendar.closes_at(session)
    early = max(calendar.usual_close(session) - closes_at, timedelta(0))

    def instant(of_day: time) -> datetime:
        return datetime.combine(session, of_day, calendar.zone).astimezone(UTC)

    last, at, times = instant(rule.last) - early, instant(rule.first), list[tuple[datetime, Role]]()
    while at <= last:
        times.append((at, "trade"))
        at += rule.every * _MINUTE
    if rule.flat_by is not None:
        times.append((_flat_at(calendar, session, instant(rule.flat_by) - early, instant(rule.first)), "flat"))
    return [(at, role) for at, role in times if opens_at < at < closes_at and calendar.is_open(at)]


def _flat_at(calendar: Calendar, session: date, wanted: datetime, first: datetime) -> datetime:
    """When the book is flat by, as wanted if the session trades then.

    Where that is not after the open, it is the first slot's time of day, or a minute after the open if that is not within the session
    either; where it is in a lunch break, when that is over.
    """
    opens_at, closes_at = calendar.opens_at(session), calendar.closes_at(session)
    if wanted <= opens_at:
        wanted = first if opens_at < first < closes_at else opens_at + _MINUTE
    return next((max(wanted, start) for start, end in calendar.trading_hours(session) if wanted < end), wanted)


def times_within(slot: Slot, count: int, calendar: Calendar) -> tuple[datetime, ...]:
    """So many instants at equal distances of trading from the slot to the next one, whole minutes, the first its own; fewer in a short one.

    A lunch break in between has none, and is no distance.
    """
    hours = [(max(start, slot.at), min(end, slot.ends_at)) for start, end in calendar.trading_hours(slot.session)]
    traded = [start + minute * _MINUTE for start, end in hours for minute in range((end - start) // _MINUTE)]
    return tuple(dict.fromkeys((slot.at, *(traded[place * len(traded) // count] for place in range(1, count) if traded))))


def minutes_traded(calendar: Calendar, slot: Slot, start: datetime) -> int:
    """Whole minutes in which the slot's session traded from an instant to the slot; a lunch break counts for nothing."""
    hours = calendar.trading_hours(slot.session)
    return sum(max(timedelta(0), min(end, slot.at) - max(begin, start)) // _MINUTE for begin, end in hours)


def slot_named(rule: SlotRule, calendar: Calendar, session: date, name: str) -> Slot:
    """The slot of that name, written as 1030, 10:30 or close.

    Raises:
        SessionError: it is no session, or the session has no such slot; names those it has.
    """
    slots = slots_of(rule, calendar, session)
    wanted = name.replace(":", "")
    for slot in slots:
        if slot.name == wanted:
            return slot
    raise SessionError(f"session {session} of {calendar.name} has no slot {name}; it has {', '.join(slot.name for slot in slots)}")


def latest_slot(rule: SlotRule, calendar: Calendar, now: datetime) -> Slot:
    """The last slot whose instant has come.

    Raises:
        SessionError: the calendar knows none.
    """
    instant = require_utc(now, "now")
    day = instant.astimezone(calendar.zone).date()
    session = day if calendar.is_session(day) else calendar.previous(day)
    while True:
        begun = [slot for slot in slots_of(rule, calendar, session) if slot.at <= instant]
        if begun:
            return begun[-1]
        session = calendar.previous(session)


def too_late(slot: Slot, now: datetime) -> str:
    """Why the slot may not begin any more; "" while it may."""
    instant = require_utc(now, "now")
    if instant < slot.starts_by:
        return ""
    return (
        f"slot {slot} began at {slot.at:%H:%M} UTC and had to be started before {slot.starts_by:%H:%M} UTC, and now is "
        f"{instant:%Y-%m-%d %H:%M} UTC: it is skipped, the next one decides"
    )


def require_in_hours(rule: SlotRule, calendar: Calendar) -> None:
    """Refuse times at which a usual session of the calendar does not trade, its lunch break included.

    Raises:
        ConfigError: names the hours.
    """
    session = calendar.usual_session()
    hours = [(start.astimezone(calendar.zone), end.astimezone(calendar.zone)) for start, end in calendar.trading_hours(session)]
    for name, of_day in (("first", rule.first), ("last", rule.last), ("flat_by", rule.flat_by)):
        if of_day is None:
            continue
        at = datetime.combine(session, of_day, calendar.zone)
        if at <= hours[0][0] or not any(start <= at < end for start, end in hours):
            traded = " and ".join(f"from {start:%H:%M} to {end:%H:%M}" for start, end in hours)
            raise ConfigError(
                f"intraday: {name} is {of_day:%H:%M}, and a session of {calendar.name} trades {traded} of its own time; "
                "a slot lies after the open, before the close, and in no lunch break"
            )


def require_ends_of_bars(rule: SlotRule, calendar: Calendar, width: int) -> None:
    """Refuse slots of a usual session that decide while a bar of so many minutes is running.

    Bars begin at the open, and anew after a lunch break. A slot within one would not see what was traded in it last, and would take what
    was traded in it before an order for what came after.

    Raises:
        ConfigError: names the slot, and the nearest first one that would do.
    """
    session = calendar.usual_session()
    begins = [start for start, _ in calendar.trading_hours(session)]

    def running(at: datetime) -> timedelta:
        return (at - max(start for start in begins if start <= at)) % (width * _MINUTE)

    slots = [at for at, role in _times(rule, calendar, session) if role == "trade"]
    off = next((at for at in slots if running(at)), None)
    if off is None:
        return
    first, last = (datetime.combine(session, of_day, calendar.zone).astimezone(UTC) for of_day in (rule.first, rule.last))
    near = "no other first does: use narrower bars"
    for moved in sorted((first + by * _MINUTE for by in range(1 - width, width)), key=lambda at: abs(at - first)):
        of_day = moved.astimezone(calendar.zone).time()
        if moved > last or of_day > rule.last:
            continue
        slots = [at for at, role in _times(replace(rule, first=of_day), calendar, session) if role == "trade"]
        if moved in slots and not any(running(at) for at in slots):
            near = f"the nearest first that would do is {of_day:%H:%M}"
            break
    begun = " and ".join(f"{start.astimezone(calendar.zone):%H:%M}" for start in begins)
    raise ConfigError(
        f"intraday: slot {off.astimezone(calendar.zone):%H:%M} of {calendar.name} ends no bar of {width} minutes, which begin at {begun} "
        f"and follow one another from there; {near}"
    )


def times_of_day(rule: SlotRule, calendar: Calendar, sessions: Iterable[date]) -> tuple[time, ...]:
    """Every time of the exchange's day at which some of the sessions has a slot before its close, ascending.

    An early close moves slots, so there are more of them than a usual session has.
    """
    return tuple(
        sorted(
            {slot.at.astimezone(calendar.zone).time() for day in sessions for slot in slots_of(rule, calendar, day) if slot.role != "close"}
        )
    )
