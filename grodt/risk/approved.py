"""The proof that a quantity passed every control."""

from dataclasses import InitVar, dataclass
from typing import NewType

from grodt.money import Micros

_SEAL = object()

#: Shares > 0 of an order that risk approved. An import contract keeps it from everyone outside risk and orders, so that an
#: order of a plain int does not type-check.
ApprovedQuantity = NewType("ApprovedQuantity", int)


@dataclass(frozen=True, slots=True)
class Approved:
    """A signed order quantity that `risk` approved. Only `grodt.risk` makes one; an order is built from nothing else.

    Attributes:
        symbol: ticker.
        quantity: whole shares to trade, > 0 to buy, < 0 to sell, never 0.
        reference_price: price it was checked at, in micros.
        price: limit or stop that it was checked with (control 5), in micros; None for a market order.
    """

    symbol: str
    quantity: int
    reference_price: Micros
    price: Micros | None = None
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError(f"{self.symbol}: an Approved quantity is made by grodt.risk alone")
        if self.quantity == 0:
            raise ValueError(f"{self.symbol}: an approved quantity is never zero")


def _approve(symbol: str, quantity: int, reference_price: Micros, price: Micros | None = None) -> Approved:
    """For `grodt.risk` alone; an import contract keeps others out."""
    return Approved(symbol, quantity, reference_price, price, _SEAL)
