"""What asking every control costs, alone and with its evidence: frame built, and committed to a ledger on this disk."""

import argparse
import gc
import math
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from grodt.ledger.evidence import record_checks
from grodt.ledger.runs import open_run
from grodt.ledger.unit import Ledger
from grodt.risk.assess import Proposal, assess
from grodt.risk.limits import Limits
from tests.risk.proposals import SESSION, USD, limits, symbols_of

SIZES = (500, 5_000)
#: Milliseconds at 5,000 symbols: the controls alone, and with evidence.
BARS = (20.0, 150.0)
_NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
_GROUPS = tuple(f"sector {number:02d}" for number in range(11))


def book(symbols: int, ordered: float, seed: int = 1) -> Proposal:
    """A book of so many symbols, long and short, of which a share is ordered; odd sizes, some without room, none without data."""
    draw = np.random.default_rng(seed)
    price = draw.integers(5 * USD, 500 * USD, symbols)
    each = 20_000 * USD
    position = draw.integers(-1, 3, symbols) * (each // (2 * price))
    wanted = np.where(draw.random(symbols) < ordered, draw.integers(-1, 2, symbols) * (each // (4 * price)) + 1, 0)
    zeros = np.zeros(symbols, dtype=np.int64)
    equity = each * symbols
    return Proposal(
        book="bench",
        session=SESSION,
        run_id=f"bench-eod-{SESSION}",
        symbols=symbols_of(symbols),
        wanted=wanted,
        position=position,
        open_buys=zeros,
        open_sells=zeros,
        price=price,
        price_age=zeros,
        lot=zeros + 1,
        tick=zeros + 10_000,
        priced=np.ones(symbols, dtype=np.bool_),
        limit_price=price // 10_000 * 10_000,
        volume=draw.integers(10_000, 10**8, symbols),
        group=draw.integers(0, len(_GROUPS), symbols),
        weight=position * price / equity,
        volatility=draw.uniform(0.1, 0.6, symbols),
        log_return=draw.normal(0.0, 0.02, symbols),
        shortable=np.ones(symbols, dtype=np.bool_),
        intended=np.zeros(symbols, dtype=np.bool_),
        untradable=np.zeros(symbols, dtype=np.bool_),
        unknown=np.zeros(symbols, dtype=np.bool_),
        groups=_GROUPS,
        equity=equity,
        buying_power=equity,
        previous_equity=equity,
        high_water_mark=equity,
        bars_expected=symbols,
        bars_present=symbols,
        last_session_fresh=True,
        active_halts=0,
        open_breaks=0,
        reduce_only=0,
        cycles_traded=5,
        cycles_unchanged=0,
        first_basket=False,
    )


#: Limits that bind: groups, gross and net exposure and reduced caps clip and refuse on the way.
BINDING = {"group_weight": {"*": 0.08}, "gross_exposure": 1.0, "net_exposure": 0.4, "volume_share": 0.01, "new_share": 0.9}
#: Limits that ask the same controls and refuse nothing.
LOOSE = {"group_weight": {"*": 20.0}, "gross_exposure": 20.0, "net_exposure": 20.0, "new_share": 1.0, "symbol_position": 10**9}


def milliseconds(asked: Proposal, bound: Limits, repeats: int) -> tuple[list[float], list[float], list[float], list[float], int]:
    """Of the controls, of the frame, and of committing it, by repeat; CPU of all three; and how many rows there are.

    Every repeat has a ledger of its own.
    """
    controls, frames, commits, processor, rows = [], [], [], [], 0
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            ledger = Ledger.open(f"sqlite:///{Path(folder) / 'ledger.db'}")
            with ledger.write() as tx:
                open_run(
                    tx, book="bench", kind="eod", session=SESSION, config_hash="c", code_version="v", flow_run_id="f", fence=1, now=_NOW
                )
            gc.collect()
            start, worked = time.perf_counter(), time.process_time()
            found = assess(asked, bound)
            asked_at = time.perf_counter()
            evidence = found.evidence
            built_at = time.perf_counter()
            with ledger.write() as tx:
                record_checks(tx, evidence, 1)
            end = time.perf_counter()
            processor.append((time.process_time() - worked) * 1e3)
            ledger.close()
        controls.append((asked_at - start) * 1e3)
        frames.append((built_at - asked_at) * 1e3)
        commits.append((end - built_at) * 1e3)
        rows = evidence.height
    return controls, frames, commits, processor, rows


def main() -> int:
    """Print the table and the verdicts; 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    print(f"medians of {repeats}, milliseconds; load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores\n")
    print("| symbols | ordered | limits | rows | controls | frame | commit | with evidence | CPU of it, least | rows/s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    found: dict[tuple[int, float, str], tuple[float, float]] = {}
    for ordered in (1.0, 0.2):
        for name, changed in (("bind", BINDING), ("are loose", LOOSE)):
            bound = limits(order_quantity=10**9, order_value=1e9, symbol_weight=0.01, **changed)
            for symbols in SIZES:
                asked = book(symbols, ordered)
                controls, frames, commits, processor, rows = milliseconds(asked, bound, repeats)
                whole = statistics.median(map(sum, zip(controls, frames, commits, strict=True)))
                alone = statistics.median(controls)
                found[symbols, ordered, name] = (alone, whole)
                parts = " | ".join(
                    f"{part:.1f}" for part in (alone, statistics.median(frames), statistics.median(commits), whole, min(processor))
                )
                orders = int(np.count_nonzero(asked.wanted))
                print(f"| {symbols:,} | {orders:,} | {name} | {rows:,} | {parts} | {rows / whole * 1e3:,.0f} |")
    small, large = SIZES
    growth = math.log10(large / small)
    print()
    for part, words in enumerate(("the controls", "with evidence")):
        for ordered, name in ((1.0, "bind"), (1.0, "are loose"), (0.2, "bind"), (0.2, "are loose")):
            exponent = math.log10(found[large, ordered, name][part] / found[small, ordered, name][part]) / growth
            print(f"{words}, {ordered:.0%} ordered, limits {name}: exponent {exponent:.2f}")
    failed = False
    print()
    for part, (bar, words) in enumerate(zip(BARS, ("every control", "every control with its evidence committed"), strict=True)):
        for ordered in (1.0, 0.2):
            worst = max(found[large, ordered, name][part] for name in ("bind", "are loose"))
            verdict = "PASS" if worst < bar else "FAIL"
            failed |= worst >= bar
            print(f"{verdict}: {words}, {large:,} symbols, {ordered:.0%} ordered: {worst:.1f} ms, bar {bar:.0f} ms")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
