"""The version of GRODT that a book expects to be run by. A worker of another one refuses before it opens a run.

Knight 2012 (SEC release 34-70694): one of eight hosts ran a version of years before, and nothing asked it to say which. Versions are
compared, not hashes of the code, so that who works on GRODT can run it; a changed hash is a changed strategy for control 33.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select

from grodt.errors import ConfigError, VersionRefused
from grodt.ledger.requests import require_person, require_reason
from grodt.ledger.tables_people import expected_versions
from grodt.ledger.transaction import Read, Write

_FIRST = ("automatic", "the version of its first cycle")


@dataclass(frozen=True, slots=True)
class Expected:
    """The version a book expects: since when, in place of which (None: the first), by whose word and why."""

    version: str
    before: str | None
    author: str
    reason: str
    at: datetime


def expected_version(tx: Read, book: str) -> Expected | None:
    """The version that a book expects now; None before its first cycle."""
    query = select(expected_versions).where(expected_versions.c.book == book).order_by(expected_versions.c.change_id.desc()).limit(1)
    row = tx.connection.execute(query).first()
    return None if row is None else _expected(row)


def version_history(tx: Read, book: str) -> tuple[Expected, ...]:
    """The versions a book has expected, oldest first."""
    query = select(expected_versions).where(expected_versions.c.book == book).order_by(expected_versions.c.change_id)
    return tuple(_expected(row) for row in tx.connection.execute(query))


def require_version(tx: Write, book: str, version: str, host: str, now: datetime) -> None:
    """Go on only with the version that the book expects; a book that expects none yet expects this one from now on.

    Args:
        tx: the transaction that would open the run.
        book: whose.
        version: of this process.
        host: where it runs.
        now: instant.

    Raises:
        VersionRefused: it is another; names both, the host, and what to do.
    """
    found = expected_version(tx, book)
    if found is None:
        _record(tx, book, None, version, *_FIRST, now)
    elif found.version != version:
        since = f"since {found.at:%Y-%m-%d %H:%M} UTC (by {found.author}: {found.reason})"
        raise VersionRefused(
            f"book {book} expects GRODT {found.version} {since}, and on host {host} it is {version}: nothing was opened. Put GRODT "
            f"{found.version} on {host}; or, if {version} is meant to trade from now on: `grodt expect --book {book} --version {version} "
            f"--reason WHY`, and bring every other host to it"
        )


def expect_version(tx: Write, book: str, version: str, *, by: str, reason: str, now: datetime) -> Expected:
    """Record that a book expects another version from now on.

    Raises:
        ConfigError: it expects that one already, or version, name or reason is empty.
    """
    person, reason, version = require_person(by), require_reason(reason), version.strip()
    if not version:
        raise ConfigError("a version is needed, such as the one that `grodt --version` prints; give it with --version")
    found = expected_version(tx, book)
    if found is not None and found.version == version:
        raise ConfigError(f"book {book} expects GRODT {version} already, by {found.author} since {found.at:%Y-%m-%d %H:%M} UTC")
    _record(tx, book, None if found is None else found.version, version, person, reason, now)
    made = expected_version(tx, book)
    assert made is not None
    return made


def _record(tx: Write, book: str, before: str | None, version: str, author: str, reason: str, now: datetime) -> None:
    row = {"book": book, "version": version, "author": author, "reason": reason, "changed_at": now}
    tx.connection.execute(insert(expected_versions).values(row | {"version_before": before}))


def _expected(row: Row[Any]) -> Expected:
    return Expected(row.version, row.version_before, row.author, row.reason, row.changed_at)
