"""Worlds from seeds: two sessions of a book in which vendor, broker, disk, ledger, clock and other processes fail as the seed says.

In each session faults befall one or two attempts, and then one is made without any. After every attempt the invariants hold. In the end
ledger, broker and lake are those of the world without faults, wherever no fault was one that a decision may differ by.
"""

import os
import random
import threading
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from typing import Any, ClassVar
from unittest.mock import patch

import tasks.wiring
from grodt.brokers.paper import PaperBroker
from grodt.brokers.protocol import Broker
from grodt.errors import GrodtError, LeaseHeld
from grodt.execution.opening import LEASE_TTL
from grodt.ledger.acts import act
from grodt.ledger.breaks import open_breaks, resolve_break
from grodt.ledger.halts import active, halt
from grodt.ledger.leases import holder_of
from grodt.ledger.rearming import rearm
from grodt.ledger.unit import Ledger
from tests.cycles.driver import Home
from tests.faults.doors import doors
from tests.faults.homes import Killed, broken, copied, disagreement, life
from tests.faults.legs import loose, unprotected
from tests.faults.points import differences
from tests.faults.scenes import Scene, Scenes, evening, timeless
from tests.faults.vendor import TELLING, Vendor
from tests.faults.weather import INSTANTS_WITH_BRACKETS, KINDS, OF_BRACKETS, ORDERS_WITH_BRACKETS, Fault, Weather, draw_fault
from tests.new_ledgers import made_at_once

SESSIONS = 2
DONE = "it has done the cycle"
_ATTEMPTS = 8
_NEVER = datetime.min.replace(tzinfo=UTC)
#: The share of first sessions that nobody brings to their end.
_MISSED = 0.08
#: What a decision or the broker's book may differ by afterwards; the invariants and the agreement with the broker still hold.
_TELLING = frozenset({"halted", "fills late"})
#: What the lake may know things since other instants by.
_TIMING = frozenset({"overtaken", "clock back", "days late"})


@dataclass
class World:
    """A world's course.

    Attributes:
        seed: it.
        at: its broker; see `Scenes`.
        told: what happened, in its order.
        only_brackets: whether it was drawn from worlds with brackets alone.
        planned: in how many attempts a fault of each kind was drawn.
        befell: in how many it came to pass.
        wrong: what should not have happened; empty for a sound world.
    """

    seed: int
    at: str = "paper"
    only_brackets: bool = False
    told: list[str] = field(default_factory=list)
    planned: Counter[str] = field(default_factory=Counter)
    befell: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Its course, and how to see it again."""
        lines = [*self.told, *(f"WRONG: {each}" for each in self.wrong)]
        at = ("" if self.at == Scenes.at else f" --at {self.at}") + (" --brackets" if self.only_brackets else "")
        return f"seed {self.seed}; again: uv run python -m tests.faults --seed {self.seed}{at}\n  " + "\n  ".join(lines)


def live(seed: int, scenes: Scenes, folder: Path, among: Sequence[int] = ()) -> World:
    """Let a seed's world take its course in a folder, which is thrown away; of these scripts alone, if any are said."""
    draw = random.Random(seed)
    scene = scenes.drawn(draw, among)
    first = draw.randrange(len(scenes.week) - SESSIONS + 1)
    sessions = scenes.week[first : first + SESSIONS]
    world = World(seed, scenes.at, bool(among) and min(among) >= scenes.scripts)
    course = scenes.course(world, scene, draw, folder / str(seed), copied(scene.starts[sessions[0]], folder / str(seed) / "0"))
    course.world.told.append(f"script {scene.script}, sessions {sessions[0]} and {sessions[-1]}")
    try:
        for session in sessions:
            course.session(session, last=session == sessions[-1])
            if course.world.wrong:
                return course.world
        course.compare(sessions[-1])
    except Exception as error:  # noqa: BLE001 - one world that cannot be looked at must not hide those after it
        where = traceback.extract_tb(error.__traceback__)[-1]
        course.world.wrong.append(f"not lived to its end: {type(error).__name__}: {error} ({where.filename}:{where.lineno})")
    finally:
        rmtree(folder / str(seed))
    return course.world


_place: dict[str, Any] = {}


