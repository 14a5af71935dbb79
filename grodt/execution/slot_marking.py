"""Mark a book to market at a slot: what it holds at the last minute's close."""

from collections.abc import Mapping
from datetime import datetime

from grodt.execution.marking import Marked, mark_as_booked
from grodt.execution.slot_market import last_prices
from grodt.lake import Lake, Snapshot
from grodt.ledger.basis import Basis
from grodt.ledger.entries import Holding
from grodt.ledger.leases import Lease
from grodt.ledger.marks import Mark
from grodt.ledger.slot_marks import record_slot_mark, with_slots_before
from grodt.ledger.unit import Ledger, Write
from grodt.ledger.valuation import Close
from grodt.sessions import Calendar
from grodt.slots import Slot


def mark_slot(
    ledger: Ledger,
    lease: Lease | None,
    lake: Lake,
    snapshot: Snapshot,
    *,
    source: str,
    calendar: Calendar,
    book: str,
    slot: Slot,
    every: int,
    run_id: str,
    now: datetime,
) -> Marked:
    """Value the book and record the slot's mark. Marking it again with the same data changes nothing.

    Its profit is that of the session so far, over the mark of the close before.

    Raises:
        DataError: a holding was never priced, equity is not above zero, or the slot is marked otherwise.
    """

    def closes_of(held: Mapping[str, Holding]) -> Mapping[str, Close]:
        return last_prices(lake, snapshot, source, calendar, slot, every, sorted(held), held).closes(held)

    def record(tx: Write, basis: Basis, mark: Mark) -> Mark:
        mark = with_slots_before(tx, mark, basis.flows, basis.previous, slot.name)
        record_slot_mark(tx, mark, slot.name, run_id, now)
        return mark

    return mark_as_booked(ledger, lease, book, slot.session, closes_of, record)
