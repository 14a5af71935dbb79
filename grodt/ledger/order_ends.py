"""Ending an order that our side has open and the broker does not have any more: how a break of such an order is corrected.

A broker that tells what is over for a day alone leaves it open here for ever. Two people agree to end it, as to any correction;
`grodt.execution.ending` asks the broker before it is asked for.
"""

from datetime import datetime

from grodt.errors import ConfigError
from grodt.ledger.brackets import not_closed
from grodt.ledger.breaks import OpenBreak, find_break, require_open, resolve_break
from grodt.ledger.corrections import CORRECTION, TERM
from grodt.ledger.order_life import transition
from grodt.ledger.orders import find_order
from grodt.ledger.requests import Request, ask
from grodt.ledger.transaction import Read, Write
from grodt.orders.order import Side
from grodt.orders.states import OPEN, OrderState

ORDER_END = "order_end"


def require_endable(tx: Read, break_id: int) -> OpenBreak:
    """The break, if the order that it is about may be ended.

    Raises:
        ConfigError: there is no such open break, it is of another kind, the broker has the order open, or ours is as it was no more.
    """
    found = require_open(tx, break_id)
    if found.difference.kind != "order":
        raise ConfigError(f"break {break_id} is of kind {found.difference.kind}, and no order is ended by it")
    wrong = _wrong(tx, found, found.difference.ours)
    if wrong:
        raise ConfigError(f"break {break_id}: {wrong}")
    return found


def ask_to_end(tx: Write, break_id: int, *, by: str, reason: str, now: datetime) -> Request:
    """Ask for an order to be ended as cancelled; arguments and errors as `require_endable` and `propose_correction`."""
    found = require_endable(tx, break_id)
    subject = {"break": break_id, "order": found.difference.symbol, "left": found.difference.ours}
    return ask(tx, kind=ORDER_END, book=found.book, subject=subject, people=2, by=by, reason=reason, now=now, expires_at=now + TERM)


def what_is_ended(request: Request) -> str:
    """The order that a request asks to end, in one line."""
    asked = request.subject
    return f"break {asked['break']}: order {asked['order']}, {asked['left']:,} shares left, ends in the ledger; the broker has it no more"


def no_end(tx: Read, request: Request) -> str:
    """Why it can no longer be decided; "" where it can."""
    found = find_break(tx, request.subject["break"])
    if found.resolved_at is not None:
        return f"break {found.break_id} is resolved"
    return _wrong(tx, found, request.subject["left"])


def end_order(tx: Write, request: Request, now: datetime) -> str:
    """End the order and resolve its break; returns what was done. A fill that comes later is booked, as after any cancel."""
    found, key = find_break(tx, request.subject["break"]), request.subject["order"]
    people = " and ".join(request.agreed)
    reason = f"ended by {people}, the broker has it no more: {request.reason}"
    transition(tx, key, OrderState.CANCELLED, run_id=CORRECTION, now=now, reason=reason)
    resolve_break(tx, found.break_id, f"order ended: {request.reason}", people, now)
    return f"order {key} is cancelled, break {found.break_id} is resolved"


def _wrong(tx: Read, found: OpenBreak, left: int) -> str:
    """Why the order is not, or no longer, one that we have open with those signed shares left and the broker has not."""
    order = find_order(tx, found.difference.symbol)
    if found.difference.theirs or not left or order is None or order.order.book != found.book:
        return "the broker has the order open: cancel it there, and run the cycle again"
    if order.state not in OPEN:
        return f"the order is {order.state} already; run the cycle again, which compares anew"
    key = order.order.client_order_id
    shares = order.order.quantity - order.filled_quantity - not_closed(tx, [order]).get(key, 0)
    ours = shares if order.order.side is Side.BUY else -shares
    if (ours, found.difference.ours) != (left, left):
        return "our side has moved since; run the cycle again, which compares anew"
    return ""
