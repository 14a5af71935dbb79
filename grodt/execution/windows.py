"""Control 27 while a basket is sent: whether an order's time is inside its window."""

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from grodt.brokers.windows import SendingHours, Window
from grodt.orders.order import Order
from grodt.risk.controls import SESSION_WINDOW, session_window
from grodt.sessions import Calendar


@dataclass(slots=True)
class Windows:
    """The windows of a book's orders at its broker, each looked up once."""

    calendar: Calendar
    hours: SendingHours
    _known: dict[tuple[date, str], Window | None] = field(default_factory=dict)

    def of(self, session: date, time_in_force: str) -> Window | None:
        """The window of orders decided in a session; see `SendingHours.window`."""
        key = (session, time_in_force)
        if key not in self._known:
            self._known[key] = self.hours.window(self.calendar, session, time_in_force)
        return self._known[key]

    def latest(self, session: date, time_in_force: str, now: datetime) -> datetime:
        """Until when such an order can wait for people; `now` where it has no window, so that nobody is asked in vain."""
        window = self.of(session, time_in_force)
        return now if window is None else self.hours.latest(window, now)

    def refusal(self, order: Order, now: datetime) -> str:
        """Why the order must not be sent now (control 27); "" where it may."""
        window = self.of(order.session, order.time_in_force)
        if window is None:
            return f"{SESSION_WINDOW.code}: {order.time_in_force!r} has no window in which it may be sent (control {SESSION_WINDOW.number})"
        sent = self.hours.sent_at(window, now)
        asked = session_window(_micros(sent), _micros(window.opens_at), _micros(window.closes_at))
        if asked.passed[0]:
            return ""
        control, opens, closes = asked.control, window.opens_at, window.closes_at
        return (
            f"{control.code}: {control.words} (control {control.number}: {sent:%Y-%m-%d %H:%M:%S} is not from {opens:%Y-%m-%d %H:%M} to "
            f"before {closes:%Y-%m-%d %H:%M} UTC)"
        )


def _micros(instant: datetime) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array([np.datetime64(instant.replace(tzinfo=None), "us").astype(np.int64)])
