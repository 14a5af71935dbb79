"""What a replay's positions cost, worked out from its fills and corporate actions by the ledger's own rules."""

from collections.abc import Mapping

import numpy as np

from grodt.ledger.entries import FLAT, Entry, Holding, cost_added, split_entry, symbol_change_entry
from grodt.money import Micros, divide_half_even
from grodt.replay.account import Applied
from grodt.replay.working import Filled


class Costs:
    """Shares, cost and average cost of each column, micros, (N,); brought forward event by event.

    It counts the shares itself, so that what it says can be held against the book it is about.
    """

    def __init__(self, columns: Mapping[str, int]) -> None:
        """Of a flat book; `columns` by label."""
        self._columns = columns
        self.shares = np.zeros(len(columns), dtype=np.int64)
        self.cost = np.zeros(len(columns), dtype=np.int64)
        self.average = np.zeros(len(columns), dtype=np.int64)

    def act(self, applied: Applied) -> None:
        """A corporate action."""
        action, column = applied.action, applied.column
        held = self._held(column)
        if action.kind == "split":
            entry = split_entry(action, "", held, applied.price)
            if entry is not None:
                self._book(entry)
        elif action.kind == "delisting":
            self._set(column, FLAT)
        elif action.kind == "symbol_change":
            entry = symbol_change_entry(action, "", held, self._held(self._columns[action.new_symbol]))
            if entry is not None:
                self._book(entry)

    def fill(self, filled: Filled) -> None:
        """Fills of one session."""
        rows = zip(filled.columns.tolist(), filled.quantity.tolist(), filled.price.tolist(), strict=True)
        for column, quantity, price in rows:
            held = self._held(column)
            self._set(column, Holding(held.quantity + quantity, Micros(held.cost + cost_added(held.quantity, held.cost, quantity, price))))

    def _held(self, column: int) -> Holding:
        return Holding(int(self.shares[column]), Micros(int(self.cost[column])))

    def _book(self, entry: Entry) -> None:
        for line in entry.postings:
            if line.account in ("position", "cost"):
                column = self._columns[line.symbol]
                held = self._held(column)
                shares, cost = (line.amount, 0) if line.account == "position" else (0, line.amount)
                self._set(column, Holding(held.quantity + shares, Micros(held.cost + cost)))

    def _set(self, column: int, held: Holding) -> None:
        self.shares[column], self.cost[column] = held.quantity, held.cost
        sign = -1 if held.quantity < 0 else 1
        self.average[column] = divide_half_even(sign * held.cost, sign * held.quantity) if held.quantity else 0
