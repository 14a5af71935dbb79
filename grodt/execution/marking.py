"""Mark a book to market: what it holds at the last close known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from grodt.bars.history import last_closes
from grodt.lake import Lake, Snapshot
from grodt.ledger.entries import Holding
from grodt.ledger.leases import Lease
from grodt.ledger.marks import Mark, latest_mark, record_mark
from grodt.ledger.postings import cash, deposited, holdings, receivable
from grodt.ledger.slot_marks import with_slots_before
from grodt.ledger.unit import Ledger, Write
from grodt.ledger.valuation import Close, value_book
from grodt.money import micros_from_float
from grodt.sessions import Calendar


@dataclass(frozen=True, slots=True)
class Marked:
    """A book at a session's close: its mark, and what the mark rests on."""

    mark: Mark
    holdings: Mapping[str, Holding]
    closes: Mapping[str, Close]

    @property
    def rows(self) -> int:
        """Positions held."""
        return len(self.holdings)


def mark_book(
    ledger: Ledger,
    lease: Lease | None,
    lake: Lake,
    snapshot: Snapshot,
    *,
    source: str,
    calendar: Calendar,
    book: str,
    session: date,
    run_id: str,
    now: datetime,
    also: Callable[[Write, Mark], None] | None = None,
) -> Marked:
    """Value the book and record its mark. Marking a session again with the same data changes nothing.

    Args:
        ledger: the book of record.
        lease: the book's.
        lake: where its closes are.
        snapshot: which versions of them.
        source: whose.
        calendar: of the exchange.
        book, session: whose and when.
        run_id: the run that marks it.
        now: instant.
        also: what the transaction that records the mark does besides.

    Raises:
        DataError: a holding was never priced, equity is not above zero, or the session is marked otherwise.
    """
    with ledger.read() as tx:
        held = holdings(tx, book)
        money, owed = cash(tx, book), receivable(tx, book)
        previous = latest_mark(tx, book, before=session)
        flows = deposited(tx, book, None if previous is None else previous.session, session)
    bars = last_closes(lake, snapshot, source, calendar, session, symbols=held, always=held)
    closes = {symbol: Close(day, micros_from_float(price)) for symbol, day, price in bars.iter_rows()}
    mark = value_book(book, session, holdings=held, cash=money, receivable=owed, closes=closes, previous=previous, flows=flows)
    with ledger.write(lease) as tx:
        mark = with_slots_before(tx, mark, flows, previous)
        record_mark(tx, mark, run_id, now)
        if also is not None:
            also(tx, mark)
    return Marked(mark, held, closes)
