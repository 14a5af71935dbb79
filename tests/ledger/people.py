"""Two people who end halts."""

from datetime import datetime

from grodt.ledger.acts import act
from grodt.ledger.halts import Halt, active
from grodt.ledger.rearming import rearm
from grodt.ledger.unit import Write


def rearmed(tx: Write, book: str, now: datetime, reason: str = "looked at") -> tuple[Halt, ...]:
    """End every halt of a book (or with "", those on all books), with a second person where one is needed; returns those ended."""
    before = [each for each in active(tx, book, now) if each.book == book]
    done = rearm(tx, book=book, reason=reason, author="ann", now=now)
    if done.asked is not None:
        act(tx, done.asked.request_id, "approve", by="bob", reason=reason, now=now)
    return tuple(before)
