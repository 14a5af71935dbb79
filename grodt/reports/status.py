"""A book now: the figures of `grodt status` and of the desk."""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from grodt.execution.approving import Answer, answer_of
from grodt.ledger.acts import in_words, still_waiting
from grodt.ledger.breaks import open_breaks
from grodt.ledger.cancels import ended_by_cancel
from grodt.ledger.evidence import checks_of
from grodt.ledger.halts import Halt, active
from grodt.ledger.marks import Mark
from grodt.ledger.orders import orders_in
from grodt.ledger.overrides import overrides_in_force, what_is_asked
from grodt.ledger.planned import count_planned
from grodt.ledger.postings import settled
from grodt.ledger.requests import waiting
from grodt.ledger.runs import Run, runs_of
from grodt.ledger.slot_marks import latest_value
from grodt.ledger.transaction import Read
from grodt.ledger.versions import Expected, expected_version
from grodt.money import decimal
from grodt.orders.states import OPEN, OrderState
from grodt.reports.changes import cycles_left, what_changed


@dataclass(frozen=True, slots=True)
class Status:
    """A book now.

    Attributes:
        book: its name.
        run: its last one; None where it has none.
        settled_through: the last session whose fills are booked.
        mark: its latest valuation.
        mark_slot: of which slot of its session; "" of a close.
        changed: what is new in configuration or code; "" without a run.
        reduced_cycles: for how many more cycles caps are reduced because of it.
        expected: which version of GRODT it is to be run by.
        overrides: controls that are lifted, in words.
        answer: what was said of its last basket.
        waiting: what waits for people, in words.
        halts: those that hold.
        planned_orders: orders of baskets that wait for people.
        open_orders, unknown_orders, open_breaks, overdue_breaks: how many there are.
        cancelled_orders: of the open ones, those that the broker has said to be over when a halt had them cancelled; settling books it.
    """

    book: str
    run: Run | None
    settled_through: date | None
    mark: Mark | None
    mark_slot: str
    changed: str
    reduced_cycles: int
    expected: Expected | None
    overrides: tuple[str, ...]
    answer: Answer | None
    waiting: tuple[str, ...]
    halts: tuple[Halt, ...]
    planned_orders: int
    open_orders: int
    cancelled_orders: int
    unknown_orders: int
    open_breaks: int
    overdue_breaks: int

    def row(self) -> dict[str, object]:
        """For programs."""
        run, mark = self.run, self.mark
        return {
            "book": self.book,
            "last_run": run.run_id if run else None,
            "state": run.state if run else None,
            "settled_through": self.settled_through,
            "configuration": self.changed or None,
            "reduced_cycles": self.reduced_cycles,
            "expected_version": self.expected.version if self.expected else None,
            "overrides": list(self.overrides),
            "mark_session": mark.session if mark else None,
            "mark_slot": self.mark_slot or None,
            "equity": decimal(mark.equity) if mark else None,
            "cash": decimal(mark.cash) if mark else None,
            "gross_exposure": mark.gross if mark else None,
            "drawdown": mark.drawdown if mark else None,
            "planned_orders": self.planned_orders,
            "open_orders": self.open_orders,
            "cancelled_orders": self.cancelled_orders,
            "unknown_orders": self.unknown_orders,
            "open_breaks": self.open_breaks,
            "overdue_breaks": self.overdue_breaks,
            "basket": str(self.answer or "none"),
            "waiting": list(self.waiting),
            "halts": [asdict(each) for each in self.halts],
        }


def status_of(tx: Read, book: str, now: datetime, break_age_days: int | None) -> Status:
    """A book as the ledger has it.

    Args:
        tx: a transaction.
        book: its name.
        now: instant.
        break_age_days: after how many days an open break of it is overdue; None: never.
    """
    run = next(iter(runs_of(tx, book, 1)), None)
    changed, left = ("", 0) if run is None else (what_changed(tx, run), cycles_left(checks_of(tx, run.run_id)))
    left -= left > 0 and run is not None and run.state == "done"  # the last run was one of them
    breaks = open_breaks(tx, book)
    open_now = orders_in(tx, book, OPEN)
    asked = still_waiting(tx, waiting(tx, now, book))
    valued = latest_value(tx, book)
    return Status(
        book=book,
        run=run,
        settled_through=settled(tx, book),
        mark=valued[0] if valued is not None else None,
        mark_slot=valued[1] if valued is not None else "",
        changed=changed,
        reduced_cycles=left,
        expected=expected_version(tx, book),
        overrides=tuple(f"{what_is_asked(request)}, {each.by}" for request, each in overrides_in_force(tx, book, None, now)),
        answer=answer_of(tx, run, now) if run is not None else None,
        waiting=tuple(in_words(each) for each in asked),
        halts=active(tx, book, now),
        planned_orders=count_planned(asked),
        open_orders=len(open_now),
        cancelled_orders=len(ended_by_cancel(tx, [each.order.client_order_id for each in open_now])),
        unknown_orders=len(orders_in(tx, book, [OrderState.UNKNOWN, OrderState.SENDING])),
        open_breaks=len(breaks),
        overdue_breaks=sum(each.is_overdue(break_age_days, now) for each in breaks),
    )
