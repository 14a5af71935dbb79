"""qlib: its simulator, whose exchange deals at opens, under a strategy that orders shares, with a credit that is taken off again."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.replay_strategy import COST, LOOKBACK, Outcome, Panel, decision_rows, top_decile, whole_shares
from tests.benchmarks.replay_strategy import panel as panel_of

IMPORTS = ("pandas", "qlib", "qlib.backtest", "qlib.backtest.executor", "qlib.strategy.base")


def prepare(panel: Panel, rebalanced: str) -> Callable[[], Outcome]:
    """Its store of bars, in 32 bits as it keeps them, and an exchange that has read them."""
    import qlib
    from qlib.backtest import backtest_loop, get_exchange, get_strategy_executor
    from qlib.backtest.decision import Order, OrderDir, TradeDecisionWO
    from qlib.backtest.executor import SimulatorExecutor
    from qlib.constant import REG_US
    from qlib.strategy.base import BaseStrategy

    panel = panel_of(panel.sessions, *(prices.astype(np.float32).astype(np.float64) for prices in (panel.open, panel.close)))
    folder = tempfile.TemporaryDirectory(prefix="grodt-qlib-")
    root = Path(folder.name)
    days = panel.sessions.astype(str)
    for name in ("calendars", "instruments", "features"):
        (root / name).mkdir()
    (root / "calendars" / "day.txt").write_text("\n".join([*days, str(panel.sessions[-1] + 1)]))  # a step ends where the next begins
    (root / "instruments" / "all.txt").write_text("\n".join(f"{symbol}\t{days[0]}\t{days[-1]}" for symbol in panel.symbols))
    same = np.ones(len(days))
    for column, symbol in enumerate(panel.symbols):
        feature = root / "features" / symbol.lower()
        feature.mkdir()
        fields = {
            "open": panel.open[:, column],
            "close": panel.close[:, column],
            "volume": same * 1e9,
            "factor": same,
            "change": same * 0.0,
        }
        for name, values in fields.items():
            np.concatenate([[0.0], values]).astype("<f4").tofile(feature / f"{name}.day.bin")
    qlib.init(provider_uri=str(root), region=REG_US, kernels=1, joblib_backend="threading", logging_level=40)
    exchange = get_exchange(
        start_time=days[0],
        end_time=days[-1],
        codes=list(panel.symbols),
        deal_price="open",
        open_cost=COST,
        close_cost=COST,
        min_cost=0.0,
        trade_unit=1,
        limit_threshold=None,
    )
    decides = set(decision_rows(panel.sessions, rebalanced).tolist())
    lent = panel.capital
    names = {symbol: column for column, symbol in enumerate(panel.symbols)}

    class Momentum(BaseStrategy):  # type: ignore[misc, unused-ignore]
        fills = 0

        def generate_trade_decision(self, execute_result: Any = None) -> Any:
            del execute_result
            step = self.trade_calendar.get_trade_step()
            row = LOOKBACK + step
            if row not in decides:
                return TradeDecisionWO([], self)
            start, end = self.trade_calendar.get_step_time(step)
            position = self.trade_position
            shares = np.zeros(len(names))
            for symbol, amount in position.get_stock_amount_dict().items():
                shares[names[symbol]] = amount
            top = top_decile(panel, row)
            change = -shares
            change[top] += whole_shares(panel.invested * (position.calculate_value() - lent) / len(top), panel.close[row, top])
            columns = np.concatenate([(change < 0.0).nonzero()[0], (change > 0.0).nonzero()[0]])
            self.fills += len(columns)
            orders = [
                Order(panel.symbols[column], abs(change[column]), OrderDir.BUY if change[column] > 0.0 else OrderDir.SELL, start, end)
                for column in columns
            ]
            return TradeDecisionWO(orders, self)

    def run() -> Outcome:
        strategy, executor = get_strategy_executor(
            days[LOOKBACK + 1],
            days[-1],
            Momentum(),
            SimulatorExecutor(time_per_step="day"),
            benchmark=panel.symbols[0],
            account=panel.capital + lent,
            exchange_kwargs={"exchange": exchange},
        )
        backtest_loop(days[LOOKBACK + 1], days[-1], strategy, executor)
        return Outcome(float(executor.trade_account.current_position.calculate_value() - lent), strategy.fills)

    run.__dict__["keep"] = folder  # removed with the function
    return run
