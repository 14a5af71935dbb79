"""What strategies have of what a book earns and pays by no trade: dividends and borrowed shares, interest and fees, money in and out.

What belongs to a symbol is of those who hold it, in proportion to shares; what belongs to none, in proportion to the capital that each has
then. Both are shared out in whole micros that add up (`grodt.orders.shares`).
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from grodt.ledger.columns import instant_text
from grodt.ledger.strategy_book import StrategyBook
from grodt.orders.shares import apportion

#: Entries that are looked at; a correction's too, as far as it is of cash.
KINDS = ("deposit", "withdrawal", "dividend", "borrow_cost", "interest", "fee")
_BY_SHARES = ("dividend", "borrow")
_BY_CAPITAL = ("dividend", "borrow", "interest", "fee", "correction", "capital")


class StrategyCharges:
    """Sums by strategy and line, micros; what was earned and came in is positive. Lines are accounts, of capital deposit and withdrawal."""

    def __init__(self, default: str, shares: Sequence[tuple[datetime, Mapping[str, int]]]) -> None:
        """Begin with nothing.

        Args:
            default: the strategy of what is nobody's.
            shares: of the capital, from when on, earliest first.
        """
        self.sums: dict[str, dict[str, int]] = {}
        self._default = default
        self._from = [instant_text(at) for at, _ in shares]
        self._shares = [of for _, of in shares]

    def take(self, held: StrategyBook, at: str, lines: Iterable[Any]) -> None:
        """Share out an entry's postings.

        Args:
            held: what strategies hold when it is booked.
            at: when that is, as the ledger writes it.
            lines: postings with account, symbol and amount.
        """
        for line in lines:
            if line.symbol and line.account in _BY_SHARES:
                self._add(line.account, -line.amount, held.holders(line.symbol))
            elif not line.symbol and line.account in _BY_CAPITAL:
                name = line.account if line.account != "capital" else ("deposit" if line.amount < 0 else "withdrawal")
                self._add(name, -line.amount, self._in_force(at))

    def _in_force(self, at: str) -> Mapping[str, int]:
        place = bisect_right(self._from, at)
        return self._shares[place - 1] if place else {}

    def _add(self, line: str, amount: int, whose: Mapping[str, int]) -> None:
        sizes = whose or {self._default: 1}
        for strategy, part in zip(sizes, apportion(abs(amount), list(sizes.values())), strict=True):
            own = self.sums.setdefault(strategy, {})
            own[line] = own.get(line, 0) + (part if amount > 0 else -part)
