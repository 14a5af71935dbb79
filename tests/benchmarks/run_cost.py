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
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grodt.sessions import Calendar
from tests.benchmarks.books import BOOK, write_books
from tests.benchmarks.measure import Measured, fsync_milliseconds, measure

#: First session of every book here: in the past, so that the same bars are asked for whenever this runs.
FIRST = date(2025, 6, 16)
STAGES = ("open", "bars", "settle", "mark", "signals", "targets", "risk", "orders", "approve", "send", "report")
#: Bars of PERFORMANCE.md, section "The pipeline".
OWN_SECONDS = 10.0
PEAK_MB = 2_000.0
ORDERS, ORDERS_SECONDS = 5_000, 3.0

console = Console(width=160, highlight=False)


def main() -> None:
    """Measure and print."""
    options = _options()
    sizes = [int(size) for size in options.sizes.split(",") if size]
    found = _read(Path(options.show)) if options.show else _measure(options, sizes)
    _print_parts(found)
    _print_stages(found)
    _print_growth(found, sizes)
    _print_bars(found, sizes, options.years)


def _measure(options: argparse.Namespace, sizes: list[int]) -> dict[str, list[Measured]]:
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    root = Path(tempfile.mkdtemp(prefix="grodt-cost-", dir=options.folder))
    console.print(f"one fsync of this disk: {fsync_milliseconds(root):.2f} ms; each order that is sent waits for two")
    bench = Bench(root)
    try:
        if options.repeat:
            _demo(bench, options.repeat)
        for size in sizes:
            _book(bench, size, options)
    finally:
        if not options.keep:
            shutil.rmtree(root, ignore_errors=True)
        if options.json:
            Path(options.json).write_text(json.dumps({name: [asdict(one) for one in runs] for name, runs in bench.found.items()}, indent=1))
    return bench.found


def _read(file: Path) -> dict[str, list[Measured]]:
    return {name: [Measured(**one) for one in runs] for name, runs in json.loads(file.read_text()).items()}


@dataclass(slots=True)
class Bench:
    """Where the homes are, and what has been measured, by the name of the run."""

    root: Path
    found: dict[str, list[Measured]] = field(default_factory=dict)

    def take(
        self, name: str, last: date, count: int = 1, *, home: Path, books: Path | None = None, book: str = "demo", works: bool = True
    ) -> None:
        """Run the cycles of `count` sessions up to `last`; `works` says whether there is anything left to do in them."""
        arguments = ["run", "--session", str(last), "--sessions", str(count)]
        sessions = Calendar("XNYS").latest(last, count) if works else ()
        one = measure(arguments, home=home, books=books, book=book, sessions=sessions, bytecode=self.root / "bytecode")
        self.found.setdefault(name, []).append(one)
        console.print(f"{name:<24} {one.seconds:6.1f} s, ours {one.ours:6.2f} s, peak {one.peak_mb:5.0f} MB, load {one.load:.1f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run_cost", description="What `grodt run` costs.")
    parser.add_argument("--sizes", default="500,5000", help="symbols of the books, comma separated; default %(default)s")
    parser.add_argument("--years", type=int, default=10, help="history of the books; default %(default)s")
    parser.add_argument("--daily", type=int, default=3, help="daily cycles after the bootstrap; default %(default)s")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions of the demo commands, 0 for none; default %(default)s")
    parser.add_argument("--bootstraps", type=int, default=1, help="repetitions of each bootstrap; default %(default)s")
    parser.add_argument("--folder", default=None, help="where the homes are made; default the system's temporary folder")
    parser.add_argument("--keep", action="store_true", help="leave the homes there")
    parser.add_argument("--json", default=None, help="write every measurement to this file")
    parser.add_argument("--show", default=None, help="print the tables of such a file instead of measuring")
    return parser.parse_args()


def _demo(bench: Bench, repeat: int) -> None:
    """The built-in book: five cycles on an empty home, one more, and a run that finds everything done."""
    later = Calendar("XNYS").next(FIRST)
    home = bench.root / "demo"
    bench.take("demo, first run ever", FIRST, 5, home=home)
    for _ in range(repeat):
        shutil.rmtree(home)
        bench.take("demo, cold: 5 cycles", FIRST, 5, home=home)
        bench.take("demo, warm: 1 cycle", later, home=home)
        bench.take("demo, warm: all done", later, 5, home=home, works=False)


