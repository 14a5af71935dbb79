"""Is our ledger what the broker has, and is it all that it should be? Nothing heals itself here.

Positions are compared exactly, cash within a cent, open orders one by one. Fills, interest and fees of sessions that are not settled yet
wait to be booked, and so does what open orders have traded in fractions of a share that do not come to whole ones yet; where the broker
tells of some, the account is compared as it was before them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from types import MappingProxyType

from grodt.brokers.protocol import Broker, Part, TellsCash, TellsParts
from grodt.errors import BrokerUnavailable, DataError, ReconciliationBreak
from grodt.ledger.account_says import Says, account_says
from grodt.ledger.brackets import not_closed
from grodt.ledger.break_evidence import DAYS_BEFORE
from grodt.ledger.breaks import FRACTION_DIGITS, Break, BreakKind, record_breaks, symbol_of
from grodt.ledger.cash_activities import asked_since, bound, judge_activities, keep_activities, not_due
from grodt.ledger.fills import foreseen
from grodt.ledger.halts import halt
from grodt.ledger.leases import Lease
from grodt.ledger.orders import LedgerOrder, find_orders, orders_in
from grodt.ledger.postings import cash, holdings
from grodt.ledger.unbooked import Unbooked, is_dealt_with, is_told_and_corrected, keep_unbooked, kept_in, kept_of
from grodt.ledger.unit import Ledger, Read, Write
from grodt.money import MICROS_PER_CENT, Micros
from grodt.orders.cash_activity import CashActivity
from grodt.orders.fill import Fill
from grodt.orders.order import Side
from grodt.orders.states import ENDED, IN_FLIGHT, OPEN
from grodt.risk.controls import UNKNOWN_ORDER

_NONE: Mapping[str, int] = MappingProxyType({})
_LINES_SHOWN = 10
#: Its number in RISK.md.
_CONTROL = 31
#: Times that an account is read whose orders fill meanwhile.
_LOOKS = 5


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


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing found.

    Attributes:
        ours: the ledger's side.
        breaks: differences.
        waiting: fills of later sessions that the account was compared without.
        parts: open orders whose fractions it was compared without.
        refused: fills of later sessions that could not be booked as the ledger stands, each with why.
        charges: interest and fees of later sessions that it was compared without.
        not_booked: what moved cash in later sessions and is not booked by itself, each with why.
    """

    ours: Books
    breaks: tuple[Break, ...]
    waiting: int = 0
    parts: int = 0
    refused: Mapping[Fill, str] = field(default_factory=dict)
    charges: int = 0
    not_booked: Mapping[CashActivity, str] = field(default_factory=dict)


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
        open_orders=_remaining(opened, not_closed(tx, opened)),
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
        late_actions: breaks of actions that came too late.
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
    raise ReconciliationBreak(
        f"book {book} session {session}: {_what(len(differences), len(late_actions))}; the book is halted.\n{_table(breaks)}\n"
        f"{_of_waiting(found)}{_of_parts(found.parts)}{_of_foreign(book, foreign)}{_of_unbooked(unbooked)}{_of_cash(said)}"
        f"Find the cause with `grodt breaks`, end each with `grodt breaks resolve NUMBER --reason WHY`, "
        f"then `grodt rearm --book {book} --reason WHY`."
    )


def compared(ledger: Ledger, broker: Broker, book: str, session: date, charges_bps: Decimal = Decimal(0)) -> Compared:
    """Compare both sides as they stand, and change neither.

    Args:
        ledger: our side.
        broker: the other side.
        book: whose.
        session: the last one that is settled; fills, interest and fees of later ones wait to be booked and are no difference.
        charges_bps: of equity, that interest and fees of a session may come to, to be booked by themselves.

    Raises:
        BrokerUnavailable: the broker did not answer, or its orders filled each time that the account was read.
    """
    theirs = broker_books(broker)
    with ledger.read() as tx:
        ours = ledger_books(tx, book)
    breaks = compare(ours, theirs)
    return _compared_before_later(ledger, broker, book, session, ours, theirs, charges_bps) if breaks else Compared(ours, breaks)


