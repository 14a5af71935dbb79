"""Whose the orders of a decision are, in a book of several strategies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from grodt.orders.order import Order, Side
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
        crossable: (N,), where strategies may trade with each other: what has a price of the session and no halt.
    """

    strategies: tuple[str, ...]
    quantity: NDArray[np.int64]
    crossable: NDArray[np.bool_]

    def attributed(
        self, orders: Sequence[Order], symbols: Sequence[str], approved: NDArray[np.int64], price: NDArray[np.int64]
    ) -> Attribution:
        """Whose those orders are.

        What both sides want, strategies trade with each other at the close; what is left is of one side, and the order's. Where risk
        approves less than was asked for, each has its part of that. Where it approves nothing of it, there is no cross either.

        Args:
            orders: at most one of a symbol.
            symbols: (N).
            approved: signed shares that risk approved, (N,).
            price: the closes, micros, (N,).
        """
        of_symbol = {order.symbol: order for order in orders}
        shares: dict[str, dict[str, int]] = {}
        crosses: list[Cross] = []
        for at in np.flatnonzero(self.quantity.any(axis=0)).tolist():
            wanted = self.quantity[:, at].tolist()
            asked, order = sum(wanted), of_symbol.get(symbols[at])
            cross = crossed(wanted) if self.crossable[at] and (asked == 0 or approved[at] != 0) else (0,) * len(wanted)
            crosses += [Cross(symbols[at], who, each, int(price[at])) for who, each in zip(self.strategies, cross, strict=True) if each]
            if order is not None:
                sign = 1 if order.side is Side.BUY else -1
                rest = [max(sign * (want - each), 0) for want, each in zip(wanted, cross, strict=True)]
                parts = zip(self.strategies, apportion(order.quantity, rest), strict=True)
                shares[order.client_order_id] = {who: part for who, part in parts if part}
        return Attribution(shares, tuple(crosses))
