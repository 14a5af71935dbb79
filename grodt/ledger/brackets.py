"""What the ledger knows of brackets: whose entry a position is, what legs have left to close, and where they have filled."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import func, select

from grodt.ledger.orders import LedgerOrder, filled_of
from grodt.ledger.tables_orders import orders
from grodt.ledger.tables_postings import fills
from grodt.ledger.transaction import Read


def entries_of(tx: Read, book: str, is_long: Mapping[str, bool]) -> dict[str, str]:
    """Our id of the order whose fill last opened or added to each position; absent where no order of that symbol did.

    Args:
        tx: the ledger.
        book: whose.
        is_long: of each symbol held.
    """
    last = (
        select(fills.c.symbol, fills.c.side, func.max(fills.c.number).label("number"))
        .join(orders, orders.c.client_order_id == fills.c.client_order_id)
        .where(fills.c.book == book, orders.c.role.is_(None))
        .group_by(fills.c.symbol, fills.c.side)
        .subquery()
    )
    query = select(fills.c.symbol, fills.c.side, fills.c.client_order_id).join(last, fills.c.number == last.c.number)
    rows = tx.connection.execute(query.where(fills.c.book == book))
    return {symbol: key for symbol, side, key in rows if symbol in is_long and is_long[symbol] == (side == "buy")}


def legs_filled_since(tx: Read, book: str, session: date) -> frozenset[str]:
    """Symbols in which a leg, or an order in its place, has filled in a session or later."""
    query = (
        select(fills.c.symbol)
        .join(orders, orders.c.client_order_id == fills.c.client_order_id)
        .where(fills.c.book == book, fills.c.session >= session, orders.c.role.is_not(None))
        .distinct()
    )
    return frozenset(tx.connection.execute(query).scalars())


def closed_by_other_leg(tx: Read, orders: Iterable[LedgerOrder]) -> dict[str, int]:
    """Shares of each leg of a pair that its other leg, open or over, has filled, and that it no longer closes; by our id."""
    others = {each.order.client_order_id: each.order.other for each in orders if each.order.other}
    filled = filled_of(tx, set(others.values())) if others else {}
    return {key: filled[other][1] for key, other in others.items() if other in filled}


def left_to_close(legs: Sequence[LedgerOrder]) -> int:
    """Shares that open legs, or other orders, of one symbol may still close: of a pair what neither leg has filled, of several together."""
    filled: dict[str, int] = {}
    ordered: dict[str, int] = {}
    for each in legs:
        filled[each.order.group] = filled.get(each.order.group, 0) + each.filled_quantity
        ordered[each.order.group] = max(ordered.get(each.order.group, 0), each.order.quantity)
    return sum(ordered[group] - filled[group] for group in ordered)
