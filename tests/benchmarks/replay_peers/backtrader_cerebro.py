"""backtrader: a feed per symbol, market orders from the close to the next open, with a credit that is taken off again."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.replay_strategy import COST, Outcome, Panel, decision_rows, top_decile, whole_shares

IMPORTS = ("pandas", "backtrader")


def prepare(panel: Panel, rebalanced: str) -> Callable[[], Outcome]:
    """Frames, one per symbol; feeds are read within the replay, since a feed lives for one run. The credit is as much again."""
    import backtrader as bt
    import pandas as pd

    symbols, days = panel.symbols, pd.DatetimeIndex(panel.sessions.astype("datetime64[ns]"))
    frames = []
    for column in range(len(symbols)):
        opens, closes = panel.open[:, column], panel.close[:, column]
        prices = {"open": opens, "high": np.maximum(opens, closes), "low": np.minimum(opens, closes), "close": closes}
        frames.append(pd.DataFrame({**prices, "volume": 1_000_000.0, "openinterest": 0.0}, index=days))
    lent = panel.capital
    decides = np.zeros(len(days), dtype=np.bool_)
    decides[decision_rows(panel.sessions, rebalanced)] = True

    class Momentum(bt.Strategy):
        def __init__(self) -> None:
            self.fills = 0

        def notify_order(self, order: Any) -> None:
            self.fills += order.status == order.Completed

        def next(self) -> None:
            row = len(self) - 1
            if not decides[row] or row + 1 == len(days):
                return
            shares = np.zeros(len(symbols))
            held = self.broker.positions
            for column, data in enumerate(self.datas):
                if data in held:
                    shares[column] = held[data].size
            top = top_decile(panel, row)
            order = -shares
            order[top] += whole_shares(panel.invested * (self.broker.getvalue() - lent) / len(top), panel.close[row, top])
            for column in (order < 0.0).nonzero()[0]:
                self.sell(self.datas[column], size=-order[column])
            for column in (order > 0.0).nonzero()[0]:
                self.buy(self.datas[column], size=order[column])

    def run() -> Outcome:
        cerebro = bt.Cerebro(stdstats=False)
        for name, frame in zip(symbols, frames, strict=True):
            cerebro.adddata(bt.feeds.PandasDirectData(dataname=frame), name=name)
        cerebro.addstrategy(Momentum)
        cerebro.broker.setcash(panel.capital + lent)
        cerebro.broker.setcommission(commission=COST)
        cerebro.broker.set_checksubmit(False)
        (strategy,) = cerebro.run()
        return Outcome(float(cerebro.broker.getvalue() - lent), strategy.fills)

    return run
