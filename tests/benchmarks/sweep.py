"""What a sweep costs: runs that share what they can, beside as many replays each by itself.

    uv run python -m tests.benchmarks.sweep                          # 50 runs of 500 symbols × 2,520 sessions; needs idle cores
    uv run python -m tests.benchmarks.sweep --naive 5                # 5 of the replays by themselves, the others as dear
    uv run python -m tests.benchmarks.sweep --symbols 50 --workers 1 2

*By itself*, a replay reads its bars from a Parquet file, makes a history of them, evaluates its signals, is replayed and measured, as a
script that calls the kernel in a loop would do it. Starting Python, which a loop over `grodt replay` would pay too, is not counted, nor
is writing tables. *Shared* is `grodt.research.sweep.sweep` over one history that was read once. CPU seconds of all processes stand beside
seconds, since those depend on what else the machine does. The equity of both is compared.
"""

import argparse
import math
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from flows.sweeping import variant_of
from grodt.bars.history import micros_array
from grodt.bars.source import RAW_ACTIONS
from grodt.replay.attribution import index_changes
from grodt.replay.engine import replay
from grodt.replay.history import Candidates, History
from grodt.replay.running import forecasts_of
from grodt.research.grid import Axis, combinations
from grodt.research.runs import outcomes_of
from grodt.research.shared import Setting
from grodt.research.sweep import sweep
from grodt.research.variants import Variant
from grodt.sessions import Calendar
from grodt.settings.varied import varied
from grodt.signals.panel import build_panel, field_array

