"""What the lake costs beside other stores of the same bars: append, three reads, bytes, files, memory; and the memory of an ingest.

    uv run python -m tests.benchmarks.lake                               # everything, about a quarter of an hour on two idle cores
    uv run python -m tests.benchmarks.lake --symbols 500 --sessions 2520 # one size
    uv run python -m tests.benchmarks.lake --only GRODT,"Delta Lake"     # some of them

Each contestant lives in processes of its own; those that need a package get it in an environment that this command makes, and one that does
not install is left out with what was said. The reads go round: every contestant in turn, then all of them again, so that a busy moment of
the machine falls on all. Cold is the first answer of a process, from opening the store on, its files being in the machine's page cache; for
the lake that includes hashing every file it reads. A bar that is missed is printed as FAIL, and the command still ends with status 0.
"""

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from tests.benchmarks.books import BOOK, write_books
from tests.benchmarks.lake_contestants import CONTESTANTS, size_of
from tests.benchmarks.lake_panel import write_panel
from tests.benchmarks.measure import CommandFailed, measure

OURS = "GRODT"
QUERIES = {"symbol": "one symbol", "session": "one session", "last": "last 300 sessions"}
#: Packages of contestants, each in an environment of its own. Parquet and SQLite need Polars alone.
_POLARS = f"polars=={pl.__version__}"
PACKAGES = {
    "Delta Lake": ("deltalake", "pyarrow"),
    "ArcticDB": ("arcticdb", "pyarrow"),
    "DuckDB by session": ("duckdb", "pyarrow"),
    "DuckDB by symbol": ("duckdb", "pyarrow"),
}
#: Bars of PERFORMANCE.md, section "Lake", and of the ingest.
APPEND_SECONDS = 0.25
SLOWER_AT_MOST, LARGER_AT_MOST = 1.2, 1.1
INGEST_MB = 2_000.0
_ROOT = Path(__file__).resolve().parents[2]
_APPENDS, _WARM = 5, 7

console = Console(width=170, highlight=False)


@dataclass(slots=True)
class Result:
    """One contestant at one size."""

    build: float
    append: float
    tidy: float
    bytes: int
    files: int
    cold: dict[str, float] = field(default_factory=dict)
    warm: dict[str, float] = field(default_factory=dict)
    peak_mb: float = 0.0


def main() -> None:
    """Measure and print."""
    options = _options()
    root = Path(tempfile.mkdtemp(prefix="grodt-lake-", dir=options.folder))
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    names = [OURS, *CONTESTANTS] if not options.only else options.only.split(",")
    try:
        pythons = _environments(names, root / "environments")
        found = {size: _measure(root, pythons, size, options.sessions, options.rounds) for size in map(int, options.symbols.split(","))}
        for size, results in found.items():
            _print_size(size, options.sessions, results)
        _print_growth(found)
        _print_bars(found[max(found)])
        if options.ingest:
            _print_ingest(root, options.ingest)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--symbols", default="500,5000", help="sizes, by commas")
    parser.add_argument("--sessions", type=int, default=2520)
    parser.add_argument("--rounds", type=int, default=3, help="processes per contestant and read")
    parser.add_argument("--only", default="", help="names, by commas")
    parser.add_argument("--ingest", type=int, default=5000, help="symbols of the ingest; 0: no ingest")
    parser.add_argument("--folder", default=None, help="where to work; several GB")
    return parser.parse_args()


def _environments(names: list[str], folder: Path) -> dict[str, str]:
    """The Python of each contestant that can run."""
    made: dict[tuple[str, ...], str | None] = {}
    pythons = {}
    for name in names:
        wanted = PACKAGES.get(name, ())
        if wanted and wanted not in made:
            made[wanted] = _make_environment(folder / wanted[0], wanted)
        python = made.get(wanted) if wanted else sys.executable
        if python is not None:
            pythons[name] = python
    return pythons


