"""Orders of a replay: what was sent in each session, what it has filled, and what is still open."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from grodt.replay.history import IntArray


class Reached(IntEnum):
    """What has become of an order; `grodt.orders.states` has the words."""

    ACCEPTED = 0
    PARTIALLY_FILLED = 1
    FILLED = 2
    CANCELLED = 3
    EXPIRED = 4
    REJECTED = 5
    WITHDRAWN = 6


@dataclass(slots=True, eq=False)
class Batch:
    """The orders of one session's decision, in the order they are sent; arrays of shape (n,).

    Attributes:
        row: of the session of the decision.
        columns: what is traded.
        quantity: signed shares ordered.
        reference: price of the decision, micros.
        size: the same without sign.
        state: `Reached`.
        filled: shares filled, ≥ 0.
        notional: Σ shares · price of the fills, micros.
        open: places of the orders that may still fill, ascending.
        withdrawn: by place, the row of the session whose decision withdrew it.
    """

    row: int
    columns: IntArray
    quantity: IntArray
    reference: IntArray
    size: IntArray
    state: NDArray[np.int8]
    filled: IntArray
    notional: IntArray
    open: IntArray
    withdrawn: dict[int, int] = field(default_factory=dict)

    @classmethod
    def sent(cls, row: int, columns: IntArray, quantity: IntArray, reference: IntArray) -> "Batch":
        """Orders that have just been sent."""
        count = len(columns)
        nothing, none = np.zeros(count, dtype=np.int8), np.zeros(count, dtype=np.int64)
        return cls(row, columns, quantity, reference, np.abs(quantity), nothing, none, none.copy(), np.arange(count))

    def end(self, places: IntArray, reached: Reached) -> None:
        """Some of its orders are over."""
        self.state[places] = reached
        self.open = (self.state <= Reached.PARTIALLY_FILLED).nonzero()[0]

    def left(self) -> IntArray:
        """Signed shares that its open orders have not filled."""
        left = self.size[self.open] - self.filled[self.open]
        return np.where(self.quantity[self.open] > 0, left, -left)


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """Fills of one session, of the orders of one batch; arrays of shape (n,).

    Attributes:
        row: of the session.
        batch: whose orders.
        places: in the batch.
        quantity: signed shares.
        price, commission: micros.
    """

    row: int
    batch: Batch
    places: IntArray
    quantity: IntArray
    price: IntArray
    commission: IntArray

    @property
    def columns(self) -> IntArray:
        """What was traded."""
        return self.batch.columns[self.places]


@dataclass(slots=True, eq=False)
class Working:
    """Every order of a replay.

    Attributes:
        batches: by session.
        filled: by session.
        live: batches that may have open orders.
    """

    batches: list[Batch] = field(default_factory=list)
    filled: list[Filled] = field(default_factory=list)
    live: list[Batch] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """Orders that were sent."""
        self.batches.append(batch)
        self.live.append(batch)

    def settle(self) -> None:
        """Forget batches of which nothing is open any more."""
        self.live = [batch for batch in self.live if len(batch.open)]

    def cancel(self, columns: IntArray) -> None:
        """Cancel what is open in those columns."""
        for batch in self.live:
            batch.end(batch.open[np.isin(batch.columns[batch.open], columns)], Reached.CANCELLED)
        self.settle()

    def withdraw(self, columns: IntArray, row: int) -> None:
        """Withdraw what is open in those columns, as the decision of that session does."""
        for batch in self.live:
            places = batch.open[np.isin(batch.columns[batch.open], columns)]
            batch.withdrawn |= dict.fromkeys(places.tolist(), row)
            batch.end(places, Reached.WITHDRAWN)
        self.settle()

    def sides(self, width: int) -> tuple[IntArray, IntArray]:
        """Open buys and open sells by column, shares ≥ 0, (N,) each."""
        buys, sells = np.zeros(width, dtype=np.int64), np.zeros(width, dtype=np.int64)
        for batch in self.live:
            left, columns = batch.left(), batch.columns[batch.open]
            np.add.at(buys, columns, np.maximum(left, 0))
            np.add.at(sells, columns, np.maximum(-left, 0))
        return buys, sells

    def reserved(self) -> int:
        """What open orders will cost, less what they bring, at their reference prices; micros."""
        return sum(int((batch.left() * batch.reference[batch.open]).sum()) for batch in self.live)
