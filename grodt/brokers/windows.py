"""When a broker takes orders: the window of each time in force, and when it ends.

| time in force | from | until |
|---|---|---|
| `opg`, at the next open | the close of the session that decided, or a later time of day if the venue names one | two minutes before |
| `cls`, `day`, `gtc` | as for `opg` | as for `opg`: what was decided on a close is for the whole of the next session, or not at all |

`ioc` and `fok` have none: there is no "at once" between two sessions.

Source of the end: Alpaca refuses `opg` from 9:28 in New York on, two minutes before the open, and takes it again from 19:00 on; NYSE
and Nasdaq take such orders until 9:28 too. A venue that does not close between two sessions (24/7) has no such time; there the window is
the next session, less two minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from grodt.sessions import Calendar

#: How long before the open, or the end of a window, nothing more is taken for it.
_BEFORE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Window:
    """When an order may be sent: from `opens_at`, which is inside, until `closes_at`, which is not."""

    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class SendingHours:
    """When a broker takes orders for the next session.

    Attributes:
        from_time: local time of the exchange, on the day of the deciding session, before which an order for the next open is refused;
            None: it is taken from the close on.
        simulated: whether the broker plays sessions of the past. Its market is where the book is, whatever the time on the wall: what
            a cycle sends late is sent at the close of its session.
    """

    from_time: time | None = None
    simulated: bool = False

    def window(self, calendar: Calendar, session: date, time_in_force: str) -> Window | None:
        """The window of an order decided at the close of a session; None for a time in force that has none, so that it is refused.

        Raises:
            SessionError: it is no session, or the calendar knows no session after it.
        """
        if time_in_force not in _ENDS:
            return None
        closed_at = calendar.closes_at(session)
        opens_at = closed_at
        if self.from_time is not None:
            opens_at = max(closed_at, datetime.combine(session, self.from_time, calendar.zone).astimezone(UTC))
        following = calendar.next(session)
        ends_at = calendar.opens_at(following)
        return Window(opens_at, (ends_at if ends_at > closed_at else calendar.closes_at(following)) - _ENDS[time_in_force])

    def sent_at(self, window: Window, now: datetime) -> datetime:
        """The instant that an order sent now is judged by."""
        return window.opens_at if self.simulated else now

    def latest(self, window: Window, now: datetime) -> datetime:
        """Until when a basket can wait for people, seen from now: the end of its window.

        At a simulated broker a window that is over by the wall's clock lasts as long again from now.
        """
        if self.simulated and now >= window.closes_at:
            return now + (window.closes_at - window.opens_at)
        return window.closes_at


_ENDS: Mapping[str, timedelta] = dict.fromkeys(("opg", "cls", "day", "gtc"), _BEFORE)

#: The paper broker fills sessions of the past, and takes an order from the close on.
PAPER = SendingHours(simulated=True)
#: Alpaca's rule for `opg`.
ALPACA = SendingHours(from_time=time(19))
#: Interactive Brokers takes `opg` as soon as the session before is over.
IB = SendingHours()
#: A crypto venue takes orders at any time.
CCXT = SendingHours()