def _compared_before_later(
    ledger: Ledger, broker: Broker, book: str, session: date, ours: Books, theirs: Books, charges_bps: Decimal
) -> Compared:
    """Compare again, with the account as it was before what sessions after this one have brought, and before what is in no fill yet.

    Orders may fill while the account is read, so what they traded is read before and after it, until both are the same.

    Args:
        ledger, broker, book, session, charges_bps: see `reconcile`.
        ours, theirs: both sides as they were read.
    """
    following = session + timedelta(days=1)
    with ledger.read() as tx:
        since = asked_since(tx, book, session)

    def later() -> tuple[frozenset[Fill], tuple[Part, ...], frozenset[CashActivity]]:
        moved = broker.cash_activities(since) if isinstance(broker, TellsCash) else ()
        fills, parts = _traded(broker, following)
        with ledger.read() as tx:
            return fills, parts, frozenset(not_due(tx, book, moved, session))

    found = later()
    for _ in range(_LOOKS):
        if not any(found):
            return Compared(ours, compare(ours, theirs))
        theirs = broker_books(broker)
        again = later()
        if again == found:
            break
        found = again
    else:
        raise BrokerUnavailable(
            f"book {book} session {session}: orders filled each of {_LOOKS} times that the account was read; nothing is compared, run again"
        )
    told, fractions, moved = found
    with ledger.read() as tx:
        kept = kept_of(tx, {each for fill in told for each in (fill.execution_id, *fill.trades)})
        fills = sorted((fill for fill in told if not is_told_and_corrected(tx, book, fill, kept)), key=attrgetter("traded"))
        orders = find_orders(tx, {*(fill.client_order_id for fill in fills), *theirs.open_orders})
        refused = {fill: why for fill in fills if (why := fill.unreadable or _unanswered(orders.get(fill.client_order_id)))}
        expected = foreseen(tx, [fill for fill in fills if fill not in refused], book)
        charges = judge_activities(tx, book, moved, session=following, most=bound(tx, book, charges_bps))
        left = _remaining(orders.values(), not_closed(tx, orders.values()))
    refused |= {each.fill: each.reason for each in expected.refused}
    over = _over(broker, [orders[key] for key in expected.more if key not in theirs.open_orders], expected.sound, left)
    parts = [part for part in fractions if part.client_order_id in theirs.open_orders and _is_of(part, orders.get(part.client_order_id))]
    before = _without_parts(_before(theirs, expected.sound, expected.more, orders, over), parts)
    before = replace(before, cash=Micros(before.cash - sum(each.amount for each in charges.sound)))
    return Compared(
        ours, compare(ours, before), len(expected.sound), len(parts), refused, charges=len(charges.sound), not_booked=charges.refused
    )


def _traded(broker: Broker, following: date) -> tuple[frozenset[Fill], tuple[Part, ...]]:
    """Fills of sessions from one on, and what open orders have traded that is in no fill yet."""
    return frozenset(broker.fills(following)), broker.parts() if isinstance(broker, TellsParts) else ()


def _is_of(part: Part, order: LedgerOrder | None) -> bool:
    return order is not None and order.state in OPEN and (part.symbol, part.side) == (order.order.symbol, order.order.side)


def _without_parts(theirs: Books, parts: Iterable[Part]) -> Books:
    """The account without what open orders of ours have traded in fractions: what they moved is taken back."""
    positions, fractions, left = dict(theirs.positions), dict(theirs.fractions), dict(theirs.open_orders)
    cash = int(theirs.cash)
    for part in parts:
        held = positions.get(part.symbol, 0) + Decimal(fractions.get(part.symbol, 0)).scaleb(-FRACTION_DIGITS)
        before = held - part.quantity if part.side is Side.BUY else held + part.quantity
        positions[part.symbol], fractions[part.symbol] = _in_parts(part.symbol, before)
        cash += _signed(part.side, part.notional) + part.commission
        left[part.client_order_id] += _signed(part.side, int(part.quantity))
    return replace(theirs, positions=positions, fractions=fractions, cash=Micros(cash), open_orders=left)


