"""The life of orders: states that follow each other, one event each; of one order or of many in one go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from grodt.ledger.columns import instant_text
from grodt.ledger.rows import change_rows, insert_rows, rows_of
from grodt.ledger.tables_orders import order_events
from grodt.ledger.transaction import Read, Write
from grodt.orders.states import OrderState, is_told_late, require_transition

_STANDS = (
    "SELECT o.client_order_id, o.quantity, s.state, s.filled_quantity, s.venue_order_id FROM orders AS o "
    "JOIN order_status AS s ON s.client_order_id = o.client_order_id WHERE o.client_order_id IN {keys}"
)
_EVENT = ("client_order_id", "state", "filled_quantity", "venue_order_id", "reason", "run_id", "recorded_at")
_SET_STATUS = "UPDATE order_status SET state = ?, filled_quantity = ?, venue_order_id = ?, reason = ? WHERE client_order_id = ?"
_STATES = {state.value: state for state in OrderState}


@dataclass(frozen=True, slots=True)
class Move:
    """A state that an order reaches.

    Attributes:
        client_order_id: the order.
        state: reached.
        venue_order_id: "" keeps the one we have.
        reason: words that come with the state.
        filled_quantity: shares filled so far; None: all of them for `filled`, else as before.
    """

    client_order_id: str
    state: OrderState
    venue_order_id: str = ""
    reason: str = ""
    filled_quantity: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A state with everything that is written of it."""

    client_order_id: str
    state: OrderState
    filled_quantity: int
    venue_order_id: str
    reason: str


def transition(
    tx: Write,
    client_order_id: str,
    new: OrderState,
    *,
    run_id: str,
    now: datetime,
    venue_order_id: str = "",
    reason: str = "",
    filled_quantity: int | None = None,
) -> None:
    """Move one order on; see `transitions`."""
    transitions(tx, [Move(client_order_id, new, venue_order_id, reason, filled_quantity)], run_id=run_id, now=now)


def transitions(tx: Write, moves: Sequence[Move], *, run_id: str, now: datetime) -> None:
    """Move orders on, in their order.

    Repeating the state and filled quantity that an order has changes nothing, and neither does a word of before (`is_told_late`).

    Args:
        tx: the transaction.
        moves: where to.
        run_id: the run that learned it.
        now: when it is recorded.

    Raises:
        ValueError: there is no such order, the state may not follow the one it has, or the filled quantity shrinks, exceeds the
            order or does not fit the state; nothing was written.
    """
    stand = _stand(tx, {move.client_order_id for move in moves})
    events = []
    for move in moves:
        if move.client_order_id not in stand:
            raise ValueError(f"there is no order {move.client_order_id}")
        quantity, state, filled, venue_order_id = stand[move.client_order_id]
        after = move.filled_quantity
        if after is None:
            after = quantity if move.state is OrderState.FILLED else filled
        if (move.state, after) == (state, filled) or is_told_late(state, move.state):
            continue
        require_transition(move.client_order_id, state, move.state)
        if not filled <= after <= quantity:
            raise ValueError(
                f"order {move.client_order_id}: filled quantity {after} is not between the {filled} filled before "
                f"and the {quantity} ordered"
            )
        _require_fits(move.client_order_id, move.state, after, quantity)
        event = Event(move.client_order_id, move.state, after, move.venue_order_id or venue_order_id, move.reason)
        stand[move.client_order_id] = (quantity, event.state, after, event.venue_order_id)
        events.append(event)
    append_events(tx, events, run_id=run_id, now=now)


def append_events(tx: Write, events: Sequence[Event], *, run_id: str, now: datetime) -> None:
    """Write events whose legality the caller has seen to, in their order. For this room alone."""
    if not events:
        return
    at = instant_text(now)
    rows = [(e.client_order_id, e.state.value, e.filled_quantity, e.venue_order_id, e.reason, run_id, at) for e in events]
    last = {row[0]: (*row[1:5], row[0]) for row in rows}
    insert_rows(tx, order_events, _EVENT, rows)
    change_rows(tx, _SET_STATUS, list(last.values()))


def _stand(tx: Read, keys: Iterable[str]) -> dict[str, tuple[int, OrderState, int, str]]:
    """Quantity, state, filled quantity and the broker's id of each order."""
    return {key: (quantity, _STATES[state], filled, venue) for key, quantity, state, filled, venue in rows_of(tx, _STANDS, keys)}


def _require_fits(client_order_id: str, state: OrderState, filled: int, quantity: int) -> None:
    fits: Mapping[OrderState, bool] = {
        OrderState.FILLED: filled == quantity,
        OrderState.PARTIALLY_FILLED: 0 < filled < quantity,
        OrderState.REJECTED: filled == 0,
        OrderState.DENIED: filled == 0,
    }
    if not fits.get(state, True):
        raise ValueError(f"order {client_order_id}: {filled} of {quantity} shares filled does not fit state {state}")
