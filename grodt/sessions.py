"""Exchange sessions: the only reader of exchange_calendars.

A *session* is a date of an exchange calendar; an *instant* is an aware UTC datetime. A cycle's identity is its session, never
the wall clock. Trading hours are intervals that include their start and not their end, as a bar is stamped at its start: the instant
of the open is inside, the instants of the close and of the start of a lunch break are not.
"""

import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from grodt.errors import ConfigError, SessionError

if TYPE_CHECKING:
    import pandas as pd
    from exchange_calendars import ExchangeCalendar
    from numpy.typing import NDArray

#: The first session any book may name.
FIRST_DATE = date(1990, 1, 2)
#: Where a calendar is asked to start: the first of these that exchange_calendars can. It knows Shanghai's holidays from 1991, Tokyo's
#: and Bombay's from 1997, Astana's from 2017, Riyadh's from 2021, and refuses an earlier start.
_STARTS = (FIRST_DATE, *(date(year, 1, 2) for year in (1991, 1997, 2000, 2010, 2017, 2021)))
_YEAR = timedelta(days=364)
#: More sessions than this in a year are those of a venue that never closes.
_DAYS_OF_AN_EXCHANGE = 300
#: Instants in arrays: UTC without a zone, in microseconds.
INSTANT = np.dtype("datetime64[us]")
#: Sessions in arrays.
SESSION = np.dtype("datetime64[D]")


