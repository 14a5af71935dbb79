"""What becomes of a difference: its breaks are recorded, and the book is halted."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from grodt.brokers.protocol import Broker
from grodt.errors import ReconciliationBreak
from grodt.ledger.account_says import Says, account_says
from grodt.ledger.break_evidence import DAYS_BEFORE
from grodt.ledger.breaks import Break, record_breaks, symbol_of
from grodt.ledger.cash_activities import keep_activities
from grodt.ledger.halts import halt
from grodt.ledger.leases import Lease
from grodt.ledger.unbooked import Unbooked, is_dealt_with, keep_unbooked, kept_in
from grodt.ledger.unit import Ledger, Read, Write
from grodt.money import Micros
from grodt.orders.fill import Fill
from grodt.reconciliation.before import compared
from grodt.reconciliation.message import message_of
from grodt.risk.controls import UNKNOWN_ORDER

#: Its number in RISK.md.
_CONTROL = 31


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Both sides agree. What was compared: counts, and our cash in micros.

    Attributes:
        waiting: fills of later sessions that the account has beside; they are booked when their session is settled.
        parts: open orders that have traded beside, in fractions of a share that do not come to whole ones yet.
        charges: interest and fees of later sessions, likewise.
    """

    positions: int
    open_orders: int
    cash: Micros
    waiting: int = 0
    parts: int = 0
    charges: int = 0


def reconcile(
    ledger: Ledger,
    lease: Lease | None,
    broker: Broker,
    *,
    book: str,
    session: date,
    run_id: str,
    now: datetime,
    late_actions: tuple[Break, ...] = (),
    foreign: int = 0,
    charges_bps: Decimal = Decimal(0),
    closes_of: Callable[[Collection[str]], Mapping[str, Micros]] = lambda _: MappingProxyType({}),
) -> Reconciled:
    """Compare both sides; on a difference record the breaks and halt the book, in one transaction.

    Breaks of earlier that are gone now stay open until a person resolves them. A corporate action that came too late to be applied
    is a break although both sides may agree. Fills, interest and fees of sessions after this one that could be booked as the ledger stands
    are none: positions, cash and orders are compared as they were before them. Those that could not are kept with why when there are
    breaks.

    Args:
        ledger: our side.
        lease: the book's.
        broker: the other side.
        book, session, run_id: whose, when, and the run that compares.
        now: instant.
        late_actions: breaks of actions that came too late, or that are booked under another ex date.
        foreign: fills that the broker told of orders which the ledger does not have; they are said beside the breaks that they make.
        charges_bps: of equity, that interest and fees of a session may come to, to be booked by themselves.
        closes_of: last closes of symbols, as far as they are known; asked for when there are breaks, which may be in symbols never traded.

    Raises:
        BrokerUnavailable: the broker did not answer, or its orders filled each time that the account was read; nothing was recorded.
        ReconciliationBreak: they differ, or there are late actions; the message has a table of the breaks.
    """
    found = compared(ledger, broker, book, session, charges_bps)
    ours, differences = found.ours, found.breaks
    breaks = (*differences, *late_actions)
    if not breaks:
        return Reconciled(len(ours.positions), len(ours.open_orders), ours.cash, found.waiting, found.parts, found.charges)
    with ledger.read() as tx:
        symbols = {symbol_of(tx, each) for each in breaks} - {""}
    closes = closes_of(symbols) if symbols else {}
    with ledger.write(lease) as tx:
        record_breaks(tx, book, session, breaks, run_id, now, closes)
        _keep(tx, book, found.refused, run_id, now)
        keep_activities(tx, book, found.not_booked, run_id, now)
        unbooked = _unbooked(tx, book, session)
        said = _said(tx, book, session) if any(each.kind == "cash" for each in differences) else ()
        reason = f"breaks_open: our books and the broker's disagree (control {_CONTROL}: value is {len(breaks)}, limit 0)"
        halt(
            tx,
            scope="book",
            book=book,
            kind="fault",
            control=_CONTROL,
            keep_orders=True,
            reason=reason,
            author="reconciliation",
            now=now,
        )
    raise ReconciliationBreak(message_of(book, session, found, late_actions, foreign, unbooked, said))


def _keep(tx: Write, book: str, refused: Mapping[Fill, str], run_id: str, now: datetime) -> None:
    """Keep fills that are behind breaks and cannot be booked; the symbol of one that cannot be read is halted."""
    for fill in keep_unbooked(tx, book, refused, run_id, now):
        if fill.unreadable:
            halt(
                tx,
                scope="symbol",
                book=book,
                symbol=fill.symbol,
                kind="fault",
                control=UNKNOWN_ORDER.number,
                keep_orders=True,
                reason=f"not understood: {fill.unreadable}",
                author="reconciliation",
                now=now,
            )


def _unbooked(tx: Read, book: str, session: date) -> tuple[Unbooked, ...]:
    """Fills of the week before that cannot be booked, but for those that people have dealt with."""
    told = kept_in(tx, book, session - timedelta(days=DAYS_BEFORE), session)
    return tuple(each for each in told if not is_dealt_with(tx, book, each))


def _said(tx: Read, book: str, session: date) -> tuple[Says, ...]:
    return account_says(tx, book, session - timedelta(days=DAYS_BEFORE), session)
