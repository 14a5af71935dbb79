"""vectorbt: `Portfolio.from_orders` with target percentages, one group that shares its cash, sells before buys."""

from collections.abc import Callable

import numpy as np

from tests.benchmarks.replay_strategy import COST, Outcome, Panel, decision_rows, top_decile

IMPORTS = ("pandas", "vectorbt", "vectorbt_rust")


def prepare(panel: Panel, rebalanced: str, *, whole: bool = True, engine: str = "numba") -> Callable[[], Outcome]:
    """Frames of prices; those that targets are sized at are the closes of the session before."""
    import pandas as pd
    import vectorbt as vbt
    from vectorbt.portfolio.enums import SizeType

    days, symbols = pd.DatetimeIndex(panel.sessions.astype("datetime64[ns]")), list(panel.symbols)
    opens, closes = (pd.DataFrame(prices, index=days, columns=symbols) for prices in (panel.open, panel.last))
    before = closes.shift()
    rows = decision_rows(panel.sessions, rebalanced)
    rows = rows[rows < len(panel.close) - 1]
    most = max(1_000, len(rows) * panel.close.shape[1] // 4)  # orders: room for a decile bought and a decile sold each time

    def run() -> Outcome:
        # Between decisions the amount 0 is ordered: calls are sorted by insertion, and NaN, as its documents have it, costs the square.
        weight, kind = np.zeros(panel.close.shape), np.full((len(panel.close), 1), SizeType.Amount)
        for row in rows:
            top = top_decile(panel, int(row))
            kind[row + 1] = SizeType.TargetPercent
            weight[row + 1, top] = panel.invested / max(len(top), 1)
            if not panel.whole:
                weight[row + 1, np.isnan(panel.close[row])] = np.nan
        portfolio = vbt.Portfolio.from_orders(
            closes,
            size=pd.DataFrame(weight, index=days, columns=symbols),
            size_type=kind,
            direction="longonly",
            price=opens,
            val_price=before,
            fees=COST,
            size_granularity=1.0 if whole else np.nan,
            init_cash=panel.capital,
            cash_sharing=True,
            group_by=True,
            call_seq="auto",
            freq="D",
            max_orders=most,
            engine=engine,
        )
        return Outcome(float(portfolio.value().iloc[-1]), len(portfolio.order_records))

    return run
