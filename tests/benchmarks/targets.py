"""What targets cost a session, from forecasts to whole lots, as a replay asks for them: one call after another.

    uv run python -m tests.benchmarks.targets                    # about a minute
    uv run python -m tests.benchmarks.targets --no-optimisers

Every session has other forecasts and prices, and holds what the session before wanted. Forecasts are 1 for the top decile by a score
that moves slowly, 0 for the rest; with `all forecasts` each symbol has one. CPU milliseconds of a call, the median of the sessions, so that
what else runs on the machine counts for little; it does count, by caches that are shared.
"""

import argparse
import math
import os
import statistics
import sys
import time
from dataclasses import dataclass, replace

import numpy as np

from grodt.signals.forecasts import Forecasts
from grodt.signals.panel import FloatArray
from grodt.targets.caps import IntArray
from grodt.targets.construction import Construction
from grodt.targets.quantities import target_quantities
from grodt.targets.stops import StopRule, stop_sizes

SIZES = (50, 500, 5_000)
#: Symbols, and milliseconds a session: targets of equal weight must cost less.
BARS = {500: 0.1, 5_000: 0.3}
HISTORY, ROWS = 60, 400
EQUITY = 1e7

EQUAL = Construction(volatility_target=None, weight_cap=0.1, gross_cap=1.0, no_trade_band=0.0, long_only=True, sizing="equal_weight")
INVERSE = Construction(volatility_target=0.1, weight_cap=0.1, gross_cap=1.0, no_trade_band=0.002, long_only=True)
SHRUNK = replace(INVERSE, covariance="shrunk", long_only=False)
#: Construction, whether every symbol has a forecast, and whether the session is one to rebalance in.
CASES: dict[str, tuple[Construction, bool, bool]] = {
    "equal weight": (EQUAL, False, True),
    "… quantities kept": (EQUAL, False, False),
    "… with a band": (replace(EQUAL, no_trade_band=0.0005), False, True),
    "… with groups": (replace(EQUAL, group_cap={"*": 0.15}), False, True),
    "… partial trades": (replace(EQUAL, trade_share=0.5, turnover_penalty=0.0001), False, True),
    "inverse volatility": (INVERSE, False, True),
    "… all forecasts": (INVERSE, True, True),
    "… ewma": (replace(INVERSE, covariance="ewma"), True, True),
    "… shrunk": (SHRUNK, True, True),
}
OPTIMISED = {
    "mean-variance": replace(SHRUNK, sizing="mean_variance"),
    "risk budget": replace(SHRUNK, sizing="risk_budget"),
}
OPTIMISED_SIZES = (50, 200, 500)


@dataclass(frozen=True, slots=True)
class World:
    """Arrays of so many sessions: forecasts and prices of each, returns of ROWS before and with them."""

    symbols: tuple[str, ...]
    forecast: FloatArray
    price: FloatArray
    volatility: FloatArray
    returns: FloatArray
    group: IntArray


def world(symbols: int, sessions: int, every: bool, seed: int = 1) -> World:
    """A market of so many symbols."""
    draw = np.random.default_rng(seed)
    score, forecast = draw.normal(size=symbols), np.empty((sessions, symbols))
    for row in range(sessions):
        score = 0.97 * score + 0.24 * draw.normal(size=symbols)
        forecast[row] = np.clip(score, -2, 2) if every else score >= np.sort(score)[-max(1, symbols // 10)]
    returns = draw.normal(0, 0.01, (ROWS + sessions, 1)) + draw.normal(0, 0.02, (ROWS + sessions, symbols))
    price = np.round(draw.uniform(5, 500, symbols) * np.exp(np.cumsum(returns[ROWS:], axis=0)), 2) + 0.01
    names = tuple(f"S{number:05d}" for number in range(symbols))
    return World(names, forecast, price, draw.uniform(0.1, 0.6, symbols), returns, draw.integers(0, 11, symbols))


def milliseconds(market: World, construction: Construction, rebalances: bool, repeats: int) -> float:
    """CPU time of a call: of each session the least of the repeats, and of those the median."""
    width, sessions = len(market.symbols), len(market.forecast)
    lot, every = np.ones(width, dtype=np.int64), np.ones(width, dtype=np.bool_)
    taken = np.full((repeats, sessions), np.inf)
    for repeat in range(repeats):
        position = np.zeros(width, dtype=np.int64)
        for row in range(sessions):
            forecasts = Forecasts(market.symbols, (), market.forecast[:0], market.forecast[:0], market.forecast[row], market.volatility)
            start = time.process_time()
            targets = target_quantities(
                forecasts,
                returns=market.returns[: ROWS + row + 1],
                price=market.price[row],
                position=position,
                lot=lot,
                equity=EQUITY,
                tradable=every,
                shortable=every,
                construction=construction,
                eligible=every,
                group=market.group,
                groups=tuple(f"sector {number}" for number in range(11)),
                rebalances=rebalances or row == 0,
            )
            taken[repeat, row] = (time.process_time() - start) * 1e3
            position = targets.quantity
    return float(np.median(taken.min(axis=0)[1:]))


def stops(symbols: int, repeats: int) -> float:
    """CPU milliseconds of sizing a trade in every symbol by its stop."""
    draw = np.random.default_rng(1)
    price, ones, every = draw.uniform(5, 500, symbols), np.ones(symbols, dtype=np.int64), np.ones(symbols, dtype=np.bool_)
    taken = []
    for _ in range(repeats * 20):
        start = time.process_time()
        stop_sizes(
            tuple(map(str, range(symbols))),
            side=draw.normal(size=symbols),
            price=price,
            atr=price * 0.02,
            lot=ones,
            tick=ones * 10_000,
            equity=EQUITY,
            tradable=every,
            shortable=every,
            rule=StopRule(0.005, 2.0, 0.05, 2.0),
        )
        taken.append((time.process_time() - start) * 1e3)
    return statistics.median(taken)


def main() -> int:
    """Print the tables and the verdicts; 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--no-optimisers", action="store_true")
    given = parser.parse_args()
    print(f"CPU milliseconds a session, medians; load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores\n")
    print(f"| targets | {' | '.join(f'{size:,}' for size in SIZES)} | exponent |")
    print("|---|---|---|---|---|")
    found: dict[str, list[float]] = {}
    for name, (construction, every, rebalances) in CASES.items():
        found[name] = [milliseconds(world(size, given.sessions, every), construction, rebalances, given.repeats) for size in SIZES]
    found["stops by ATR"] = [stops(size, given.repeats) for size in SIZES]
    for name, costs in found.items():
        exponent = math.log10(costs[2] / costs[1]) / math.log10(SIZES[2] / SIZES[1])
        print(f"| {name} | {' | '.join(f'{cost:.3f}' for cost in costs)} | {exponent:.2f} |")
    if not given.no_optimisers:
        print(f"\n| through skfolio | {' | '.join(f'{size:,}' for size in OPTIMISED_SIZES)} |")
        print("|---|---|---|---|")
        for name, construction in OPTIMISED.items():
            costs = [milliseconds(world(size, 4, True), construction, True, 1) for size in OPTIMISED_SIZES]
            print(f"| {name} | {' | '.join(f'{cost:,.0f}' for cost in costs)} |")
    print()
    failed = False
    for size, bar in BARS.items():
        cost = found["equal weight"][SIZES.index(size)]
        failed |= cost >= bar
        print(f"{'FAIL' if cost >= bar else 'PASS'}: equal weight of {size:,} symbols: {cost:.3f} ms a session, bar {bar} ms")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
