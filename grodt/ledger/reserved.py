"""What of a book's cash is spoken for: buys that are approved, on their way, or open."""

from dataclasses import dataclass

from grodt.ledger.orders import LedgerOrder, orders_in
from grodt.ledger.transaction import Read
from grodt.money import Micros
from grodt.orders.order import Side
from grodt.orders.states import MAY_TRADE


@dataclass(frozen=True, slots=True)
class Reserved:
    """Cash that buys are to be paid with.

    Attributes:
        orders: how many buys.
        amount: micros.
    """

    orders: int
    amount: Micros


def reserved_for_buys(tx: Read, book: str) -> Reserved:
    """What a book's buys would cost that are approved, on their way, or open, as far as their fills are not booked.

    Each at its reference price, or at its own if that is higher; without commission. Legs of brackets are left out, as control 15 leaves
    them out: of two, one never trades.
    """
    buys = [each for each in orders_in(tx, book, MAY_TRADE) if each.order.side is Side.BUY and not each.order.is_leg]
    return Reserved(len(buys), Micros(sum(map(_cost, buys))))


def _cost(each: LedgerOrder) -> int:
    """A fill that is told and not booked is not paid yet, as far as the ledger's cash goes."""
    order = each.order
    return (order.quantity - each.booked_quantity) * max(order.reference_price, order.price or 0)
