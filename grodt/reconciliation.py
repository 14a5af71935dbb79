"""Is our ledger what the broker has, and is it all that it should be? Nothing heals itself here.

Positions are compared exactly, cash within a cent, open orders one by one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from grodt.brokers.protocol import Broker
from grodt.errors import DataError, ReconciliationBreak
from grodt.ledger.brackets import closed_by_other_leg
from grodt.ledger.break_evidence import DAYS_BEFORE
from grodt.ledger.breaks import FRACTION_DIGITS, Break, BreakKind, record_breaks
from grodt.ledger.halts import halt
from grodt.ledger.leases import Lease
from grodt.ledger.orders import LedgerOrder, orders_in
from grodt.ledger.postings import cash, holdings
from grodt.ledger.unbooked import Unbooked, is_dealt_with, kept_in
from grodt.ledger.unit import Ledger, Read
from grodt.money import MICROS_PER_CENT, Micros
from grodt.orders.order import Side
from grodt.orders.states import IN_FLIGHT, OPEN

_NONE: Mapping[str, int] = MappingProxyType({})
_LINES_SHOWN = 10
#: Its number in RISK.md.
_CONTROL = 31


@dataclass(frozen=True, slots=True)
class Books:
    """One side's view of an account.

    Attributes:
        positions: shares by symbol, negative when short; a flat symbol may be absent.
        cash: micros.
        open_orders: signed shares still to fill by client order id; of a leg, without what its other leg has filled.
        in_flight: signed shares, by client order id, of orders sent with no answer known; our side only. The other side may
            have such an order or not; neither is a break.
        fractions: billionths of a share beside the whole ones of `positions`; the ledger holds none, so each is a break.
    """

    positions: Mapping[str, int]
    cash: Micros
    open_orders: Mapping[str, int]
    in_flight: Mapping[str, int] = _NONE
    fractions: Mapping[str, int] = _NONE


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Both sides agree. What was compared: counts, and our cash in micros."""

    positions: int
    open_orders: int
    cash: Micros


def compare(ours: Books, theirs: Books) -> tuple[Break, ...]:
    """Every difference, over the union of both sides; what one side lacks is zero there.

    Returns:
        Breaks by kind (position, fraction, order, cash), then by key. `symbol` of an order's break is its client order id; of a cash
        break it is empty.
    """
    shares = (
        *_unequal("position", ours.positions, theirs.positions),
        *_unequal("fraction", ours.fractions, theirs.fractions),
    )
    orders = [
        Break("order", key, ours.open_orders.get(key, 0), theirs.open_orders.get(key, 0))
        for key in sorted(ours.open_orders.keys() | theirs.open_orders.keys())
        if ours.open_orders.get(key, 0) != theirs.open_orders.get(key, 0)
        and not _may_be_there(ours.in_flight.get(key, 0), theirs.open_orders.get(key, 0))
    ]
    money = [Break("cash", "", ours.cash, theirs.cash)] if abs(ours.cash - theirs.cash) > MICROS_PER_CENT else []
    return (*shares, *orders, *money)


def ledger_books(tx: Read, book: str) -> Books:
    """The ledger's side."""
    opened = orders_in(tx, book, OPEN)
    return Books(
        positions={symbol: holding.quantity for symbol, holding in holdings(tx, book).items()},
        cash=cash(tx, book),
        open_orders=_remaining(opened, closed_by_other_leg(tx, opened)),
        in_flight=_remaining(orders_in(tx, book, IN_FLIGHT)),
    )


def broker_books(broker: Broker) -> Books:
    """The broker's side.

    Raises:
        BrokerUnavailable: it did not answer; that is never an empty book.
        DataError: it holds a finer fraction of a share than a billionth.
    """
    held = {symbol: _in_parts(symbol, quantity) for symbol, quantity in broker.positions().items()}
    return Books(
        positions={symbol: whole for symbol, (whole, _) in held.items()},
        fractions={symbol: fraction for symbol, (_, fraction) in held.items() if fraction},
        cash=broker.cash(),
        open_orders={order.client_order_id: _signed(order.side, order.left) for order in broker.open_orders()},
    )


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
) -> Reconciled:
    """Compare both sides; on a difference record the breaks and halt the book, in one transaction.

    Breaks of earlier that are gone now stay open until a person resolves them. A corporate action that came too late to be applied
    is a break although both sides may agree.

    Args:
        ledger: our side.
        lease: the book's.
        broker: the other side.
        book, session, run_id: whose, when, and the run that compares.
        now: instant.
        late_actions: breaks of actions that came too late.
        foreign: fills that the broker told of orders which the ledger does not have; they are said beside the breaks that they make.

    Raises:
        BrokerUnavailable: the broker did not answer; nothing was recorded.
        ReconciliationBreak: they differ, or there are late actions; the message has a table of the breaks.
    """
    theirs = broker_books(broker)
    with ledger.read() as tx:
        ours = ledger_books(tx, book)
        unbooked = _unbooked(tx, book, session)
    differences = compare(ours, theirs)
    breaks = (*differences, *late_actions)
    if not breaks:
        return Reconciled(len(ours.positions), len(ours.open_orders), ours.cash)
    with ledger.write(lease) as tx:
        record_breaks(tx, book, session, breaks, run_id, now)
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
    raise ReconciliationBreak(
        f"book {book} session {session}: {_what(len(differences), len(late_actions))}; the book is halted.\n{_table(breaks)}\n"
        f"{_of_foreign(book, foreign)}{_of_unbooked(unbooked)}"
        f"Find the cause with `grodt breaks`, end each with `grodt breaks resolve NUMBER --reason WHY`, "
        f"then `grodt rearm --book {book} --reason WHY`."
    )


