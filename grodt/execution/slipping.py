"""Control 32: how far fills are from the reference prices of their orders, and a halt when too many in a row are too far."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from grodt.execution.breaching import halt_book
from grodt.ledger.fills import latest_prices
from grodt.ledger.halts import Halt, last_armed
from grodt.ledger.unit import Read, Write
from grodt.orders.fill import Fill
from grodt.orders.order import Order, Side
from grodt.risk.check import Check, worst
from grodt.risk.controls import SLIPPAGE, Evaluation, slippage, why
from grodt.risk.limits import Limits


@dataclass(frozen=True, slots=True)
class Slipped:
    """A fill beyond the limit.

    Attributes:
        fill: it.
        reason: control, value and limit in words.
    """

    fill: Fill
    reason: str

    def __str__(self) -> str:
        return f"{self.fill.symbol} {self.fill.session}: {self.reason}"


def _reference(fill: Fill, order: Order) -> int:
    """What the fill is measured against: its order's reference price; of a leg that traded at its price or better, the fill's own."""
    better = fill.price >= order.reference_price if order.side is Side.SELL else fill.price <= order.reference_price
    return fill.price if order.is_leg and better else order.reference_price


class Slippage:
    """Control 32 over the fills that one transaction books, one after the other.

    Attributes:
        slipped: those beyond the limit.
    """

    def __init__(self, tx: Read, book: str, limits: Limits) -> None:
        """Go on with the book's latest fills, of those booked since people last armed it."""
        self.slipped: list[Slipped] = []
        self._book, self._limits = book, limits
        self._halting: tuple[Slipped, int] | None = None
        self._booked: list[tuple[str, int, int]] = []
        prices = latest_prices(tx, book, limits.slippages_in_a_row, last_armed(tx, book))
        self._row = 0
        for passed in self._ask(*zip(*prices[::-1], strict=True)).passed if prices else ():
            self._row = 0 if passed else self._row + 1

    @property
    def any(self) -> bool:
        """Whether it was asked of a fill."""
        return bool(self._booked)

    def booked(self, fills: Sequence[tuple[Fill, Order]]) -> None:
        """Ask about fills that were booked, in that order.

        Of legs of brackets only what is worse than their price counts, and is told; it neither makes a row longer nor ends one.
        """
        references = [_reference(fill, order) for fill, order in fills]
        self._booked += [(fill.symbol, fill.price, reference) for (fill, _), reference in zip(fills, references, strict=True)]
        answer = self._ask([fill.price for fill, _ in fills], references)
        for place, (fill, order) in enumerate(fills):
            if answer.passed[place]:
                self._row = self._row if order.is_leg else 0
                continue
            found = Slipped(fill, why(answer, place))
            self.slipped.append(found)
            if order.is_leg:
                continue  # several stops that gap are a fall of the market: a halt would cancel all others in the midst of it
            self._row += 1
            if self._row >= self._limits.slippages_in_a_row and self._halting is None:
                self._halting = (found, self._row)

    def halt(self, tx: Write, now: datetime) -> Halt | None:
        """Halt the book if too many in a row were beyond the limit."""
        if self._halting is None:
            return None
        last, count = self._halting
        reason = f"{last.reason} in {count} fills in a row, the last {last.fill.symbol} in session {last.fill.session}"
        return halt_book(tx, self._book, reason, SLIPPAGE.number, now)

    def checks(self) -> Iterator[Check]:
        """What it said: of all fills together where they came closest to the limit, and of each symbol with one beyond it."""
        if not self._booked:
            return
        symbols, prices, references = zip(*self._booked, strict=True)
        asked = self._ask(prices, references)
        yield Check.of(asked, scope="book", at=worst(asked), verdict="" if self._halting is None else "halt")
        beyond: dict[str, int] = {}
        for at in np.flatnonzero(~asked.passed).tolist():
            first = beyond.setdefault(symbols[at], at)
            if asked.value[at] > asked.value[first]:
                beyond[symbols[at]] = at
        for symbol, at in sorted(beyond.items()):
            yield Check.of(asked, scope="order", symbol=symbol, at=at)

    def _ask(self, prices: Sequence[int], references: Sequence[int]) -> Evaluation:
        return slippage(np.array(prices, dtype=np.int64), np.array(references, dtype=np.int64), self._limits.slippage)
