"""Scripts of worlds: weeks without faults, made when first asked for, and the facts that are left of them."""

import random
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tests.cycles.driver import Home
from tests.cycles.small_world import WEEK, XNYS, books_text, small_home
from tests.faults.homes import broken, copied, life
from tests.faults.legs import loose, unprotected
from tests.faults.light import scripted_decisions, scripted_targets
from tests.new_ledgers import made_at_once

if TYPE_CHECKING:
    from tests.faults.worlds import Course

#: Terms of the paper broker: orders filled whole; in parts, the rest in one session more; in parts, with borrowed shares.
TERMS = (
    "slippage_bps: 5, commission_bps: 1",
    "slippage_bps: 5, commission_bps: 1, participation: 0.05, carry_sessions: 1",
    "slippage_bps: 5, commission_bps: 1, participation: 0.05, carry_sessions: 1, borrow_bps: 100",
)
#: Brackets of books, the prices of their legs near enough for the week to reach them, and the terms of their broker.
BRACKETS = (
    ("{stop_bps: 60, take_profit_bps: 120, cool_off_sessions: 1}", TERMS[0]),
    ("{stop_bps: 90, take_profit_bps: 90, cool_off_sessions: 0}", TERMS[1]),
    ("{stop_bps: 80, take_profit_bps: 160, cool_off_sessions: 2}", TERMS[2]),
    ("{stop_bps: 120, cool_off_sessions: 0}", TERMS[1]),
)
#: How books order whose orders rest from session to session, at prices that the week reaches now and then, and the terms of their broker.
RESTING = (
    ("{type: limit, offset_bps: -40, tif: gtc}", TERMS[1]),
    ("{type: limit, offset_bps: -10, tif: gtc}", TERMS[2]),
)
#: The share of worlds with brackets, and of those with other orders that rest.
_BRACKETED, _RESTING = 0.2, 0.1
#: The ledger's tables of facts that a rerun repeats; what is left out of each is what tells how often it was tried.
LEDGER = (
    "runs",
    "baskets",
    "orders",
    "order_status",
    "fills",
    "entries",
    "postings",
    "dividends",
    "applied_sessions",
    "settlements",
    "breaks",
    "break_starts",
    "break_sights",
    "break_resolutions",
)
_PAPER = ("account", "sessions", "positions", "orders", "fills", "payments")
_OF_TRIES = ("number", "attempts", "flow_run_id", "fence", "break_id", "limits_version", "snapshot_version", "snapshot_digest")
#: What depends on the order in which a cycle sends: where an order waits for a cancel, others go first.
OF_SENDING = ("venue_order_id", "reason")


@dataclass(frozen=True)
class Scene:
    """A script's week without faults.

    Attributes:
        script: its number.
        starts: the home before each session.
        facts: after each session.
        has_brackets: whether positions of its book have.
        rests: whether orders rest from session to session, so that cycles withdraw some; those of brackets do.
    """

    script: int
    starts: dict[date, Home]
    facts: dict[date, dict[str, list[Any]]]
    has_brackets: bool
    rests: bool

    def decides(self) -> AbstractContextManager[None]:
        """Let cycles decide as it says."""
        return scripted_targets(self.script) if self.rests else scripted_decisions(self.script)


class Scenes:
    """Weeks without faults, made when first asked for.

    Attributes:
        at: the broker, by the name that the command has for it.
        course: what a world in them is.
        week: its sessions.
        scripts: how many there are without brackets.
        brackets: how many follow with them.
        resting: how many follow whose orders rest.
    """

    at: ClassVar[str] = "paper"
    course: "ClassVar[type[Course]]"
    week: ClassVar[Sequence[date]] = WEEK
    scripts: ClassVar[int] = 6
    brackets: ClassVar[int] = len(BRACKETS)
    resting: ClassVar[int] = len(RESTING)

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[int, Scene] = {}

    def drawn(self, draw: random.Random, among: Sequence[int] = ()) -> Scene:
        """A week for a world: one of a few has brackets, or other orders that rest; or one of these scripts."""
        kind, with_brackets = draw.random(), self.scripts + self.brackets
        scripts = range(self.scripts)
        if kind < _BRACKETED and self.brackets:
            scripts = range(self.scripts, with_brackets)
        elif kind > 1 - _RESTING and self.resting:
            scripts = range(with_brackets, with_brackets + self.resting)
        return self.of(draw.choice(among or scripts))

    def of(self, script: int) -> Scene:
        """That script's week."""
        if script not in self._made:
            self._made[script] = self._make(script)
        return self._made[script]

    def _make(self, script: int) -> Scene:
        folder = self._folder / f"script-{script}"
        home = small_home(folder)
        assert home.books is not None
        order, terms = self._orders(script)
        bracket = "bracket" in order
        books = books_text(broker=terms, slippage="0.9", slippages_in_a_row="1000")
        if order:
            books = books.replace("    broker:", f"    order: {order}\n    broker:")
        home.books.write_text(books.replace("long_only: true", "long_only: false") if "borrow" in terms else books)
        home.folder.mkdir()
        scene = Scene(script, {}, {}, bracket, bool(order))
        for session in WEEK:
            home = replace(home, now=evening(session).isoformat())
            scene.starts[session] = copied(home, folder / str(session))
            with life(), made_at_once(), scene.decides():
                home.run(session)
            scene.facts[session] = timeless(home, any_order=scene.rests)
            wrong = unprotected(home, session) if bracket else []
            assert not wrong, wrong
        wrong = broken(home) + loose(home)
        assert not wrong, wrong
        return scene

    def _orders(self, script: int) -> tuple[str, str]:
        """How a script's book orders, "" for market orders, and the terms of its broker."""
        if script < self.scripts:
            return "", TERMS[script % len(TERMS)]
        bracketed = script - self.scripts
        if bracketed < self.brackets:
            bracket, terms = BRACKETS[bracketed]
            return f"{{bracket: {bracket}}}", terms
        return RESTING[bracketed - self.brackets]


def evening(session: date) -> datetime:
    """When a session's cycle runs."""
    return XNYS.closes_at(session) + timedelta(hours=1, minutes=30)


def timeless(home: Home, *, any_order: bool = False) -> dict[str, list[Any]]:
    """Facts of ledger, paper broker and lake, without instants and what counts tries.

    In `any_order` without what tells in which order the broker was sent what, and in which attempt it was known.
    """
    left_out = OF_SENDING if any_order else ()
    return facts_of(home, {"ledger.db": LEDGER, f"brokers/paper-{home.book}.db": _PAPER}, left_out)


def facts_of(home: Home, databases: Mapping[str, Sequence[str]], left_out: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Facts of those tables of databases and of the lake, without instants, what counts tries, and some other columns."""
    facts: dict[str, list[Any]] = {}
    for file, tables in databases.items():
        with closing(sqlite3.connect(home.folder / file)) as connection:
            for table in tables:
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                kept = ", ".join(name for name in columns if not name.endswith("_at") and name not in (*_OF_TRIES, *left_out))
                facts[f"{file} {table}"] = sorted(map(repr, connection.execute(f"SELECT {kept} FROM {table}")))
    facts["lake"] = list(home.files("bars_1d", "corporate_actions").items())
    return facts
