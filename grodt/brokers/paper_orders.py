"""Orders as they stand in the paper broker's file, to orders as a broker tells them."""

import sqlite3

from grodt.brokers.paper_legs import FILLED_BY_OTHER, WAITS
from grodt.brokers.protocol import BrokerOrder
from grodt.money import decimal
from grodt.orders.order import Side
from grodt.orders.states import OPEN, OrderState

_SIDES = {side.value: side for side in Side}
_STATES = {state.value: state for state in OrderState}
#: What `broker_order` reads.
ORDER_COLUMNS = (
    f"client_order_id, number, symbol, side, quantity, state, filled_quantity, reason, {FILLED_BY_OTHER} + {WAITS}, "
    "order_type, time_in_force, price"
)
#: Takes our id.
FIND = f"SELECT {ORDER_COLUMNS} FROM orders WHERE client_order_id = ?"


def broker_order(row: tuple[str, int, str, str, int, str, int, str, int, str, str, int | None]) -> BrokerOrder:
    """Of a row of `ORDER_COLUMNS`."""
    client_order_id, number, symbol, side, quantity, state, filled, reason, not_closed, kind, tif, price = row
    told = _STATES[state]
    reduced = not_closed if told in OPEN else 0
    return BrokerOrder(
        client_order_id,
        f"paper-{number}",
        symbol,
        _SIDES[side],
        quantity,
        told,
        filled,
        reason,
        reduced,
        order_type=kind,
        time_in_force=tif,
        price=None if price is None else decimal(price),
    )


def find_order(connection: sqlite3.Connection, client_order_id: str) -> BrokerOrder | None:
    """The order with our id."""
    row = connection.execute(FIND, (client_order_id,)).fetchone()
    return None if row is None else broker_order(row)