def _book(bench: Bench, size: int, options: argparse.Namespace) -> None:
    """A book of that many symbols: its first cycle with all of its history, daily cycles after it, and a run with nothing to do."""
    books, home = bench.root / f"{size}.yaml", bench.root / f"home-{size}"
    write_books(books, symbols=size, years=options.years, first=FIRST)
    for _ in range(options.bootstraps):
        shutil.rmtree(home, ignore_errors=True)
        bench.take(_bootstrap(size), FIRST, home=home, books=books, book=BOOK)
    session = FIRST
    for _ in range(options.daily):
        session = Calendar("XNYS").next(session)
        bench.take(_daily(size), session, home=home, books=books, book=BOOK)
    for _ in range(options.daily):
        bench.take(f"{size:,}, warm: all done", session, home=home, books=books, book=BOOK, works=False)


def _bootstrap(size: int) -> str:
    return f"{size:,}, cold: bootstrap"


def _daily(size: int) -> str:
    return f"{size:,}, warm: daily"


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
        "Prefect: waiting for its server, flow and task overhead, artifacts, stopping. Set-up: books file, ledger, broker, recording\n"
        "the stages, the table at the end. Vendor: the simulated exchange's own work, inside set-up and the bars stage, on another\n"
        "thread where it fetches. First run ever: Python compiles every module it imports, ours and the server's."
    )


def _own_cpu(one: Measured) -> float:
    return sum(seconds for name, seconds in one.cpu.items() if name.startswith("stage ") or name in ("set-up", "calendar"))


def _print_stages(found: dict[str, list[Measured]]) -> None:
    table = Table(
        title="\nOur stages: seconds in the process, CPU seconds, seconds in the ledger's stage_runs (medians)", title_justify="left"
    )
    for head in ("run", ""):
        table.add_column(head, no_wrap=True)
    for head in (*STAGES, "orders", "fills"):
        table.add_column(head, justify="right")
    for name, runs in found.items():
        if not any(one.stages() for one in runs):
            continue
        kinds: dict[str, Callable[[Measured, str], float]] = {
            "wall": lambda one, stage: one.stages().get(stage, 0.0),
            "CPU": lambda one, stage: one.cpu.get(f"stage {stage}", 0.0),
            "ledger": lambda one, stage: one.stage_runs.get(stage, 0.0),
        }
        counts = [f"{statistics.median_high([one.counts.get(key, 0) for one in runs]):,}" for key in ("orders", "settle")]
        for row, (kind, of) in enumerate(kinds.items()):
            cells = (f"{statistics.median(of(one, stage) for one in runs):.2f}" for stage in STAGES)
            last = row == len(kinds) - 1
            table.add_row("" if row else name, kind, *cells, *(("", "") if row else counts), end_section=last)
    console.print(table)
    console.print("The ledger's seconds also hold what Prefect's API takes of the report stage, and the log lines.")


def _print_growth(found: dict[str, list[Measured]], sizes: list[int]) -> None:
    if len(sizes) < 2:
        return
    small, large = sizes[0], sizes[-1]
    table = Table(title=f"\nGrowth, {small:,} to {large:,} symbols; exponent 1: as the symbols", title_justify="left")
    table.add_column("", no_wrap=True)
    for head in ("cold: bootstrap", "warm: daily"):
        table.add_column(head, justify="right")
    measures: dict[str, Callable[[Measured], float]] = {
        "our time": lambda one: one.ours,
        "our stages": lambda one: one.part("stages"),
        "our CPU seconds": _own_cpu,
    }
    measures |= {f"  CPU of {stage}": lambda one, stage=stage: one.cpu.get(f"stage {stage}", 0.0) for stage in STAGES}  # type: ignore[misc]
    measures["peak memory"] = lambda one: one.peak_mb
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
        judge("500 symbols, daily: our stages < Prefect's own share", f"{stages:.2f} s, Prefect {prefect:.2f} s", stages < prefect)
    if 5_000 in sizes and years >= 10:
        runs = found[_daily(5_000)]
        own, peak = _median(runs, lambda one: one.ours), max(one.peak_mb for one in runs)
        measured = f"{own:.2f} s, CPU {_median(runs, _own_cpu):.2f} s at load {_median(runs, lambda one: one.load):.1f}"
        judge(f"5,000 symbols × {years} years, daily: our own time < {OWN_SECONDS:g} s", measured, own < OWN_SECONDS)
        judge(f"5,000 symbols × {years} years, daily: peak memory < {PEAK_MB:,.0f} MB", f"{peak:,.0f} MB", peak < PEAK_MB)
        sent, settled = found[_bootstrap(5_000)][-1], runs[0]
        each = sent.stages()["send"] / sent.counts["orders"] + settled.stages()["settle"] / settled.counts["settle"]
        bar = f"send, settle and reconcile {ORDERS:,} orders < {ORDERS_SECONDS:g} s (from {sent.counts['orders']:,})"
        judge(bar, f"{each * ORDERS:.2f} s", each * ORDERS < ORDERS_SECONDS)
    console.print(table)


if __name__ == "__main__":
    main()
