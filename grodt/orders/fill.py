"""One fill, as a broker reports it."""

from dataclasses import dataclass
from datetime import date, datetime

from grodt.money import Micros
from grodt.orders.order import Side


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill of one of our orders.

    Attributes:
        execution_id: the broker's id, unique for ever; fills are deduplicated by it.
        client_order_id, symbol, side: of the order.
        quantity: whole shares > 0.
        price, commission: micros.
        session: session it traded in.
        filled_at: instant, aware UTC.
    """

    execution_id: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: int
    price: Micros
    commission: Micros
    session: date
    filled_at: datetime
