"""The life of an order: which state may follow which.

`planned` is decided and not approved: its basket waits for people. `submitted` is at the broker, which has not told that its venue has
acknowledged it; a broker whose answer tells that makes it `accepted` at once. `denied` is ours (people rejected the basket, or a halt or a
control that is asked while sending stopped the order before it left), `rejected` is the venue's. `replaced` is what a person did at the
venue: another order, none of ours, stands in its place. Terminal states absorb, except that a late fill after a cancel, an expiry or a
replacement is booked all the same.
"""

from enum import StrEnum


class OrderState(StrEnum):
    """States an order reaches, in the ledger's and the lake's spelling."""

    PLANNED = "planned"
    APPROVED = "approved"
    SENDING = "sending"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    REPLACED = "replaced"
    DENIED = "denied"


_S = OrderState
_ANSWERS = frozenset({_S.SUBMITTED, _S.ACCEPTED, _S.REJECTED})
_AT_VENUE = frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED, _S.REPLACED})
#: What proves that the venue has acknowledged the order.
_ACKNOWLEDGED = frozenset({_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.FILLED})
_NEXT: dict[OrderState, frozenset[OrderState]] = {
    _S.PLANNED: frozenset({_S.APPROVED, _S.DENIED, _S.CANCELLED}),  # denied: by people; cancelled: decided otherwise, expired, given up
    _S.APPROVED: frozenset({_S.SENDING, _S.DENIED, _S.CANCELLED}),  # cancelled: not needed any more, or its cycle was given up
    _S.SENDING: frozenset({_S.APPROVED, *_ANSWERS, _S.UNKNOWN, _S.CANCELLED}),  # approved: taken back, never sent
    _S.UNKNOWN: frozenset({_S.SENDING, *_ANSWERS, _S.CANCELLED}),
    _S.SUBMITTED: frozenset({_S.ACCEPTED, *_AT_VENUE}),
    _S.ACCEPTED: _AT_VENUE,
    _S.PARTIALLY_FILLED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REPLACED}),
    _S.CANCELLED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED}),
    _S.EXPIRED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED}),
    _S.REPLACED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED}),
    _S.FILLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.DENIED: frozenset(),
}

#: States in which nothing more is expected of the broker.
TERMINAL = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED, _S.REPLACED, _S.DENIED})
#: What a broker calls an order that is over and has not filled whole.
ENDED = frozenset({_S.CANCELLED, _S.EXPIRED, _S.REJECTED, _S.REPLACED})
#: States in which the broker may hold the order.
OPEN = frozenset({_S.SUBMITTED, _S.ACCEPTED, _S.PARTIALLY_FILLED})
#: Sent, and no answer known: the broker may have the order or not.
IN_FLIGHT = frozenset({_S.SENDING, _S.UNKNOWN})
#: Decided and not over: it may still trade.
MAY_TRADE = frozenset({_S.APPROVED, *IN_FLIGHT, *OPEN})


def may_follow(old: OrderState, new: OrderState) -> bool:
    """Whether an order may go from one state to another."""
    return new in _NEXT[old]


def is_told_late(old: OrderState, new: OrderState) -> bool:
    """Whether a broker's word is of before, and changes nothing: it has an order, of one that its venue is known to have acknowledged."""
    return new is OrderState.SUBMITTED and old in _ACKNOWLEDGED


def require_transition(client_order_id: str, old: OrderState, new: OrderState) -> None:
    """Refuse an illegal step.

    Raises:
        ValueError: `new` may not follow `old`.
    """
    if not may_follow(old, new):
        raise ValueError(f"order {client_order_id}: {new} may not follow {old}")
