"""Kills, faults and recoveries, as many as wanted.

uv run python -m tests.faults --points              # SIGKILL at every instant of a week of cycles, each run again to its end
uv run python -m tests.faults --pairs 1000          # a kill, and a second one during the recovery
uv run python -m tests.faults --seeds 100000        # worlds of random faults
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.cycles.processes import Processes
from tests.cycles.small_world import WEEK
from tests.faults.alpaca_worlds import AlpacaScenes
from tests.faults.cases import Case, evenings, session_of
from tests.faults.scenes import Scenes
from tests.faults.worlds import World, live, worlds_of
from tests.memory import memory

console = Console(width=150, highlight=False)
_SCENES = {kind.at: kind for kind in (Scenes, AlpacaScenes)}
#: A fault that was planned this often and never befell is one that does not exist.
_OFTEN = 50
#: More instants than any cycle has.
_ALL = 1_000_000


def main(arguments: list[str]) -> int:
    """Run what is asked for; 1 when anything ended otherwise than it should."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    pairs = range(asked.first, asked.first + asked.pairs) if asked.pair is None else range(asked.pair, asked.pair + 1)
    if not asked.points and not pairs and not asked.seeds and asked.seed is None:
        parser.error("say what to run: --points, --pairs, --seeds, or one case of them: --point, --pair, --seed")
    one_session = asked.points and asked.session is not None
    if (asked.start or asked.end is not None or asked.point is not None) and not one_session:
        parser.error("--from, --to and --point are of --points of one --session; say which")
    instants = range(asked.start, _ALL if asked.end is None else asked.end + 1)
    if asked.point is not None:
        instants = range(asked.point, asked.point + 1)
    kind = _SCENES[asked.at]
    among = range(kind.scripts, kind.scripts + kind.brackets) if asked.brackets else ()
    folder = Path(tempfile.mkdtemp(prefix="grodt-faults-", dir=memory()))
    failed = 0
    try:
        if asked.points or pairs:
            failed += _kills(folder / "points", asked.session, instants if asked.points else None, pairs)
        if asked.seeds:
            failed += _worlds(folder, range(asked.first, asked.first + asked.seeds), asked.workers, kind, among)
        if asked.seed is not None:
            world = live(asked.seed, kind(folder / "scenes"), folder / "worlds", among)
            _say(world)
            failed += bool(world.wrong)
    finally:
        shutil.rmtree(folder)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--points", action="store_true", help="every instant of every session of the week, by SIGKILL in a process of its own"
    )
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="that many pairs of a kill and a kill during the recovery")
    parser.add_argument("--session", type=date.fromisoformat, choices=WEEK, help="of --points and --pairs: only this one")
    of_one = "of --points and --session:"
    parser.add_argument("--from", type=int, default=0, metavar="I", dest="start", help=f"{of_one} from that instant on")
    parser.add_argument("--to", type=int, metavar="I", dest="end", help=f"{of_one} to that instant, with it")
    parser.add_argument("--point", type=int, metavar="I", help=f"{of_one} only that instant")
    parser.add_argument("--pair", type=int, metavar="K", help="only that pair")
    parser.add_argument("--seeds", type=int, default=0, metavar="N", help="that many random worlds")
    parser.add_argument("--first", type=int, default=0, metavar="K", help="of --seeds and --pairs: the first; default %(default)s")
    parser.add_argument("--seed", type=int, metavar="K", help="the world of that seed, and its course")
    parser.add_argument("--at", choices=[*_SCENES], default="paper", help="of --seeds and --seed: the broker; default %(default)s")
    parser.add_argument("--brackets", action="store_true", help="of --seeds and --seed: only worlds whose positions have brackets")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of --seeds: processes; default %(default)s")
    return parser


def _worlds(folder: Path, seeds: range, workers: int, kind: type[Scenes], among: Sequence[int]) -> int:
    """Let them take their courses; say what ended otherwise and how often each fault befell, and count what is wrong."""
    began, failed, planned, befell = time.monotonic(), 0, Counter[str](), Counter[str]()
    for world in track(worlds_of(seeds, folder, workers, kind, among), "worlds", total=len(seeds), console=console):
        planned.update(world.planned)
        befell.update(world.befell)
        if world.wrong:
            failed += 1
            _say(world)
    seconds = time.monotonic() - began
    table = Table("fault", "attempts it was planned in", "befell", "share")
    for name, often in planned.most_common():
        table.add_row(name, f"{often:,}", f"{befell[name]:,}" if befell[name] else "[red]never", f"{befell[name] / often:.0%}")
    console.print(table)
    never = never_befell(planned, befell)
    if never:
        console.print(f"[red]never befell, however often they were planned: {', '.join(never)}")
    console.print(f"{len(seeds):,} worlds, {failed:,} of them wrong, in {seconds:,.0f} s: {60 * len(seeds) / seconds:,.0f} a minute")
    return failed + len(never)


def never_befell(planned: Mapping[str, int], befell: Mapping[str, int]) -> list[str]:
    """Faults that were planned often and never came to pass: what they stand for is not tried at all."""
    return [name for name, often in planned.items() if often >= _OFTEN and not befell.get(name)]


def _say(world: World) -> None:
    console.print(str(world), soft_wrap=True, markup=False)


def _kills(folder: Path, only: date | None, instants: range | None, pairs: range) -> int:
    """Session by session, single kills at those instants (none of them if it is None) and pairs; the number that ended otherwise."""
    table = Table("session", "instants", "states", "power", "killed", "pairs", "cases a minute", "failed")
    failed = 0
    chosen = [only] if only else list(WEEK) if instants is not None else sorted({session_of(pair) for pair in pairs})
    with Processes() as processes:
        for evening in evenings(folder, chosen, instants, pairs, processes):
            began, bad, lived = time.monotonic(), 0, Counter[str]()
            for case in _cases(evening.session, evening.cases):
                lived[case.kind] += 1
                found = case.live(folder)
                if found:
                    bad += 1
                    console.print(f"{evening.session}, {case.kind}, {case.what}", *found, sep="\n  ", markup=False, soft_wrap=True)
                    console.print(f"  again: {case.again}", markup=False, soft_wrap=True)
            rate = f"{60 * len(evening.cases) / (time.monotonic() - began):.0f}"
            counts = [evening.whole.instants, len(evening.whole.remains), *(lived[kind] for kind in ("power", "killed", "pairs"))]
            table.add_row(str(evening.session), *map(str, counts), rate, str(bad))
            failed += bad
    console.print(table)
    return failed


def _cases(session: date, cases: Sequence[Case]) -> Iterator[Case]:
    yield from track(cases, f"{session}", total=len(cases), console=console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
