"""The lake: writes versions of files, reads snapshots of them, and finds what is wrong with them."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from grodt.errors import DataError
from grodt.lake.compaction import NotCompacted, Period
from grodt.lake.copying import Copied, copy_versions
from grodt.lake.encoding import encode
from grodt.lake.files import Disk
from grodt.lake.local import LocalFolder
from grodt.lake.manifest import LakeFile, Manifest, Snapshot
from grodt.lake.objects import ObjectStore
from grodt.lake.paths import HISTORY, history_path, is_unfinished, require_path
from grodt.lake.storage import Checked, Place, Source, Storage
from grodt.lake.tables import SCHEMA_VERSION, TABLES
from grodt.lake.validation import added_columns, require_types, require_valid, session_column, stored_types, types
from grodt.lake.verification import Finding, problem, verify
from grodt.sessions import require_utc

__all__ = ["Checked", "Lake"]

_READ_ATTEMPTS = 3


class Lake:
    """Parquet files below one folder, or one URL of an object store, as the manifest lists them.

    Safe to share between threads; files of this machine that were checked once are not hashed again by the same Lake.
    """

    def __init__(self, root: Path | str | Storage, manifest: Manifest, *, disk: Disk | None = None, checked: Checked | None = None) -> None:
        """A lake at `root`, which need not exist until the first write.

        Args:
            root: its folder, its URL, or what stores it.
            manifest: which versions it has.
            disk: what does to a folder's file system what the lake asks; the real one by default.
            checked: which files of this machine were checked, shared with other Lakes of this process; its own by default.

        Raises:
            ConfigError: `root` is a URL of no store.
        """
        if isinstance(root, str) and "://" in root:
            self._storage: Storage = ObjectStore(root)
        elif isinstance(root, str | Path):
            self._storage = LocalFolder(Path(root), disk or Disk(), {} if checked is None else checked)
        else:
            self._storage = root
        self._manifest = manifest

    @property
    def root(self) -> Path | str:
        """The folder, or the URL, that all paths are relative to."""
        return self._storage.where

    def write(self, table: str, path: str, frame: pl.DataFrame, *, source: str, known_at: datetime, run_id: str) -> LakeFile:
        """Write one version of one file and return what the caller then commits to the manifest.

        The file's bytes depend on the frame's rows alone, not on their order, the path or the run.

        Args:
            table: name of the table.
            path: below the root, from `grodt.lake.paths`.
            frame: the table's columns; rows in any order.
            source: name of the source, or of the book for what a run exports; every row must be of it.
            known_at: when we learned its content.
            run_id: the run that writes it.

        Raises:
            DataError: the frame breaks the table's schema; nothing is written.
            LakeWriteFailed: the storage refused; nothing is half written.
            ValueError: there is no such table, or the path is not below it.
        """
        content, file = _encoded(table, path, frame, source=source, known_at=known_at, run_id=run_id)
        self._storage.publish(path, content, file.sha256)
        return file

    def compact(self, period: Period, snapshot: Snapshot, *, run_id: str) -> LakeFile:
        """Let one file stand in place of several, and return what the caller then commits, with their paths as removed.

        The rows are the same, each with its own `known_at`; the files they come from stay readable in the history. The caller holds the
        source's lease.

        Args:
            period: which files.
            snapshot: the lake as it is, with all files of their table.
            run_id: the run that does it.

        Raises:
            NotCompacted: where the lake is, files cannot be merged, or two of these hold one row; nothing is changed.
            DataError: one of them is missing or altered.
            LakeWriteFailed: the storage refused; the files stand as they did.
        """
        if reason := self._storage.why_not_compact():
            raise NotCompacted(reason)
        rows = self.read(period.table, replace(snapshot, files=period.files))
        newest = max(period.files, key=lambda file: file.known_at)
        key = TABLES[period.table].primary_key()
        if rows.select(pl.struct(key).is_duplicated().any()).item():
            raise NotCompacted(f"{period.folder}: a row of {period.path} is in two of the {len(period.files)} files that it is made of")
        content, file = _encoded(period.table, period.path, rows, source=newest.source, known_at=newest.known_at, run_id=run_id)
        gone = {each.path for each in period.files}
        staying = {each.path: each.sha256 for each in snapshot.files if _folder(each.path) == period.folder and each.path not in gone}
        self._storage.arrange(period.folder, staying | {file.path: file.sha256}, {file.path: content})
        return file

    def read(
        self,
        table: str,
        snapshot: Snapshot,
        *,
        source: str | None = None,
        columns: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Rows of a table as a snapshot shows it, each file checked against its SHA-256 first.

        Rows come file by file in the order of paths, within a file by primary key, in a large one by calendar quarter first: the same
        snapshot gives the same order. Sort where another order matters; over ten years of 5,000 symbols that costs more than the read.

        Args:
            table: name of the table.
            snapshot: which versions.
            source: of one source (or book) only.
            columns: those, in that order; all by default.
            start: first session wanted (ex date for corporate actions).
            end: last session wanted.
            symbols: of those symbols only.

        Raises:
            DataError: a listed version is missing or altered, or its columns are not the table's.
            ValueError: there is no such table or column.
        """
        wanted = types(table)
        names = list(wanted) if columns is None else list(columns)
        for name in [*names, *(() if symbols is None else ("symbol",))]:
            if name not in wanted:
                raise ValueError(f"{table} has no column {name!r}; it has {', '.join(wanted)}")
        files = [file for file in snapshot.of(table, source) if _may_hold(file, start, end)]
        if not files:
            return pl.DataFrame(schema=wanted).select(names)
        chosen = _chosen(table, start, end, symbols)
        failure: Exception | None = None
        for _ in range(_READ_ATTEMPTS):
            places = self._locate(files)
            try:
                rows = pl.scan_parquet(
                    [place.source for place in places],  # type: ignore[arg-type]  # paths, or buffers, as of one storage
                    schema=stored_types(table),
                    missing_columns="insert",
                    glob=False,
                    hive_partitioning=False,
                )
                frame = (rows.filter(*chosen) if chosen else rows).select(names).collect()
                if all(place.holds() for place in places):
                    return frame.cast({name: wanted[name] for name in names if isinstance(wanted[name], pl.Enum)})
            except (OSError, pl.exceptions.ComputeError) as error:
                failure = error  # a writer renamed another version into place after the check: locate again
        raise DataError(
            f"{table} kept changing while snapshot {snapshot.id} was read ({_READ_ATTEMPTS} attempts); "
            "see what else writes to this lake, then run again"
        ) from failure

    def verify(self, snapshot: Snapshot, say: Callable[[str], None] = lambda _: None) -> list[Finding]:
        """Hash every version anew, those of the history included, and compare what stands with what the manifest lists now; by path.

        Args:
            snapshot: whose files are looked at beside all that were ever committed.
            say: hears how far it has come.
        """
        current = self._manifest.snapshot().files
        return verify(self._storage, _accept, current, (*snapshot.files, *self._manifest.versions()), TABLES, say)

    def copy_to(self, target: Path, earlier: Path | None = None, say: Callable[[str], None] = lambda _: None) -> Copied:
        """Copy every version that the manifest knows of into a folder, which is a lake then. Writers may go on meanwhile.

        Args:
            target: where nothing stands yet.
            earlier: a copy of before, on the same file system; files that it has under the same name are linked.
            say: hears how far it has come.

        Raises:
            DataError: a version is missing or altered.
            LakeWriteFailed: the copy cannot be written.
        """
        current = self._manifest.snapshot().files
        return copy_versions(self._storage, _accept, current, self._manifest.versions(), target, earlier, say)

    def set_aside(self, source: str, tables: Sequence[str]) -> tuple[str, ...]:
        """Make a source's (or a book's) folders the truth again after a crash, so that a glob shows what the manifest lists.

        What it does not list goes to `_history`: a run wrote it and died before its commit. What it lists and has gone comes back from
        there: a run had merged it into another file and died before its commit. Where another version stands than is listed, a run had
        written a newer one and died before its commit: the listed one comes back, and readers may miss it for a moment. What is only half
        written is removed. The caller holds the source's (or the book's) lease: a file that is about to be committed looks the same.

        Returns:
            Paths that were moved, away or back.
        """
        listed: dict[str, dict[str, str]] = defaultdict(dict)
        for path, sha256 in self._manifest.digests(tables).items():
            listed["/".join(path.split("/", 2)[:2])][path] = sha256
        moved: list[str] = []
        for below in (f"{table}/{source}" for table in tables):
            found = self._storage.standing(below)
            standing = {path for path in found if path.endswith(".parquet")}
            unfinished = [path for path in found if is_unfinished(path)]
            if unfinished:
                self._storage.discard(unfinished)
            mine = listed[below]
            replaced = self._replaced(below, {path: mine[path] for path in standing & mine.keys()})
            gone = {path for path in mine.keys() - standing if self._is_kept(path, mine[path])}
            changed = (standing - mine.keys()) | replaced | gone
            for folder in sorted({_folder(path) for path in changed}):
                stays = {path: mine[path] for path in mine if _folder(path) == folder and (path in standing or path in changed)}
                if not replaced.isdisjoint(stays):
                    self._storage.arrange(folder, {path: sha256 for path, sha256 in stays.items() if path in standing - replaced}, {})
                self._storage.arrange(folder, stays, {})
            moved += changed
        return tuple(sorted(moved))

    def _replaced(self, below: str, listed: Mapping[str, str]) -> set[str]:
        """Paths where another version stands than is listed: looked at where the listed one is in the history, as it then is."""
        kept = set(self._storage.standing(f"{HISTORY}/{below}"))
        may_be = (path for path, sha256 in listed.items() if history_path(path, sha256) in kept)
        return {path for path in may_be if self._storage.found(path).sha256 != listed[path]}

    def _is_kept(self, path: str, sha256: str) -> bool:
        """Whether the history has that version whole."""
        try:
            return self._storage.found(history_path(path, sha256)).sha256 == sha256
        except OSError:
            return False

    def _locate(self, files: Sequence[LakeFile]) -> list[Place]:
        """Where each version is, checked.

        Raises:
            DataError: one is missing or altered, or its columns are not the table's.
        """
        places = self._storage.places(files, _accept)
        lost = [file for file, place in zip(files, places, strict=True) if place is None]
        if lost:
            finding = problem(self._storage, _accept, lost[0])
            what = f"is {finding.kind}: {finding.detail}" if finding else "changed while it was read; run again"
            more = f" ({len(lost) - 1} more files are not as listed either)" if len(lost) > 1 else ""
            raise DataError(f"lake file {lost[0].path} {what}{more}")
        return [place for place in places if place is not None]


