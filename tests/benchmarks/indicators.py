"""What indicators cost: seconds and memory by number of symbols, warm and in a fresh process, beside peers on the same panels.

    uv run python -m tests.benchmarks.indicators            # GRODT alone, about a minute
    uv run python -m tests.benchmarks.indicators --peers    # and the peers, each in an environment of its own that uv makes

Engine after engine runs in a process of its own, in turn for each panel and round; see `indicator_engines` for what they compute. A bar
that is missed is printed as FAIL, and the command still ends with status 0: it measures, it does not judge a change.
"""

import argparse
import itertools
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tests.benchmarks.indicator_engines import COMPARED, NAMES
from tests.benchmarks.peers import EngineFailed, Install, environments, last_line, versions

_ROOT = Path(__file__).resolve().parents[2]
_WORKER = Path(__file__).with_name("indicator_engines.py")
SESSIONS = 2_520
#: What uv installs for each peer.
PEERS = {
    "talib": Install(("ta-lib", "numpy")),
    "talib-2-threads": Install(("ta-lib", "numpy")),
    "polars": Install(("polars", "numpy", "pyarrow")),
    "polars_talib": Install(("polars", "polars-talib", "numpy", "pyarrow")),
    "pandas": Install(("pandas", "numpy")),
    "vectorbt": Install(("vectorbt", "numpy")),
}
#: Bars of PERFORMANCE.md, section "Signals": seconds at medium and large, megabytes at large, and the C floor it aims at thrice.
SECONDS = {500: 0.09, 5_000: 0.8}
PEAK_MB = 1_400.0
FLOOR = {50: 0.005, 500: 0.025, 5_000: 0.31}
EQUAL = 1e-9
#: From this row on every engine's seed has faded: (63/65)^1400 is 1e-19.
FADED = 1_500

