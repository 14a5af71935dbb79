"""Control 19 of what the broker tells: no order fills, or may still fill, more than was ordered; and the halt where one does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

import numpy as np

from grodt.brokers.protocol import BrokerOrder
from grodt.errors import HaltActive
from grodt.execution.breaching import halt_book, halted_now
from grodt.execution.unbookable import OverfillError
from grodt.ledger.later_checks import record_later
from grodt.ledger.leases import Lease
from grodt.ledger.orders import LedgerOrder
from grodt.ledger.runs import Run
from grodt.ledger.unbooked import keep_unbooked, most_told, record_overfilled
from grodt.ledger.unit import Ledger, Read
from grodt.orders.fill import Fill
from grodt.orders.states import ENDED, OrderState
from grodt.risk.check import Check
from grodt.risk.controls import PARENT_QUANTITY, Evaluation, parent_quantity, why

_OVER = ENDED | {OrderState.FILLED}


@dataclass(frozen=True, slots=True)
class Excess:
    """Orders that fill more than was ordered, as nobody knew before.

    Attributes:
        reason: for the halt, in words.
        checks: what the control said.
        shares: that each of them has filled and may still fill, by our id.
        told: fills that cannot be booked, each with why.
    """

    reason: str
    checks: tuple[Check, ...]
    shares: Mapping[str, int]
    told: Mapping[Fill, str] = field(default_factory=dict)


def asked_of_orders(tx: Read, ours: Mapping[str, LedgerOrder], theirs: Mapping[str, BrokerOrder]) -> tuple[Evaluation, Excess | None]:
    """Control 19 of every order that the broker tells of: what it has filled and may still fill against what was ordered.

    One that was found with as many shares before has halted the book then, and is left to reconciliation.

    Args:
        tx: a transaction.
        ours, theirs: each order of ours that the broker has, and the broker's, by our id.

    Returns:
        What the control said of all of them, and the excess where there is one.
    """
    found = {}
    for key, order in theirs.items():
        if order.state is not OrderState.UNKNOWN:
            left = 0 if order.state in _OVER else max(order.left, 0)
            found[key] = (max(order.filled_quantity, ours[key].booked_quantity), left)
    known = most_told(tx, list(found))
    told = sorted(key for key, (filled, left) in found.items() if filled + left > known.get(key, 0))
    columns = ([found[key][0] for key in told], [found[key][1] for key in told], [ours[key].order.quantity for key in told])
    asked = parent_quantity(*(np.array(each, dtype=np.int64) for each in columns))
    if asked.passed.all():
        return asked, None
    at = int(asked.passed.argmin())
    check = Check.of(asked, scope="order", symbol=ours[told[at]].order.symbol, at=at)
    over = {key: sum(found[key]) for key, passed in zip(told, asked.passed, strict=True) if not passed}
    return asked, Excess(f"{why(asked, at)}: {told[at]} at the broker", (check,), over)


def excess_of(error: OverfillError) -> Excess:
    """Fills that are more than was ordered; they are kept."""
    checks = []
    for each in error.found.values():
        found = parent_quantity(np.array([each.shares]), np.array([0]), np.array([each.ordered]))
        checks.append(Check.of(found, scope="order", symbol=each.refused.fill.symbol))
    first = next(iter(error.found.values()))
    over = {key: each.shares for key, each in error.found.items()}
    return Excess(f"children_exceed_parent: {first} (control 19)", tuple(checks), over, error.told)


def stop(ledger: Ledger, lease: Lease | None, run: Run, part: str, excess: Excess, now: Callable[[], datetime]) -> NoReturn:
    """Halt the book by control 19; nothing of the session is booked. The next attempt knows of it, and goes on to reconciliation.

    Args:
        ledger, lease, run: whose.
        part: of the run, as `record_later` knows it.
        excess: what was found.
        now: the clock.

    Raises:
        HaltActive: always.
    """
    at = now()
    with ledger.write(lease) as tx:
        halted = halt_book(tx, run.book, excess.reason, PARENT_QUANTITY.number, at)
        record_later(tx, run, part, excess.checks, at)
        record_overfilled(tx, excess.shares, run.run_id, at)
        keep_unbooked(tx, run.book, excess.told, run.run_id, at)
    raise HaltActive(
        f"{halted_now(run.book, halted)} Running the cycle again settles the session without what is too much, and "
        "reconciliation shows what that leaves apart."
    )
