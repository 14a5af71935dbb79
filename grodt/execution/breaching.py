"""The halts that controls make by themselves: breaches of limits, faults of data, and the switch to reduce-only."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from grodt.ledger.halts import LOSS, Halt, halt
from grodt.ledger.orders import filled_of
from grodt.ledger.unit import Read, Write
from grodt.orders.order import Order
from grodt.risk.assess import Assessment
from grodt.risk.controls import DATA_COMPLETE, DATA_OUTLIER, KILL_SWITCH, RECONCILIATION, SCALE, Evaluation, parent_quantity, why

#: Controls that find a book stopped already.
STOPPED_BEFORE = frozenset({KILL_SWITCH.number, RECONCILIATION.number})
#: Controls that find something wrong with the data, and no limit overstepped.
_OF_DATA = frozenset({DATA_COMPLETE.number, DATA_OUTLIER.number, SCALE.number})
_LONGEST_REASON = 500


def halt_book(tx: Write, book: str, reason: str, control: int, now: datetime) -> Halt:
    """Halt a book because a limit was overstepped: two people must end it, and its open orders are cancelled."""
    return halt(tx, scope="book", book=book, kind="breach", control=control, reason=reason[:_LONGEST_REASON], author="risk", now=now)


def halted_now(book: str, halted: Halt) -> str:
    """What a person is told of a halt that the control of what is filled has just made, and what to do next."""
    return f"book {book} is now halted: {halted}. Compare `grodt orders` with the broker's statement, then `grodt rearm --book {book}`."


def halt_on_breach(tx: Write, book: str, failed: Evaluation, now: datetime) -> Halt:
    """The same, where the reason is one failed answer: it names control, value and limit."""
    return halt_book(tx, book, why(failed), failed.control.number, now)


def halt_on_gates(tx: Write, book: str, assessment: Assessment, now: datetime) -> Halt:
    """Halt a book because of what risk found about it as a whole: a fault where only the data is to blame, else a breach."""
    found = [number for number in assessment.halting if number not in STOPPED_BEFORE]
    if set(found) <= _OF_DATA:
        reason = assessment.halt[:_LONGEST_REASON]
        return halt(tx, scope="book", book=book, kind="fault", control=found[0], keep_orders=True, reason=reason, author="risk", now=now)
    return halt_book(tx, book, assessment.halt, next(number for number in found if number not in _OF_DATA), now)


def halt_on_data(tx: Write, book: str, failed: Evaluation, reasons: Sequence[str], now: datetime) -> Halt:
    """Halt a book because the data gate does not trust what a source gave."""
    reason = f"{why(failed)}: {'; '.join(reasons)}"[:_LONGEST_REASON]
    number = failed.control.number
    return halt(tx, scope="book", book=book, kind="fault", control=number, keep_orders=True, reason=reason, author="quality gate", now=now)


def latch(tx: Write, book: str, reason: str, now: datetime) -> Halt:
    """Let a book only reduce because of its losses (control 28), until two people end it. Open orders stay."""
    return halt(
        tx,
        scope="book",
        book=book,
        side="reduce_only",
        kind="breach",
        control=LOSS,
        keep_orders=True,
        reason=reason[:_LONGEST_REASON],
        author="risk",
        now=now,
    )


def children_of(tx: Read, orders: Sequence[Order]) -> Evaluation:
    """Control 19 of orders that are about to be sent: what each has filled, and all of it open once more, against what was ordered.

    Raises:
        ValueError: the ledger has no such order.
    """
    keys = [order.client_order_id for order in orders]
    found = filled_of(tx, keys)
    lacking = next((key for key in keys if key not in found), None)
    if lacking is not None:
        raise ValueError(f"there is no order {lacking}")
    columns = ([found[key][1] for key in keys], [order.quantity for order in orders], [found[key][0] for key in keys])
    return parent_quantity(*(np.array(each, dtype=np.int64) for each in columns))