console = Console(width=160, highlight=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """A panel to measure on."""

    name: str
    rows: int
    symbols: int
    gaps: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over the rounds of what one engine cost on one panel; memory is the largest.

    Attributes:
        imports, layout, first, warm, best, cpu: seconds; `cpu` of a warm call.
        peak_mb: largest resident memory, the panel included.
        load: the machine's load average.
        difference: largest absolute difference to the reference, all rows where both have a value.
        faded: the same where every seed has faded.
    """

    imports: float
    layout: float
    first: float
    warm: float
    best: float
    cpu: float
    peak_mb: float
    load: float
    difference: float
    faded: float


def main() -> None:
    """Measure and print."""
    options = _options()
    sizes = [int(size) for size in options.sizes.split(",") if size]
    shapes = [Shape(f"{size:,} × {SESSIONS:,}", SESSIONS, size) for size in sizes]
    shapes += [Shape(f"{size:,} × {SESSIONS:,}, listings and halts", SESSIONS, size, gaps=True) for size in sizes if size >= 500]
    if not options.no_minutes:
        shapes.append(Shape("500 × 20 days × 390 minutes", 7_800, 500))
    console.print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    )
    pythons = {"grodt": Path(sys.executable)} | (_peers(options) if options.peers else {})
    found: dict[str, dict[str, Cost]] = {}
    root = Path(tempfile.mkdtemp(prefix="grodt-indicators-"))
    try:
        for shape in shapes:
            folder = root / "panel"
            _write_panel(folder, shape)
            found[shape.name] = _measure(shape, folder, pythons, options)
            _print(shape, found[shape.name])
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    _print_growth(found, sizes)
    _print_bars(found, sizes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="indicators", description="What indicators cost.")
    parser.add_argument("--peers", action="store_true", help="install and measure the peers too")
    parser.add_argument("--sizes", default="50,500,5000", help="symbols of the daily panels; default %(default)s")
    parser.add_argument("--no-minutes", action="store_true", help="leave the minute panel out")
    parser.add_argument("--repeat", type=int, default=5, help="warm calls per process; default %(default)s")
    parser.add_argument("--rounds", type=int, default=2, help="processes per engine and panel, in turn; default %(default)s")
    parser.add_argument("--python", default=sys.executable, help="Python of the peers; default the one that runs this")
    parser.add_argument(
        "--environments", default=str(Path(tempfile.gettempdir()) / "grodt-peers"), help="where they are kept; default %(default)s"
    )
    return parser.parse_args()


def _peers(options: argparse.Namespace) -> dict[str, Path]:
    """The peers' Pythons; one that does not install is named with the reason."""
    pythons, refused = environments(PEERS, Path(options.environments), options.python)
    for name, reason in refused.items():
        console.print(f"{name} does not install: {reason}")
    for name, interpreter in pythons.items():
        console.print(f"{name}: {versions(interpreter, PEERS[name].packages)}")
    return pythons


def _write_panel(folder: Path, shape: Shape) -> None:
    """Random walks of 2 % a session; with gaps, half of the symbols are listed late or early gone, and one in ten misses a session."""
    folder.mkdir()
    rng = np.random.default_rng(20261122)
    close = np.exp(np.cumsum(rng.standard_normal((shape.rows, shape.symbols)) * 0.02, axis=0) * 0.5 + 4)
    missing = np.zeros(close.shape, dtype=np.bool_)
    if shape.gaps:
        for column in range(shape.symbols):
            first, last = rng.integers(-shape.rows, shape.rows // 2), rng.integers(shape.rows // 2, 3 * shape.rows)
            missing[: max(first, 0), column] = True
            missing[last:, column] = True
            if rng.random() < 0.1:
                missing[rng.integers(0, shape.rows), column] = True
    for name, spread in (("high", 0.01), ("low", -0.01), ("close", 0.0)):
        values = close * (1 + spread * rng.random(close.shape))
        values[missing] = np.nan
        np.save(folder / f"{name}.npy", values)


def _measure(shape: Shape, folder: Path, pythons: dict[str, Path], options: argparse.Namespace) -> dict[str, Cost]:
    engines = {name: python for name, python in pythons.items() if name == "grodt" or not shape.gaps}
    raw: dict[str, list[dict[str, float]]] = {name: [] for name in engines}
    for _ in range(options.rounds):
        for name, python in list(engines.items()):
            try:
                raw[name].append(_run(name, python, folder, options.repeat))
            except EngineFailed as failed:
                if name == "grodt":
                    raise
                console.print(f"{name} on {shape.name}: {failed}")
                del engines[name], raw[name]
    reference = _reference(folder) if not shape.gaps else None
    costs = {}
    for name, runs in raw.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        off, faded = (math.nan, math.nan) if reference is None else _differences(np.load(folder / f"answers-{name}.npy"), reference)
        costs[name] = Cost(
            middle["import"],
            middle["layout"],
            middle["first"],
            middle["warm"],
            min(run["best"] for run in runs),
            middle["cpu"],
            max(run["peak_mb"] for run in runs),
            middle["load"],
            off,
            faded,
        )
    return costs


def _run(name: str, python: Path, folder: Path, repeat: int) -> dict[str, float]:
    path = {"PYTHONPATH": str(_ROOT)} if name == "grodt" else {"PYTHONPATH": ""}
    command = [str(python), "-W", "ignore", str(_WORKER), name, str(folder), str(repeat)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900, env={**os.environ, **path})
    except subprocess.TimeoutExpired:
        raise EngineFailed("gave no answer in 900 s") from None
    if done.returncode:
        raise EngineFailed(last_line(done.stderr) or f"ended with status {done.returncode}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _reference(folder: Path) -> NDArray[np.longdouble]:
    """The six of the first symbols in extended precision, one window after the other, seeded as the docstrings of the indicators say."""
    high, low, close = (np.load(folder / f"{name}.npy")[:, :COMPARED].astype(np.longdouble) for name in ("high", "low", "close"))
    length = len(close)
    out = np.full((len(NAMES), *close.shape), np.nan, dtype=np.longdouble)
    returns = np.log(close[1:] / close[:-1])
    change = np.diff(close, axis=0)
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    for row in range(60, length):
        out[5, row] = np.std(returns[row - 60 : row], axis=0, ddof=1) * np.sqrt(np.longdouble(252))
    for row in range(19, length):
        part = close[row - 19 : row + 1]
        out[3, row] = (close[row] - part.mean(axis=0)) / part.std(axis=0)
    out[0, 252:] = close[231 : length - 21] / close[: length - 252] - 1
    fast, slow = (_smoothed(close, span, np.longdouble(2) / (span + 1)) for span in (16, 64))
    out[1] = (fast - slow) / (close * out[5])
    gain, loss, mean = (_smoothed(one, 14, 1 / np.longdouble(14)) for one in (np.maximum(change, 0), np.maximum(-change, 0), ranges))
    out[2, 1:], out[4, 1:] = 100 * gain / (gain + loss), mean
    return out


def _smoothed(values: NDArray[np.longdouble], seed: int, share: np.longdouble) -> NDArray[np.longdouble]:
    out = np.full(values.shape, np.nan, dtype=np.longdouble)
    out[seed - 1] = values[:seed].mean(axis=0)
    for row in range(seed, len(values)):
        out[row] = out[row - 1] + share * (values[row] - out[row - 1])
    return out


def _differences(answers: NDArray[np.float64], reference: NDArray[np.longdouble]) -> tuple[float, float]:
    apart = np.abs(answers - reference)
    if (np.isnan(apart[:, FADED:])).any():
        return math.nan, math.nan
    return float(np.nanmax(apart)), float(np.max(apart[:, FADED:]))


def _print(shape: Shape, costs: dict[str, Cost]) -> None:
    table = Table(title=f"\n{shape.name} (medians; ratio: to GRODT's warm call)", title_justify="left")
    table.add_column("engine", no_wrap=True)
    for head in (
        "warm s",
        "best s",
        "CPU s",
        "ratio",
        "first call s",
        "imports s",
        "layout s",
        "peak MB",
        "max diff",
        "seeds faded",
        "load",
    ):
        table.add_column(head, justify="right")
    own = costs["grodt"].warm
    for name, cost in sorted(costs.items(), key=lambda item: item[1].warm):
        seconds = (f"{one:.3f}" for one in (cost.warm, cost.best, cost.cpu))
        later = (f"{one:.3f}" for one in (cost.first, cost.imports, cost.layout))
        apart = ("–" if math.isnan(one) else f"{one:.0e}" for one in (cost.difference, cost.faded))
        table.add_row(name, *seconds, f"{cost.warm / own:.2f}", *later, f"{cost.peak_mb:,.0f}", *apart, f"{cost.load:.1f}")
    console.print(table)


def _print_growth(found: dict[str, dict[str, Cost]], sizes: list[int]) -> None:
    if len(sizes) < 2:
        return
    table = Table(title="\nGrowth of a warm call; exponent 1: as the rows", title_justify="left")
    table.add_column("engine", no_wrap=True)
    steps = list(itertools.pairwise(sizes))
    for small, large in steps:
        table.add_column(f"{small:,} to {large:,} symbols", justify="right")
    for name in found[f"{sizes[-1]:,} × {SESSIONS:,}"]:
        table.add_row(name, *("{:.2f}, of CPU {:.2f}".format(*_exponent(found, name, small, large)) for small, large in steps))
    console.print(table)


def _exponent(found: dict[str, dict[str, Cost]], name: str, small: int, large: int) -> tuple[float, float]:
    """Growth of the seconds and of the CPU seconds."""
    before, after = (found[f"{size:,} × {SESSIONS:,}"].get(name) for size in (small, large))
    if before is None or after is None:
        return math.nan, math.nan
    seconds, cpu = after.warm / before.warm, after.cpu / before.cpu
    return math.log(seconds) / math.log(large / small), math.log(cpu) / math.log(large / small)


def _print_bars(found: dict[str, dict[str, Cost]], sizes: list[int]) -> None:
    table = Table(title="\nBars of PERFORMANCE.md", title_justify="left")
    for head in ("bar", "measured", "verdict"):
        table.add_column(head)

    def judge(bar: str, measured: str, holds: bool) -> None:
        table.add_row(bar, measured, "[green]PASS[/green]" if holds else "[bold red]FAIL[/bold red]")

    for size in sizes:
        costs = found[f"{size:,} × {SESSIONS:,}"]
        own = costs["grodt"]
        said = f"{own.warm:.3f} s, CPU {own.cpu:.3f} s at load {own.load:.1f}"
        if size in SECONDS:
            judge(f"{size:,} symbols: ≤ {SECONDS[size]:g} s", said, own.warm <= SECONDS[size])
        if size in FLOOR:
            judge(f"{size:,} symbols: aim, 3 × the C floor of {FLOOR[size]:g} s", said, own.warm <= 3 * FLOOR[size])
        if size >= 5_000:
            judge(f"{size:,} symbols: ≤ {PEAK_MB:,.0f} MB", f"{own.peak_mb:,.0f} MB", own.peak_mb <= PEAK_MB)
        judge(f"{size:,} symbols: equal to {EQUAL:g}", f"{own.difference:.0e}", own.difference <= EQUAL)
        if size >= 500:
            for name, cost in costs.items():
                if name != "grodt":
                    word, bound = ("ahead of", 1.0) if size >= 5_000 else ("level with or ahead of", 1.1)
                    judge(
                        f"{size:,} symbols: {word} {name}",
                        f"{own.warm / cost.warm:.2f} × its time, {own.cpu / cost.cpu:.2f} × its CPU",
                        own.warm <= bound * cost.warm,
                    )
    for small, large in itertools.pairwise(sizes):
        exponent, cpu = _exponent(found, "grodt", small, large)
        said = f"exponent {exponent:.2f}, of CPU seconds {cpu:.2f}"
        judge(f"{small:,} to {large:,} symbols: grows no faster than rows", said, exponent <= 1.0)
    console.print(table)


if __name__ == "__main__":
    main()
