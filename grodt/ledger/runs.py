"""Runs: one row per cycle, one per attempt at it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Select, and_, func, insert, or_, select, update

from grodt.errors import ConfigError
from grodt.lake.manifest import Snapshot
from grodt.ledger.stages import StageRun, stage_ended, stage_started, stages_of
from grodt.ledger.tables import run_attempts, runs, stage_runs
from grodt.ledger.tables_orders import baskets
from grodt.ledger.transaction import Read, Write
from grodt.slots import CLOSE

__all__ = [
    "Attempt",
    "AttemptOutcome",
    "Run",
    "RunState",
    "StageRun",
    "attempts_of",
    "close_run",
    "end_attempt",
    "find_run",
    "later_slot",
    "latest_close",
    "latest_done",
    "open_run",
    "pin_limits",
    "pin_snapshot",
    "run_id",
    "runs_in",
    "runs_of",
    "slot_of_id",
    "stage_ended",
    "stage_started",
    "stages_of",
    "unfinished",
]

RunState = Literal["open", "done", "halted", "abandoned"]
AttemptOutcome = Literal["done", "waiting", "halted", "failed"]

#: States from which a run is not taken up again.
_OVER = ("done", "abandoned")


@dataclass(frozen=True, slots=True)
class Run:
    """One cycle of one book.

    Attributes:
        run_id: a pure function of (book, kind, session, slot).
        state: open (running, or was killed), done, halted (waits for a person), abandoned (its session has passed).
        attempts: how often it was started, at least 1.
        snapshot_version, snapshot_digest: the lake it reads; None until pinned.
        config_hash, code_version, code_hash: what decides in it; the hash is "" for runs before it was kept.
        limits_version: the change of limits up to which they counted when it was judged; None before that.
    """

    run_id: str
    book: str
    kind: str
    session: date
    slot: str
    state: RunState
    attempts: int
    snapshot_version: int | None
    snapshot_digest: str | None
    config_hash: str
    code_version: str
    opened_at: datetime
    closed_at: datetime | None
    code_hash: str = ""
    limits_version: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One start of a run. `outcome` is running, done, waiting (for people), halted, failed, or lost (it never said how it ended)."""

    run_id: str
    attempt: int
    flow_run_id: str
    fence: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    error: str


def run_id(book: str, kind: str, session: date, slot: str = "") -> str:
    """The id of a cycle, such as `demo-eod-2026-11-20` or `demo-intraday-2026-11-20-1030`."""
    return f"{book}-{kind}-{session.isoformat()}" + (f"-{slot}" if slot else "")


def slot_of_id(name: str, session: str) -> str:
    """The slot that an id of `run_id` says, of a session as it says it; "" for the session's end."""
    return name.rpartition(f"-{session}")[2].removeprefix("-")


def open_run(
    tx: Write,
    *,
    book: str,
    kind: str,
    session: date,
    slot: str = "",
    config_hash: str,
    code_version: str,
    flow_run_id: str,
    fence: int,
    now: datetime,
    code_hash: str = "",
) -> Run:
    """Start a run, or one more attempt at an unfinished one; one that is done or abandoned is returned untouched.

    Attempts that never said how they ended are closed as lost. A run that is taken up again keeps its snapshot, except that
    without a basket two things loosen it: a halt (data may have been mended since) and another configuration or code. With its basket
    it keeps the hash of the code that made it.

    Raises:
        ConfigError: configuration or version changed after the basket was made; names both.
    """
    name = run_id(book, kind, session, slot)
    found = find_run(tx, name)
    if found is None:
        tx.connection.execute(
            insert(runs).values(
                run_id=name,
                book=book,
                kind=kind,
                session=session,
                slot=slot,
                state="open",
                config_hash=config_hash,
                code_version=code_version,
                code_hash=code_hash,
                opened_at=now,
            )
        )
        return _start_attempt(tx, name, 1, flow_run_id, fence, now)
    if found.state in _OVER:
        return found
    _close_lost(tx, name, now)
    reopened: dict[str, Any] = {"state": "open", "closed_at": None}
    changed = (found.config_hash, found.code_version) != (config_hash, code_version)
    has_basket = tx.connection.execute(select(baskets.c.run_id).where(baskets.c.run_id == name)).first() is not None
    if changed and has_basket:
        raise ConfigError(
            f"run {name} has made its basket with configuration {found.config_hash} and code {found.code_version}, and now they are "
            f"{config_hash} and {code_version}; finish it with the former, or let the next session's run abandon it"
        )
    if not has_basket and (changed or found.code_hash != code_hash or found.state == "halted"):
        reopened |= {"config_hash": config_hash, "code_version": code_version, "code_hash": code_hash}
        reopened |= {"snapshot_version": None, "snapshot_digest": None}
    tx.connection.execute(update(runs).where(runs.c.run_id == name).values(reopened))
    return _start_attempt(tx, name, found.attempts + 1, flow_run_id, fence, now)


