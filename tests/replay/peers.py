"""Our statistics beside those of empyrical-reloaded and QuantStats, in an environment of their own; no part of the test run.

    uv run python -m tests.replay.peers

installs both into a folder that is removed afterwards, computes every statistic that they have on random series and on Bacon's months,
prints ours, theirs and the difference, and ends with status 1 if one is further apart than 1e-9.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from grodt.replay.benchmark import alpha, beta, information_ratio
from grodt.replay.drawdowns import calmar, max_drawdown
from grodt.replay.returns import annual_return, annual_volatility, growth_of, hit_rate, profit_factor, sharpe, sortino, total_return
from grodt.replay.tails import excess_kurtosis, gaussian_var, historical_cvar, historical_var, skewness, tail_ratio
from grodt.signals.panel import FloatArray
from tests.replay.courses import BACON, random_returns

PEERS = ("empyrical-reloaded==0.7.1", "quantstats==0.0.86")
_THEIRS = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import empyrical as e, pandas as pd, quantstats as q
out = {}
for name, (r, b) in json.load(sys.stdin).items():
    day = pd.date_range("2000-01-03", periods=len(r))
    r, b = pd.Series(r, index=day), pd.Series(b, index=day)
    out[name] = dict(
        total_return=e.cum_returns_final(r), annual_return=e.annual_return(r), annual_volatility=e.annual_volatility(r),
        sharpe=e.sharpe_ratio(r), sharpe_above_3_pct=e.sharpe_ratio(r, 1.03 ** (1 / 252) - 1), sortino=e.sortino_ratio(r),
        max_drawdown=e.max_drawdown(r), calmar=e.calmar_ratio(r), historical_var=e.value_at_risk(r),
        historical_cvar=e.conditional_value_at_risk(r), tail_ratio=e.tail_ratio(r), beta=e.beta(r, b),
        alpha=252 * ((1 + e.alpha(r, b)) ** (1 / 252) - 1), information_ratio=252 ** 0.5 * e.excess_sharpe(r, b),
        gaussian_var=q.stats.value_at_risk(r), skewness=q.stats.skew(r), excess_kurtosis=q.stats.kurtosis(r),
        hit_rate=q.stats.win_rate(r), profit_factor=q.stats.profit_factor(r),
    )
print(json.dumps({name: {k: float(v) for k, v in each.items()} for name, each in out.items()}))
"""


def ours(returns: FloatArray, against: FloatArray) -> dict[str, float]:
    """What we say of a series, under the names of the program above."""
    equity = growth_of(returns)
    single = (total_return, annual_return, annual_volatility, sharpe, sortino, historical_var, historical_cvar, tail_ratio, gaussian_var)
    shapes = (skewness, excess_kurtosis, hit_rate, profit_factor)
    return {each.__name__: each(returns) for each in (*single, *shapes)} | {
        "sharpe_above_3_pct": sharpe(returns, 0.03),
        "max_drawdown": max_drawdown(equity),
        "calmar": calmar(equity),
        "beta": beta(returns, against),
        "alpha": alpha(returns, against),
        "information_ratio": information_ratio(returns, against),
    }


def main() -> int:
    """Compare, print, and say whether all agree."""
    series = {"normal": random_returns(7, 2000), "fat tails": 0.008 * np.random.default_rng(8).standard_t(3, 1500), "Bacon": BACON}
    pairs = {name: (each, 0.5 * each + random_returns(9, each.size)) for name, each in series.items()}
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin/python"
        subprocess.run(["uv", "venv", "-q", "-p", sys.executable, folder], check=True)
        subprocess.run(["uv", "pip", "install", "-q", "-p", python, *PEERS], check=True)
        asked = json.dumps({name: (each.tolist(), against.tolist()) for name, (each, against) in pairs.items()})
        answer = subprocess.run([python, "-c", _THEIRS], input=asked, capture_output=True, text=True, check=True)
    apart = 0
    for name, theirs in json.loads(answer.stdout).items():
        mine = ours(*pairs[name])
        for statistic, value in theirs.items():
            difference = abs(mine[statistic] - value)
            apart += difference > 1e-9 * max(1.0, abs(value))
            print(f"{name:10} {statistic:20} {mine[statistic]:22.15g} {value:22.15g} {difference:8.1e}")
    print(f"{apart} further apart than 1e-9")
    return int(apart > 0)


if __name__ == "__main__":
    sys.exit(main())
