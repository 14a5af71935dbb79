"""Fills that the broker tells and that cannot be booked: kept as such, so that settling goes on and reconciliation shows what they make.

One that is more than was ordered (control 19) halts the book first, once for each order and number of shares, before anything is booked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from grodt.execution.outcome import TAKEN, halt_unknown, halt_unread
from grodt.ledger.fills import Refused
from grodt.ledger.orders import LedgerOrder
from grodt.ledger.unbooked import is_told_and_corrected, keep_unbooked, kept_of, most_told, unbooked_by_order
from grodt.ledger.unit import Write
from grodt.orders.fill import Fill
from grodt.orders.states import OrderState

FOREIGN = "it is of an order that this ledger does not have"
DEALT_WITH = "its execution was told before, and people have corrected the position since"


@dataclass(frozen=True, slots=True)
class Overfill:
    """An order of which the broker tells more fills than was ordered.

    Attributes:
        refused: its first fill that is too much and was not told before.
        shares: that are filled, booked or not.
        ordered: that it may fill.
    """

    refused: Refused
    shares: int
    ordered: int

    def __str__(self) -> str:
        fill = self.refused.fill
        return f"fill {fill.execution_id} of order {fill.client_order_id} ({fill.symbol}, {fill.session}): {self.refused.reason}"


class OverfillError(Exception):
    """Fills of a transaction are more than was ordered, as nobody knew before; nothing of it is to be booked.

    Attributes:
        found: by our order id.
        told: every fill of the transaction that cannot be booked, with why.
    """

    def __init__(self, found: Mapping[str, Overfill], told: Mapping[Fill, str]) -> None:
        super().__init__(f"{len(found)} orders are overfilled")
        self.found, self.told = found, told


@dataclass(slots=True)
class Unbookable:
    """What cannot be booked of the fills of one transaction.

    Attributes:
        tx, book, run_id, now: whose, and when.
        others: ids of ours, of orders in flight, under which the broker has other orders.
        foreign: execution ids of fills of orders that the ledger does not have.
    """

    tx: Write
    book: str
    run_id: str
    now: datetime
    others: frozenset[str] = frozenset()
    foreign: set[str] = field(default_factory=set)
    _refused: dict[Fill, Refused] = field(default_factory=dict)

    def readable(self, told: Iterable[Fill], orders: Mapping[str, LedgerOrder | None]) -> list[Fill]:
        """Those of the fills that may be booked: of an order of ours, read in whole, and not dealt with as corrections.

        The symbol of one that cannot be read, or is of an order that is not there by its answer, is halted, the first time.
        """
        fills = list(told)
        kept = kept_of(self.tx, {each for fill in fills for each in (fill.execution_id, *fill.trades)})
        found = []
        for fill in fills:
            known = kept.get(fill.execution_id, {})
            if is_told_and_corrected(self.tx, self.book, fill, kept):
                if fill not in known:
                    self._refused[fill] = Refused(fill, DEALT_WITH)
            elif (order := orders[fill.client_order_id]) is None:
                self.foreign.add(fill.execution_id)
                self._refused[fill] = Refused(fill, FOREIGN)
            elif order.state is OrderState.REJECTED or fill.client_order_id in self.others:
                why = TAKEN if fill.client_order_id in self.others else f"the order is rejected ({order.reason}), and it fills"
                self._refused[fill] = Refused(fill, why)
                if fill not in known:
                    halt_unknown(self.tx, self.book, order.order.symbol, f"{why}: {fill.client_order_id}", self.now)
            elif fill.unreadable:
                self._refused[fill] = Refused(fill, fill.unreadable)
                if fill not in known:
                    halt_unread(self.tx, self.book, fill.symbol, fill.unreadable, self.now)
            else:
                found.append(fill)
        return found

    def add(self, refused: Iterable[Refused]) -> None:
        """Take in what the ledger has refused."""
        self._refused |= {each.fill: each for each in refused}

    def keep(self) -> int:
        """Keep them all; returns how many were not kept before.

        Raises:
            OverfillError: an order is overfilled by more than it was found with before.
        """
        told = {fill: each.reason for fill, each in self._refused.items()}
        found = self._overfilled()
        if found:
            raise OverfillError(found, told)
        return len(keep_unbooked(self.tx, self.book, told, self.run_id, self.now))

    def _overfilled(self) -> dict[str, Overfill]:
        too_much: dict[str, list[Refused]] = {}
        for each in self._refused.values():
            if each.ordered is not None:
                too_much.setdefault(each.fill.client_order_id, []).append(each)
        kept, known = unbooked_by_order(self.tx, too_much), most_told(self.tx, list(too_much))
        found = {}
        for key, refused in too_much.items():
            before = {each.fill.execution_id: each.fill.quantity for each in kept.get(key, ())}
            filled = before | {each.fill.execution_id: each.fill.quantity for each in refused}
            first = next((each for each in refused if each.fill.execution_id not in before), refused[0])
            shares = first.besides + sum(filled.values())
            if first.ordered is not None and shares > known.get(key, 0):
                found[key] = Overfill(first, shares, first.ordered)
        return found