def worlds_of(seeds: Sequence[int], folder: Path, workers: int, kind: type[Scenes], among: Sequence[int] = ()) -> Iterator[World]:
    """The worlds of those seeds in their order, lived in so many processes; see `live`."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(folder, kind)) as pool:
        yield from pool.map(partial(_live, among=among), seeds, chunksize=4)


def _begin(folder: Path, kind: type[Scenes]) -> None:
    """What a process does once."""
    _place["folder"] = folder / f"process-{os.getpid()}"
    _place["scenes"] = kind(_place["folder"] / "scenes")


def _live(seed: int, among: Sequence[int]) -> World:
    return live(seed, _place["scenes"], _place["folder"], among)


@dataclass
class Course:
    """A world as it goes. What differs with the broker is in the methods without an underscore.

    Attributes:
        world: what is told of it.
        scene: the same without faults.
        draw: what befalls it.
        folder: of its homes.
        home: the one that lives.
        telling: whether a fault befell it that a decision may differ by.
        otherwise_timed: whether its lake may know things since other instants.
        halted: whether a halt has held in this session.
        late: how much the clock is ahead, because leases had to run out.
        latest: the latest instant that anybody has worked at, by whichever clock; people act after all that they see.
    """

    world: World
    scene: Scene
    draw: random.Random
    folder: Path
    home: Home
    telling: bool = False
    otherwise_timed: bool = False
    halted: bool = False
    late: timedelta = timedelta(0)
    latest: datetime = _NEVER
    copies: int = 0
    me: str = ""
    overtaken_at: dict[str, list[Any]] | None = None

    broker: ClassVar[type[Broker]] = PaperBroker
    kinds: ClassVar[Mapping[str, int]] = KINDS
    tellings: ClassVar[frozenset[str]] = _TELLING

    def evening(self, session: date) -> datetime:
        """When its cycle runs."""
        return evening(session)

    def facts(self) -> dict[str, list[Any]]:
        """Of ledger, broker and lake, without instants and what counts tries."""
        return timeless(self.home, any_order=self.scene.rests)

    def disagreement(self) -> list[str]:
        """Where the ledger is not as the broker in the end."""
        return disagreement(self.home)

    def broken(self, *, recovered: bool) -> list[str]:
        """Which invariants do not hold."""
        return broken(self.home, recovered=recovered) + (loose(self.home) if self.scene.has_brackets else [])

    def bare(self, session: date) -> list[str]:
        """Positions that a session's cycle leaves without their stop, and without a word."""
        return unprotected(self.home, session) if self.scene.has_brackets and not self.halted else []

    @contextmanager
    def surroundings(self, faulty: bool) -> Iterator[list[str]]:
        """What else an attempt is made in; yields what of it is a fault."""
        yield []

    def session(self, session: date, *, last: bool) -> None:
        """Its attempts, until one without faults is done; in some first sessions only those with faults, because nobody tries again."""
        faulty, self.halted = self.draw.choices((0, 1, 2), (1, 6, 2))[0], False
        missed = not last and faulty > 0 and self.draw.random() < _MISSED
        for attempt in range(_ATTEMPTS):
            drawn = {fault.kind: fault for fault in (self._draw_fault() for _ in range(self.draw.choices((1, 2, 3), (5, 3, 1))[0]))}
            faults = tuple(drawn.values()) if attempt < faulty else ()
            done = self._attempt(session, faults)
            self.world.wrong += [f"{session} after attempt {attempt + 1}: {each}" for each in self.broken(recovered=done)]
            if done and not faults:
                self.world.wrong += [f"{session}: {each}" for each in self.bare(session)]
            if self.world.wrong or (done and not faults):
                return
            self._rearm()
            if missed and attempt + 1 == faulty:
                self.telling = True
                self.world.planned["missed"] += 1
                self.world.befell["missed"] += 1
                self.world.told.append(f"{session}: nobody tries again")
                return
        self.world.wrong.append(f"{session} is not done after {_ATTEMPTS} attempts")

    def _draw_fault(self) -> Fault:
        if self.scene.rests:
            return draw_fault(self.draw, {**self.kinds, **OF_BRACKETS}, instants=INSTANTS_WITH_BRACKETS, orders=ORDERS_WITH_BRACKETS)
        return draw_fault(self.draw, self.kinds)

    def compare(self, last: date) -> None:
        """What must be so in the end."""
        found = self.facts()
        self.world.wrong += self.disagreement()
        if not self.telling:
            expected = self.scene.facts[last]
            dropped = {"lake"} if self.otherwise_timed else set()
            self.world.wrong += differences(_without(expected, dropped), _without(found, dropped))
        with closing(Ledger.open(f"sqlite:///{self.home.folder}/ledger.db")) as ledger, ledger.read() as tx:
            self.world.wrong += [f"halt at the end: {each}" for each in active(tx, self.home.book, datetime.fromisoformat(self.home.now))]

    def _attempt(self, session: date, faults: tuple[Fault, ...]) -> bool:
        """Whether the cycle came to its end."""
        self.home = replace(self.home, now=(self.evening(session) + self.late).isoformat())
        weather = Weather(self.home, faults, self._next_folder(), lambda fault: self._other(fault, session))
        outcome, done, self.overtaken_at = "done", True, None
        with ExitStack() as around:
            self.me = around.enter_context(life())
            around.enter_context(made_at_once())
            around.enter_context(self.scene.decides())
            around.enter_context(_vendor(weather))
            around.enter_context(doors(self.home.folder, weather, weather.answers(), self.broker))
            spoilt = around.enter_context(self.surroundings(bool(faults)))
            home = self._at(self.evening(session) + self.late + weather.clock())
            try:
                home.run(session)
            except Killed:
                outcome, done = "killed", False
            except GrodtError as error:
                outcome, done = f"{type(error).__name__}: {error}", False
            except Exception as error:  # noqa: BLE001 - whatever else comes out is what the harness looks for
                self.world.wrong.append(f"{session}: not an error of ours, {type(error).__name__}: {error}")
        if outcome == "killed":  # beyond the doors, through which nothing more befalls a process that is dead
            assert weather.left is not None
            rmtree(self.home.folder)
            self.home = weather.left
        if self.overtaken_at is not None:
            changed = differences(_without(self.overtaken_at, {"lake"}), _without(self.facts(), {"lake"}))
            self.world.wrong += [f"{session}: a process whose lease was taken over has changed {each}" for each in changed]
            if done:
                self.world.wrong.append(f"{session}: a process whose lease was taken over ended as if it had it")
        self.world.planned.update({fault.kind for fault in faults})
        self.world.befell.update(weather.befell)
        self.telling |= bool(weather.befell & self.tellings) or (
            "vendor" in weather.befell and any(each.vendor in TELLING for each in faults)
        )
        self.otherwise_timed |= bool(weather.befell & _TIMING)
        self.world.wrong += [f"{session}: {each}" for each in weather.wrong]
        said = f"{session}: {', '.join([*map(str, faults), *spoilt]) or 'no fault'}"
        self.world.told += [said, *(f"    {each}" for each in weather.happened), f"    → {outcome.splitlines()[0][:300]}"]
        return done

    def _at(self, now: datetime) -> Home:
        """The home at an instant, at which somebody works now."""
        self.latest = max(self.latest, now)
        return replace(self.home, now=now.isoformat())

    def _next_folder(self) -> Path:
        self.copies += 1
        return self.folder / str(self.copies)

    def _other(self, fault: Fault, session: date) -> str:
        """What another process does meanwhile; in a thread, because the one that is asked may be in an event loop."""
        said: list[str] = []
        thread = threading.Thread(target=lambda: said.append(self._do_other(fault, session)))
        thread.start()
        thread.join()
        return said[0]

    def _do_other(self, fault: Fault, session: date) -> str:
        if fault.kind == "halted":
            with closing(Ledger.open(f"sqlite:///{self.home.folder}/ledger.db")) as ledger, ledger.write() as tx:
                halt(tx, scope="book", book=self.home.book, kind="kill", reason="seen enough", author="ann", now=self.latest)
            return "ann has killed the book"
        held = self._holder() == self.me and ("done",) not in self.home.sql("SELECT state FROM runs WHERE session = ?", str(session))
        before = self.home.everything()
        if fault.kind == "overtaken":
            self.late += LEASE_TTL
        later = self._at(self.evening(session) + self.late)
        with life():
            try:
                later.run(session)
                said = DONE
            except LeaseHeld as error:
                if self.home.everything() != before:
                    self.world.wrong.append("a process that was not given the lease has changed something")
                said = str(error)
            except GrodtError as error:
                said = f"{type(error).__name__}: {error}"
        if held and fault.kind == "another process" and said == DONE:
            self.world.wrong.append("two processes worked on one book")
        if held and fault.kind == "overtaken" and self._holder() != self.me:
            self.overtaken_at = self.facts()
        return said

    def _holder(self) -> str | None:
        with closing(Ledger.open(f"sqlite:///{self.home.folder}/ledger.db")) as ledger, ledger.read() as tx:
            found = holder_of(tx, f"book:{self.home.book}")
            return None if found is None else found.holder

    def _rearm(self) -> None:
        """Ann ends breaks, asks for the end of each halt, and Bob agrees."""
        if not (self.home.folder / "ledger.db").exists():
            return
        now = self.latest
        with closing(Ledger.open(f"sqlite:///{self.home.folder}/ledger.db")) as ledger, ledger.write() as tx:
            for each in open_breaks(tx, self.home.book):
                resolve_break(tx, each.break_id, "the broker told late", "ann", now)
            found = active(tx, self.home.book, now)
            if not found:
                return
            self.world.told.append(f"    halted, and armed again: {'; '.join(map(str, found))}")
            self.halted = True
            self.telling |= self.scene.rests  # a halt has cancelled what rested, and the next cycle sends others
            asked = rearm(tx, book=self.home.book, reason="looked into", author="ann", now=now).asked
            if asked is not None:
                act(tx, asked.request_id, "approve", by="bob", reason="agreed", now=now)


Scenes.course = Course


def _without(facts: dict[str, list[Any]], dropped: set[str]) -> dict[str, list[Any]]:
    return {name: rows for name, rows in facts.items() if name not in dropped}


@contextmanager
def _vendor(weather: Weather) -> Iterator[None]:
    """Let the source be the one that the faults make of it."""
    found = next((fault for fault in weather.faults if fault.vendor is not None), None)
    if found is None or found.vendor is None:
        yield
        return
    spoiled = partial(Vendor, fault=found.vendor, at=found.at, symbol=found.symbol, tell=partial(weather.say, found.kind, str(found)))
    original = tasks.wiring.source
    with patch.object(tasks.wiring, "source", lambda *args: spoiled(original(*args))):
        yield
