"""cvxportfolio: its market simulator, which trades at opens and earns from open to open, under a policy that asks for whole shares."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.replay_strategy import COST, LOOKBACK, Outcome, Panel, decision_rows, top_decile, whole_shares

IMPORTS = ("pandas", "cvxportfolio")


def prepare(panel: Panel, rebalanced: str) -> Callable[[], Outcome]:
    """Frames of returns from open to open, the last one to the last close, with cash that earns nothing; and of opens."""
    import cvxportfolio as cvx
    import pandas as pd
    from cvxportfolio.policies import Policy

    days = pd.DatetimeIndex(panel.sessions.astype("datetime64[ns]"))
    days = days.append(days[-1:] + pd.Timedelta(days=1))
    prices = np.vstack([panel.open, panel.close[-1:]])
    returns = pd.DataFrame(np.vstack([prices[1:] / prices[:-1] - 1.0, np.zeros((1, prices.shape[1]))]), index=days, columns=panel.symbols)
    returns["cash"] = 0.0
    opens = pd.DataFrame(prices, index=days, columns=panel.symbols)
    rows = {day: row for row, day in enumerate(days)}
    decides = set(decision_rows(panel.sessions, rebalanced).tolist())

    class Momentum(Policy):  # type: ignore[misc, unused-ignore]
        """What was decided at the close before, as weights at the open that trade exactly those shares."""

        def __init__(self) -> None:
            self.fills = 0

        def values_in_time_recursive(self, t: Any, current_weights: Any, current_portfolio_value: float, **_: Any) -> Any:
            row = rows[t] - 1
            if row not in decides:
                return current_weights
            dollars = current_weights.to_numpy() * current_portfolio_value
            shares = np.rint(dollars[:-1] / prices[row + 1])
            top = top_decile(panel, row)
            order = -shares
            order[top] += whole_shares(panel.invested * (dollars[-1] + shares @ panel.close[row]) / len(top), panel.close[row, top])
            self.fills += int(np.count_nonzero(order))
            traded = order * prices[row + 1] / current_portfolio_value
            return current_weights + pd.Series(np.append(traded, -traded.sum()), current_weights.index)

    simulator = cvx.MarketSimulator(
        market_data=cvx.UserProvidedMarketData(returns, prices=opens, cash_key="cash", min_history=pd.Timedelta(0)),
        costs=[cvx.TransactionCost(a=COST)],
        round_trades=True,
    )

    def run() -> Outcome:
        policy = Momentum()
        result = simulator.backtest(policy, start_time=days[LOOKBACK + 1], end_time=days[-1], initial_value=panel.capital)
        return Outcome(float(result.v.iloc[-1]), policy.fills)

    return run
