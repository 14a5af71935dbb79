"""One fill, as a broker reports it."""

from dataclasses import dataclass, field
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
        unreadable: what the broker told that cannot be read, such as a fraction of a share; "" as a rule. Such a fill is not booked and
            its symbol is halted; what could not be read is 0.
        remainder: micros that the trades of a fill are worth beside quantity · price, where several make it; half a micro a share at most.
        trades: the broker's ids of the trades that it is made of; () where the broker tells fills and nothing below them. A trade is in one
            booked fill at most. It is not compared: the execution id is a function of them.
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
    unreadable: str = ""
    remainder: int = 0
    trades: tuple[str, ...] = field(default=(), compare=False)

    @property
    def notional(self) -> int:
        """What was paid or earned before commission, micros."""
        return self.quantity * self.price + self.remainder

    @property
    def traded(self) -> tuple[date, datetime, str, int, int, int]:
        """When it traded, to sort by: fills of one instant in the order of their ids, one that is told in two ways by its figures."""
        return self.session, self.filled_at, self.execution_id, self.quantity, self.price, self.commission
