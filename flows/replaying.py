"""What a `grodt replay` has to do, and doing it in this process, without Prefect: it sends nothing and writes no ledger."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import grodt
from flows.at_home import chosen_book, limits_at_home
from grodt.errors import ConfigError
from grodt.ledger.limits import InForce, differences
from grodt.ledger.manifest import snapshot, snapshot_as_of
from grodt.replay.closing import Identity
from grodt.replay.engine import Plan
from grodt.replay.running import TEAR_SHEET, Replayed, Request, run
from tasks.environment import environment
from tasks.wiring import DataParts, books, data_parts


@dataclass(frozen=True, slots=True)
class Asked:
    """A replay that can be begun.

    Attributes:
        book: its book.
        sessions: of the range, ascending.
        out: the folder that it leaves its tables in.
        limits: those in force in the ledger, which every session of it is judged by.
    """

    book: str
    sessions: tuple[date, ...]
    out: Path
    limits: InForce

    @property
    def otherwise(self) -> int:
        """How many of its limits the books file has otherwise."""
        return len(differences(books().book(self.book).limits, self.limits.limits))


def ask(name: str | None, start: date, end: date, out: Path | None) -> Asked:
    """Look at what is to be replayed before anything is.

    Raises:
        ConfigError: see `asked_range`, or the folder holds something else.
    """
    book, sessions = asked_range(name, start, end)
    folder = environment().reports / book / "replays" / f"{sessions[0]}_{sessions[-1]}" if out is None else out
    if folder.exists() and not (folder / TEAR_SHEET).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"--out {folder} is there and is no earlier replay, and a replay replaces its folder as a whole; name another")
    return Asked(book, sessions, folder.resolve(), limits_at_home(book))


def asked_range(name: str | None, start: date, end: date) -> tuple[str, tuple[date, ...]]:
    """The book that is meant and its exchange's sessions from `start` to `end`, if its home has a ledger.

    Raises:
        ConfigError: the book or its file is wrong, the home has no ledger, or the range has no session.
    """
    where = environment()
    book = chosen_book(name)
    config = books(where).book(book)
    config.require_end_of_day("a replay goes from close to close, and cannot take it through history; replay a book of ends of days")
    config.require_market_orders()
    calendar = config.exchange
    if start > end:
        raise ConfigError(f"--start {start} is after --end {end}; give the first day first")
    sessions = calendar.between(start, end)
    if not sessions:
        raise ConfigError(f"there is no session of {calendar.name} from {start} to {end}; give a longer range")
    if not where.has_ledger:
        raise ConfigError(
            f"there is no ledger in {where.home}, and so no bars: `grodt ingest --book {book} --start {start} --end {end}` brings them in; "
            "begin earlier by as much history as the signals need"
        )
    return book, sessions


def replay_book(asked: Asked, *, as_of: datetime | None, evidence: bool, risk_free: float, progress: Callable[[str], None]) -> Replayed:
    """Replay it.

    Raises:
        ConfigError, SessionError, DataError: see `data_parts` and `grodt.replay.running.run`; nothing was written.
    """
    parts = data_parts(asked.book, asked.sessions[-1])
    try:
        return _run(parts, asked, as_of, evidence, risk_free, progress)
    finally:
        parts.close()


def _run(
    parts: DataParts, asked: Asked, as_of: datetime | None, evidence: bool, risk_free: float, progress: Callable[[str], None]
) -> Replayed:
    config = parts.config
    with parts.ledger.read() as tx:
        data = snapshot(tx) if as_of is None else snapshot_as_of(tx, as_of)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    return run(
        parts.lake,
        data,
        parts.calendar,
        Request(
            source=config.source,
            start=asked.sessions[0],
            end=asked.sessions[-1],
            specs=config.weighted_signals(),
            gating=config.gating(),
            rules=config.universe.rules,
            plan=Plan(asked.book, config.capital_micros, config.construction, asked.limits.limits, config.broker.terms()),
            evidence=evidence,
            risk_free=risk_free,
            strategies=config.several(),
        ),
        parts.universe,
        out=asked.out,
        identity=Identity(data.id, parts.config_hash, grodt.__version__, parts.calendar.opens_at, parts.calendar.closes_at),
        progress=progress,
    )
