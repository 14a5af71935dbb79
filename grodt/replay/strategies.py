"""The strategies of a book in a replay: what each holds, brought forward as the course goes on, as the ledger has it live."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby

import numpy as np

from grodt.bars.corporate_actions import split
from grodt.execution.decision import BookState, Closes
from grodt.execution.strategies import StrategyState, StrategyTargets, decide_strategies
from grodt.orders.attribution import Wanted
from grodt.orders.shares import apportion, filled_now, one_sided
from grodt.replay.account import Applied
from grodt.replay.course import Course
from grodt.replay.history import IntArray
from grodt.replay.working import Batch, Filled
from grodt.signals.forecasts import ForecastHistory
from grodt.targets.rebalancing import rebalances
from grodt.targets.strategies import Strategy


class Strategies:
    """Several strategies on their way through a replay.

    Attributes:
        position: whole shares of each, (S, N).
    """

    def __init__(self, strategies: Sequence[Strategy], forecasts: Sequence[ForecastHistory], columns: dict[str, int]) -> None:
        """Flat; with the forecasts of each, over the columns of the history by label."""
        self._strategies, self._forecasts, self._columns = strategies, forecasts, columns
        self.position = np.zeros((len(strategies), len(columns)), dtype=np.int64)
        self._shares: dict[int, IntArray] = {}
        self._done: dict[tuple[int, int], int] = {}
        self._applied = self._filled = 0

    def bring_forward(self, course: Course) -> None:
        """What the course has applied and filled since the last time.

        Raises:
            ValueError: strategies do not hold what the book holds.
        """
        account, orders = course.account, course.orders
        for changes, events in groupby(account.applied[self._applied :], key=lambda each: each.action.kind == "symbol_change"):
            if changes:
                self._rename([*events])
            else:
                for each in events:
                    self._act(each)
        for filled in orders.filled[self._filled :]:
            self._fill(filled)
        self._applied, self._filled = len(account.applied), len(orders.filled)
        live = {batch.row for batch in orders.live}
        self._shares = {row: shares for row, shares in self._shares.items() if row in live}
        off = np.flatnonzero(self.position.sum(axis=0) != account.position)
        if len(off):
            label = next(label for label, column in self._columns.items() if column == off[0])
            held = self.position[:, off[0]].sum()
            raise ValueError(f"strategies hold {held:,} {label}, and the book {account.position[off[0]]:,}")

    def decide(
        self, row: int, session: date, before: date | None, state: BookState, closes: Closes, live: Sequence[Batch]
    ) -> tuple[StrategyTargets, bool]:
        """The book's targets with what is whose, and whether each strategy trades to its own in this session.

        Args:
            row, session: of the decision.
            before: the session decided last.
            state, closes: of the book.
            live: batches with open orders.
        """
        held = self._held(*self._open(live))
        due = [rebalances(each.construction.rebalance, session, before) for each in self._strategies]
        forecasts = [each.at(row) for each in self._forecasts]
        return decide_strategies(self._strategies, forecasts, due, held=held, state=state, closes=closes), all(due)

    def wanted(self, targets: StrategyTargets, state: BookState, closes: Closes, live: Sequence[Batch], withdrawn: IntArray) -> Wanted:
        """What each strategy wants to trade towards the targets.

        Args:
            targets: of `decide`.
            state: of the book without the orders that are withdrawn.
            closes: of the session.
            live: batches with open orders.
            withdrawn: columns in which they are withdrawn.
        """
        working, sells = self._open(live)
        working[:, withdrawn] = 0
        return targets.wanted(self._held(working, sells), state, closes)

    def _held(self, working: IntArray, sells: IntArray) -> StrategyState:
        return StrategyState(tuple(each.name for each in self._strategies), self.position, working, sells)

    def approved(self, row: int, wanted: Wanted, approved: IntArray) -> None:
        """Cross what can be of what they wanted in a session, and keep whose the orders are."""
        cross, self._shares[row] = wanted.parts(approved)
        self.position = self.position + cross

    def _open(self, live: Sequence[Batch]) -> tuple[IntArray, IntArray]:
        """Signed shares of open orders, and shares that they may still sell, (S, N) each."""
        working, sells = np.zeros_like(self.position), np.zeros_like(self.position)
        for batch in live:
            shares = self._shares[batch.row]
            for place in batch.open.tolist():
                column = int(batch.columns[place])
                own = np.abs(shares[:, column])
                left = own - np.array(apportion(int(batch.filled[place]), own.tolist()))
                working[:, column] += left if batch.quantity[place] > 0 else -left
                sells[:, column] += 0 if batch.quantity[place] > 0 else left
        return working, sells

    def _fill(self, filled: Filled) -> None:
        shares = self._shares[filled.batch.row]
        for place, quantity in zip(filled.places.tolist(), filled.quantity.tolist(), strict=True):
            column = int(filled.batch.columns[place])
            key = filled.batch.row, column
            before = self._done.get(key, 0)
            parts = filled_now(before, abs(quantity), np.abs(shares[:, column]).tolist())
            self._done[key] = before + abs(quantity)
            self.position[:, column] += parts if quantity > 0 else [-part for part in parts]
            if self.position[:, column].min() < 0:  # what a strategy sells and does not hold is sold by those that do
                self.position[:, column] = one_sided(self.position[:, column].tolist())

    def _act(self, applied: Applied) -> None:
        """A split or a delisting, shared out by what each holds; a dividend moves no shares."""
        held = self.position[:, applied.column]
        if applied.action.kind == "split":
            after = split(applied.quantity, applied.action, applied.price).quantity
            self.position[:, applied.column] = apportion(after, held.tolist())
        elif applied.action.kind == "delisting":
            self.position[:, applied.column] = 0

    def _rename(self, changes: Sequence[Applied]) -> None:
        """Changes of symbols, all at once."""
        moved = [(self._columns[each.action.new_symbol], self.position[:, each.column].copy()) for each in changes]
        for each in changes:
            self.position[:, each.column] = 0
        for column, held in moved:
            self.position[:, column] += held
