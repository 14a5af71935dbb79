"""The lake: writes versions of files, reads snapshots of them, and finds what is wrong on the disk."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import polars as pl

from grodt.errors import ConfigError, DataError
from grodt.lake.files import Disk, Stamp, digest, encode, publish
from grodt.lake.manifest import LakeFile, Manifest, Snapshot
from grodt.lake.paths import history_path, require_path
from grodt.lake.tables import SCHEMA_VERSION, TABLES
from grodt.lake.validation import added_columns, require_types, require_valid, session_column, stored_types, types
from grodt.sessions import require_utc

#: Files that were checked once: the digest that was found and the stamp it was found at, by path.
type Checked = dict[Path, tuple[str, Stamp]]

_READ_ATTEMPTS = 3
#: Bytes from which hashing outweighs handing a file to a thread. What a session adds is far smaller, and years of it are thousands.
_WORTH_A_THREAD = 500_000
_NEXT_STEP = "restore it from a backup; `grodt verify` lists every such file"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong on the disk.

    Attributes:
        path: below the lake's root.
        kind: missing: nothing stands where a listed file should; altered: its bytes are not those listed, and no other copy
            is; unlisted: a file, or a version of one, that the manifest does not list.
        detail: digests, and what to do next.
    """

    path: str
    kind: Literal["missing", "altered", "unlisted"]
    detail: str


