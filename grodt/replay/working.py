"""Orders of a replay: what was sent in each session, what it has filled, and what is still open."""

from collections.abc import Iterator
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


@dataclass(slots=True, eq=False)
class Batch:
    """The orders of one session's decision, in the order they are sent; arrays of shape (n,).

    Attributes:
        row: of the session of the decision.
        columns: what is traded.
        quantity: signed shares ordered.
        reference: price of the decision, micros.
        state: `Reached`.
        filled: shares filled, ≥ 0.
        notional: Σ shares · price of the fills, micros.
    """

    row: int
    columns: IntArray
    quantity: IntArray
    reference: IntArray
    state: NDArray[np.int8] = field(init=False)
    filled: IntArray = field(init=False)
    notional: IntArray = field(init=False)

    def __post_init__(self) -> None:
        self.state = np.zeros(len(self.columns), dtype=np.int8)
        self.filled = np.zeros(len(self.columns), dtype=np.int64)
        self.notional = np.zeros(len(self.columns), dtype=np.int64)

    def open(self) -> IntArray:
        """Places of the orders that may still fill."""
        return np.flatnonzero(self.state <= Reached.PARTIALLY_FILLED)


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
        self.live = [batch for batch in self.live if (batch.state <= Reached.PARTIALLY_FILLED).any()]

    def cancel(self, columns: IntArray) -> None:
        """Cancel what is open in those columns."""
        for batch in self.live:
            places = batch.open()
            batch.state[places[np.isin(batch.columns[places], columns)]] = Reached.CANCELLED

    def sides(self, width: int) -> tuple[IntArray, IntArray]:
        """Open buys and open sells by column, shares ≥ 0, (N,) each."""
        buys, sells = np.zeros(width, dtype=np.int64), np.zeros(width, dtype=np.int64)
        for batch, places in self.open():
            left = np.abs(batch.quantity[places]) - batch.filled[places]
            bought = batch.quantity[places] > 0
            np.add.at(buys, batch.columns[places[bought]], left[bought])
            np.add.at(sells, batch.columns[places[~bought]], left[~bought])
        return buys, sells

    def reserved(self) -> int:
        """What open orders will cost, less what they bring, at their reference prices; micros."""
        total = 0
        for batch, places in self.open():
            left = np.abs(batch.quantity[places]) - batch.filled[places]
            total += int((np.sign(batch.quantity[places]) * left * batch.reference[places]).sum())
        return total

    def open(self) -> Iterator[tuple[Batch, IntArray]]:
        """Batches with the places of their open orders, oldest first."""
        kept = []
        for batch in self.live:
            places = batch.open()
            if len(places):
                kept.append(batch)
                yield batch, places
        self.live = kept