def end_attempt(tx: Write, run_id: str, outcome: AttemptOutcome, now: datetime, error: str = "") -> None:
    """Say how the latest attempt ended. Saying it again changes nothing."""
    latest = select(func.max(run_attempts.c.attempt)).where(run_attempts.c.run_id == run_id).scalar_subquery()
    tx.connection.execute(
        update(run_attempts)
        .where(run_attempts.c.run_id == run_id, run_attempts.c.attempt == latest, run_attempts.c.ended_at.is_(None))
        .values(ended_at=now, outcome=outcome, error=error)
    )


def close_run(tx: Write, run_id: str, state: Literal["done", "halted", "abandoned"], now: datetime) -> None:
    """Close a run. Closing it again in the same state changes nothing.

    Raises:
        ValueError: there is no such run, or it is over in another state.
    """
    found = _require_run(tx, run_id)
    if found.state == state:
        return
    if found.state in _OVER:
        raise ValueError(f"run {run_id} is {found.state} and cannot become {state}")
    tx.connection.execute(update(runs).where(runs.c.run_id == run_id).values(state=state, closed_at=now))


def pin_snapshot(tx: Write, run_id: str, snapshot: Snapshot) -> None:
    """Tie a run to the data it reads. Pinning the same again changes nothing.

    Raises:
        ValueError: there is no such run, or it is tied to another snapshot.
    """
    found = _require_run(tx, run_id)
    if (found.snapshot_version, found.snapshot_digest) == (snapshot.version, snapshot.digest):
        return
    if found.snapshot_version is not None:
        raise ValueError(f"run {run_id} reads snapshot v{found.snapshot_version} and cannot be tied to {snapshot.id}")
    tx.connection.execute(
        update(runs).where(runs.c.run_id == run_id).values(snapshot_version=snapshot.version, snapshot_digest=snapshot.digest)
    )


def pin_limits(tx: Write, run_id: str, version: int) -> None:
    """Tie a run to the limits it was judged by; a run that is judged anew is tied anew.

    Raises:
        ValueError: there is no such run.
    """
    _require_run(tx, run_id)
    tx.connection.execute(update(runs).where(runs.c.run_id == run_id).values(limits_version=version))


def find_run(tx: Read, run_id: str) -> Run | None:
    """The run of that id."""
    found = _runs(tx, runs.c.run_id == run_id)
    return found[0] if found else None


def latest_done(tx: Read, book: str, kind: str) -> Run | None:
    """The done run of the latest session, and of the latest slot in it."""
    found = _runs(tx, runs.c.book == book, runs.c.kind == kind, runs.c.state == "done", limit=1)
    return found[0] if found else None


def latest_close(tx: Read, book: str) -> Run | None:
    """The done run that valued the book at the close of the latest session: an end of day, or the close of an intraday book."""
    found = _runs(tx, runs.c.book == book, runs.c.slot.in_(["", CLOSE]), runs.c.state == "done", limit=1)
    return found[0] if found else None


def runs_in(tx: Read, book: str, session: date) -> tuple[Run, ...]:
    """The runs of a book in one session, the latest slot first."""
    return _runs(tx, runs.c.book == book, runs.c.session == session)


def unfinished(tx: Read, book: str, kind: str) -> tuple[Run, ...]:
    """Open and halted runs, earliest session first."""
    return _runs(tx, runs.c.book == book, runs.c.kind == kind, runs.c.state.in_(["open", "halted"]))[::-1]


def abandoned_before(tx: Read, run: Run) -> tuple[Run, ...]:
    """Runs of its book and kind that were abandoned between the last done one and it, earliest session first."""
    mine = _before(run)
    done = select(func.max(runs.c.session)).where(*mine, runs.c.state == "done").scalar_subquery()
    since = or_(done.is_(None), runs.c.session > done, and_(runs.c.session == done, runs.c.slot != ""))
    return _runs(tx, *mine, runs.c.state == "abandoned", since)[::-1]


