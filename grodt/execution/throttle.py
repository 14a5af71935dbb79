"""Controls 20 and 22 while a basket is sent: how many messages went out, and how many came back rejected in a row.

Both are counted from the ledger, so that a restart forgets nothing, and from the last time a person armed the book.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import numpy as np

from grodt.ledger.halts import last_armed
from grodt.ledger.runs import Run
from grodt.ledger.sent import rejects_in_a_row, sendings
from grodt.ledger.unit import Read
from grodt.risk.controls import MESSAGE_WINDOW_SECONDS, Evaluation, consecutive_rejects, messages
from grodt.risk.limits import Limits

_WINDOW = timedelta(seconds=MESSAGE_WINDOW_SECONDS)


class Throttle:
    """What one run has sent and heard, against its book's limits."""

    def __init__(self, limits: Limits, sent: Iterable[datetime] = (), rejects: int = 0) -> None:
        """For `of_run`, and tests.

        Args:
            limits: of the book.
            sent: instants of the messages so far, ascending.
            rejects: the last so many answers were rejections.
        """
        self._limits = limits
        self._recent = deque(sent)
        self._total = len(self._recent)
        self._rejects = rejects
        self._asked: tuple[int, Evaluation] | None = None

    @classmethod
    def of_run(cls, tx: Read, run: Run, limits: Limits) -> "Throttle":
        """As the ledger has it."""
        armed = last_armed(tx, run.book)
        return cls(limits, sendings(tx, run.run_id, armed), rejects_in_a_row(tx, run.run_id, armed))

    def sent(self, now: datetime) -> None:
        """One more message went out."""
        self._recent.append(now)
        self._total += 1

    def taken_back(self, count: int) -> None:
        """The last so many did not go out after all."""
        for _ in range(min(count, len(self._recent))):
            self._recent.pop()
        self._total -= count

    def answered(self, *, rejected: bool) -> None:
        """The broker's answer to one."""
        self._rejects = self._rejects + 1 if rejected else 0

    def rejects(self) -> Evaluation:
        """Control 22 of what the broker has answered."""
        if self._asked is None or self._asked[0] != self._rejects:
            self._asked = (self._rejects, consecutive_rejects(self._rejects, self._limits.rejects_in_a_row))
        return self._asked[1]

    def messages(self, now: datetime, count: int = 1) -> Evaluation:
        """Control 20 of so many messages more, (count,): of one, of two, and so on."""
        while self._recent and self._recent[0] <= now - _WINDOW:
            self._recent.popleft()
        more = np.arange(1, count + 1)
        return messages(self._total + more, len(self._recent) + more, self._limits.cycle_messages, self._limits.minute_messages)

    def of_all(self, sent: Sequence[datetime], rejected: Iterable[bool]) -> tuple[Evaluation, Evaluation]:
        """Controls 20 and 22 of a whole basket: at their closest to the limit.

        Args:
            sent: instants of its messages, ascending.
            rejected: of each answer in turn, whether it was a rejection.
        """
        in_a_row = longest = 0
        for each in rejected:
            in_a_row = in_a_row + 1 if each else 0
            longest = max(longest, in_a_row)
        limits = self._limits
        return (
            messages(np.array([len(sent)]), np.array([most_at_once(sent)]), limits.cycle_messages, limits.minute_messages),
            consecutive_rejects(longest, limits.rejects_in_a_row),
        )


def most_at_once(sent: Sequence[datetime]) -> int:
    """The most of ascending instants that lie within control 20's window."""
    first = most = 0
    for place, now in enumerate(sent):
        while sent[first] <= now - _WINDOW:
            first += 1
        most = max(most, place - first + 1)
    return most
