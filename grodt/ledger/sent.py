"""What went out of a run and what came back, message by message."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from grodt.ledger.tables import order_events
from grodt.ledger.transaction import Read
from grodt.orders.states import OrderState

_ANSWERS = (OrderState.ACCEPTED, OrderState.REJECTED)


@dataclass(frozen=True, slots=True)
class Message:
    """An order that was marked as being sent, or the broker's answer to one."""

    client_order_id: str
    state: OrderState
    at: datetime

    @property
    def sent(self) -> bool:
        """Whether it went out."""
        return self.state is OrderState.SENDING


def messages_of(tx: Read, run_id: str) -> tuple[Message, ...]:
    """The messages of a run, oldest first; with answers about orders of earlier runs that it learned of."""
    table = order_events.c
    states = [each.value for each in (OrderState.SENDING, *_ANSWERS)]
    query = select(table.client_order_id, table.state, table.recorded_at).where(table.run_id == run_id, table.state.in_(states))
    return tuple(Message(key, OrderState(state), at) for key, state, at in tx.connection.execute(query.order_by(table.event_id)))
