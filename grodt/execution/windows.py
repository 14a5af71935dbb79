"""Control 27 while a basket is sent: whether an order's time is inside its window."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from grodt.brokers.windows import SendingHours, Window
from grodt.orders.order import Order
from grodt.risk.check import Check
from grodt.risk.controls import SESSION_WINDOW, Evaluation, session_window
from grodt.sessions import Calendar
from grodt.slots import PROMPT_MINUTES, Slot

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Windows:
    """The windows of a book's orders at its broker, each looked up once. Those of a slot are sent while it may begin, and not later.

    A slot whose run was opened while it could begin is judged by the wall's clock at any broker, a simulated one too, whoever goes on with
    the run and when. One that was opened later is of the past, and was asked for by somebody: there a simulated broker's rule holds.

    Attributes:
        calendar: of the exchange.
        hours: when the broker takes orders.
        slot: that decided; None: the end of a session.
        opened_at: when its run was first opened; None: not looked at.
    """

    calendar: Calendar
    hours: SendingHours
    slot: Slot | None = None
    opened_at: datetime | None = None
    _known: dict[tuple[date, str], Window | None] = field(default_factory=dict)
    _played_later: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.slot is not None and self.opened_at is not None and self.opened_at < self.slot.starts_by:
            self._played_later = self.hours.simulated
            self.hours = replace(self.hours, simulated=False)

    def of(self, session: date, time_in_force: str) -> Window | None:
        """The window of orders decided in a session; see `SendingHours.window`."""
        if self.slot is not None:
            own = time_in_force == "day" and session == self.slot.session
            return Window(self.slot.at, self.slot.starts_by) if own else None
        key = (session, time_in_force)
        if key not in self._known:
            self._known[key] = self.hours.window(self.calendar, session, time_in_force)
        return self._known[key]

    def latest(self, session: date, time_in_force: str, now: datetime) -> datetime:
        """Until when such an order can wait for people; `now` where it has no window, so that nobody is asked in vain."""
        window = self.of(session, time_in_force)
        return now if window is None else self.hours.latest(window, now)

    def refusal(self, order: Order, now: datetime) -> Check | None:
        """Why the order must not be sent now (control 27); None where it may."""
        window = self.of(order.session, order.time_in_force)
        if window is None:
            words = f"{order.time_in_force!r} has no window in which it may be sent (control {SESSION_WINDOW.number})"
            return _refused(self.asked([(order, now)]), order, words)
        asked = self.asked([(order, now)])
        if asked.passed[0]:
            return None
        sent = self.hours.sent_at(window, now)
        opens, closes = window.opens_at, window.closes_at
        words = (
            f"{SESSION_WINDOW.words} (control {SESSION_WINDOW.number}: {sent:%Y-%m-%d %H:%M:%S} is not from {opens:%Y-%m-%d %H:%M} to "
            f"before {closes:%Y-%m-%d %H:%M} UTC)"
        )
        return _refused(asked, order, words)

    def worked(self, order: Order, now: Callable[[], datetime], *, decided: bool) -> Order:
        """The order as its broker is to work it: at a simulated one, a slot's order that leaves late not before the minute after it left.

        That broker plays the minutes from the slot's instant on, and those that were over when the order left were known to whoever let it
        go. What a slot decides alone and sends within some minutes is as of its instant, like its decision. At other brokers, and in a slot
        of the past, it is the order itself.

        Args:
            order: of the slot.
            now: the clock; read where the order depends on it.
            decided: whether people decided about it, which makes it late at once.
        """
        if self.slot is None or not self._played_later:
            return order
        left = now()
        if not decided and left < self.slot.at + PROMPT_MINUTES * _MINUTE:
            return order
        start = _EPOCH + -((_EPOCH - left) // _MINUTE) * _MINUTE
        return order if order.works_from is not None and order.works_from >= start else replace(order, works_from=start)

    def asked(self, sent: Sequence[tuple[Order, datetime]]) -> Evaluation:
        """Control 27 of orders and the instants they are sent at; one that has no window fails."""
        kinds = [(order.session, order.time_in_force, now) for order, now in sent]
        instants = {kind: self._instants(*kind) for kind in dict.fromkeys(kinds)}
        micros = np.array([instants[kind] for kind in kinds], dtype=np.int64)
        return session_window(micros[:, 0], micros[:, 1], micros[:, 2])

    def _instants(self, session: date, time_in_force: str, now: datetime) -> tuple[int, int, int]:
        """Sent, opens and closes in micros; of an order that has no window, all the same instant, which is outside of it."""
        window = self.of(session, time_in_force)
        told = (now, now, now) if window is None else (self.hours.sent_at(window, now), window.opens_at, window.closes_at)
        sent, opens, closes = map(_micros, told)
        return sent, opens, closes


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _refused(asked: Evaluation, order: Order, words: str) -> Check:
    return Check.of(asked, scope="order", symbol=order.symbol, reason=f"{asked.control.code}: {words}")
