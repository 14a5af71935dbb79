"""Large orders of a slot in equal slices of time: one parent, several children, each with an id and a time of its own.

The children are decided, approved and committed in one basket, and sent with it; each works from its time on. The parent leaves no order of
its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from grodt.money import Micros
from grodt.orders.order import Order, client_order_id
from grodt.risk.approved import ApprovedQuantity


@dataclass(frozen=True, slots=True)
class Slicing:
    """How large orders of one slot are sliced.

    Attributes:
        above: value at reference prices, in micros, above which an order is sliced.
        times: from which each slice works, ascending; the first is the slot's own instant.
        lots: shares of one lot, by symbol.
    """

    above: Micros
    times: tuple[datetime, ...]
    lots: Mapping[str, int]


def sliced(parent: Order, kind: str, slot: str, slicing: Slicing) -> tuple[Order, ...]:
    """The children of an order, in the order of their times; the order itself where it is not above the value.

    Each has the same number of whole lots, the first ones one more where these do not divide; what is no whole lot goes with the last.
    Their legs count from 1. Together they are the parent, to the share (control 19).

    Args:
        parent: leg 0, with a slot's id.
        kind: of the cycle.
        slot: of the cycle.
        slicing: how.
    """
    if parent.quantity * parent.reference_price <= slicing.above:
        return (parent,)
    lots, odd = divmod(parent.quantity, slicing.lots[parent.symbol])
    count = min(len(slicing.times), lots)
    if count < 2:
        return (parent,)
    each, more = divmod(lots, count)
    quantities = [(each + (place < more)) * slicing.lots[parent.symbol] for place in range(count)]
    quantities[-1] += odd
    children = tuple(
        replace(
            parent,
            client_order_id=client_order_id(parent.book, kind, parent.session, parent.symbol, leg, slot),
            quantity=ApprovedQuantity(quantity),
            works_from=None if leg == 1 else slicing.times[leg - 1],
        )
        for leg, quantity in enumerate(quantities, 1)
    )
    if sum(child.quantity for child in children) != parent.quantity:
        raise ValueError(f"order {parent.client_order_id}: its slices are not its {parent.quantity} shares")
    return children