LAST, BEFORE = date(2025, 12, 31), 300
AXES = (
    Axis("signals.momentum.lookback", (63, 126, 168, 210, 252)),
    Axis("construction.no_trade_band", (0.0, 0.001, 0.002, 0.004, 0.008)),
    Axis("construction.volatility_target", (0.08, 0.12)),
)
SETTING = Setting(None, 252.0)
console = Console(width=150, highlight=False)


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took: seconds, and CPU seconds of this process and its children."""

    seconds: float
    cpu: float


class Watch:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._began, self._cpu = time.perf_counter(), _cpu()

    def cost(self) -> Cost:
        return Cost(time.perf_counter() - self._began, _cpu() - self._cpu)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="sweep", description="What a sweep costs.")
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--sessions", type=int, default=2_520)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="default 1 2")
    parser.add_argument("--naive", type=int, default=None, help="replays by themselves that are measured; all if not given")
    options = parser.parse_args()
    variants = _variants(options.symbols)
    console.print(
        f"{len(variants)} runs of {options.symbols:,} symbols × {options.sessions:,} sessions, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} at the start"
    )
    with tempfile.TemporaryDirectory(prefix="grodt-sweep-bench-") as folder:
        file = Path(folder) / "bars.parquet"
        _write_bars(file, options.symbols, options.sessions)
        alone, equity = _by_themselves(file, variants[: options.naive], options.sessions)
        found = {"by themselves": _scaled(alone, len(variants) / len(equity))}
        for workers in options.workers:
            found[f"shared, {workers} {'process' if workers == 1 else 'processes'}"] = _shared(
                file, variants, options.sessions, workers, equity
            )
    _print(found, len(variants), len(equity))


def _variants(symbols: int) -> tuple[Variant, ...]:
    """The demo book, its capital and limits as wide as so many symbols need."""
    grid = combinations(AXES)
    wide = {
        "order_quantity": 10**9,
        "order_value": 1e11,
        "symbol_position": 10**9,
        "group_weight": {},
        "cycle_messages": 10**6,
        "minute_messages": 10**6,
        "armed_cycles": 10**6,
        "daily_loss": 0.9,
        "drawdown": 0.99,
    }
    made = []
    for config, parameters in zip(varied(None, "demo", AXES, grid), grid, strict=True):
        one = variant_of(config, parameters)
        limits = replace(one.plan.limits, **wide)
        made.append(replace(one, plan=replace(one.plan, capital=20_000_000_000 * symbols, limits=limits)))
    return tuple(made)


def _write_bars(file: Path, symbols: int, sessions: int, seed: int = 20261128) -> None:
    """Random walks of 1.8 % a session."""
    draw = np.random.default_rng(seed)
    days = Calendar("XNYS").latest(LAST, sessions + BEFORE)
    shape = (len(days), symbols)
    walk = np.cumsum(draw.normal(0.0002, 0.018, shape), axis=0)
    close = np.maximum(np.round(np.exp(np.log(draw.uniform(5, 300, symbols)) + walk), 2), 0.01)
    opens = np.maximum(np.round(close * np.exp(draw.normal(0.0, 0.006, shape)), 2), 0.01)
    names = np.array([f"S{number:04d}" for number in range(symbols)])
    pl.DataFrame(
        {
            "symbol": np.repeat(names, shape[0]),
            "session": pl.Series(np.tile(np.array(days, dtype="datetime64[D]"), symbols)).cast(pl.Date),
            "open": opens.T.ravel(),
            "close": close.T.ravel(),
        }
    ).write_parquet(file)


def _history(file: Path, sessions: int) -> History:
    """The bars as a history."""
    bars = pl.read_parquet(file)
    days: Sequence[date] = bars["session"].unique().sort().to_list()
    names = tuple(bars["symbol"].unique().sort().to_list())
    panel = build_panel(bars, pl.DataFrame(schema=RAW_ACTIONS), days, names)
    opens = field_array(bars, "open", days, names)
    width, first = len(names), len(days) - sessions
    every = np.ones(width, dtype=np.bool_)
    candidates = Candidates(0, every, np.ones(width, dtype=np.int64), np.full(width, 10_000), every, ("",) * width, names)
    return History(
        panel=panel,
        sessions=panel.sessions[first:],
        instruments=names,
        open=micros_array(opens[first:]),
        close=micros_array(panel.close[first:]),
        volume=np.full((sessions, width), 10**9),
        candidates=(candidates,),
    )


def _by_themselves(file: Path, variants: Sequence[Variant], sessions: int) -> tuple[Cost, list[int]]:
    watch, equity = Watch(), []
    for number, each in enumerate(variants, start=1):
        history = _history(file, sessions)
        course = replay(history, forecasts_of(history, each.specs, keep=False, gating=each.gating), each.plan)
        outcomes_of(course, index_changes(history), SETTING, [sessions])
        equity.append(int(course.equity[-1]))
        console.print(f"by itself: {number} of {len(variants)}", style="dim")
    return watch.cost(), equity


def _shared(file: Path, variants: Sequence[Variant], sessions: int, workers: int, equity: Sequence[int]) -> Cost:
    watch = Watch()
    done = sweep(_history(file, sessions), AXES, variants, SETTING, metric="sharpe", workers=workers)
    cost = watch.cost()
    found = [int(each.equity[-1]) for each in done.runs]
    assert found[: len(equity)] == list(equity), "a shared run is not what it is by itself"
    console.print(f"shared, {workers}: {done.signals} distinct signals", style="dim")
    return cost


def _scaled(cost: Cost, by: float) -> Cost:
    return Cost(cost.seconds * by, cost.cpu * by)


def _print(found: dict[str, Cost], runs: int, measured: int) -> None:
    table = Table(title=f"{runs} runs" + ("" if measured == runs else f"; {measured} of those by themselves were measured, and scaled"))
    for name in ("", "seconds", "CPU seconds", "CPU s a run", "CPU, of by themselves"):
        table.add_column(name, justify="right" if name else "left")
    whole = found["by themselves"].cpu
    for name, cost in found.items():
        ratio = cost.cpu / whole if whole > 0 else math.nan
        table.add_row(name, f"{cost.seconds:,.1f}", f"{cost.cpu:,.1f}", f"{cost.cpu / runs:,.2f}", f"{ratio:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
