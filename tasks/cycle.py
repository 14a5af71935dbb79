"""A cycle on its way through the stages: its parts, its identity, and what its stages have found so far."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from grodt.bars.quality import Completeness
from grodt.errors import GrodtError, HaltActive
from grodt.execution.cancelling import cancel_covered, in_words
from grodt.execution.opening import LEASE_TTL, Opened
from grodt.lake.manifest import Snapshot
from grodt.ledger.leases import Lease, holder_of, release, renew
from grodt.ledger.runs import Run, close_run, end_attempt, run_id, stage_ended, stage_started
from grodt.slots import Slot
from tasks.environment import environment
from tasks.kinds import END_OF_DAY, INTRADAY
from tasks.logs import connect
from tasks.stage import StageOutcome
from tasks.wiring import Parts, observer, parts


@dataclass(slots=True)
class Cycle:
    """What every stage takes as its first argument; a `StageContext`.

    Attributes:
        parts: what it works with.
        session: its session.
        slot: of the session; None: its end.
        run, lease: since `open`.
        snapshot, completeness: since `bars`; the lake as this run reads it, and how complete the session is in it.
    """

    parts: Parts
    session: date
    slot: Slot | None = None
    run: Run | None = None
    lease: Lease | None = None
    snapshot: Snapshot | None = None
    completeness: Completeness | None = None
    _waiting: list[tuple[str, int, datetime]] = field(default_factory=list)

    @property
    def book(self) -> str:
        """Its book."""
        return self.parts.config.name

    @property
    def run_id(self) -> str:
        """Its id."""
        return run_id(self.book, self.kind, self.session, self.slot_name)

    @property
    def kind(self) -> str:
        """Its kind."""
        return END_OF_DAY if self.slot is None else INTRADAY

    @property
    def slot_name(self) -> str:
        """Name of its slot; "" at the end of a day."""
        return "" if self.slot is None else self.slot.name

    @property
    def within(self) -> Slot:
        """The slot of a cycle that has one."""
        if self.slot is None:
            raise ValueError(f"cycle {self.run_id} is an end of day and has no slot")
        return self.slot

    @property
    def attempt(self) -> int:
        """Which start of the run this is; 0 before it is open."""
        return 0 if self.run is None else self.run.attempts

    @property
    def opened(self) -> Run:
        """Its run, which `open` made."""
        if self.run is None:
            raise ValueError(f"cycle {self.run_id} is not open")
        return self.run

    @property
    def data(self) -> Snapshot:
        """The lake as this run reads it, which `bars` pinned."""
        if self.snapshot is None:
            raise ValueError(f"cycle {self.run_id} has pinned no data")
        return self.snapshot

    @property
    def completed(self) -> Completeness:
        """How complete the session's bars are, which `bars` measured."""
        if self.completeness is None:
            raise ValueError(f"cycle {self.run_id} has measured no bars")
        return self.completeness

    def take(self, opened: Opened) -> None:
        """Go on with the run that was opened."""
        self.run, self.lease = opened.run, opened.lease

    def wait(self, why: str) -> None:
        """End this attempt because people must decide first. The run stays open, and is taken up again."""
        with self.parts.ledger.write(self.lease) as tx:
            end_attempt(tx, self.run_id, "waiting", self.parts.now(), why)

    def tell(self, stage: str, text: str) -> None:
        """Tell whoever watches what is going on."""
        observer.get()(stage, text)

    def stage_started(self, stage: str, try_number: int) -> None:
        """Record the start of a try, and renew the lease. Before the run is open there is no row to write yet."""
        self.tell(stage, "")
        if self.run is None or self.lease is None:
            self._waiting.append((stage, try_number, self.parts.now()))
            return
        now = self.parts.now()
        with self.parts.ledger.write(self.lease) as tx:
            self.lease = renew(tx, self.lease, now, LEASE_TTL)
            stage_started(tx, self.run_id, self.attempt, stage, try_number, now)

    def stage_ended(self, stage: str, try_number: int, outcome: StageOutcome, rows: int, error: str) -> None:
        """Record its end. A stage that ended before there was a run leaves no row; one that opened it leaves both."""
        if self.run is None or self.lease is None:
            self._waiting.clear()
            return
        with self.parts.ledger.write() as tx:
            for waiting, number, at in self._waiting:
                stage_started(tx, self.run_id, self.attempt, waiting, number, at)
            self._waiting.clear()
            stage_ended(tx, self.run_id, self.attempt, stage, try_number, outcome, rows, error, self.parts.now())

    def sleep(self, seconds: float) -> None:
        """Wait; not in a rehearsal, whose clock stands still."""
        if self.parts.where.fixed_now is None:
            time.sleep(seconds)


@contextmanager
def cycle(book: str, session: date, slot: Slot | None = None) -> Iterator[Cycle]:
    """A cycle, from its parts to giving back its lease, however it ends.

    Raises:
        ConfigError: the book, its file or the session is wrong; nothing was written.
        DataError: its source cannot be read; nothing was written.
    """
    connect(environment())
    this = Cycle(parts(book, session, slot), session, slot)
    try:
        yield this
        _cancel_halted(this)  # what a halt of a part covers and was sent before it
    except HaltActive as halt:
        _end(this, "halted", str(halt))
        _cancel_halted(this)
        raise
    except BaseException as error:
        _end(this, "failed", f"{type(error).__name__}: {error}" if not isinstance(error, GrodtError) else str(error))
        if isinstance(error, Exception):  # whoever interrupts it waits for no broker
            _cancel_halted_after(this, error)
        raise
    finally:
        try:
            if this.lease is not None:
                with this.parts.ledger.write() as tx:
                    release(tx, this.lease)
        finally:
            this.parts.close()


def _cancel_halted(this: Cycle) -> None:
    asked = cancel_covered(this.parts.ledger, this.parts.broker, this.book, this.parts.now)
    if asked:
        this.tell("halt", f"asked the broker to cancel {len(asked):,} open orders: {in_words(asked)}")


def _cancel_halted_after(this: Cycle, error: Exception) -> None:
    """The same after an error, which stays the one that is raised: an order may have gone out after its cancel was asked for."""
    try:
        _cancel_halted(this)
    except GrodtError as second:
        error.add_note(f"nor was what halts cover cancelled at the broker, which the next start asks for: {second}")


def _end(this: Cycle, outcome: StageOutcome, error: str) -> None:
    if this.run is None or this.lease is None:
        return
    now = this.parts.now()
    with this.parts.ledger.write() as tx:
        current = holder_of(tx, this.lease.name)
        if current is None or current.fence != this.lease.fence:
            return  # another process was given the lease: the run is its to close
        end_attempt(tx, this.run_id, outcome, now, error)
        if outcome == "halted":
            close_run(tx, this.run_id, "halted", now)
