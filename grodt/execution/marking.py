"""Mark a book to market: what it holds at the last close known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from grodt.bars.history import last_closes
from grodt.lake import Lake, Snapshot
from grodt.ledger.basis import Basis, basis_of
from grodt.ledger.entries import Holding
from grodt.ledger.leases import Lease
from grodt.ledger.marks import Mark, record_mark
from grodt.ledger.postings import holdings
from grodt.ledger.slot_marks import with_slots_before
from grodt.ledger.unit import Ledger, Write
from grodt.ledger.valuation import Close
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
    """Value the book in a session and record its mark. Marking a session again with the same data changes nothing.

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

    def closes_of(held: Mapping[str, Holding]) -> dict[str, Close]:
        bars = last_closes(lake, snapshot, source, calendar, session, symbols=held, always=held)
        return {symbol: Close(day, micros_from_float(price)) for symbol, day, price in bars.iter_rows()}

    def record(tx: Write, basis: Basis, mark: Mark) -> Mark:
        mark = with_slots_before(tx, mark, basis.flows, basis.previous)
        record_mark(tx, mark, run_id, now)
        if also is not None:
            also(tx, mark)
        return mark

    return mark_as_booked(ledger, lease, book, session, closes_of, record)


def mark_as_booked(
    ledger: Ledger,
    lease: Lease | None,
    book: str,
    session: date,
    closes_of: Callable[[Mapping[str, Holding]], Mapping[str, Close]],
    record: Callable[[Write, Basis, Mark], Mark],
) -> Marked:
    """Value a book and record its mark in one transaction, so that the mark has all that was booked before it and nothing that was not.

    Closes are read outside of it, for the lake may be slow. Where a symbol has come to be held meanwhile, they are read again.

    Args:
        ledger: the book of record.
        lease: the book's.
        book, session: whose and when.
        closes_of: the last closes known of what is held.
        record: writes the mark; returns it as it was written.

    Raises:
        DataError: as `mark_book`; nothing was written.
    """
    with ledger.read() as tx:
        held: Mapping[str, Holding] = holdings(tx, book, session)
    while True:
        closes = closes_of(held)
        with ledger.write(lease) as tx:
            basis = basis_of(tx, book, session)
            if basis.holdings.keys() <= held.keys():
                mark = record(tx, basis, basis.value(closes))
                return Marked(mark, basis.holdings, {symbol: close for symbol, close in closes.items() if symbol in basis.holdings})
        held = basis.holdings
