"""Kills, faults and recoveries, as many as wanted.

uv run python -m tests.faults --points              # SIGKILL at every instant of a week of cycles, each run again to its end
uv run python -m tests.faults --pairs 1000          # a kill, and a second one during the recovery
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.cycles.driver import Home
from tests.cycles.processes import Processes
from tests.cycles.small_world import WEEK, small_home
from tests.faults.alpaca_worlds import AlpacaScenes
from tests.faults.homes import broken, copied, left_behind, life
from tests.faults.points import Remains, Undisturbed, killed_again, rerun, run_undisturbed, without_power
from tests.faults.scenes import Scenes
from tests.faults.worlds import live, worlds_of
from tests.memory import memory

console = Console(width=150, highlight=False)
_SEED = 2015
_SCENES = {kind.at: kind for kind in (Scenes, AlpacaScenes)}


def main(arguments: list[str]) -> int:
    """Run what is asked for; 1 when anything ended otherwise than it should."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--points", action="store_true", help="every instant of every session of the week, by SIGKILL in a process of its own"
    )
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="that many pairs of a kill and a kill during the recovery")
    parser.add_argument("--session", type=date.fromisoformat, choices=WEEK, help="of --points and --pairs: only this one")
    parser.add_argument(
        "--from",
        type=int,
        default=0,
        metavar="I",
        dest="start",
        help="of --points and --session: from that instant on; default %(default)s",
    )
    parser.add_argument("--seeds", type=int, default=0, metavar="N", help="that many random worlds")
    parser.add_argument("--first", type=int, default=0, metavar="K", help="of --seeds: the first seed; default %(default)s")
    parser.add_argument("--seed", type=int, metavar="K", help="the world of that seed, and its course")
    parser.add_argument("--at", choices=[*_SCENES], default="paper", help="of --seeds and --seed: the broker; default %(default)s")
    parser.add_argument("--brackets", action="store_true", help="of --seeds and --seed: only worlds whose positions have brackets")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of --seeds: processes; default %(default)s")
    asked = parser.parse_args(arguments)
    if not asked.points and not asked.pairs and not asked.seeds and asked.seed is None:
        parser.error("say what to run: --points, --pairs, --seeds or --seed")
    if asked.start and (not asked.points or asked.session is None):
        parser.error("--from goes on with --points of one --session; say which")
    kind = _SCENES[asked.at]
    among = range(kind.scripts, kind.scripts + kind.brackets) if asked.brackets else ()
    folder = Path(tempfile.mkdtemp(prefix="grodt-faults-", dir=memory()))
    failed = 0
    try:
        if asked.points or asked.pairs:
            failed += _points(folder / "points", asked.session, asked.pairs, asked.start if asked.points else None)
        if asked.seeds:
            failed += _worlds(folder, range(asked.first, asked.first + asked.seeds), asked.workers, kind, among)
        if asked.seed is not None:
            world = live(asked.seed, kind(folder / "scenes"), folder / "worlds", among)
            console.print(str(world))
            failed += bool(world.wrong)
    finally:
        shutil.rmtree(folder)
    return 1 if failed else 0


def _worlds(folder: Path, seeds: range, workers: int, kind: type[Scenes], among: Sequence[int]) -> int:
    """Let them take their courses; say what ended otherwise, and count it."""
    began, failed, befell = time.monotonic(), 0, Counter[str]()
    for world in track(worlds_of(seeds, folder, workers, kind, among), "worlds", total=len(seeds), console=console):
        befell.update(world.befell)
        if world.wrong:
            failed += 1
            console.print(str(world))
    seconds = time.monotonic() - began
    console.print(", ".join(f"{kind} {count:,}" for kind, count in befell.most_common()))
    console.print(f"{len(seeds):,} worlds, {failed:,} of them wrong, in {seconds:,.0f} s: {60 * len(seeds) / seconds:,.0f} a minute")
    return failed


def _points(folder: Path, only: date | None, pairs: int, start: int | None) -> int:
    """Session by session, single kills from that instant on (none of them if it is None); the number of cases that ended otherwise."""
    table = Table("session", "instants", "states", "power", "pairs", "cases a minute", "failed")
    failed = 0
    chosen = [only] if only else WEEK
    with Processes() as processes:
        for session, home in _starts(folder):
            if session not in chosen:
                continue
            below = folder / f"of-{session}"
            whole = run_undisturbed(home, [session], below)
            began, bad = time.monotonic(), 0
            single = [] if start is None else [left for left in whole.remains if left.first + len(left.instants) > start]
            dark = [left for left in single if left.vanishing]
            bad += _report(
                session,
                ((left, broken(without_power(left, below / f"dark-{left.first}"), recovered=False)) for left in dark),
                "power",
                len(dark),
            )
            drawn = [
                (draw.choice(whole.remains), draw.random())
                for draw in [random.Random(f"{_SEED} {session}")]
                for _ in range(pairs // len(chosen))
            ]
            bad += _report(session, ((left, killed_again(left, whole, at, below / "again")) for left, at in drawn), "pairs", len(drawn))
            bad += _report(session, ((left, _killed(processes, home, left, whole, below)) for left in single), "killed", len(single))
            cases = len(dark) + len(drawn) + len(single)
            rate = f"{60 * cases / (time.monotonic() - began):.0f}"
            table.add_row(str(session), str(whole.instants), str(len(single)), str(len(dark)), str(len(drawn)), rate, str(bad))
            failed += bad
            shutil.rmtree(below)
    console.print(table)
    return failed


def _starts(folder: Path) -> Iterator[tuple[date, Home]]:
    """Each session of the week and the home as it is before it."""
    home = small_home(folder / "start")
    home.folder.mkdir(parents=True)
    for session in WEEK:
        yield session, home
        with life():
            home.run(session)


def _killed(processes: Processes, start: Home, left: Remains, whole: Undisturbed, folder: Path) -> list[str]:
    """Kill a process of its own at the first of the instants, look at what it leaves, and run the cycle again on that."""
    home = copied(start, folder / "killed")
    status = processes.run(home, whole.sessions, instant=left.first)
    found = [] if status == -9 else [f"the process ended with {status} and was not killed"]
    found += [] if left_behind(home) == left_behind(left.home) else ["the kill left something else behind than was copied"]
    shutil.rmtree(left.home.folder)
    return found + rerun(replace(left, home=home), whole)


def _report(session: date, cases: Iterable[tuple[Remains, list[str]]], what: str, total: int) -> int:
    """Run cases before a bar; say what ended otherwise, and count it."""
    bad = 0
    for left, found in track(cases, f"{session} {what}", total=total, console=console):
        if found:
            bad += 1
            console.print(f"[red]{session}, {what}, {left}", *found, sep="\n  ", markup=True)
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
