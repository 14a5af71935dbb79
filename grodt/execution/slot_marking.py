"""Mark a book to market at a slot: what it holds at the last minute's close."""

from datetime import datetime

from grodt.execution.marking import Marked
from grodt.execution.slot_market import last_prices
from grodt.lake import Lake, Snapshot
from grodt.ledger.leases import Lease
from grodt.ledger.marks import latest_mark
from grodt.ledger.postings import cash, deposited, holdings, receivable
from grodt.ledger.slot_marks import record_slot_mark, with_slots_before
from grodt.ledger.unit import Ledger
from grodt.ledger.valuation import value_book
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
    session = slot.session
    with ledger.read() as tx:
        held = holdings(tx, book)
        money, owed = cash(tx, book), receivable(tx, book)
        previous = latest_mark(tx, book, before=session)
        flows = deposited(tx, book, None if previous is None else previous.session, session)
    closes = last_prices(lake, snapshot, source, calendar, slot, every, sorted(held), held).closes(held)
    mark = value_book(book, session, holdings=held, cash=money, receivable=owed, closes=closes, previous=previous, flows=flows)
    with ledger.write(lease) as tx:
        mark = with_slots_before(tx, mark, flows, previous, slot.name)
        record_slot_mark(tx, mark, slot.name, run_id, now)
    return Marked(mark, held, closes)
