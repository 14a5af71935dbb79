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
    """

    buyable: IntArray
    sellable: IntArray
    reducing: BoolArray

    def __post_init__(self) -> None:
        shape = self.reducing.shape
        for name, dtype in (("buyable", np.int64), ("sellable", np.int64), ("reducing", np.bool_)):
            array = getattr(self, name)
            if array.shape != shape or len(shape) != 1 or array.dtype != dtype:
                raise ValueError(f"stops: {name} is {array.dtype} of shape {array.shape}; it must be {np.dtype(dtype)}, (N,) as the others")
        if min(self.buyable.min(initial=0), self.sellable.min(initial=0)) < 0:
            raise ValueError("stops: shares that may be bought and sold are never below zero")

    @classmethod
    def none(cls, count: int) -> "Stops":
        """Nothing is stopped."""
        return cls(np.full(count, MOST_QUANTITY), np.full(count, MOST_QUANTITY), np.zeros(count, dtype=np.bool_))
