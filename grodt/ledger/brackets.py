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


def not_closed(tx: Read, orders: Iterable[LedgerOrder]) -> dict[str, int]:
    """Shares of each leg, open or over, that it does not close, beside those it has filled; by our id, legs without any are absent.

    They are those that its other leg has filled, and of an attached one those that its entry has not.
    """
    legs = [each for each in orders if each.order.is_leg]
    others = {each.order.client_order_id: each.order.other for each in legs if each.order.other}
    filled = filled_of(tx, set(others.values())) if others else {}
    found = {each.order.client_order_id: each.waits for each in legs}
    for key, other in others.items():
        found[key] += filled[other][1] if other in filled else 0
    return {key: shares for key, shares in found.items() if shares}


def left_to_close(legs: Sequence[LedgerOrder]) -> int:
    """Shares that open legs, or other orders, of one symbol may close now: of a pair what neither leg has filled, of several together.

    Those that an attached leg's entry may still fill are not among them.
    """
    filled: dict[str, int] = {}
    ordered: dict[str, int] = {}
    for each in legs:
        filled[each.order.group] = filled.get(each.order.group, 0) + each.filled_quantity
        ordered[each.order.group] = max(ordered.get(each.order.group, 0), each.order.quantity - each.waits)
    return sum(max(ordered[group] - filled[group], 0) for group in ordered)
