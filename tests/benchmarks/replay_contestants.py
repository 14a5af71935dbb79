"""Who takes part in the replay benchmark, and one of them at a time in a process of its own.

    python -m tests.benchmarks.replay_contestants NAME FOLDER day|month REPEAT

is run with the Python of the contestant's environment; it prints one line of JSON. A contestant is a module with `IMPORTS`, what is
loaded before a clock runs, and `prepare(panel, rebalanced, **options)`, which lays the panel out as the engine likes it and returns a
function that replays it, again and again, and returns an `Outcome`. Choosing what to hold is part of the replay and the same NumPy for
all (`replay_strategy`).

GRODT's module is `replay_ours`, with `prepare(panel, rebalanced, *, evidence)`: every risk control is asked either way, and with
`evidence` each leaves its row. Where there is no such module, GRODT is *not in this build*.
"""

import importlib
import importlib.util
import json
import os
import re
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.peers import Install
from tests.benchmarks.replay_reference import Conventions
from tests.benchmarks.replay_strategy import Prepare, read_panel

OURS, OURS_BARE, FLOOR = "GRODT", "GRODT, no evidence rows", "NumPy, the floor"
_PEERS = "tests.benchmarks.replay_peers"
#: Warm calls stop after so many seconds.
_ENOUGH_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """An engine.

    Attributes:
        module: its module's full name.
        install: its environment; None for GRODT's own.
        conventions: what it does, so that the reference gives the same final equity.
        options: for `prepare`.
        gaps: takes panels in which bars are missing.
        compiled: compiles at its first call, so that a second one is made however long that took.
        note: what else is to be known when its figures are read.
    """

    module: str
    install: Install | None = None
    conventions: Conventions = field(default_factory=Conventions)
    options: dict[str, Any] = field(default_factory=dict)
    gaps: bool = False
    compiled: bool = False
    note: str = ""

    @property
    def there(self) -> bool:
        """Whether its module is in this build."""
        return importlib.util.find_spec(self.module) is not None


CONTESTANTS = {
    FLOOR: Contestant("tests.benchmarks.replay_floor", gaps=True, note="no limits, no evidence, no orders, no tables"),
    OURS: Contestant(
        "tests.benchmarks.replay_ours",
        conventions=Conventions(cash="before", cost_in_price=True, locked_counts=True),
        options={"evidence": True},
        gaps=True,
        note="every risk control, a row for each; control 15 lets no sale pay for a buy of its own basket; the cost is in the price",
    ),
    OURS_BARE: Contestant(
        "tests.benchmarks.replay_ours",
        conventions=Conventions(cash="before", cost_in_price=True, locked_counts=True),
        options={"evidence": False},
        gaps=True,
        note="every risk control, no rows",
    ),
    "vectorbt": Contestant(
        f"{_PEERS}.vectorbt_orders",
        Install(("vectorbt", "vectorbt-rust", "numpy")),
        Conventions(shares="whole orders", cash="cut"),
        {"whole": True, "engine": "numba"},
        gaps=True,
        compiled=True,
        note="from_orders, target percent, shared cash, sells first; an order is rounded, not a target; cash never below zero",
    ),
    "vectorbt, fractional": Contestant(
        f"{_PEERS}.vectorbt_orders",
        Install(("vectorbt", "vectorbt-rust", "numpy")),
        Conventions(shares="fractional", cash="cut"),
        {"whole": False, "engine": "numba"},
        gaps=True,
        compiled=True,
        note="its default: fractions of a share",
    ),
    "vectorbt, Rust": Contestant(
        f"{_PEERS}.vectorbt_orders",
        Install(("vectorbt", "vectorbt-rust", "numpy")),
        Conventions(shares="whole orders", cash="cut"),
        {"whole": True, "engine": "rust"},
        gaps=True,
        note="as vectorbt, with its Rust engine",
    ),
    "zipline": Contestant(
        f"{_PEERS}.zipline_algorithm",
        Install(("zipline-reloaded", "numpy"), python="3.12"),
        note="share counts by order(), a slippage model of three lines that fills at the next open (its own fill at the close), no metrics",
    ),
    "bt": Contestant(
        f"{_PEERS}.bt_backtest", Install(("bt", "numpy")), note="an algo that fills at the open; its Rebalance fills at the close"
    ),
    "backtrader": Contestant(
        f"{_PEERS}.backtrader_cerebro",
        Install(("backtrader", "pandas", "numpy")),
        note="cash lent, since it refuses a buy whole that costs more than its cash; reading the feeds is part of the replay",
    ),
    "cvxportfolio": Contestant(
        f"{_PEERS}.cvxportfolio_simulator",
        Install(("cvxportfolio", "numpy")),
        note="a policy that asks for whole shares, no optimisation; FixedWeights would size at the open and round to the nearest share",
    ),
    "qlib": Contestant(
        f"{_PEERS}.qlib_exchange",
        Install(("pyqlib", "numpy"), python="3.12", from_source=("gym",)),
        Conventions(prices="single"),
        note="cash lent, since it cuts buys to its cash; its store keeps prices in 32 bits",
    ),
    "nautilus_trader": Contestant(
        f"{_PEERS}.nautilus_engine",
        Install(("nautilus-trader", "pandas", "numpy")),
        Conventions(commission_in_cents=True),
        note="a quote at each open and close; an account that may borrow; money in whole cents",
    ),
}


def main() -> None:
    """Measure one contestant on one panel."""
    name, folder, rebalanced, repeat = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    contestant = CONTESTANTS[name]
    module = importlib.import_module(contestant.module)
    prepare: Prepare = module.prepare
    began = time.perf_counter()
    for package in module.IMPORTS:
        importlib.import_module(package)
    imported = time.perf_counter() - began
    panel = read_panel(folder)
    began = time.perf_counter()
    run = prepare(panel, rebalanced, **contestant.options)
    laid_out = time.perf_counter() - began
    seconds, cpu = [], []
    for _ in range(repeat + 1):
        before, before_cpu = time.perf_counter(), time.process_time()
        outcome = run()
        seconds.append(time.perf_counter() - before)
        cpu.append(time.process_time() - before_cpu)
        if sum(seconds) > _ENOUGH_SECONDS and not (contestant.compiled and len(seconds) == 1):
            break
    found = {
        "imports": imported,
        "layout": laid_out,
        "first": seconds[0],
        "warm": statistics.median(seconds[1:] or seconds),
        "cpu": statistics.median(cpu[1:] or cpu),
        "first_cpu": cpu[0],
        "calls": len(seconds),
        "peak_mb": _peak_mb(),
        "load": os.getloadavg()[0],
        "final": outcome.final,
        "fills": outcome.fills,
    }
    print(json.dumps(found))


def _peak_mb() -> float:
    """Largest resident memory of this program; what `getrusage` says counts the process that started it too."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
