"""What goes wrong in one attempt of a cycle, drawn from a seed: the answers at the doors."""

import errno
import random
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from grodt.errors import BrokerUnavailable, OrderOutcomeUnknown
from tests.cycles.driver import Home
from tests.cycles.small_world import SYMBOLS
from tests.faults.doors import Moment, Swallowed
from tests.faults.homes import Killed, copied
from tests.faults.power import Unsynced, lose
from tests.faults.vendor import OF_BARS, VendorFault

#: Kinds of faults, as often as they are drawn.
KINDS = {
    "kill": 6,
    "power": 2,
    "disk full": 3,
    "locked": 2,
    "vendor": 4,
    "order lost": 2,
    "answer lost": 3,
    "look-up lags": 1,
    "broker down": 2,
    "fills doubled": 1,
    "fills reordered": 1,
    "fills late": 1,
    "early": 1,
    "clock back": 2,
    "days late": 1,
    "another process": 2,
    "overtaken": 2,
    "halted": 2,
}
#: In worlds whose positions have brackets, in place of these and beside them: legs are cancelled before what takes their place goes out.
OF_BRACKETS = {"kill": 9, "cancel lost": 3, "cancel unanswered": 2, "look-up lags": 2}
#: Instants of a light cycle, about, and of one with brackets: where a kill is drawn from.
_INSTANTS, INSTANTS_WITH_BRACKETS = 290, 420
#: Of so many first orders one is drawn, and of a basket with legs; of so many first cancels, of which a cycle has few.
_ORDERS, ORDERS_WITH_BRACKETS = 4, 10
_CANCELS = 3
#: How far the clock is from where it should be, in steps of the fault's place.
_CLOCKS: dict[str, Callable[[int], timedelta]] = {
    "early": lambda _at: timedelta(hours=-9),
    "clock back": lambda at: timedelta(minutes=-1 - at),
    "days late": lambda at: timedelta(days=1 + at),
}
_WRITES = frozenset({"open", "write", "mkdir", "link", "replace", "commit"})


@dataclass(frozen=True)
class Fault:
    """One fault: its kind, the number of the door's passing that it comes at, and what else it needs."""

    kind: str
    at: int
    vendor: VendorFault | None = None
    symbol: str = ""

    def __str__(self) -> str:
        """For people."""
        return f"{self.kind}{f' {self.vendor} ({self.symbol})' if self.symbol else ''} at {self.at}"


def draw_fault(draw: random.Random, kinds: Mapping[str, int], *, instants: int = _INSTANTS, orders: int = _ORDERS) -> Fault:
    """One fault of these kinds, at one of so many instants or orders."""
    kind = draw.choices(list(kinds), list(kinds.values()))[0]
    most = {"kill": instants, "power": instants, "disk full": 60, "locked": 40, "broker down": 12, "vendor": 2}
    clocks = {"early": 1, "clock back": 25, "days late": 4}
    cancels = dict.fromkeys(("cancel lost", "cancel unanswered"), _CANCELS)
    others = {"another process": 40, "overtaken": 40, "halted": 40}
    at = draw.randrange((most | clocks | cancels | others).get(kind, orders))  # a door that is passed less often: nothing happens
    if kind == "unannounced":
        return Fault(kind, 0, "unannounced")
    vendor = draw.choice(OF_BARS) if kind == "vendor" else None
    return Fault(kind, at, vendor, draw.choice(SYMBOLS) if vendor else "")


