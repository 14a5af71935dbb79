"""Both sides' views of an account, and what differs between them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from grodt.brokers.protocol import Broker
from grodt.errors import DataError
from grodt.ledger.brackets import not_closed
from grodt.ledger.breaks import FRACTION_DIGITS, Break, BreakKind
from grodt.ledger.orders import LedgerOrder, orders_in
from grodt.ledger.postings import cash, holdings
from grodt.ledger.unit import Read
from grodt.money import MICROS_PER_CENT, Micros
from grodt.orders.order import Side
from grodt.orders.states import IN_FLIGHT, OPEN

_NONE: Mapping[str, int] = MappingProxyType({})


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
        open_orders=remaining(opened, not_closed(tx, opened)),
        in_flight=remaining(orders_in(tx, book, IN_FLIGHT)),
    )


def broker_books(broker: Broker) -> Books:
    """The broker's side.

    Raises:
        BrokerUnavailable: it did not answer; that is never an empty book.
        DataError: it holds a finer fraction of a share than a billionth.
    """
    held = {symbol: in_parts(symbol, quantity) for symbol, quantity in broker.positions().items()}
    return Books(
        positions={symbol: whole for symbol, (whole, _) in held.items()},
        fractions={symbol: fraction for symbol, (_, fraction) in held.items() if fraction},
        cash=broker.cash(),
        open_orders={order.client_order_id: signed(order.side, order.left) for order in broker.open_orders()},
    )


def in_parts(symbol: str, quantity: Decimal) -> tuple[int, int]:
    """Whole shares, and billionths of one beside them; both have the quantity's sign."""
    whole = int(quantity)
    fraction = (quantity - whole).scaleb(FRACTION_DIGITS)
    if fraction != int(fraction):
        raise DataError(f"{symbol}: the broker holds {quantity} shares, finer than {FRACTION_DIGITS} decimals; sell the fraction there")
    return whole, int(fraction)


def signed(side: Side, quantity: int) -> int:
    """Of a buy the quantity, of a sell its negative."""
    return quantity if side is Side.BUY else -quantity


def remaining(orders: Iterable[LedgerOrder], closed: Mapping[str, int] = _NONE) -> dict[str, int]:
    """Signed shares still to fill by client order id; less those in `closed`."""
    filled = ((each.order, each.filled_quantity + closed.get(each.order.client_order_id, 0)) for each in orders)
    return {order.client_order_id: signed(order.side, order.quantity - done) for order, done in filled}


def _unequal(kind: BreakKind, ours: Mapping[str, int], theirs: Mapping[str, int]) -> list[Break]:
    union = sorted(ours.keys() | theirs.keys())
    return [Break(kind, key, ours.get(key, 0), theirs.get(key, 0)) for key in union if ours.get(key, 0) != theirs.get(key, 0)]


def _may_be_there(in_flight: int, theirs: int) -> bool:
    return in_flight != 0 and in_flight * theirs >= 0 and abs(theirs) <= abs(in_flight)
