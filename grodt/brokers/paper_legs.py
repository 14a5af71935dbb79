"""Legs of brackets in the paper broker's book: how much they close, what may be taken, and when they are over. SQL over its orders."""

import json
import sqlite3
from collections.abc import Collection

from grodt.orders.brackets import opened_by
from grodt.orders.order import Order, Side

#: Of orders that may still fill, as SQL.
OPEN_STATES = "('accepted', 'partially_filled')"
#: Of orders that wait at their price to close a position, as SQL.
IS_LEG = "role IN ('stop', 'take_profit')"
#: Shares that the other leg of an order has filled, and those that the order which a leg is attached to has not, as SQL.
FILLED_BY_OTHER = "coalesce((SELECT o.filled_quantity FROM orders AS o WHERE o.client_order_id = orders.other), 0)"
WAITS = "min(orders.quantity, coalesce((SELECT e.quantity - e.filled_quantity FROM orders AS e WHERE e.client_order_id = orders.entry), 0))"


def why_unattached(connection: sqlite3.Connection, order: Order) -> str:
    """Why a leg cannot go out with its entry; "" where it can."""
    query = (
        "SELECT side, quantity, coalesce((SELECT quantity FROM positions AS p WHERE p.symbol = orders.symbol), 0) FROM orders "
        f"WHERE client_order_id = ? AND symbol = ? AND order_type = 'market' AND filled_quantity = 0 AND state IN {OPEN_STATES}"
    )
    entry = connection.execute(query, (order.protects, order.symbol)).fetchone()
    if entry is None:
        return f"its entry {order.protects} is no open market order of {order.symbol} that waits to fill, and it goes out with that one"
    side, quantity, held = entry
    opens = 0 if side == order.side.value else opened_by(quantity if side == "buy" else -quantity, held)
    (beside,) = connection.execute(
        f"SELECT count(*) FROM orders WHERE state IN {OPEN_STATES} AND symbol = ? AND entry = ? AND client_order_id <> ?",
        (order.symbol, order.protects, order.other),
    ).fetchone()
    if beside:
        return f"its entry {order.protects} has other legs"
    return f"a leg only closes: {order.quantity} shares to close, and {order.protects} opens {opens}" if order.quantity > opens else ""


def free_to_close(connection: sqlite3.Connection, order: Order) -> int:
    """Shares held that the order's side closes and that no open order closes already; both legs of a bracket close the same ones."""
    held = connection.execute("SELECT quantity FROM positions WHERE symbol = ?", (order.symbol,)).fetchone()
    of_side = 0 if held is None else held[0] if order.side is Side.SELL else -held[0]
    (closing,) = connection.execute(
        f"SELECT coalesce(sum(each), 0) FROM (SELECT min(quantity - filled_quantity - {FILLED_BY_OTHER} - {WAITS}) AS each FROM orders "
        f"WHERE state IN {OPEN_STATES} AND symbol = ? AND side = ? AND client_order_id <> ? "
        f"GROUP BY CASE WHEN {IS_LEG} AND other <> '' THEN min(client_order_id, other) ELSE client_order_id END)",
        (order.symbol, order.side.value, order.other),
    ).fetchone()
    return max(of_side - int(closing), 0)


def end_brackets(connection: sqlite3.Connection, traded: Collection[str] = ()) -> None:
    """Cancel what is left of entries whose legs filled or triggered, and legs that have nothing left to close.

    Args:
        connection: inside a transaction.
        traded: ids of the entries whose attached legs have filled, or triggered.
    """
    if traded:
        connection.execute(
            f"UPDATE orders SET state = 'cancelled', reason = 'a leg of its bracket filled' WHERE state IN {OPEN_STATES} "
            "AND client_order_id IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(traded)),),
        )
    end_legs(connection)


def end_legs(connection: sqlite3.Connection) -> None:
    """Cancel legs that have nothing to close any more: what they might have, the other one has closed, or their entry ended without."""
    entry_works = f"EXISTS (SELECT 1 FROM orders AS e WHERE e.client_order_id = orders.entry AND e.state IN {OPEN_STATES})"
    connection.execute(
        f"UPDATE orders SET state = 'cancelled', reason = CASE WHEN {FILLED_BY_OTHER} > 0 THEN 'its other leg filled' "
        "WHEN filled_quantity > 0 THEN 'it closed what its entry filled' ELSE 'its entry did not fill' END "
        f"WHERE state IN {OPEN_STATES} AND {IS_LEG} AND (other <> '' OR entry <> '') "
        f"AND filled_quantity + {FILLED_BY_OTHER} + {WAITS} >= quantity AND NOT (entry <> '' AND {entry_works})"
    )
