"""What a replay costs: ten years of cross-sectional momentum by GRODT, by peers and by bare NumPy, and what each of them ends with.

    uv run python -m tests.benchmarks.replay                                    # GRODT and the floor
    uv run python -m tests.benchmarks.replay --peers                            # and the peers, each in an environment that uv makes
    uv run python -m tests.benchmarks.replay --peers --sizes 500 --rebalance day --only vectorbt bt
    uv run python -m tests.benchmarks.replay --show replays.json                # print again what --json kept

Contestant after contestant runs in a process of its own, in turn for each panel and round; `replay_strategy` says what they replay. Each
final equity stands beside what `replay_reference` gives under that engine's conventions; a difference that this does not give is printed
as *not explained*. A peer that would take far longer than `--limit` is left out with the figure that says so. A bar that is missed is
printed as FAIL, and the command still ends with status 0: it measures, it does not judge a change.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np
from rich.console import Console

from grodt.sessions import Calendar
from tests.benchmarks.peers import EngineFailed, environments, last_line, versions
from tests.benchmarks.replay_contestants import CONTESTANTS, FLOOR
from tests.benchmarks.replay_reference import Conventions, replay
from tests.benchmarks.replay_strategy import REBALANCED, read_panel, write_panel
from tests.benchmarks.replay_tables import ALONE, Finding, print_findings

_ROOT = Path(__file__).resolve().parents[2]
SESSIONS = 2_520
LAST = date(2025, 12, 31)
_GAPS_AT = 500

console = Console(width=190, highlight=False)


def main() -> None:
    """Measure and print."""
    options = _options()
    if options.show:
        kept = [Finding(**each) for file in options.show for each in json.loads(Path(file).read_text())]
        print_findings(console, sorted(kept, key=lambda each: (each.symbols, each.gaps, each.rebalanced)))
        return
    console.print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    )
    pythons = _pythons(options)
    sessions = np.array(Calendar("XNYS").latest(LAST, SESSIONS), dtype="datetime64[D]")
    root = Path(tempfile.mkdtemp(prefix="grodt-replay-"))
    found: list[Finding] = []
    try:
        for size, gaps in [(size, False) for size in options.sizes] + [(_GAPS_AT, True)] * (_GAPS_AT in options.sizes):
            folder = root / "panel"
            write_panel(folder, sessions, size, gaps=gaps)
            for rebalanced in options.rebalance:
                found += _measure(folder, size, gaps, rebalanced, pythons, found, options)
                if options.json:
                    Path(options.json).write_text(json.dumps([asdict(each) for each in found], indent=1))
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print_findings(console, found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="replay", description="What a replay costs.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 500, 5_000], help="symbols; default 50 500 5000")
    parser.add_argument("--rebalance", nargs="+", choices=REBALANCED, default=list(REBALANCED), help="default both")
    parser.add_argument("--peers", action="store_true", help="install and measure the peers too")
    parser.add_argument("--only", nargs="+", default=[], help="names, or how they begin, of contestants to measure")
    parser.add_argument("--repeat", type=int, default=3, help="warm calls per process; default %(default)s")
    parser.add_argument("--rounds", type=int, default=1, help="processes per contestant and panel, in turn; default %(default)s")
    parser.add_argument("--limit", type=float, default=120.0, help="CPU seconds that a replay may take; default %(default)s")
    parser.add_argument("--json", help="keep what was measured in this file")
    parser.add_argument("--show", nargs="+", help="measure nothing, print what these files keep")
    parser.add_argument("--python", default=sys.executable, help="Python of the peers that take any; default the one that runs this")
    parser.add_argument(
        "--environments", default=str(Path(tempfile.gettempdir()) / "grodt-peers"), help="where they are kept; default %(default)s"
    )
    return parser.parse_args()


def _pythons(options: argparse.Namespace) -> dict[str, Path]:
    wanted = [name for name in CONTESTANTS if not options.only or any(name.lower().startswith(each.lower()) for each in options.only)]
    own = [name for name in wanted if CONTESTANTS[name].install is None]
    pythons = {name: Path(sys.executable) for name in own if CONTESTANTS[name].there}
    for name in own:
        if name not in pythons:
            console.print(f"{name}: not in this build")
    if options.peers:
        peers = {name: install for name in wanted if (install := CONTESTANTS[name].install)}
        made, refused = environments(peers, Path(options.environments), options.python)
        pythons |= made
        for name, reason in refused.items():
            console.print(f"{name} does not install: {reason}")
        for name, interpreter in made.items():
            console.print(f"{name}: {versions(interpreter, peers[name].packages)}")
    return pythons


def _measure(
    folder: Path, size: int, gaps: bool, rebalanced: str, pythons: dict[str, Path], before: list[Finding], options: argparse.Namespace
) -> list[Finding]:
    """Every contestant on one panel, in turn, round after round; then what the reference says of each."""
    raw: dict[str, list[dict[str, float]]] = {}
    left_out: dict[str, str] = {}
    for _ in range(options.rounds):
        for name, python in pythons.items():
            if name in left_out or (gaps and not CONTESTANTS[name].gaps):
                continue
            try:
                _require_time(before, name, size, rebalanced, options.limit)
                raw.setdefault(name, []).append(_run(name, python, folder, rebalanced, options))
            except EngineFailed as failed:
                left_out[name] = str(failed)
                raw.pop(name, None)
                console.print(f"{name}, {size:,} symbols, each {rebalanced}: not run: {failed}")
            else:
                console.print(f"{name}, {size:,} symbols, each {rebalanced}: {raw[name][-1]['warm']:.3f} s", style="dim")
    panel = read_panel(folder)
    expected = {
        each: replay(panel, rebalanced, each).final for each in {CONTESTANTS[name].conventions for name in raw} | set(ALONE.values())
    }
    alone = {words: expected[each] for words, each in ALONE.items()}
    found = [Finding(name, size, gaps, rebalanced, reason=reason) for name, reason in left_out.items()]
    for name, runs in raw.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        middle["peak_mb"] = max(run["peak_mb"] for run in runs)
        emulated = expected[CONTESTANTS[name].conventions]
        found.append(Finding(name, size, gaps, rebalanced, middle, emulated, expected[Conventions()], alone=alone if name == FLOOR else {}))
    return found


def _require_time(before: list[Finding], name: str, size: int, rebalanced: str, limit: float) -> None:
    """Raises EngineFailed where growth as the symbols, from the next smaller size, would take twice the limit of CPU seconds."""
    smaller = [each for each in before if each.name == name and each.rebalanced == rebalanced and each.symbols < size and not each.gaps]
    if not smaller:
        return
    last = max(smaller, key=lambda each: each.symbols)
    if last.reason:
        raise EngineFailed(last.reason)
    if (seconds := last.cost["first_cpu"]) * size / last.symbols > 2 * limit:
        raise EngineFailed(f"too slow, {seconds:.0f} CPU s at {last.symbols:,} symbols")


def _run(name: str, python: Path, folder: Path, rebalanced: str, options: argparse.Namespace) -> dict[str, float]:
    command = [str(python), "-W", "ignore", "-m", "tests.benchmarks.replay_contestants", name, str(folder), rebalanced, str(options.repeat)]
    # a contestant's threads are its own choice; where its modules are compiled to is not the measured seconds' business
    environment = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}}
    longest = 4 * options.limit  # seconds of the clock, imports and layout too
    try:
        done = subprocess.run(
            command,
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=longest,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise EngineFailed(f"too slow, no answer in {longest:.0f} s at this size") from None
    if done.returncode:
        raise EngineFailed(last_line(done.stderr) or f"ended with status {done.returncode}")
    figures: dict[str, float] = json.loads(last_line(done.stdout))
    return figures


if __name__ == "__main__":
    main()
