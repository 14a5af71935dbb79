"""Every instant at which a cycle can be killed, and what each leaves behind.

A process that is killed leaves its files as they are at that instant. So the cycle runs once, and its home is copied at every instant at
which it has become another; instants between which no file changes leave the same behind and share a copy. A test
shows that a SIGKILL leaves just that.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from tests.cycles.driver import Home
from tests.faults.doors import CHANGING, Moment, doors
from tests.faults.homes import Killed, broken, copied, life
from tests.faults.power import Unsynced, Vanishing, lose


@dataclass
class Remains:
    """What a kill leaves behind at each of some successive instants.

    Attributes:
        home: a copy of it; to be run only once.
        first: number of the first of the instants.
        vanishing: what of it was not synced at the first of them.
        instants: what the process was about, or had just done.
    """

    home: Home
    first: int
    vanishing: Vanishing
    instants: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The instants, for people."""
        last = self.first + len(self.instants) - 1
        return f"instants {self.first}–{last}: {'; '.join(self.instants)}" if last > self.first else f"instant {last}: {self.instants[0]}"


class Recorder:
    """Copies a home at each instant that leaves something new behind."""

    def __init__(self, home: Home, folder: Path) -> None:
        self._home = home
        self._folder = folder
        self._fresh = True
        self._unsynced = Unsynced(home.folder)
        self.count = 0
        self.remains: list[Remains] = []

    def __call__(self, moment: Moment, door: str, name: str) -> None:
        """Take note of an instant."""
        self._fresh |= moment != "before" and door in CHANGING
        self._unsynced(moment, door, name)
        if self._fresh and self._home.folder.exists():
            self.remains.append(Remains(copied(self._home, self._folder / str(self.count)), self.count, self._unsynced.now()))
            self._fresh = False
        if self.remains:
            self.remains[-1].instants.append(f"{moment} {door} {name}")
        self.count += 1


@dataclass(frozen=True)
class Undisturbed:
    """Cycles that ran without a fault: what is in the end, and what kills on the way would have left behind."""

    sessions: tuple[date, ...]
    facts: dict[str, list[Any]]
    remains: list[Remains]
    instants: int


def run_undisturbed(start: Home, sessions: Sequence[date], folder: Path) -> Undisturbed:
    """Run them in a copy of a home below a folder."""
    home = copied(start, folder / "undisturbed")
    recorder = Recorder(home, folder)
    with life(), doors(home.folder, recorder):
        home.run(*sessions)
    wrong = broken(home)
    assert not wrong, wrong
    return Undisturbed(tuple(sessions), home.facts(), recorder.remains, recorder.count)


def rerun(remains: Remains, whole: Undisturbed) -> list[str]:
    """Run the cycles again on what a kill has left; what is then other than undisturbed, and which invariants are broken. The home goes."""
    home = remains.home
    try:
        with life():
            home.run(*whole.sessions)
        return differences(whole.facts, home.facts()) + broken(home)
    except Exception as error:  # noqa: BLE001 - a cycle that does not come to its end is what is looked for
        return [f"run again, it ends with {type(error).__name__}: {error}"]
    finally:
        shutil.rmtree(home.folder)


class _Again:
    """Kills once, at the instant of that number."""

    def __init__(self, home: Home, at: int, folder: Path) -> None:
        self._home = home
        self._at = at
        self._folder = folder
        self.count = 0
        self.left: Home | None = None

    def __call__(self, moment: Moment, door: str, name: str) -> None:
        """Take note of an instant."""
        self.count += 1
        if self.count > self._at and self.left is None:
            self.left = copied(self._home, self._folder)
            raise Killed


def killed_again(remains: Remains, whole: Undisturbed, at: float, folder: Path) -> list[str]:
    """Run the cycles again on what a kill has left, kill them at a share `at` of the instants, and run them a third time; as `rerun`."""
    recovering = copied(remains.home, folder / "recovering")
    again = _Again(recovering, int(at * whole.instants), folder / "left")
    try:
        with life(), doors(recovering.folder, again):
            recovering.run(*whole.sessions)
    except Killed:
        assert again.left is not None
        return rerun(Remains(again.left, remains.first, ()), whole)
    finally:
        shutil.rmtree(recovering.folder)
    return []  # the recovery had less to do and was over before


def without_power(remains: Remains, folder: Path) -> Home:
    """What is left of it when the machine loses power at that instant, in a folder of its own: names that were not synced have vanished."""
    home = copied(remains.home, folder)
    lose(home.folder, remains.vanishing)
    return home


def differences(expected: dict[str, list[Any]], found: dict[str, list[Any]]) -> list[str]:
    """Facts that are there too much or too little, by table; a few of each."""
    said = []
    for table in expected.keys() | found.keys():
        ours, theirs = expected.get(table, []), found.get(table, [])
        if ours != theirs:
            missing, more = [row for row in ours if row not in theirs][:3], [row for row in theirs if row not in ours][:3]
            said.append(f"{table}: {len(theirs)} rows in place of {len(ours)}; not there: {missing}; not expected: {more}")
    return said