def done_before(tx: Read, run: Run) -> date | None:
    """The last session before its own in which a run of its book and kind was done; None: there is none."""
    mine = (runs.c.book == run.book, runs.c.kind == run.kind, runs.c.session < run.session, runs.c.state == "done")
    last: date | None = tx.connection.execute(select(func.max(runs.c.session)).where(*mine)).scalar_one()
    return last


def unchanged_before(tx: Read, run: Run) -> int:
    """Done runs of its book and kind just before it that had its configuration and code: how often these have been at work."""
    mine = (*_before(run), runs.c.state == "done")
    changed = _last_other(tx, run)
    since = () if changed is None else (_after(changed),)
    return int(tx.connection.execute(select(func.count()).select_from(runs).where(*mine, *since)).scalar_one())


@dataclass(frozen=True, slots=True)
class Identity:
    """Since which session a run's configuration and code are at work, and the last done run before, which had others; None: the first."""

    since: date
    before: Run | None


def identity_of(tx: Read, run: Run) -> Identity:
    """Since when what decides in a run has been at work, among the done runs of its book and kind."""
    mine = (*_before(run), runs.c.state == "done")
    before = _last_other(tx, run)
    after = () if before is None else (_after(before),)
    since = tx.connection.execute(select(func.min(runs.c.session)).where(*mine, *after)).scalar_one()
    return Identity(since or run.session, before)


def later_slot(tx: Read, run_id: str, book: str, kind: str, session: date, slot: str) -> Run | None:
    """A run of a later slot of the same session, other than the one of that id."""
    found = _runs(tx, runs.c.book == book, runs.c.kind == kind, runs.c.session == session, runs.c.slot > slot, runs.c.run_id != run_id)
    return found[0] if found else None


def runs_of(tx: Read, book: str, limit: int) -> tuple[Run, ...]:
    """The latest runs of a book, latest session first."""
    return _runs(tx, runs.c.book == book, limit=limit)


def attempts_of(tx: Read, run_id: str) -> tuple[Attempt, ...]:
    """Every attempt at a run, first one first."""
    query = select(run_attempts).where(run_attempts.c.run_id == run_id).order_by(run_attempts.c.attempt)
    return tuple(Attempt(**row._mapping) for row in tx.connection.execute(query))


def _before(run: Run) -> tuple[ColumnElement[bool], ...]:
    """Of its book and kind, and of an earlier session or of an earlier slot of its own."""
    earlier = or_(runs.c.session < run.session, and_(runs.c.session == run.session, runs.c.slot < run.slot))
    return runs.c.book == run.book, runs.c.kind == run.kind, earlier


def _after(run: Run) -> ColumnElement[bool]:
    return or_(runs.c.session > run.session, and_(runs.c.session == run.session, runs.c.slot > run.slot))


def _last_other(tx: Read, run: Run) -> Run | None:
    """The last done run before it that had another configuration or code."""
    other = or_(runs.c.config_hash != run.config_hash, runs.c.code_version != run.code_version, runs.c.code_hash != run.code_hash)
    found = _runs(tx, *_before(run), runs.c.state == "done", other, limit=1)
    return found[0] if found else None


def _start_attempt(tx: Write, run_id: str, attempt: int, flow_run_id: str, fence: int, now: datetime) -> Run:
    tx.connection.execute(
        insert(run_attempts).values(
            run_id=run_id, attempt=attempt, flow_run_id=flow_run_id, fence=fence, started_at=now, outcome="running", error=""
        )
    )
    return _require_run(tx, run_id)


def _close_lost(tx: Write, run_id: str, now: datetime) -> None:
    lost = {"ended_at": now, "outcome": "lost", "error": "it never said how it ended: killed, or the machine went down"}
    for table in (run_attempts, stage_runs):
        tx.connection.execute(update(table).where(table.c.run_id == run_id, table.c.ended_at.is_(None)).values(lost))


def _require_run(tx: Read, run_id: str) -> Run:
    found = find_run(tx, run_id)
    if found is None:
        raise ValueError(f"there is no run {run_id}")
    return found


def _runs(tx: Read, *where: ColumnElement[bool], limit: int | None = None) -> tuple[Run, ...]:
    attempts = select(func.count()).where(run_attempts.c.run_id == runs.c.run_id).scalar_subquery()
    query: Select[Any] = (
        select(runs, attempts.label("attempts"))
        .where(*where)
        .order_by(runs.c.session.desc(), runs.c.slot.desc(), runs.c.run_id)
        .limit(limit)
    )
    return tuple(_run(row) for row in tx.connection.execute(query))


def _run(row: Row[Any]) -> Run:
    return Run(**row._mapping)