def _encoded(table: str, path: str, frame: pl.DataFrame, *, source: str, known_at: datetime, run_id: str) -> tuple[memoryview, LakeFile]:
    """The bytes of a frame, and what they are."""
    known_at = require_utc(known_at, "known_at")
    rows = require_valid(table, frame, source)
    require_path(table, path)
    sessions = rows.get_column(session_column(table))
    content = encode(rows.cast(stored_types(table)), session_column(table))
    return content, LakeFile(
        table=table,
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        rows=rows.height,
        first_session=_as_date(sessions.min()),
        last_session=_as_date(sessions.max()),
        schema_version=SCHEMA_VERSION,
        source=source,
        known_at=known_at,
        run_id=run_id,
    )


def _accept(file: LakeFile, source: Source) -> None:
    """Look at the columns of a version whose bytes are those listed.

    Raises:
        DataError: they are not the table's.
    """
    require_types(
        file.table,
        pl.Schema(pl.read_parquet_schema(source)),
        stored_types(file.table),
        f"lake file {file.path}",
        may_lack=added_columns(file.table, file.schema_version),
    )


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _chosen(table: str, start: date | None, end: date | None, symbols: Sequence[str] | None) -> list[pl.Expr]:
    session = pl.col(session_column(table))
    chosen = []
    if start is not None:
        chosen.append(session >= start)
    if end is not None:
        chosen.append(session <= end)
    if symbols is not None:
        chosen.append(pl.col("symbol").is_in(list(symbols)))
    return chosen


def _may_hold(file: LakeFile, start: date | None, end: date | None) -> bool:
    if file.first_session is None or file.last_session is None:
        return True
    return (start is None or file.last_session >= start) and (end is None or file.first_session <= end)


def _as_date(value: object) -> date | None:
    return value if isinstance(value, date) else None
