"""What halts of one side, of a strategy, or of all but reductions in a symbol leave of a book's orders."""

from dataclasses import dataclass

import numpy as np

from grodt.risk.exact import MOST_QUANTITY, BoolArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Stops:
    """Arrays aligned to a proposal's symbols, shape (N,).

    Attributes:
        buyable, sellable: int64, shares that an order may buy, and sell, ≥ 0.
        reducing: bool, whether orders may only reduce the position.
        leg_buyable, leg_sellable: the first two as far as legs of brackets go, which protect a position whoever wanted it: what halts of a
            side or a symbol leave, those of strategies aside.
    """

    buyable: IntArray
    sellable: IntArray
    reducing: BoolArray
    leg_buyable: IntArray
    leg_sellable: IntArray

    def __post_init__(self) -> None:
        shape = self.reducing.shape
        rooms = ("buyable", "sellable", "leg_buyable", "leg_sellable")
        for name, dtype in (*((room, np.int64) for room in rooms), ("reducing", np.bool_)):
            array = getattr(self, name)
            if array.shape != shape or len(shape) != 1 or array.dtype != dtype:
                raise ValueError(f"stops: {name} is {array.dtype} of shape {array.shape}; it must be {np.dtype(dtype)}, (N,) as the others")
        if min(int(getattr(self, room).min(initial=0)) for room in rooms) < 0:
            raise ValueError("stops: shares that may be bought and sold are never below zero")

    @classmethod
    def none(cls, count: int) -> "Stops":
        """Nothing is stopped."""
        most = np.full(count, MOST_QUANTITY)
        return cls(most, most, np.zeros(count, dtype=np.bool_), most, most)
