"""What adding minutes up costs, and what bringing them in does: `python -m tests.benchmarks.aggregation`.

The panel is that of the simulated exchange: 500 symbols by default, 20 sessions, as many minutes as traded. Nothing is compared with a bar
here but the size of the work; no test asserts a timing.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from grodt.bars.aggregation import BarWidth, aggregate
from grodt.bars.minute_gate import MinuteThresholds, gate_minutes
from grodt.bars.simulated import SimulatedSource
from grodt.execution.backfill_minutes import backfill_minutes
from grodt.lake import Lake
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.unit import Ledger
from grodt.sessions import INSTANT, Calendar

XNYS = Calendar("XNYS")
SESSIONS = XNYS.latest(date(2026, 11, 20), 20)
_REPEATS = 3


def exchange() -> SimulatedSource:
    """As the demo book has it."""
    return SimulatedSource("demo", 7, XNYS, 5_000, date(2016, 1, 4))


def seconds(work: Callable[[], object]) -> float:
    """Median of a few turns."""
    took = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def peak_mb() -> float:
    """Largest resident memory of this process so far; what rusage tells is the parent's where that was larger."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def compare(symbols: int) -> None:
    """Print what the parts cost."""
    names = [f"SIM{number:04d}" for number in range(1, symbols + 1)]
    source = exchange()
    first, last = SESSIONS[0], SESSIONS[-1]
    daily = asyncio.run(source.fetch(names, first, last)).bars
    began = time.perf_counter()
    raw = asyncio.run(source.fetch_minutes(names, first, last))
    made = time.perf_counter() - began
    found = XNYS.sessions_of(raw["start"].dt.replace_time_zone(None).to_numpy().astype(INSTANT))
    minutes = raw.with_columns(pl.Series("session", found).cast(pl.Date))
    print(f"{symbols} symbols x {len(SESSIONS)} sessions: {raw.height:,} minute bars; load {os.getloadavg()[0]:.1f}\n")
    print("| work | seconds | million minutes a second |\n|---|---|---|")

    def line(name: str, took: float) -> None:
        print(f"| {name} | {took:.2f} | {raw.height / took / 1e6:.1f} |")

    line("simulated, once", made)
    rng = np.random.default_rng(1)
    coins = minutes.with_columns(volume=pl.Series((rng.integers(1, 10**9, raw.height) / 1e8).round(8)))
    for width in ("5m", "15m", "1h", "1d"):
        line(f"added up to {width}, whole shares", seconds(lambda width=width: aggregate(minutes, BarWidth.of(width), XNYS)))
    line("added up to 1d, eight decimals", seconds(lambda: aggregate(coins, BarWidth(None), XNYS)))
    sevenths = minutes.with_columns(pl.col("volume") / 7)
    line("added up to 1d, no decimals", seconds(lambda: aggregate(sevenths, BarWidth(None), XNYS)))
    grouped = minutes.lazy().group_by("symbol", "session", maintain_order=True)
    fields = [pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume").sum()]
    line("Polars, floats, to 1d (its volume depends on the order)", seconds(lambda: grouped.agg(fields).collect()))
    line(
        "quality gate",
        seconds(lambda: gate_minutes(raw, calendar=XNYS, asked=names, start=first, end=last, daily=daily, thresholds=MinuteThresholds())),
    )


def bring_in(symbols: int) -> None:
    """Ingest the panel into an empty lake, in this process, and print what it took."""
    source = exchange()
    now = datetime(2027, 1, 4, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(f"sqlite:///{folder}/ledger.db")
        lake = Lake(Path(folder) / "lake", LedgerManifest(ledger))
        listed = source.instruments(SESSIONS[0])[:symbols]
        before = peak_mb()
        began = time.perf_counter()
        done = backfill_minutes(
            ledger,
            lake,
            source,
            calendar=XNYS,
            universe=lambda _: listed,
            start=SESSIONS[0],
            session=SESSIONS[-1],
            thresholds=MinuteThresholds(),
            completeness=0.9,
            run_id="benchmark",
            holder="benchmark",
            is_alive=lambda _: False,
            now=lambda: now,
            sleep=time.sleep,
            progress=lambda *_: None,
        )
        took = time.perf_counter() - began
        peak = peak_mb()
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
        ledger.close()
    print(
        f"ingested {done.rows:,} minutes of {symbols} symbols in {took:.1f} s ({done.rows / took:,.0f} a second), "
        f"{done.report.chunks} parts; peak {peak:,.0f} MB, {before:,.0f} MB before; {size / done.rows:.1f} bytes a minute on disk"
    )


def main() -> None:
    """Run both, the ingest in a process of its own so that its memory is its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--ingest-only", action="store_true", help="in this process")
    chosen = parser.parse_args()
    if chosen.ingest_only:
        bring_in(chosen.symbols)
        return
    compare(chosen.symbols)
    print(flush=True)
    command = [sys.executable, "-m", "tests.benchmarks.aggregation", "--ingest-only", "--symbols", str(chosen.symbols)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
