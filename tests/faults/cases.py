"""Cases of kills, of a week of cycles: single ones by SIGKILL and by loss of power, and pairs. Each has a command that lives it again."""

import random
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Protocol

from tests.cycles.driver import Home
from tests.cycles.processes import Processes
from tests.cycles.small_world import WEEK, small_home
from tests.faults.homes import broken, copied, left_behind, life
from tests.faults.points import Remains, Undisturbed, killed_again, rerun, run_undisturbed, without_power

COMMAND = "uv run python -m tests.faults"
_SEED = 2015


class _Lived(Protocol):
    """Lives a case below a folder; what ended otherwise than it should."""

    def __call__(self, folder: Path) -> list[str]: ...


@dataclass(frozen=True)
class Case:
    """A kill, or two.

    Attributes:
        kind: "power", "killed" or "pairs".
        what: the instants, for people.
        again: the command that lives it again.
    """

    kind: str
    what: str
    again: str
    _lived: _Lived

    def live(self, folder: Path) -> list[str]:
        """Live it below a folder; what ended otherwise than it should, none where nothing did. An error of the harness is told of, too."""
        try:
            return self._lived(folder)
        except Exception as error:  # noqa: BLE001 - one case that cannot be lived must not hide those after it
            return [f"not lived to its end: {type(error).__name__}: {error}"]


@dataclass(frozen=True)
class Evening:
    """A session, the home before it, what it is without a fault, and the cases that are asked of it."""

    session: date
    whole: Undisturbed
    cases: list[Case]


def evenings(
    folder: Path, sessions: Sequence[date], instants: range | None, pairs: Sequence[int], processes: Processes
) -> Iterator[Evening]:
    """Session by session: single kills at those instants (of each state that is left behind one; none if None), and those pairs."""
    drawn = _drawn(pairs)
    last = max(sessions)
    for session, home in _starts(folder):
        if session in sessions:
            below = folder / f"of-{session}"
            whole = run_undisturbed(home, [session], below)
            single = [left for left in whole.remains if instants is not None and _within(left, instants)]
            cases = [_dark(session, left, at) for left, at in ((left, _at(left, instants)) for left in single) if left.vanishing]
            cases += [_pair(number, whole, draw) for number, draw in drawn[session]]
            cases += [_single(session, processes, home, left, _at(left, instants), whole) for left in single]
            yield Evening(session, whole, cases)
            shutil.rmtree(below)
        if session == last:
            return


def session_of(pair: int) -> date:
    """The session that a pair is of."""
    return _draw_of(pair).choice(WEEK)


def _draw_of(pair: int) -> random.Random:
    return random.Random(f"{_SEED} pair {pair}")


def _drawn(pairs: Iterable[int]) -> dict[date, list[tuple[int, random.Random]]]:
    drawn: dict[date, list[tuple[int, random.Random]]] = defaultdict(list)
    for number in pairs:
        draw = _draw_of(number)
        drawn[draw.choice(WEEK)].append((number, draw))
    return drawn


def _starts(folder: Path) -> Iterator[tuple[date, Home]]:
    """Each session of the week and the home as it is before it."""
    home = small_home(folder / "start")
    home.folder.mkdir(parents=True)
    for session in WEEK:
        yield session, home
        with life():
            home.run(session)


def _within(left: Remains, instants: range) -> bool:
    return left.first < instants.stop and left.first + len(left.instants) > instants.start


def _at(left: Remains, instants: range | None) -> int:
    """The instant at which the process is killed: the first of those that are asked for."""
    return left.first if instants is None else max(left.first, instants.start)


def _point(session: date, at: int) -> str:
    return f"{COMMAND} --points --session {session} --point {at}"


def _dark(session: date, left: Remains, at: int) -> Case:
    return Case(
        "power", str(left), _point(session, at), lambda folder: broken(without_power(left, folder / f"dark-{left.first}"), recovered=False)
    )


def _pair(number: int, whole: Undisturbed, draw: random.Random) -> Case:
    left, share = draw.choice(whole.remains), draw.random()
    what = f"pair {number}: {left}; then at {share:.3f} of the recovery"
    return Case("pairs", what, f"{COMMAND} --pair {number}", lambda folder: killed_again(left, whole, share, folder / f"again-{number}"))


def _single(session: date, processes: Processes, start: Home, left: Remains, at: int, whole: Undisturbed) -> Case:
    return Case("killed", str(left), _point(session, at), partial(_killed, processes, start, left, at, whole))


def _killed(processes: Processes, start: Home, left: Remains, at: int, whole: Undisturbed, folder: Path) -> list[str]:
    """Kill a process of its own at an instant, look at what it leaves, and run the cycle again on that."""
    home = copied(start, folder / f"killed-{at}")
    status = processes.run(home, whole.sessions, instant=at)
    found = [] if status == -9 else [f"the process ended with {status} and was not killed"]
    found += [] if left_behind(home) == left_behind(left.home) else ["the kill left something else behind than was copied"]
    return found + rerun(replace(left, home=home), whole)
