"""What `grodt run` costs: seconds and memory, cold and warm, and how they grow with the number of symbols.

    uv run python -m tests.benchmarks.run_cost                     # everything, about ten minutes on two cores
    uv run python -m tests.benchmarks.run_cost --sizes 500 --daily 5

Each command runs as a process of its own, as a user runs it. Sessions are named with `--session` instead of through `GRODT_NOW`,
because under a fixed clock the stages' rows in the ledger would all say zero seconds. A bar that is missed is printed as FAIL, and
the command still ends with status 0: it measures, it does not judge a change.
"""

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grodt.sessions import Calendar
from tests.benchmarks.books import BOOK, write_books
from tests.benchmarks.measure import Measured, measure

#: First session of every book here: in the past, so that the same bars are asked for whenever this runs.
FIRST = date(2025, 6, 16)
STAGES = ("open", "bars", "settle", "mark", "signals", "targets", "risk", "orders", "approve", "send", "report")
#: Bars of PERFORMANCE.md, section "The pipeline".
OWN_SECONDS = 10.0
PEAK_MB = 2_000.0

console = Console(width=160, highlight=False)


def main() -> None:
    """Measure and print."""
    options = _options()
    sizes = [int(size) for size in options.sizes.split(",") if size]
    found: dict[str, list[Measured]] = {}
    console.print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; "
        f"medians of {options.repeat} (demo, bootstrap) and of {options.daily} (daily)"
    )
    root = Path(tempfile.mkdtemp(prefix="grodt-cost-", dir=options.folder))
    try:
        if options.repeat and not options.no_demo:
            _demo(root, options.repeat, found)
        for size in sizes:
            _book(root, size, options, found)
    finally:
        if not options.keep:
            shutil.rmtree(root, ignore_errors=True)
    _print_parts(found)
    _print_stages(found)
    _print_growth(found, sizes)
    _print_bars(found, sizes, options.years)
    if options.json:
        Path(options.json).write_text(json.dumps({name: [asdict(one) for one in runs] for name, runs in found.items()}, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run_cost", description="What `grodt run` costs.")
    parser.add_argument("--sizes", default="500,5000", help="symbols of the books, comma separated; default %(default)s")
    parser.add_argument("--years", type=int, default=10, help="history of the books; default %(default)s")
    parser.add_argument("--daily", type=int, default=3, help="daily cycles after the bootstrap; default %(default)s")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions of the demo commands; default %(default)s")
    parser.add_argument("--bootstraps", type=int, default=1, help="repetitions of each bootstrap; default %(default)s")
    parser.add_argument("--no-demo", action="store_true", help="leave the demo book out")
    parser.add_argument("--folder", default=None, help="where the homes are made; default the system's temporary folder")
    parser.add_argument("--keep", action="store_true", help="leave the homes there")
    parser.add_argument("--json", default=None, help="write every measurement to this file")
    return parser.parse_args()


def _demo(root: Path, repeat: int, found: dict[str, list[Measured]]) -> None:
    """The built-in book: five cycles on an empty home, one more, and a run that finds everything done."""
    calendar = Calendar("XNYS")
    later = calendar.next(FIRST)
    five = calendar.latest(FIRST, 5)
    for number in range(repeat):
        home = root / f"demo-{number}"
        five_cycles = ["run", "--session", str(FIRST), "--sessions", "5"]
        _take(found, "demo, cold: 5 cycles", five_cycles, home=home, books=None, book="demo", sessions=five)
        _take(found, "demo, warm: 1 cycle", ["run", "--session", str(later)], home=home, books=None, book="demo", sessions=(later,))
        six = ["run", "--session", str(later), "--sessions", "5"]
        _take(found, "demo, warm: all done", six, home=home, books=None, book="demo", sessions=())
        shutil.rmtree(home)


def _book(root: Path, size: int, options: argparse.Namespace, found: dict[str, list[Measured]]) -> None:
    """A book of that many symbols: its first cycle with all of its history, daily cycles after it, and a run with nothing to do."""
    books = root / f"{size}.yaml"
    write_books(books, symbols=size, years=options.years, first=FIRST)
    calendar = Calendar("XNYS")
    home = root / f"home-{size}"
    for _ in range(options.bootstraps):
        shutil.rmtree(home, ignore_errors=True)
        _take(found, _bootstrap(size), ["run", "--session", str(FIRST)], home=home, books=books, book=BOOK, sessions=(FIRST,))
    session = FIRST
    for _ in range(options.daily):
        session = calendar.next(session)
        _take(found, _daily(size), ["run", "--session", str(session)], home=home, books=books, book=BOOK, sessions=(session,))
    _take(found, f"{size:,}, all done", ["run", "--session", str(session)], home=home, books=books, book=BOOK, sessions=())


def _bootstrap(size: int) -> str:
    return f"{size:,}, cold: bootstrap"


def _daily(size: int) -> str:
    return f"{size:,}, warm: daily"


def _take(
    found: dict[str, list[Measured]],
    name: str,
    arguments: list[str],
    *,
    home: Path,
    books: Path | None,
    book: str,
    sessions: tuple[date, ...],
) -> None:
    one = measure(arguments, home=home, books=books, book=book, sessions=sessions)
    found.setdefault(name, []).append(one)
    console.print(f"{name:<24} {one.seconds:6.1f} s, ours {one.ours:6.2f} s, peak {one.peak_mb:5.0f} MB, load {one.load:.1f}")


def _median(runs: Sequence[Measured], of: Callable[[Measured], float]) -> float:
    return statistics.median(of(one) for one in runs)


def _print_parts(found: dict[str, list[Measured]]) -> None:
    table = Table(title="\ngrodt run: where the seconds go (medians)", title_justify="left")
    table.add_column("run", no_wrap=True)
    heads = (
        "total",
        "interpreter, imports",
        "Prefect",
        "set-up",
        "of it calendar",
        "our stages",
        "our CPU s",
        "vendor",
        "peak MB",
        "server MB",
        "load",
    )
    for head in heads:
        table.add_column(head, justify="right")
    for name, runs in found.items():
        parts = (
            _median(runs, lambda one: one.seconds),
            _median(runs, lambda one: one.part("start")),
            _median(runs, lambda one: one.part("prefect")),
            _median(runs, lambda one: one.part("set-up")),
            _median(runs, lambda one: one.part("calendar")),
            _median(runs, lambda one: one.part("stages")),
            _median(runs, _own_cpu),
            _median(runs, lambda one: one.vendor),
        )
        memory = (max(one.peak_mb for one in runs), max(one.server_mb for one in runs))
        load = _median(runs, lambda one: one.load)
        table.add_row(name, *(f"{part:.2f}" for part in parts), *(f"{part:,.0f}" for part in memory), f"{load:.1f}")
    console.print(table)
    console.print(
        "Prefect: waiting for its server, flow and task overhead, artifacts, stopping. Set-up: books file, ledger, broker, recording the stages, "
        "the table at the end.\nVendor: the simulated exchange's own work, inside set-up and the bars stage, on another thread where it fetches."
    )


def _own_cpu(one: Measured) -> float:
    return sum(seconds for name, seconds in one.cpu.items() if name.startswith("stage ") or name in ("set-up", "calendar"))


def _print_stages(found: dict[str, list[Measured]]) -> None:
    table = Table(title="\nOur stages: seconds in the process / in the ledger's stage_runs (medians)", title_justify="left")
    table.add_column("run", no_wrap=True)
    for stage in STAGES:
        table.add_column(stage, justify="right")
    table.add_column("orders", justify="right")
    table.add_column("fills", justify="right")
    for name, runs in found.items():
        if not any(one.stages() for one in runs):
            continue
        cells = []
        for stage in STAGES:
            inside = _median(runs, lambda one, stage=stage: one.stages().get(stage, 0.0))
            ledger = _median(runs, lambda one, stage=stage: one.stage_runs.get(stage, 0.0))
            cells.append(f"{inside:.2f}\n{ledger:.2f}")
        counts = (int(_median(runs, lambda one, key=key: one.counts.get(key, 0))) for key in ("orders", "settle"))
        table.add_row(name, *cells, *(f"{count:,}" for count in counts), end_section=True)
    console.print(table)
    console.print("stage_runs also hold what Prefect's API takes of the report stage, and the log lines.")


def _print_growth(found: dict[str, list[Measured]], sizes: list[int]) -> None:
    if len(sizes) < 2:
        return
    small, large = sizes[0], sizes[-1]
    table = Table(title=f"\nGrowth from {small:,} to {large:,} symbols: exponent of cost (1.0: as the symbols)", title_justify="left")
    table.add_column("", no_wrap=True)
    for head in ("cold: bootstrap", "warm: daily"):
        table.add_column(head, justify="right")
    measures: dict[str, Callable[[Measured], float]] = {"our time": lambda one: one.ours, "our stages": lambda one: one.part("stages")}
    measures |= {f"  {stage}": lambda one, stage=stage: one.stages().get(stage, 0.0) for stage in STAGES}  # type: ignore[misc]
    measures |= {"peak memory": lambda one: one.peak_mb}
    for name, of in measures.items():
        cells = []
        for label in (_bootstrap, _daily):
            before, after = _median(found[label(small)], of), _median(found[label(large)], of)
            exponent = math.log(after / before) / math.log(large / small) if before > 0 and after > 0 else math.nan
            cells.append(f"{before:,.2f} → {after:,.2f}   {exponent:+.2f}")
        table.add_row(name, *cells)
    console.print(table)


def _print_bars(found: dict[str, list[Measured]], sizes: list[int], years: int) -> None:
    table = Table(title="\nBars of PERFORMANCE.md", title_justify="left")
    for head in ("bar", "measured", "verdict"):
        table.add_column(head)

    def judge(bar: str, measured: str, holds: bool) -> None:
        table.add_row(bar, measured, "[green]PASS[/green]" if holds else "[bold red]FAIL[/bold red]")

    if 500 in sizes:
        runs = found[_daily(500)]
        stages, prefect = _median(runs, lambda one: one.part("stages")), _median(runs, lambda one: one.part("prefect"))
        judge("500 symbols, daily: our stages < Prefect's own share", f"{stages:.2f} s < {prefect:.2f} s", stages < prefect)
    if 5_000 in sizes and years >= 10:
        runs = found[_daily(5_000)]
        own, peak = _median(runs, lambda one: one.ours), max(one.peak_mb for one in runs)
        judge(f"5,000 symbols × {years} years, daily: our own time < {OWN_SECONDS:g} s", f"{own:.2f} s", own < OWN_SECONDS)
        judge(f"5,000 symbols × {years} years, daily: peak memory < {PEAK_MB:,.0f} MB", f"{peak:,.0f} MB", peak < PEAK_MB)
    console.print(table)


if __name__ == "__main__":
    main()