def _make_environment(folder: Path, packages: tuple[str, ...]) -> str | None:
    python = str(folder / "bin" / "python")
    for command in (
        ["uv", "venv", "--quiet", "--python", str(Path(sys.executable).resolve()), str(folder)],
        ["uv", "pip", "install", "--quiet", "--python", python, _POLARS, "pandas", *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            console.print(f"[yellow]{packages[0]} is left out: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else command}")
            return None
    listed = subprocess.run(["uv", "pip", "freeze", "--python", python], capture_output=True, text=True, check=True).stdout.split()
    console.print(f"{packages[0]}: {', '.join(line for line in listed if line.startswith((packages[0], 'polars==')))}")
    return python


def _measure(root: Path, pythons: dict[str, str], symbols: int, sessions: int, rounds: int) -> dict[str, Result]:
    panel = root / f"panel-{symbols}.parquet"
    days = write_panel(panel, symbols, sessions)
    asked = {
        "symbol": f"S{symbols // 2:05d}",
        "session": days[len(days) * 5 // 9].isoformat(),
        "last": days[-min(300, len(days) // 2)].isoformat(),
    }
    results: dict[str, Result] = {}
    for name in list(pythons):
        folder = root / str(symbols) / name.replace(" ", "-")
        built = _child(pythons[name], name, "build", str(panel), str(folder), str(_APPENDS))
        if built is None:
            continue
        size, files = size_of(folder / "lake" / "bars_1d" if name == OURS else folder)
        results[name] = Result(built["build"], statistics.median(built["append"]), built["tidy"], size, files)
        console.print(f"{symbols:,} symbols: {name} is built, {built['build']:.1f} s", style="dim")
    _read_in_turn(root / str(symbols), pythons, results, asked, rounds)
    shutil.rmtree(root / str(symbols))
    panel.unlink()
    return results


def _read_in_turn(folder: Path, pythons: dict[str, str], results: dict[str, Result], asked: dict[str, str], rounds: int) -> None:
    cold: dict[tuple[str, str], list[float]] = defaultdict(list)
    warm: dict[tuple[str, str], list[float]] = defaultdict(list)
    rows: dict[str, set[int]] = defaultdict(set)
    for _ in range(rounds):
        for query in QUERIES:
            for name, result in results.items():
                found = _child(pythons[name], name, "read", str(folder / name.replace(" ", "-")), query, json.dumps(asked), str(_WARM))
                if found is None:
                    continue
                cold[name, query].append(found["cold"])
                warm[name, query] += found["warm"]
                rows[query].add(found["rows"])
                result.peak_mb = max(result.peak_mb, found["peak_mb"])
    for (name, query), taken in cold.items():
        results[name].cold[query] = statistics.median(taken)
        results[name].warm[query] = statistics.median(warm[name, query])
    for query, counts in rows.items():
        if len(counts) > 1:
            console.print(f"[red]{QUERIES[query]}: the contestants do not agree on the number of rows: {sorted(counts)}")


def _child(python: str, name: str, *arguments: str) -> dict[str, Any] | None:
    """What one process measured; None where it failed, which is said."""
    act, rest = arguments[0], arguments[1:]
    where = ["-m", "tests.benchmarks.lake_ours"] if name == OURS else [str(Path(__file__).with_name("lake_contestants.py"))]
    done = subprocess.run([python, *where, act, name, *rest], cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        console.print(f"[red]{name}, {act}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
        return None
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _print_size(symbols: int, sessions: int, results: dict[str, Result]) -> None:
    table = Table(title=f"{symbols:,} symbols × {sessions:,} sessions: seconds, and times the fastest", title_justify="left")
    for column in (
        "store",
        "build",
        "append",
        *(f"{each} {how}" for each in QUERIES.values() for how in ("warm", "cold")),
        "MB",
        "files",
        "peak MB",
    ):
        table.add_column(column, justify="left" if column == "store" else "right")
    best = {query: min(result.warm.get(query, math.inf) for result in results.values()) for query in QUERIES}
    best_cold = {query: min(result.cold.get(query, math.inf) for result in results.values()) for query in QUERIES}
    for name, result in results.items():
        cells = [name, f"{result.build + result.tidy:.1f}", f"{result.append:.3f}"]
        for query in QUERIES:
            cells += [_with_ratio(result.warm.get(query), best[query]), _with_ratio(result.cold.get(query), best_cold[query])]
        table.add_row(*cells, f"{result.bytes / 1e6:.0f}", f"{result.files:,}", f"{result.peak_mb:,.0f}")
    console.print(table)


def _with_ratio(seconds: float | None, best: float) -> str:
    return "failed" if seconds is None else f"{seconds:.4f} ({seconds / best:.1f}×)"


def _print_growth(found: dict[int, dict[str, Result]]) -> None:
    if len(found) < 2:
        return
    small, large = min(found), max(found)
    table = Table(title=f"growth from {small:,} to {large:,} symbols, exponent (1: as the symbols)", title_justify="left")
    for column in ("store", "append", *QUERIES.values(), "bytes"):
        table.add_column(column, justify="left" if column == "store" else "right")
    for name in found[small].keys() & found[large].keys():
        one, other = found[small][name], found[large][name]
        pairs = [(one.append, other.append), *((one.warm.get(query), other.warm.get(query)) for query in QUERIES), (one.bytes, other.bytes)]
        table.add_row(name, *("–" if not a or not b else f"{math.log(b / a) / math.log(large / small):.2f}" for a, b in pairs))
    console.print(table)


def _print_bars(results: dict[str, Result]) -> None:
    ours = results.get(OURS)
    peers = {name: result for name, result in results.items() if name != OURS}
    if ours is None or not peers:
        return
    table = Table(title="bars", title_justify="left")
    for column in ("bar", "measured", "verdict"):
        table.add_column(column)
    table.add_row(f"append ≤ {APPEND_SECONDS} s", f"{ours.append:.3f} s", _verdict(ours.append <= APPEND_SECONDS))
    for query, words in QUERIES.items():
        asked = {name: peer.warm[query] for name, peer in peers.items() if query in peer.warm}
        name = min(asked, key=lambda each: asked[each])
        bound = 1.0 if query == "last" else SLOWER_AT_MOST
        wanted = "the fastest of all" if query == "last" else f"≤ {bound} × the fastest peer"
        ratio = ours.warm[query] / asked[name]
        table.add_row(f"{words}: {wanted}", f"{ratio:.2f} × {name}", _verdict(ratio <= bound))
    name, smallest = min(((name, result.bytes) for name, result in peers.items()), key=lambda each: each[1])
    ratio = ours.bytes / smallest
    table.add_row(f"bytes ≤ {LARGER_AT_MOST} × the smallest", f"{ratio:.2f} × {name}", _verdict(ratio <= LARGER_AT_MOST))
    console.print(table)
    faster = [name for name, peer in peers.items() if all(peer.warm.get(query, math.inf) < ours.warm[query] for query in QUERIES)]
    console.print(f"ahead of us in all three reads: {', '.join(faster) or 'nobody'}")


def _print_ingest(root: Path, symbols: int) -> None:
    """Ten years from the simulated exchange through `grodt ingest`, in a process of its own."""
    home, books = root / "home", root / "books.yaml"
    home.mkdir()
    first = date(2025, 6, 16)
    write_books(books, symbols=symbols, years=10, first=first)
    arguments = ["ingest", "--start", "2015-06-16", "--end", "2025-06-13", "--book", BOOK]
    try:
        found = measure(arguments, home=home, books=books, book=BOOK, sessions=(), bytecode=root / "bytecode")
    except CommandFailed as failed:
        console.print(f"[red]{failed}")
        return
    size, files = size_of(home / "lake" / "bars_1d")
    console.print(
        f"ingest of {symbols:,} symbols × ten years: {found.seconds:.0f} s, peak {found.peak_mb:,.0f} MB (bar {INGEST_MB:,.0f} MB: "
        f"{_verdict(found.peak_mb < INGEST_MB)}), {size / 1e6:.0f} MB in {files:,} files"
    )


def _verdict(reached: bool) -> str:
    return "PASS" if reached else "FAIL"


if __name__ == "__main__":
    main()
