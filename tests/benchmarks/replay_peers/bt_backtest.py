"""bt: a strategy of one algo, which fills yesterday's orders at a price of its own, the open, and decides at the close."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.replay_strategy import COST, Outcome, Panel, decision_rows, top_decile, whole_shares

IMPORTS = ("pandas", "bt")


def prepare(panel: Panel, rebalanced: str) -> Callable[[], Outcome]:
    """Frames of closes and of a bid-offer spread of nothing, which bt wants to have before a fill may have its own price."""
    import bt
    import pandas as pd

    symbols, days = list(panel.symbols), pd.DatetimeIndex(panel.sessions.astype("datetime64[ns]"))
    closes = pd.DataFrame(panel.close, index=days, columns=symbols)
    spread = pd.DataFrame(0.0, index=days, columns=symbols)
    decides = np.zeros(len(days), dtype=np.bool_)
    decides[decision_rows(panel.sessions, rebalanced)] = True

    class Momentum(bt.Algo):
        def __init__(self) -> None:
            super().__init__()
            self.row, self.fills = -1, 0
            self.shares, self.order = np.zeros(len(symbols)), np.zeros(len(symbols))

        def __call__(self, target: Any) -> bool:
            self.row += 1
            columns = self.order.nonzero()[0]
            for column in columns:
                name = symbols[column]
                if name not in target.children:
                    target.transact(0.0, child=name)
                target.children[name].transact(self.order[column], update=False, price=panel.open[self.row, column])
            if len(columns):
                self.shares += self.order
                self.order = np.zeros(len(symbols))
                self.fills += len(columns)
                target.root.update(target.now)
            if decides[self.row]:
                top = top_decile(panel, self.row)
                self.order = -self.shares
                self.order[top] += whole_shares(panel.invested * target.value / len(top), panel.close[self.row, top])
            return True

    def run() -> Outcome:
        test = bt.Backtest(
            bt.Strategy("momentum", [Momentum()], children=symbols),
            closes,
            initial_capital=panel.capital,
            commissions=lambda q, p: abs(q) * p * COST,
            integer_positions=True,
            progress_bar=False,
            additional_data={"bidoffer": spread},
        )
        test.run()
        (algo,) = test.strategy.stack.algos  # bt runs copies
        return Outcome(float(test.strategy.value), algo.fills)

    return run