@dataclass
class Weather:
    """Faults of one attempt, asked at every door.

    Attributes:
        left: the home as a kill left it.
        happened: what came to pass, in its order.
        befell: kinds of the faults that did.
        wrong: what must not have happened.
    """

    home: Home
    faults: tuple[Fault, ...]
    folder: Path
    others: Callable[[Fault], str]
    left: Home | None = None
    happened: list[str] = field(default_factory=list)
    befell: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)
    _stopped: str = ""
    _unsynced: Unsynced = field(init=False)

    def __post_init__(self) -> None:
        """Begin."""
        self._unsynced = Unsynced(self.home.folder)

    def __call__(self, moment: Moment, door: str, name: str) -> None:
        """Be asked at a door."""
        if self.left is not None:
            raise Killed  # what still unwinds of a process that is dead changes nothing, here or at a broker elsewhere
        self._unsynced(moment, door, name)
        if door == "submit" and moment == "before" and self._stopped:
            self.wrong.append(f"order {name} was sent after {self._stopped}")
        for fault in self.faults:
            self._befall(fault, moment, door, name)

    def clock(self) -> timedelta:
        """How far the attempt's clock is from where it should be."""
        wrong = timedelta(0)
        for fault in self.faults:
            if fault.kind in _CLOCKS:
                off = _CLOCKS[fault.kind](fault.at)
                self.say(fault.kind, f"the clock is {'behind' if off < timedelta(0) else 'ahead'} by {abs(off)}")
                wrong += off
        return wrong

    def answers(self) -> dict[str, Callable[[Any], Any]]:
        """What becomes of the broker's answers."""
        of_fills = {
            "fills doubled": lambda fills: (*fills, *fills),
            "fills reordered": lambda fills: fills[::-1],
            "fills late": lambda fills: fills[:-1],
        }
        made: dict[str, Callable[[Any], Any]] = {}
        for fault in self.faults:
            if fault.kind in of_fills:
                made["fills"] = self._of_answers(fault.kind, of_fills[fault.kind])
            elif fault.kind == "look-up lags":
                made["find"] = self._of_answers(fault.kind, lambda found: None if self._is("look-up", 0) else found)
        return made

    def _befall(self, fault: Fault, moment: Moment, door: str, name: str) -> None:
        kind, where = fault.kind, f"{moment} {door} {name}"
        if kind in ("kill", "power") and self._is(kind, fault.at):
            self.say(kind, f"{kind} {where}")
            self.left = copied(self.home, self.folder)
            if kind == "power":
                lose(self.left.folder, self._unsynced.now())
            raise Killed
        if kind == "disk full" and door in _WRITES and moment != "after" and self._from(kind, fault.at) and not name.startswith("brokers"):
            if not self._stopped:
                self.say(kind, f"the disk is full {where}")
                self._stopped = "the disk was full"
            if door == "commit":
                raise _sqlite("database or disk is full", sqlite3.SQLITE_FULL)
            raise OSError(errno.ENOSPC, "No space left on device", name)
        if kind == "locked" and door == "begin" and name == "ledger.db" and self._from(kind, fault.at):
            if not self._stopped:
                self.say(kind, f"the ledger is locked {where}")
                self._stopped = "the ledger was locked"
            raise _sqlite("database is locked", sqlite3.SQLITE_BUSY)
        if door == "submit" and (kind, moment) in (("order lost", "before"), ("answer lost", "after")) and self._is(kind, fault.at):
            self.say(kind, f"{kind}: {name}")
            raise OrderOutcomeUnknown(f"order {name}: connection reset")
        if kind == "cancel lost" and (door, moment) == ("cancel", "before") and self._from(kind, fault.at):
            self.say(kind, f"no cancel arrives any more, the first of {name}")
            raise Swallowed
        if kind == "cancel unanswered" and (door, moment) == ("cancel", "after") and self._is(kind, fault.at):
            self.say(kind, f"the answer to the cancel of {name} is lost")
            raise BrokerUnavailable(f"cancel of {name}: connection reset")
        if kind == "broker down" and door == "read" and moment == "before" and self._from(kind, fault.at):
            self.say(kind, f"the broker is down {where}")
            raise BrokerUnavailable("the broker answered 503; try again later")
        if kind in ("another process", "overtaken", "halted") and (door, name) == ("begin", "ledger.db") and self._is(kind, fault.at):
            self.say(kind, f"{kind} {where}: {self.others(fault)}")
            if kind == "halted":
                self._stopped = "the halt was committed"

    def _of_answers(self, kind: str, made_of: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def answer(told: Any) -> Any:
            made = made_of(told)
            if made != told:
                self.say(kind, kind)
            return made

        return answer

    def say(self, kind: str, text: str) -> None:
        """Note that a fault of that kind has come to pass."""
        self.befell.add(kind)
        if not self.happened or self.happened[-1] != text:
            self.happened.append(text)

    def _is(self, what: str, at: int) -> bool:
        """Whether this is passing number `at` of what is counted."""
        self._counts[what] = self._counts.get(what, -1) + 1
        return self._counts[what] == at

    def _from(self, what: str, at: int) -> bool:
        self._counts[what] = self._counts.get(what, -1) + 1
        return self._counts[what] >= at


def _sqlite(text: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error
