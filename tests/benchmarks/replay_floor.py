"""The floor: the strategy replayed by bare NumPy, with nothing around it. What it leaves out: limits, evidence, orders, dates, any table.

Sized at the close, whole shares, filled whole at the next open wherever the symbol has a bar there (else the order lapses); what fills cost
beyond the cash at hand is borrowed without interest. This is the convention of the benchmark; see `replay_reference` for others'.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from tests.benchmarks.replay_strategy import COST, Outcome, Panel, decision_rows, top_decile, whole_shares

IMPORTS = ()


def prepare(panel: Panel, rebalanced: str) -> Callable[[], Outcome]:
    """Where bars are missing: ones and zeros instead of them, and prices that can be multiplied."""
    rows = decision_rows(panel.sessions, rebalanced)
    bars = [*rows[rows < len(panel.close) - 1].tolist(), len(panel.close) - 1]
    opens, last = (panel.open, panel.last) if panel.whole else (np.nan_to_num(panel.open), np.nan_to_num(panel.last))
    at_open, at_close = (None, None) if panel.whole else (1.0 - np.isnan(panel.open), 1.0 - np.isnan(panel.close))

    def run() -> Outcome:
        cash, fills = panel.capital, 0
        shares = np.zeros(last.shape[1])
        equity = np.full(len(last), cash)
        for row, following in pairwise(bars):
            top = top_decile(panel, row)
            order = -shares
            if len(top):
                order[top] += whole_shares(panel.invested * equity[row] / len(top), last[row, top])
            if at_open is not None and at_close is not None:
                order *= at_close[row]  # without a bar nothing is ordered
                order *= at_open[row + 1]
            cash -= float(order @ opens[row + 1]) + COST * float(np.abs(order) @ opens[row + 1])
            shares += order
            fills += int(np.count_nonzero(order))
            if following == row + 1:
                equity[following] = cash + last[following] @ shares
            else:
                equity[row + 1 : following + 1] = cash + last[row + 1 : following + 1] @ shares
        return Outcome(float(equity[-1]), fills)

    return run
