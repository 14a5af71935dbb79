"""What went out of a run and what came back, message by message."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from grodt.ledger.tables_orders import order_events, orders
from grodt.ledger.transaction import Read
from grodt.orders.states import OrderState

_TAKEN = frozenset({OrderState.SUBMITTED, OrderState.ACCEPTED})
_ANSWERS = (*_TAKEN, OrderState.REJECTED)
_STATES = {state.value: state for state in OrderState}


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
    """The messages of a run, oldest first; with answers about orders of earlier runs that it learned of.

    One that was marked as being sent and taken back has not gone out. That a venue has acknowledged an order which the broker had taken is
    no other answer.
    """
    table = order_events.c
    states = [each.value for each in (OrderState.APPROVED, OrderState.SENDING, *_ANSWERS)]
    query = select(table.client_order_id, table.state, table.recorded_at).where(table.run_id == run_id, table.state.in_(states))
    found: dict[int, Message] = {}
    marked: dict[str, int] = {}
    taken: set[str] = set()
    for place, (key, state, at) in enumerate(tx.connection.execute(query.order_by(table.event_id)).all()):
        if state in _TAKEN:
            if key in taken:
                continue
            taken.add(key)
        if state != OrderState.APPROVED.value:
            found[place] = Message(key, _STATES[state], at)
            marked[key] = place
        elif key in marked:
            del found[marked.pop(key)]
    return tuple(found.values())


def sendings(tx: Read, run_id: str, since: datetime | None = None) -> tuple[datetime, ...]:
    """When each order of a run went out, each time it did, of those after an instant; oldest first."""
    return tuple(each.at for each in messages_of(tx, run_id) if each.sent and (since is None or each.at > since))


def rejects_in_a_row(tx: Read, run_id: str, since: datetime | None = None) -> int:
    """How many of a run's orders the broker rejected with none taken after them, of those after an instant."""
    answers = [each for each in messages_of(tx, run_id) if not each.sent and (since is None or each.at > since)]
    if not answers:
        return 0
    own = set(tx.connection.execute(select(orders.c.client_order_id).where(orders.c.run_id == run_id)).scalars())
    states = [each.state for each in answers if each.client_order_id in own]
    return next((place for place, state in enumerate(reversed(states)) if state in _TAKEN), len(states))
