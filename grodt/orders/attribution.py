"""Whose the orders of a decision are, in a book of several strategies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from grodt.orders.order import Order
from grodt.orders.shares import apportion, crossed


@dataclass(frozen=True, slots=True)
class Cross:
    """What a strategy traded with others of its book: signed shares at a price in micros."""

    symbol: str
    strategy: str
    quantity: int
    price: int


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose the orders of a decision are. Of a book that is one strategy it says nothing.

    Attributes:
        shares: by client order id, what each strategy has of the order, > 0; of its side, and adding up to it.
        crosses: what strategies trade with each other at the close; of a symbol they add up to nothing.
    """

    shares: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    crosses: tuple[Cross, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What strategies want to trade.

    Attributes:
        strategies: names.
        quantity: signed shares, (S, N), which add up to what the book asks risk for.
        free: shares that each may give to others, ≥ 0, (S, N): what it holds less what its open orders sell, because these may have filled
            by then, those that are withdrawn too. What it has ordered is not its own yet.
        crossable: (N,), where strategies may trade with each other: what has a price of the session and no halt.
    """

    strategies: tuple[str, ...]
    quantity: NDArray[np.int64]
    free: NDArray[np.int64]
    crossable: NDArray[np.bool_]

    def parts(self, approved: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """What each strategy trades with the others, and what it has of the orders: signed shares, (S, N) each.

        What both sides want and have, strategies trade with each other at the close; what is left is of one side, and the order's. Where
        risk approves less than was asked for, each has its part of that. Where it approves nothing of it, there is no cross either.

        Args:
            approved: signed shares that risk approved, of the sign that was asked for and no more, (N,).
        """
        cross, own = np.zeros_like(self.quantity), np.zeros_like(self.quantity)
        for at in np.flatnonzero(self.quantity.any(axis=0)).tolist():
            wanted, ordered = self.quantity[:, at].tolist(), int(approved[at])
            if self.crossable[at] and (ordered or not sum(wanted)):
                cross[:, at] = crossed([max(want, -free) for want, free in zip(wanted, self.free[:, at].tolist(), strict=True)])
            if ordered:
                sign = 1 if ordered > 0 else -1
                rest = [max(sign * (want - each), 0) for want, each in zip(wanted, cross[:, at].tolist(), strict=True)]
                own[:, at] = [sign * part for part in apportion(abs(ordered), rest)]
        return cross, own

    def attributed(
        self, orders: Sequence[Order], symbols: Sequence[str], approved: NDArray[np.int64], price: NDArray[np.int64]
    ) -> Attribution:
        """Whose orders are.

        Args:
            orders: of what was approved, one of each symbol.
            symbols: (N).
            approved: see `parts`.
            price: the closes, micros, (N,).
        """
        cross, own = self.parts(approved)
        place = {symbol: at for at, symbol in enumerate(symbols)}
        shares = {
            order.client_order_id: {
                who: abs(part) for who, part in zip(self.strategies, own[:, place[order.symbol]].tolist(), strict=True) if part
            }
            for order in orders
        }
        return Attribution(
            shares,
            tuple(
                Cross(symbols[at], self.strategies[who], int(cross[who, at]), int(price[at])) for at, who in np.argwhere(cross.T).tolist()
            ),
        )
