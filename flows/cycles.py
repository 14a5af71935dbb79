"""Which cycles a command is to run, and running them in this process.

Prefect is imported once there is a cycle to run: a command that finds all of them done goes without that second.
"""

import importlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from flows.at_home import chosen_book
from flows.progress import Progress
from grodt.execution.approving import Answer, answer_of
from grodt.execution.opening import find_done
from grodt.ledger.halts import Halt, active
from grodt.ledger.limits import Difference, differences, limits_in_force
from grodt.ledger.postings import settled
from grodt.ledger.runs import find_run, run_id
from grodt.ledger.unit import Ledger
from grodt.reports.figures import Figures, figures_of
from grodt.settings.environment import Environment
from tasks.environment import clock, environment
from tasks.kinds import END_OF_DAY
from tasks.wiring import books, observer, parts

#: Cycles of a command that names no session.
DEFAULT_SESSIONS = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command asked for.

    Attributes:
        where: home and books file.
        book: its book.
        sessions: ascending.
        done: of these, the ones whose cycle is done.
        passed: of these, the ones that were never run and lie before what the book has settled; no cycle can go back to them.
        not_in_force: limits that the books file has otherwise than they are in force, with the command that makes each so.
    """

    where: Environment
    book: str
    sessions: tuple[date, ...]
    done: frozenset[date]
    passed: frozenset[date]
    not_in_force: tuple[Difference, ...]

    @property
    def to_run(self) -> tuple[date, ...]:
        """Sessions left to run, ascending."""
        return tuple(session for session in self.sessions if session not in self.done | self.passed)

    def waiting(self) -> dict[date, Answer]:
        """Of these, the ones whose basket waits for people."""
        now = clock(self.where)()
        with _ledger(self.where) as ledger, ledger.read() as tx:
            runs = [find_run(tx, run_id(self.book, END_OF_DAY, session)) for session in self.sessions]
            answers = {run.session: answer_of(tx, run, now) for run in runs if run is not None and run.state == "open"}
        return {session: answer for session, answer in answers.items() if answer is not None and answer.state == "waiting"}

    def halts(self) -> tuple[Halt, ...]:
        """What holds of the book, or of all books, now."""
        with _ledger(self.where) as ledger, ledger.read() as tx:
            return active(tx, self.book, clock(self.where)())

    def figures(self) -> tuple[Figures, ...]:
        """Figures of every run there is by now."""
        with _ledger(self.where) as ledger, ledger.read() as tx:
            runs = [find_run(tx, run_id(self.book, END_OF_DAY, session)) for session in self.sessions]
            return tuple(figures_of(tx, run) for run in runs if run is not None)


def ask(name: str | None, last: date | None, count: int | None) -> Asked:
    """Look at what is asked for before anything is made.

    Args:
        name: the book; None for the obvious one.
        last: the last session; None for the latest complete one.
        count: how many sessions; None for 1 with `last` and 5 without.

    Raises:
        ConfigError: the book, its file or a session is wrong.
        DataError: the book's source cannot be read.
    """
    where = environment()
    book = chosen_book(name)
    config = books(where).book(book)
    config.require_end_of_day(f"`grodt intraday --book {book}` runs it")
    calendar = config.exchange
    end = calendar.require_complete(last, clock(where)()) if last else calendar.latest_complete(clock(where)())
    sessions = calendar.latest(end, count or (1 if last else DEFAULT_SESSIONS))
    parts(book, sessions[-1]).close()
    with _ledger(where) as ledger, ledger.read() as tx:
        done = frozenset(session for session in sessions if find_done(tx, book, END_OF_DAY, session))
        through = settled(tx, book)
        otherwise = differences(config.limits, limits_in_force(tx, book, config.limits).limits)
    passed = frozenset(s for s in sessions if last is None and through is not None and s < through and s not in done)
    asked = Asked(where, book, sessions, done, passed, otherwise)
    if asked.to_run:
        load_flow()
    return asked


def load_flow() -> None:
    """Import the flow, and Prefect with it: while the server starts, instead of after it is ready."""
    importlib.import_module("flows.end_of_day")


def run_one(asked: Asked, session: date, progress: Progress) -> Figures:
    """Run one cycle as a flow run, and tell what it does.

    Raises:
        GrodtError: it failed; the message says what to do.
        PrefectServerError: what it has done could not be recorded in Prefect, as where the disk is full.
    """
    from prefect.exceptions import PrefectHTTPStatusError

    from flows.end_of_day import end_of_day
    from flows.halting import without_heartbeats
    from flows.server import PrefectServerError

    name = f"{asked.book} {session}"
    token = observer.set(lambda stage, text: progress.say(f"{name}  {stage}{'  ' + text if text else ''}"))
    try:
        with without_heartbeats():
            end_of_day(asked.book, session)
    except PrefectHTTPStatusError as error:
        free = shutil.disk_usage(asked.where.home).free / 1e6
        raise PrefectServerError(
            f"{name}: Prefect's server could not record the run ({error.response.status_code}), with {free:,.0f} MB free on the disk of "
            f"{asked.where.home}; make room if that is little, look at logs/prefect-server.log, then run this again"
        ) from error
    finally:
        observer.reset(token)
    with _ledger(asked.where) as ledger, ledger.read() as tx:
        run = find_run(tx, run_id(asked.book, END_OF_DAY, session))
        assert run is not None
        figures = figures_of(tx, run)
    progress.done(f"{name}  {figures.line()}")
    return figures


@contextmanager
def _ledger(where: Environment) -> Iterator[Ledger]:
    ledger = Ledger.open(where.ledger_url)
    try:
        yield ledger
    finally:
        ledger.close()