def require_utc(instant: datetime, name: str = "instant") -> datetime:
    """The instant in UTC.

    Raises:
        ValueError: it has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{name} {instant.isoformat()} has no time zone; instants are aware UTC")
    return instant.astimezone(UTC)


@cache
def _exchange_calendar(name: str) -> "ExchangeCalendar":
    import exchange_calendars  # costs 0.6 s: only when a calendar is asked for
    from exchange_calendars.errors import InvalidCalendarName

    why = ""
    for start in _STARTS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of what exchange_calendars asks of pandas
                return exchange_calendars.get_calendar(name, start=start.isoformat())
        except InvalidCalendarName:
            raise ConfigError(f"calendar {name!r} is unknown; use an exchange_calendars name such as XNYS, XLON or 24/7") from None
        except NotImplementedError as error:
            why = str(error)
            break
        except ValueError as error:
            why = str(error)
    raise ConfigError(
        f"calendar {name!r} cannot be computed by exchange_calendars {exchange_calendars.__version__}: {why[:200]}; use another"
    )


@dataclass(frozen=True, slots=True)
class _Hours:
    """Every interval of trading hours of a calendar, ascending and apart: start (inside), end (outside) and its session."""

    starts: "NDArray[np.datetime64]"
    ends: "NDArray[np.datetime64]"
    sessions: "NDArray[np.datetime64]"


@cache
def _hours(name: str) -> _Hours:
    schedule = _exchange_calendar(name).schedule
    opens, break_starts, break_ends, closes = (
        schedule[column].dt.tz_convert(None).to_numpy().astype(INSTANT) for column in ("open", "break_start", "break_end", "close")
    )
    sessions = schedule.index.to_numpy().astype(SESSION)
    with_break = ~np.isnat(break_starts)
    starts = np.concatenate([opens, break_ends[with_break]])
    ends = np.concatenate([np.where(with_break, break_starts, closes), closes[with_break]])
    order = np.argsort(starts)
    return _Hours(starts[order], ends[order], np.concatenate([sessions, sessions[with_break]])[order])


def _instant(stamp: "pd.Timestamp") -> datetime:
    return stamp.to_pydatetime().astimezone(UTC)


def _day(stamp: "pd.Timestamp") -> date:
    return stamp.date()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Sessions of one exchange, by exchange_calendars' name for it (XNYS, XLON, 24/7)."""

    name: str

    @property
    def zone(self) -> ZoneInfo:
        """The exchange's own time zone."""
        return ZoneInfo(str(_exchange_calendar(self.name).tz))

    def bounds(self) -> tuple[date, date]:
        """First and last session the calendar knows."""
        calendar = _exchange_calendar(self.name)
        return calendar.first_session.date(), calendar.last_session.date()

    def is_session(self, day: date) -> bool:
        """Whether the exchange opens on that date."""
        self._require_known(day)
        return bool(_exchange_calendar(self.name).is_session(day.isoformat()))

    def require_session(self, day: date) -> date:
        """The date, if the exchange opens on it.

        Raises:
            SessionError: it is a holiday or weekend; the message names the sessions on either side.
        """
        if self.is_session(day):
            return day
        raise SessionError(
            f"{day} is not a session of {self.name} (holiday or weekend); the nearest are {self.previous(day)} and {self.next(day)}"
        )

    def require_complete(self, session: date, now: datetime) -> date:
        """The session, if it is over at `now`.

        Raises:
            SessionError: it is no session, lies in the future, or has not closed.
        """
        self.require_session(session)
        closes_at = self.closes_at(session)
        if require_utc(now, "now") < closes_at:
            raise SessionError(
                f"session {session} of {self.name} is not over: it closes at {closes_at:%Y-%m-%d %H:%M} UTC and now is "
                f"{now:%Y-%m-%d %H:%M} UTC; the latest complete session is {self.latest_complete(now)}"
            )
        return session

    def opens_at(self, session: date) -> datetime:
        """Instant of the session's open.

        Raises:
            SessionError: it is no session.
        """
        self.require_session(session)
        return _instant(_exchange_calendar(self.name).session_open(session.isoformat()))

    def closes_at(self, session: date) -> datetime:
        """Instant of the session's close, early closes included.

        Raises:
            SessionError: it is no session.
        """
        self.require_session(session)
        return _instant(_exchange_calendar(self.name).session_close(session.isoformat()))

    def usual_close(self, session: date) -> datetime:
        """Instant at which the session would close if the exchange did not close early.

        Raises:
            SessionError: it is no session.
        """
        self.require_session(session)
        calendar = _exchange_calendar(self.name)
        closes = [of_day for since, of_day in calendar.close_times if since is None or since.date() <= session]
        return datetime.combine(session + timedelta(days=calendar.close_offset), closes[-1], self.zone).astimezone(UTC)

    def usual_session(self) -> date:
        """The latest full session that the calendar knows: one that does not close early, wherever its last one falls."""
        _, session = self.bounds()
        while self.closes_at(session) != self.usual_close(session):
            session = self.previous(session)
        return session

    def early_closes(self, start: date, end: date) -> tuple[date, ...]:
        """Sessions from `start` to `end`, both included, that close early; ascending.

        Raises:
            SessionError: either lies outside what the calendar knows.
        """
        return tuple(day for day in self.between(start, end) if self.closes_at(day) < self.usual_close(day))

    def trading_hours(self, session: date) -> tuple[tuple[datetime, datetime], ...]:
        """Intervals in which the session trades, ascending: one, or two with a lunch break. A start is inside, an end is not.

        Raises:
            SessionError: it is no session.
        """
        self.require_session(session)
        hours = _hours(self.name)
        rows = slice(*(int(np.searchsorted(hours.sessions, np.datetime64(session), side=side)) for side in ("left", "right")))
        pairs = zip(hours.starts[rows].tolist(), hours.ends[rows].tolist(), strict=True)
        return tuple((start.replace(tzinfo=UTC), end.replace(tzinfo=UTC)) for start, end in pairs)

    def minutes_of(self, session: date) -> int:
        """Whole minutes in which the session trades, lunch break left out: as many minute bars can it have.

        Raises:
            SessionError: it is no session.
        """
        return sum(round((end - start).total_seconds()) // 60 for start, end in self.trading_hours(session))

    def session_at(self, instant: datetime) -> date | None:
        """The session whose trading hours hold the instant; None outside all of them.

        Raises:
            ValueError: the instant has no time zone.
            SessionError: the calendar does not reach to it.
        """
        stamp = np.datetime64(require_utc(instant).replace(tzinfo=None), "us")
        found: date | None = self.sessions_of(np.array([stamp])).tolist()[0]
        return found

    def is_open(self, instant: datetime) -> bool:
        """Whether the exchange trades at the instant: at its open it does, at its close and in its lunch break it does not.

        Raises:
            ValueError: the instant has no time zone.
            SessionError: the calendar does not reach to it.
        """
        return self.session_at(instant) is not None

    def sessions_of(self, instants: "NDArray[np.datetime64]") -> "NDArray[np.datetime64]":
        """The session whose trading hours hold each instant, as `session_at`, for the stamps of minute bars.

        Args:
            instants: UTC, datetime64 of any unit, any order and shape.

        Returns:
            Sessions as datetime64[D] in the same shape; NaT outside trading hours.

        Raises:
            SessionError: an instant is NaT, or the calendar does not reach to it.
        """
        stamps = instants.astype(INSTANT, copy=False)
        if not stamps.size:
            return np.empty(stamps.shape, SESSION)
        hours, first, last = _hours(self.name), stamps.min(), stamps.max()
        if np.isnat(first):
            raise SessionError(f"{int(np.isnat(stamps).sum())} of {stamps.size} instants are NaT; {self.name} has no session for them")
        known_from, known_to = min(hours.starts[0], hours.sessions[0].astype(INSTANT)), hours.ends[-1]
        known_to = max(known_to, (hours.sessions[-1] + np.timedelta64(1, "D")).astype(INSTANT))
        if first < known_from or last >= known_to:
            raise SessionError(
                f"{first if first < known_from else last} is outside the hours {self.name} knows, {known_from} to {known_to} UTC"
            )
        # only the intervals that can matter: the search stays in the processor's cache
        low = max(int(np.searchsorted(hours.starts, first, side="right")) - 1, 0)
        high = max(int(np.searchsorted(hours.starts, last, side="right")), low + 1)
        at = np.searchsorted(hours.starts[low:high], stamps, side="right") - 1 + low
        inside = (at >= 0) & (stamps < hours.ends[at])
        return np.where(inside, hours.sessions[at], np.datetime64("NaT", "D"))

    def latest_complete(self, now: datetime) -> date:
        """The latest session whose close is not after `now`.

        Raises:
            SessionError: the calendar does not reach to `now`, or no session of it is over.
        """
        day = require_utc(now, "now").date()
        session = day if self.is_session(day) else self.previous(day)
        while self.closes_at(session) > now:
            session = self.previous(session)
        return session

    def next(self, day: date) -> date:
        """First session after the date.

        Raises:
            SessionError: the calendar knows none.
        """
        self._require_known(day)
        calendar = _exchange_calendar(self.name)
        if day >= calendar.last_session.date():
            raise SessionError(f"{self.name} knows no session after {calendar.last_session.date()}{self._how_to_know_more()}")
        stamp = calendar.date_to_session(day.isoformat(), direction="next")
        return _day(stamp if stamp.date() > day else calendar.next_session(stamp))

    def previous(self, day: date) -> date:
        """Last session before the date.

        Raises:
            SessionError: the calendar knows none.
        """
        self._require_known(day)
        calendar = _exchange_calendar(self.name)
        if day <= calendar.first_session.date():
            raise SessionError(f"{self.name} knows no session before {calendar.first_session.date()}")
        stamp = calendar.date_to_session(day.isoformat(), direction="previous")
        return _day(stamp if stamp.date() < day else calendar.previous_session(stamp))

    def between(self, start: date, end: date) -> tuple[date, ...]:
        """Sessions from `start` to `end`, both included, ascending; empty when there is none.

        Raises:
            SessionError: either lies outside what the calendar knows.
        """
        self._require_known(start)
        self._require_known(end)
        if start > end:
            return ()
        found = _exchange_calendar(self.name).sessions_in_range(start.isoformat(), end.isoformat())
        return tuple(stamp.date() for stamp in found)

    def sessions_per_year(self, session: date) -> float:
        """252 for an exchange, 365 for a venue that is open nearly every day of the year up to a session."""
        year = self.between(max(session - _YEAR, self.bounds()[0]), session)
        return 365.0 if len(year) > _DAYS_OF_AN_EXCHANGE else 252.0

    def latest(self, end: date, count: int) -> tuple[date, ...]:
        """The last `count` sessions up to and including `end`, ascending; fewer where the calendar starts later.

        Raises:
            SessionError: `count` is below 1, or the calendar does not reach to `end`.
        """
        if count < 1:
            raise SessionError(f"{count} sessions asked for; ask for at least one")
        calendar = _exchange_calendar(self.name)
        if end > calendar.last_session.date():
            self._require_known(end)
        position = calendar.sessions.searchsorted(end.isoformat(), side="right")
        return tuple(stamp.date() for stamp in calendar.sessions[max(0, position - count) : position])

    def _require_known(self, day: date) -> None:
        first, last = self.bounds()
        if not first <= day <= last:
            more = self._how_to_know_more() if day > last else ""
            raise SessionError(f"{day} is outside the sessions {self.name} knows, {first} to {last}{more}")

    def _how_to_know_more(self) -> str:
        """What to do where the calendar ends before a year from today, as those do whose holidays are announced year by year."""
        import exchange_calendars

        calendar = _exchange_calendar(self.name)
        bound = calendar.bound_max()
        if bound is None or calendar.default_end() < bound:
            return ""
        return f": exchange_calendars {exchange_calendars.__version__} has its holidays no further; update it"


def parse_session(text: str) -> date:
    """A date from a command line or file, as YYYY-MM-DD: the one parser at the boundary.

    Raises:
        SessionError: the text is not a date in that form.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise SessionError(f"session {text!r} is not a date; write it as YYYY-MM-DD, such as 2014-06-10")
    return day
