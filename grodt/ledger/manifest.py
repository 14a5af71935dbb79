"""The lake's manifest: which file versions make up the lake, commit by commit; and what was asked of each source.

A file is superseded by a later commit of the same path, and leaves the lake when a later commit removes its path; so the rows are
facts that never change.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, insert, or_, select, update

from grodt.lake.manifest import LakeFile, Manifest, Snapshot
from grodt.ledger.tables_lake import coverage as coverage_table
from grodt.ledger.tables_lake import lake_commits, lake_files, lake_removals
from grodt.ledger.transaction import Read, Write
from grodt.ledger.unit import Ledger
from grodt.sessions import require_utc

_DAY = timedelta(days=1)

Width = Literal["1d", "1m"]


class LedgerManifest(Manifest):
    """The manifest as the ledger keeps it."""

    def __init__(self, ledger: Ledger) -> None:
        """A manifest that opens its own read transactions."""
        self._ledger = ledger

    def snapshot(self, version: int | None = None, *, tables: Sequence[str] | None = None) -> Snapshot:
        """The lake at that version, or now. `tables` narrows it, and then the digest is that of the narrower files.

        Raises:
            ValueError: there is no such version.
        """
        with self._ledger.read() as tx:
            return snapshot(tx, version, tables=tables)

    def digests(self, tables: Sequence[str]) -> dict[str, str]:
        """SHA-256 by path of the files of those tables as they are now."""
        with self._ledger.read() as tx:
            wanted = lake_files.c.table_name.in_(list(tables))
            query = select(lake_files.c.path, lake_files.c.sha256).where(wanted, ~_gone(_latest(tx)))
            return dict(tx.connection.execute(query).tuples().all())

    def versions(self) -> tuple[LakeFile, ...]:
        """Every version that was ever committed."""
        with self._ledger.read() as tx:
            return tuple(_file(row) for row in tx.connection.execute(select(lake_files).order_by(lake_files.c.path, lake_files.c.version)))


def snapshot(tx: Read, version: int | None = None, *, tables: Sequence[str] | None = None, session: date | None = None) -> Snapshot:
    """The same inside a transaction, so that it sees that transaction's own commits.

    `session` narrows it to the files that may hold rows of one session: after ten years two for each table, of thousands.
    """
    latest = _latest(tx)
    if version is None:
        version = latest
    if not 0 <= version <= latest:
        raise ValueError(f"the lake has no version {version}; its latest is {latest}")
    query = select(lake_files).where(lake_files.c.version <= version, ~_gone(version)).order_by(lake_files.c.path)
    if tables is not None:
        query = query.where(lake_files.c.table_name.in_(list(tables)))
    if session is not None:
        covers = and_(lake_files.c.first_session <= session, lake_files.c.last_session >= session)
        query = query.where(or_(covers, lake_files.c.first_session.is_(None)))
    files = tuple(_file(row) for row in tx.connection.execute(query))
    digest = hashlib.sha256("".join(f"{file.path}\0{file.sha256}\n" for file in files).encode()).hexdigest()
    return Snapshot(version, digest, files)


def snapshot_as_of(tx: Read, as_of: datetime, *, tables: Sequence[str] | None = None) -> Snapshot:
    """The lake as it was at an instant: at the last version of which nothing was committed after it.

    Where a clock went back between two commits, the earlier of the two versions is meant: this never shows too much.

    Raises:
        ValueError: the instant has no time zone.
    """
    later = select(func.min(lake_commits.c.version)).where(lake_commits.c.committed_at > require_utc(as_of, "as_of"))
    first: int | None = tx.connection.execute(later).scalar_one()
    return snapshot(tx, None if first is None else first - 1, tables=tables)


def commit_files(tx: Write, files: Sequence[LakeFile], now: datetime, *, removed: Iterable[str] = ()) -> int:
    """Commit file versions, the last step of a lake write: what is not committed is not part of the lake.

    A file whose path is in the lake supersedes the version there; one that is there with the same SHA-256 is left out.

    Args:
        tx: the transaction.
        files: versions to add.
        now: the instant of the commit.
        removed: paths that leave the lake, because the rows of their files are in others from now on; one that is not in it is left out.

    Returns:
        The manifest's version: a new one, or the one as it was if every file is there, and every removed path gone, already.

    Raises:
        ValueError: two of the files have one path, or one is removed as well.
    """
    by_path = {file.path: file for file in files}
    leaving = set(removed)
    if len(by_path) != len(files) or leaving.intersection(by_path):
        raise ValueError(f"{len(files)} files have {len(by_path)} paths, {len(leaving)} are removed; a commit holds one version of each")
    current = _current(tx, [*by_path, *leaving])
    new = [file for file in files if current.get(file.path) != file.sha256]
    gone = sorted(leaving.intersection(current))
    latest = _latest(tx)
    if not new and not gone:
        return latest
    version = latest + 1
    tx.connection.execute(insert(lake_commits).values(version=version, committed_at=now))
    if gone:
        tx.connection.execute(insert(lake_removals), [{"path": path, "version": version} for path in gone])
    if not new:
        return version
    tx.connection.execute(
        insert(lake_files),
        [
            {
                "path": file.path,
                "version": version,
                "table_name": file.table,
                "sha256": file.sha256,
                "size": file.size,
                "rows": file.rows,
                "first_session": file.first_session,
                "last_session": file.last_session,
                "schema_version": file.schema_version,
                "source": file.source,
                "known_at": file.known_at,
                "run_id": file.run_id,
            }
            for file in new
        ],
    )
    return version


def coverage(tx: Read, source: str, width: Width = "1d") -> dict[str, tuple[date, date]]:
    """Dates whose bars of that width were asked of a source and recorded, by symbol: one range each, both ends included."""
    mine = (coverage_table.c.source == source, coverage_table.c.width == width)
    query = select(coverage_table).where(*mine).order_by(coverage_table.c.symbol)
    return {row.symbol: (row.first_date, row.last_date) for row in tx.connection.execute(query)}


def extend_coverage(tx: Write, source: str, symbols: Iterable[str], start: date, end: date, run_id: str, width: Width = "1d") -> None:
    """Note that a source was asked for `start` to `end`, both included, and that its answer is in the lake.

    Each symbol has one range of days without holes: what is added overlaps it or adjoins it, at either end.

    Raises:
        ValueError: the range is empty, or would leave a hole.
    """
    if start > end:
        raise ValueError(f"source {source}: range {start} to {end} is empty")
    known = coverage(tx, source, width)
    rows = []
    for symbol in sorted(set(symbols)):
        first, last = known.get(symbol, (start, end))
        hole = (last + _DAY, start - _DAY) if start > last else (end + _DAY, first - _DAY)
        if hole[0] <= hole[1]:
            raise ValueError(
                f"source {source}, {symbol}: {start} to {end} would leave a hole, {hole[0]} to {hole[1]}, beside what is recorded, "
                f"{first} to {last}; ask for the hole as well"
            )
        rows.append({"symbol": symbol, "first_date": min(first, start), "last_date": max(last, end)})
    _write_coverage(tx, source, width, rows, known, run_id)


def _write_coverage(
    tx: Write, source: str, width: Width, rows: Sequence[Mapping[str, Any]], known: Mapping[str, tuple[date, date]], run_id: str
) -> None:
    changed = [row for row in rows if known.get(row["symbol"]) != (row["first_date"], row["last_date"])]
    wider = [{"of": source, "key": row["symbol"], "run_id": run_id, **row} for row in changed if row["symbol"] in known]
    if wider:
        mine = (coverage_table.c.source == bindparam("of"), coverage_table.c.width == width, coverage_table.c.symbol == bindparam("key"))
        tx.connection.execute(update(coverage_table).where(*mine), wider)
    fresh = [{"source": source, "width": width, "run_id": run_id, **row} for row in changed if row["symbol"] not in known]
    if fresh:
        tx.connection.execute(insert(coverage_table), fresh)


def _latest(tx: Read) -> int:
    return int(tx.connection.execute(select(func.coalesce(func.max(lake_commits.c.version), 0))).scalar_one())


def _gone(version: int) -> ColumnElement[bool]:
    """Whether a row of lake_files is superseded or removed at a version."""
    newer, removal = lake_files.alias("newer"), lake_removals.alias("removal")
    later: list[ColumnElement[bool]] = []
    for each in (newer, removal):
        after = (each.c.path == lake_files.c.path, each.c.version > lake_files.c.version, each.c.version <= version)
        later.append(select(each.c.version).where(*after).exists())
    return or_(*later)


def _current(tx: Read, paths: Sequence[str]) -> dict[str, str]:
    """SHA-256 by path, of those that are in the lake now."""
    wanted = lake_files.c.path.in_(list(paths))
    query = select(lake_files.c.path, lake_files.c.sha256).where(wanted, ~_gone(_latest(tx)))
    return dict(tx.connection.execute(query).tuples().all())


def _file(row: Row[Any]) -> LakeFile:
    return LakeFile(
        table=row.table_name,
        path=row.path,
        sha256=row.sha256,
        size=row.size,
        rows=row.rows,
        first_session=row.first_session,
        last_session=row.last_session,
        schema_version=row.schema_version,
        source=row.source,
        known_at=row.known_at,
        run_id=row.run_id,
    )


def rows_by_run(tx: Read, run_id: str, table: str) -> int:
    """Rows of a table in the files that a run wrote."""
    query = select(func.coalesce(func.sum(lake_files.c.rows), 0)).where(lake_files.c.run_id == run_id, lake_files.c.table_name == table)
    return int(tx.connection.execute(query).scalar_one())