def _unequal(kind: BreakKind, ours: Mapping[str, int], theirs: Mapping[str, int]) -> list[Break]:
    union = sorted(ours.keys() | theirs.keys())
    return [Break(kind, key, ours.get(key, 0), theirs.get(key, 0)) for key in union if ours.get(key, 0) != theirs.get(key, 0)]


def _in_parts(symbol: str, quantity: Decimal) -> tuple[int, int]:
    """Whole shares, and billionths of one beside them; both have the quantity's sign."""
    whole = int(quantity)
    fraction = (quantity - whole).scaleb(FRACTION_DIGITS)
    if fraction != int(fraction):
        raise DataError(f"{symbol}: the broker holds {quantity} shares, finer than {FRACTION_DIGITS} decimals; sell the fraction there")
    return whole, int(fraction)


def _may_be_there(in_flight: int, theirs: int) -> bool:
    return in_flight != 0 and in_flight * theirs >= 0 and abs(theirs) <= abs(in_flight)


def _signed(side: Side, quantity: int) -> int:
    return quantity if side is Side.BUY else -quantity


def _remaining(orders: Iterable[LedgerOrder], closed: Mapping[str, int] = _NONE) -> dict[str, int]:
    filled = ((each.order, each.filled_quantity + closed.get(each.order.client_order_id, 0)) for each in orders)
    return {order.client_order_id: _signed(order.side, order.quantity - done) for order, done in filled}


def _what(differences: int, late: int) -> str:
    places = f"ledger and broker differ in {differences} place{'s' if differences > 1 else ''}" if differences else ""
    came = (
        f"{late} corporate action{'s' if late > 1 else ''} came after {'their' if late > 1 else 'its'} session was settled" if late else ""
    )
    return "; ".join(filter(None, (places, came)))


def _of_foreign(book: str, fills: int) -> str:
    """What fills of orders that we do not know are likely to mean."""
    if not fills:
        return ""
    said = "fill at the broker is of an order" if fills == 1 else "fills at the broker are of orders"
    return (
        f"{fills} {said} that this ledger does not have. If it was restored from a backup, the account is ahead of it: restore the paper "
        f"broker's file, brokers/paper-{book}.db, of the same instant too, or book what a real broker did as corrections. "
        "Else somebody else trades the account.\n"
    )


def _unbooked(tx: Read, book: str, session: date) -> tuple[Unbooked, ...]:
    """Fills of the week before that cannot be booked, but for those that people have dealt with."""
    told = kept_in(tx, book, session - timedelta(days=DAYS_BEFORE), session)
    return tuple(each for each in told if not is_dealt_with(tx, book, each))


def _of_unbooked(fills: tuple[Unbooked, ...]) -> str:
    """The fills that the broker tells and that are not booked: what is likely to be behind the breaks."""
    lines = [f"  {each.fill.execution_id} of {each.fill.client_order_id}: {each.reason}\n" for each in fills[:_LINES_SHOWN]]
    more = f"  and {len(fills) - _LINES_SHOWN} more\n" if len(fills) > _LINES_SHOWN else ""
    return f"Told by the broker, and not booked:\n{''.join(lines)}{more}" if fills else ""


def _table(breaks: tuple[Break, ...]) -> str:
    rows = [("kind", "what", "ledger", "broker", "difference")]
    for each in breaks[:_LINES_SHOWN]:
        ours, theirs, apart = (f"{Decimal(each.shown(figure)):f}" for figure in (each.ours, each.theirs, each.ours - each.theirs))
        rows.append((each.kind, each.symbol or "USD", ours, theirs, apart))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    more = len(breaks) - _LINES_SHOWN
    return "\n".join(f"  {line.rstrip()}" for line in lines) + (f"\n  and {more} more" if more > 0 else "")
