"""What the broker was asked to cancel because of a halt, and what it said."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, insert, select

from grodt.ledger.tables_halts import cancels
from grodt.ledger.transaction import Read, Write

#: cancelled; filled before it could be; over otherwise; asked, and open still; never at the broker; no answer.
CancelOutcome = Literal["cancelled", "filled", "over", "asked", "not_there", "no_answer"]

_ENDS = ("cancelled", "filled", "over")


@dataclass(frozen=True, slots=True)
class Cancel:
    """One order that the broker was asked to cancel.

    Attributes:
        halt_id: the halt that covers it.
        client_order_id: the order.
        outcome: what the broker said.
        filled_quantity: shares that it had filled by then.
        reason: the broker's words, or why there was no answer; "" where none.
    """

    halt_id: int
    client_order_id: str
    outcome: CancelOutcome
    filled_quantity: int
    reason: str


def record_cancels(tx: Write, asked: Iterable[Cancel], now: datetime) -> None:
    """Keep what the broker was asked. The orders' own states follow when they are settled."""
    for each in asked:
        tx.connection.execute(
            insert(cancels).values(
                halt_id=each.halt_id,
                client_order_id=each.client_order_id,
                outcome=each.outcome,
                filled_quantity=each.filled_quantity,
                reason=each.reason,
                asked_at=now,
            )
        )


def ended_by_cancel(tx: Read, client_order_ids: Iterable[str]) -> frozenset[str]:
    """Those of the orders that the broker has said to be over when it was asked to cancel them."""
    query = select(cancels.c.client_order_id).where(cancels.c.client_order_id.in_(list(client_order_ids)), cancels.c.outcome.in_(_ENDS))
    return frozenset(tx.connection.execute(query).scalars())


def cancels_of(tx: Read, halt_id: int) -> tuple[Cancel, ...]:
    """What was asked because of a halt, the latest answer of each order, by order."""
    latest = select(func.max(cancels.c.cancel_id)).where(cancels.c.halt_id == halt_id).group_by(cancels.c.client_order_id)
    query = select(cancels).where(cancels.c.cancel_id.in_(latest)).order_by(cancels.c.client_order_id)
    rows: Iterable[Any] = tx.connection.execute(query)
    return tuple(Cancel(row.halt_id, row.client_order_id, row.outcome, row.filled_quantity, row.reason) for row in rows)
