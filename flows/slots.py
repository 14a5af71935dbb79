"""Which slots `grodt intraday` is to run, and running them in this process."""

import importlib
from dataclasses import dataclass
from datetime import date

from flows.at_home import chosen_book, ledger_at_home
from flows.progress import Progress
from grodt.execution.approving import Answer, answer_of
from grodt.execution.opening import find_done
from grodt.ledger.runs import Run, find_run, run_id
from grodt.reports.figures import Figures, figures_of
from grodt.settings.environment import Environment
from grodt.slots import Slot, latest_slot, slot_named, slots_of
from tasks.environment import clock, environment
from tasks.kinds import INTRADAY
from tasks.wiring import books, observer, parts


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command asked for.

    Attributes:
        where: home and books file.
        book: its book.
        slots: ascending, of one session.
        done: names of those whose cycle is done.
    """

    where: Environment
    book: str
    slots: tuple[Slot, ...]
    done: frozenset[str]

    @property
    def to_run(self) -> tuple[Slot, ...]:
        """Slots left to run: not those that are done, nor those before them."""
        last = max((place for place, slot in enumerate(self.slots) if slot.name in self.done), default=-1)
        return self.slots[last + 1 :]

    def figures(self) -> tuple[tuple[Slot, Figures], ...]:
        """Figures of every run there is by now."""
        with ledger_at_home() as ledger, ledger.read() as tx:
            found = [(slot, find_run(tx, self._run_id(slot))) for slot in self.slots]
            return tuple((slot, figures_of(tx, run)) for slot, run in found if run is not None)

    def waiting(self, slot: Slot) -> Answer | None:
        """What is said of the slot's basket, if it waits for people."""
        with ledger_at_home() as ledger, ledger.read() as tx:
            run: Run | None = find_run(tx, self._run_id(slot))
            answer = answer_of(tx, run, clock(self.where)()) if run is not None and run.state == "open" else None
        return answer if answer is not None and answer.state == "waiting" else None

    def _run_id(self, slot: Slot) -> str:
        return run_id(self.book, INTRADAY, slot.session, slot.name)


def ask(name: str | None, session: date | None, at: str | None) -> Asked:
    """Look at what is asked for before anything is made.

    Args:
        name: the book; None for the obvious one.
        session: whose slots; None for that of the latest one.
        at: which of them; None for the latest one, or with `session` for all whose instant has come.

    Raises:
        ConfigError: the book or its file is wrong, or it is decided at the end of its sessions.
        SessionError: there is no such slot, or none has come.
        DataError: the book's source cannot be read.
    """
    where = environment()
    book = chosen_book(name)
    config = books(where).book(book)
    rule, calendar, now = config.within.rule(), config.exchange, clock(where)()
    latest = latest_slot(rule, calendar, now)
    if at is not None:
        slots: tuple[Slot, ...] = (slot_named(rule, calendar, session or latest.session, at),)
    elif session is not None:
        slots = tuple(slot for slot in slots_of(rule, calendar, session) if slot.at <= now) or slots_of(rule, calendar, session)[:1]
    else:
        slots = (latest,)
    parts(book, slots[0].session, slots[0]).close()
    with ledger_at_home() as ledger, ledger.read() as tx:
        done = frozenset(slot.name for slot in slots if find_done(tx, book, INTRADAY, slot.session, slot.name))
    asked = Asked(where, book, slots, done)
    if asked.to_run:
        importlib.import_module("flows.intraday")  # and Prefect with it: while the server starts, instead of after it is ready
    return asked


def run_one(asked: Asked, slot: Slot, progress: Progress) -> None:
    """Run one slot's cycle as a flow run, and tell what it does.

    Raises:
        GrodtError: it failed; the message says what to do.
    """
    from flows.halting import without_heartbeats
    from flows.intraday import intraday

    name = f"{asked.book} {slot}"
    token = observer.set(lambda stage, text: progress.say(f"{name}  {stage}{'  ' + text if text else ''}"))
    try:
        with without_heartbeats():
            intraday(asked.book, slot.session, slot.name)
    finally:
        observer.reset(token)
    found = next((figures for each, figures in asked.figures() if each == slot), None)
    if found is not None:
        progress.done(f"{name}  {found.line()}")
