"""Mark a book at closes that nothing marked when their sessions were over, one by one, as they are settled late."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime

from grodt.bars.market import SessionMarket
from grodt.execution.breaching import latch
from grodt.execution.marking import Marked, mark_book
from grodt.lake import Lake, Snapshot
from grodt.ledger.actions import applied
from grodt.ledger.later_checks import record_later
from grodt.ledger.leases import Lease
from grodt.ledger.limits import limits_in_force
from grodt.ledger.losses import loss_marks
from grodt.ledger.marks import Mark, mark_of
from grodt.ledger.overrides import overrides_in_force
from grodt.ledger.postings import settled
from grodt.ledger.runs import Run
from grodt.ledger.unit import Ledger, Write
from grodt.risk.check import Check
from grodt.risk.controls import loss, why
from grodt.risk.limits import Limits
from grodt.risk.overriding import Overrides
from grodt.sessions import Calendar


def marked_before(ledger: Ledger, book: str, markets: Iterable[SessionMarket], mark: Callable[[date], object]) -> Iterator[SessionMarket]:
    """The markets to settle, each handed out once the session settled before it has a mark: that of its close, before anything moves on.

    A session has none where its own cycle never came to mark it, because the book was halted or nothing ran. Without it the next
    session's loss would be measured from an older close, and the high of its slots be forgotten. What the book holds is what it held at
    that close only until something of the next session is booked; from then on nothing is marked any more.

    Args:
        ledger: read before each market is handed out.
        book: whose.
        markets: ascending, of sessions that are settled one after the other.
        mark: marks the book at the close of a session.
    """
    for market in markets:
        with ledger.read() as tx:
            last, begun = settled(tx, book), applied(tx, book)
            missing = last is not None and mark_of(tx, book, last) is None
        if last is not None and missing and last < market.session and (begun is None or begun <= last):
            mark(last)
        yield market


def mark_missed(
    ledger: Ledger,
    lease: Lease | None,
    lake: Lake,
    snapshot: Snapshot,
    *,
    source: str,
    calendar: Calendar,
    run: Run,
    session: date,
    file: Limits,
    now: datetime,
) -> Marked:
    """Mark a book at the close of a session that nothing marked, and ask control 28 of that session's loss in the same transaction.

    No decision of that session will ask it, and the next session's loss is measured from this mark. What it finds lets the book only
    reduce until two people end it, as if it had been found that evening.

    Args:
        ledger: the book of record.
        lease: the book's.
        lake: where its closes are.
        snapshot: which versions of them.
        source: whose.
        calendar: of the exchange.
        run: that settles the session; its book is marked.
        session: the last one that is settled.
        file: what the books file says of its limits, for those that the ledger does not know yet.
        now: instant.

    Raises:
        DataError: as `mark_book`; nothing was written.
    """

    def ask(tx: Write, mark: Mark) -> None:
        limits = limits_in_force(tx, run.book, file).limits
        previous, high = loss_marks(tx, mark)
        found = loss(mark.equity, previous, high, daily=limits.daily_loss, drawdown=limits.drawdown, latched=0)
        answer = Overrides([override for _, override in overrides_in_force(tx, run.book, run.run_id, now)], ()).answer(found)
        reason = f"{why(found)}, at the close of {session}, which was marked late"
        lifted = "" if answer.notes is None else answer.notes[0]
        row = Check.of(found, scope="book", verdict="alert" if lifted else "", reason=lifted or reason)
        record_later(tx, run, str(session), [row], now)
        if not answer.passed[0]:
            latch(tx, run.book, reason, now)

    return mark_book(
        ledger,
        lease,
        lake,
        snapshot,
        source=source,
        calendar=calendar,
        book=run.book,
        session=session,
        run_id=run.run_id,
        now=now,
        also=ask,
    )