class Lake:
    """Parquet files below one folder, as the manifest lists them.

    Safe to share between threads; files that were checked once are not hashed again by the same Lake.
    """

    def __init__(self, root: Path | str, manifest: Manifest, *, disk: Disk | None = None, checked: Checked | None = None) -> None:
        """A lake below `root`, which need not exist until the first write.

        Args:
            root: its folder.
            manifest: which versions it has.
            disk: what does to the file system what the lake asks; the real one by default.
            checked: which files were checked, shared with other Lakes of this process; its own by default.

        Raises:
            ConfigError: `root` is a URL.
        """
        if "://" in str(root):
            raise ConfigError(f"lake {root} is a URL; name a folder of this machine")
        self._root = Path(root).absolute()
        self._manifest = manifest
        self._disk = disk or Disk()
        self._checked: Checked = {} if checked is None else checked

    @property
    def root(self) -> Path:
        """The folder all paths are relative to."""
        return self._root

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
            LakeWriteFailed: the file system refused; nothing is half written.
            ValueError: there is no such table, or the path is not below it.
        """
        known_at = require_utc(known_at, "known_at")
        rows = require_valid(table, frame, source)
        require_path(table, path)
        sessions = rows.get_column(session_column(table))
        content = encode(rows.cast(stored_types(table)))
        sha256 = hashlib.sha256(content).hexdigest()
        publish(self._disk, self._root, path, content, sha256)
        return LakeFile(
            table=table,
            path=path,
            sha256=sha256,
            size=len(content),
            rows=rows.height,
            first_session=_as_date(sessions.min()),
            last_session=_as_date(sessions.max()),
            schema_version=SCHEMA_VERSION,
            source=source,
            known_at=known_at,
            run_id=run_id,
        )

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

        Rows come file by file in the order of paths, within a file by primary key: the same snapshot gives the same order.
        Sort where another order matters; over ten years of 5,000 symbols that costs more than the read.

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
                    [path for path, _ in places], schema=stored_types(table), missing_columns="insert", glob=False, hive_partitioning=False
                )
                frame = (rows.filter(*chosen) if chosen else rows).select(names).collect()
                if all(Stamp.of(path) == stamp for path, stamp in places):
                    return frame.cast({name: wanted[name] for name in names if isinstance(wanted[name], pl.Enum)})
            except (OSError, pl.exceptions.ComputeError) as error:
                failure = error  # a writer renamed another version into place after the check: locate again
        raise DataError(
            f"{table} kept changing while snapshot {snapshot.id} was read ({_READ_ATTEMPTS} attempts); "
            "see what else writes to this lake, then run again"
        ) from failure

    def verify(self, snapshot: Snapshot) -> list[Finding]:
        """Hash every file again and compare the disk with the snapshot and with the manifest as it is now, by path."""
        current = {file.path: file for file in self._manifest.snapshot().files}
        listed = {(file.path, file.sha256): file for file in (*snapshot.files, *current.values())}
        self._checked.clear()
        with _threads() as threads:
            problems = list(threads.map(self._problem, listed.values()))
            findings = {finding.path: finding for finding in problems if finding is not None}
            standing = sorted(path for table in TABLES for path in (self._root / table).rglob("*") if path.is_file())
            for path, found in zip(standing, threads.map(self._found, standing), strict=True):
                name = path.relative_to(self._root).as_posix()
                detail = _unlisted(current.get(name), found)
                if name not in findings and detail:
                    findings[name] = Finding(name, "unlisted", detail)
        for name in current.keys() - findings.keys():
            if not (self._root / name).exists():
                findings[name] = Finding(
                    name, "missing", f"its listed version is intact: copy it back from {history_path(name, current[name].sha256)}"
                )
        return [findings[name] for name in sorted(findings)]

    def set_aside(self, source: str, tables: Sequence[str]) -> tuple[str, ...]:
        """Move what the manifest does not list out of a source's (or book's) folders, to `_history`, so that a glob never counts it.

        Such a file was written by a run that died before its commit. The caller holds the source's (or the book's) lease: a file
        that is about to be committed looks the same.

        Returns:
            Paths that were moved.
        """
        listed = self._manifest.paths(tables)
        moved = tuple(name for table in tables for name in self._standing(f"{table}/{source}") if name not in listed)
        for name in moved:
            place = self._root / history_path(name, digest(self._root / name))
            place.parent.mkdir(parents=True, exist_ok=True)
            (self._root / name).replace(place)
        return moved

    def _standing(self, below: str) -> list[str]:
        """Paths of the Parquet files below a folder, ascending. As text: after ten years there are 20,000, looked at every cycle."""
        start = len(str(self._root)) + 1
        found = ((folder[start:], name) for folder, _, names in os.walk(self._root / below) for name in names)
        return sorted(f"{folder}/{name}" for folder, name in found if name.endswith(".parquet"))

    def _locate(self, files: Sequence[LakeFile]) -> list[tuple[Path, Stamp]]:
        """Where each version stands, checked.

        Raises:
            DataError: one is missing or altered, or its columns are not the table's.
        """
        large = [file for file in files if file.size >= _WORTH_A_THREAD]
        if len(large) > 1:
            with _threads() as threads:
                list(threads.map(self._place, large))
        places = [self._place(file) for file in files]
        lost = [file for file, place in zip(files, places, strict=True) if place is None]
        if lost:
            finding = self._problem(lost[0])
            what = f"is {finding.kind}: {finding.detail}" if finding else "changed while it was read; run again"
            more = f" ({len(lost) - 1} more files are not as listed either)" if len(lost) > 1 else ""
            raise DataError(f"lake file {lost[0].path} {what}{more}")
        return [place for place in places if place is not None]

    def _place(self, file: LakeFile) -> tuple[Path, Stamp] | None:
        """Path and stamp of that very version, at its path or in the history; None when neither has its bytes."""
        for path in (self._root / file.path, self._root / history_path(file.path, file.sha256)):
            try:
                stamp = Stamp.of(path)
                if self._checked.get(path) == (file.sha256, stamp):
                    return path, stamp
                if stamp.size != file.size or digest(path) != file.sha256 or Stamp.of(path) != stamp:
                    continue
            except OSError:
                continue
            require_types(
                file.table,
                pl.Schema(pl.read_parquet_schema(path)),
                stored_types(file.table),
                f"lake file {file.path}",
                may_lack=added_columns(file.table, file.schema_version),
            )
            self._checked[path] = (file.sha256, stamp)
            return path, stamp
        return None

    def _problem(self, file: LakeFile) -> Finding | None:
        try:
            if self._place(file) is not None:
                return None
        except DataError as error:
            return Finding(file.path, "altered", str(error))
        path = self._root / file.path
        expected = f"expected {file.size:,} bytes with SHA-256 {file.sha256}"
        if not path.exists():
            return Finding(file.path, "missing", f"{expected}, found nothing there or in _history; {_NEXT_STEP}")
        return Finding(file.path, "altered", f"{expected}, found {path.stat().st_size:,} bytes with {self._found(path)}; {_NEXT_STEP}")

    def _found(self, path: Path) -> str:
        """What stands there, in the words of a finding."""
        try:
            sha256, stamp = self._checked.get(path, ("", None))
            return f"SHA-256 {sha256 if stamp == Stamp.of(path) else digest(path)}"
        except OSError as error:
            return f"unreadable bytes ({error.strerror or error})"


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


def _unlisted(listed: LakeFile | None, found: str) -> str:
    if listed is None:
        return f"{found}; no commit names it: run the unfinished run again, which overwrites it, or remove it"
    if found == f"SHA-256 {listed.sha256}":
        return ""
    return (
        f"{found} stands where {listed.sha256} is listed, which is intact in {history_path(listed.path, listed.sha256)}: "
        "run the unfinished run again, or copy that version back"
    )


def _as_date(value: object) -> date | None:
    return value if isinstance(value, date) else None


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1))