def _unanswered(order: LedgerOrder | None) -> str:
    """Settling has adopted what is surely ours; what is in flight still may be another order under our id."""
    return "the answer to its order is not known" if order is not None and order.state in IN_FLIGHT else ""


def _before(
    theirs: Books, fills: Iterable[Fill], more: Mapping[str, int], orders: Mapping[str, LedgerOrder], over: Mapping[str, int]
) -> Books:
    """The account without fills of orders of ours: what they moved is taken back.

    Args:
        theirs: the account with them.
        fills: that are taken back.
        more: shares that they filled of each order.
        orders: ours, of both.
        over: signed shares that were left of orders that have ended since, as they were before the fills.
    """
    positions, cash, left = dict(theirs.positions), int(theirs.cash), dict(theirs.open_orders)
    for fill in fills:
        positions[fill.symbol] = positions.get(fill.symbol, 0) - _signed(fill.side, fill.quantity)
        cash += _signed(fill.side, fill.notional) + fill.commission
    for key in theirs.open_orders:
        if key in orders and orders[key].order.other in more:  # a leg closes less by what its other leg has filled
            left[key] += _signed(orders[key].order.side, more[orders[key].order.other])
    for key, shares in more.items():
        if orders[key].state in OPEN:  # one that is over in the ledger is open on neither side
            left[key] = over[key] if key in over else left.get(key, 0) + _signed(orders[key].order.side, shares)
    for key in left.keys() & orders.keys() - over.keys():
        if orders[key].order.attached:  # it closed nothing yet of what its entry has opened since
            left[key] = _signed(orders[key].order.side, max(abs(left[key]) - more.get(orders[key].order.protects, 0), 0))
    return replace(theirs, positions=positions, cash=Micros(cash), open_orders=left)


def _over(broker: Broker, orders: Sequence[LedgerOrder], fills: Iterable[Fill], left: Mapping[str, int]) -> dict[str, int]:
    """Signed shares left in the ledger, `left`, of those of the orders that have ended at the broker with all their fills told."""
    told = broker.orders([each.order.client_order_id for each in orders]) if orders else {}
    filled = {each.order.client_order_id: each.booked_quantity for each in orders}
    for fill in fills:
        filled[fill.client_order_id] = filled.get(fill.client_order_id, 0) + fill.quantity
    ended = [key for key, order in told.items() if order.state in ENDED and filled[key] >= order.filled_quantity]
    return {key: left[key] for key in ended}


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


def _of_waiting(found: Compared) -> str:
    fills = f"{found.waiting} fill{'s' if found.waiting > 1 else ''}" if found.waiting else ""
    charges = f"{found.charges} charge{'s' if found.charges > 1 else ''} of the account" if found.charges else ""
    what = " and ".join(filter(None, (fills, charges)))
    return f"Without {what} of later sessions, booked when their session is settled.\n" if what else ""


def _of_parts(parts: int) -> str:
    return (
        f"Without what {parts} open order{'s have' if parts > 1 else ' has'} traded that does not come to whole shares yet.\n"
        if parts
        else ""
    )


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


def _said(tx: Read, book: str, session: date) -> tuple[Says, ...]:
    return account_says(tx, book, session - timedelta(days=DAYS_BEFORE), session)


def _of_cash(said: tuple[Says, ...]) -> str:
    """What the account says of its cash that is not booked: what is likely to be behind a break of cash."""
    lines = [f"  {each}\n" for each in said[:_LINES_SHOWN]]
    more = f"  and {len(said) - _LINES_SHOWN} more\n" if len(said) > _LINES_SHOWN else ""
    return f"The account says, and the ledger does not have:\n{''.join(lines)}{more}" if said else ""


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
