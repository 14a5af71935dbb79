"""What it costs to send, settle and reconcile a basket with the paper broker: the domain's own functions, without Prefect or a lake."""

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from grodt.execution import send, settle
from grodt.ledger.verify import verify_ledger
from grodt.money import micros
from grodt.reconciliation import reconcile
from tests.brokers.world import MON, TUE, market
from tests.execution.desk import WINDOWS, Desk
from tests.ledger.world import open_ledger
from tests.risk.proposals import limits, symbols_of

#: Seconds of 5,000 orders: sent, settled and reconciled.
BAR = 3.0
_PARTS = ("send", "settle", "reconcile")


def measured(orders: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Wall-clock and CPU seconds of each part: a basket of buys, sent, filled at the next open, and compared with the broker."""
    folder.mkdir()
    open_ledger(folder).close()
    desk = Desk(folder, cash=micros(10**9))
    symbols = symbols_of(orders)
    monday = desk.open(MON)
    desk.decide(monday, dict.fromkeys(symbols, 10))
    played = market(TUE, dict.fromkeys(symbols, "101"))
    ledger, paper = desk.real_ledger, desk.paper
    bounds = limits(cycle_messages=10**6, minute_messages=10**6)
    found: dict[str, tuple[float, float]] = {}

    def timed(part: str, work: Callable[[], object]) -> None:
        gc.collect()
        start, worked = time.perf_counter(), time.process_time()
        work()
        found[part] = (time.perf_counter() - start, time.process_time() - worked)

    timed("send", lambda: send(ledger, None, paper, monday, file=bounds, windows=WINDOWS, now=desk.now, sleep=desk.pauses.append))
    tuesday = desk.open(TUE)
    timed("settle", lambda: settle(ledger, None, paper, paper.advance, [played], run=tuesday, file=desk.file, now=desk.now))
    timed(
        "reconcile",
        lambda: reconcile(ledger, None, paper, book=tuesday.book, session=TUE, run_id=tuesday.run_id, now=desk.now()),
    )
    with ledger.read() as tx:
        wrong = [check for check in verify_ledger(tx, None) if not check.holds and check.invariant not in (5, 8)]
    assert not wrong, wrong
    assert len(paper.positions()) == orders
    desk.close()
    return found


def main() -> int:
    """Print the table and the verdict; 1 where it fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 5_000])
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    print(f"least of {asked.repeats}, seconds (CPU seconds in brackets); load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores\n")
    print(f"| orders | {' | '.join(_PARTS)} | all three | a second |\n|---|---|---|---|---|---|")
    whole = (0.0, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for size in asked.sizes:
            runs = [measured(size, Path(folder) / f"{size}-{number}") for number in range(asked.repeats)]
            least = {part: tuple(min(run[part][which] for run in runs) for which in (0, 1)) for part in _PARTS}
            whole = (sum(least[part][0] for part in _PARTS), sum(least[part][1] for part in _PARTS))
            cells = " | ".join(f"{wall:.2f} ({worked:.2f})" for wall, worked in (*least.values(), whole))
            print(f"| {size:,} | {cells} | {size / whole[0]:,.0f} |", flush=True)
    verdict = "PASS" if whole[0] < BAR else "FAIL"
    print(f"\n{verdict}: {asked.sizes[-1]:,} orders sent, settled and reconciled: {whole[0]:.2f} s, CPU {whole[1]:.2f} s, bar {BAR:.0f} s")
    return int(verdict == "FAIL")


if __name__ == "__main__":
    sys.exit(main())
