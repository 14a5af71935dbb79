"""Both sides compared, and where they differ, once more with the account as it was before what waits to be booked.

Fills, interest and fees of sessions that are not settled yet wait, and so does what open orders have traded in fractions of a share that
do not come to whole ones yet. What they moved is taken back from the broker's side.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from operator import attrgetter

from grodt.brokers.protocol import Broker, Part, TellsCash, TellsParts
from grodt.errors import BrokerUnavailable
from grodt.ledger.brackets import not_closed
from grodt.ledger.breaks import FRACTION_DIGITS, Break
from grodt.ledger.cash_activities import asked_since, bound, judge_activities, not_due
from grodt.ledger.fills import foreseen
from grodt.ledger.orders import LedgerOrder, find_orders
from grodt.ledger.unbooked import is_told_and_corrected, kept_of
from grodt.ledger.unit import Ledger
from grodt.money import Micros
from grodt.orders.cash_activity import CashActivity
from grodt.orders.fill import Fill
from grodt.orders.order import Side
from grodt.orders.states import ENDED, IN_FLIGHT, OPEN
from grodt.reconciliation.books import Books, broker_books, compare, in_parts, ledger_books, remaining, signed

#: Times that an account is read whose orders fill meanwhile.
_LOOKS = 5


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
        left = remaining(orders.values(), not_closed(tx, orders.values()))
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
        positions[part.symbol], fractions[part.symbol] = in_parts(part.symbol, before)
        cash += signed(part.side, part.notional) + part.commission
        left[part.client_order_id] += signed(part.side, int(part.quantity))
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
        positions[fill.symbol] = positions.get(fill.symbol, 0) - signed(fill.side, fill.quantity)
        cash += signed(fill.side, fill.notional) + fill.commission
    for key in theirs.open_orders:
        if key in orders and orders[key].order.other in more:  # a leg closes less by what its other leg has filled
            left[key] += signed(orders[key].order.side, more[orders[key].order.other])
    for key, shares in more.items():
        if orders[key].state in OPEN:  # one that is over in the ledger is open on neither side
            left[key] = over[key] if key in over else left.get(key, 0) + signed(orders[key].order.side, shares)
    for key in left.keys() & orders.keys() - over.keys():
        if orders[key].order.attached:  # it closed nothing yet of what its entry has opened since
            left[key] = signed(orders[key].order.side, max(abs(left[key]) - more.get(orders[key].order.protects, 0), 0))
    return replace(theirs, positions=positions, cash=Micros(cash), open_orders=left)


def _over(broker: Broker, orders: Sequence[LedgerOrder], fills: Iterable[Fill], left: Mapping[str, int]) -> dict[str, int]:
    """Signed shares left in the ledger, `left`, of those of the orders that have ended at the broker with all their fills told."""
    told = broker.orders([each.order.client_order_id for each in orders]) if orders else {}
    filled = {each.order.client_order_id: each.booked_quantity for each in orders}
    for fill in fills:
        filled[fill.client_order_id] = filled.get(fill.client_order_id, 0) + fill.quantity
    ended = [key for key, order in told.items() if order.state in ENDED and filled[key] >= order.filled_quantity]
    return {key: left[key] for key in ended}
