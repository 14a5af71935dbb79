"""A small lake for tests: rows, a manifest in memory, and disks that die, fail or lose power."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from grodt.lake import Lake, LakeFile, Manifest, Snapshot, bars_path
from grodt.lake.files import Disk

KNOWN_AT = datetime(2024, 1, 5, 22, 0, tzinfo=UTC)
MONDAY = date(2024, 1, 1)


class MemoryManifest(Manifest):
    """Commits in a list; a later file supersedes an earlier one of the same path."""

    def __init__(self) -> None:
        self._commits: list[dict[str, LakeFile]] = [{}]

    def commit(self, *files: LakeFile, removed: Iterable[str] = ()) -> Snapshot:
        after = self._commits[-1] | {file.path: file for file in files}
        self._commits.append({path: file for path, file in after.items() if path not in set(removed)})
        return self.snapshot()

    def snapshot(self, version: int | None = None, *, tables: Sequence[str] | None = None) -> Snapshot:
        version = len(self._commits) - 1 if version is None else version
        files = sorted(self._commits[version].values(), key=lambda file: file.path)
        files = [file for file in files if tables is None or file.table in tables]
        digest = hashlib.sha256("".join(f"{file.path}{file.sha256}" for file in files).encode()).hexdigest()
        return Snapshot(version, digest, tuple(files))


def bars(
    symbols: Sequence[str] = ("AAA", "BBB"), sessions: int = 3, *, start: date = MONDAY, close: float = 10.0, source: str = "demo"
) -> pl.DataFrame:
    """Valid bars: each symbol on consecutive days, closes counting up from `close`."""
    rows = [
        {
            "source": source,
            "symbol": symbol,
            "session": start + timedelta(days=day),
            "open": float(close),
            "high": close + 1000.0,
            "low": close / 2,
            "close": float(close + day),
            "volume": 1000.0,
            "known_at": KNOWN_AT,
        }
        for symbol in symbols
        for day in range(sessions)
    ]
    return pl.DataFrame(rows, schema_overrides={"known_at": pl.Datetime("us", "UTC")})


def path_of(frame: pl.DataFrame, source: str = "demo") -> str:
    first, last = frame["session"].min(), frame["session"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return bars_path(source, frame["symbol"].to_list(), first, last, first.year)


def write_bars(lake: Lake, frame: pl.DataFrame, source: str = "demo") -> LakeFile:
    return lake.write("bars_1d", path_of(frame, source), frame, source=source, known_at=KNOWN_AT, run_id="demo-eod-2024-01-03")


class Killed(BaseException):
    """The process dies here."""


@dataclass
class DyingDisk(Disk):
    """Counts its steps; dies before, halfway through (a write), or after the step `at`. `at` < 0 lives on."""

    at: int = -1
    when: str = "before"
    steps: list[str] = field(default_factory=list)

    def make_folder(self, folder: Path) -> None:
        self._step("make_folder", folder, lambda: super(DyingDisk, self).make_folder(folder))

    def write(self, path: Path, content: memoryview) -> None:
        if len(self.steps) == self.at and self.when == "halfway":
            path.write_bytes(content[: len(content) // 2])
            raise Killed
        self._step("write", path, lambda: super(DyingDisk, self).write(path, content))

    def link(self, path: Path, other: Path) -> None:
        self._step("link", other, lambda: super(DyingDisk, self).link(path, other))

    def replace(self, path: Path, other: Path) -> None:
        self._step("replace", other, lambda: super(DyingDisk, self).replace(path, other))

    def exchange(self, path: Path, other: Path) -> None:
        self._step("exchange", other, lambda: super(DyingDisk, self).exchange(path, other))

    def remove(self, path: Path) -> None:
        self._step("remove", path, lambda: super(DyingDisk, self).remove(path))

    def remove_folder(self, folder: Path) -> None:
        self._step("remove_folder", folder, lambda: super(DyingDisk, self).remove_folder(folder))

    def sync_folder(self, folder: Path) -> None:
        self._step("sync_folder", folder, lambda: super(DyingDisk, self).sync_folder(folder))

    def _step(self, name: str, path: Path, act: Callable[[], None]) -> None:
        number = len(self.steps)
        self.steps.append(f"{name} {path.name}")
        if number == self.at and self.when in ("before", "halfway"):
            raise Killed
        act()
        if number == self.at:
            raise Killed


@dataclass
class PowerlessDisk(DyingDisk):
    """A dying disk that can then lose what was not synced: names newer than the last sync of their folder."""

    undo: list[tuple[Path, Callable[[], None]]] = field(default_factory=list)

    def make_folder(self, folder: Path) -> None:
        if not folder.exists():
            self.undo.append((folder.parent, lambda: shutil.rmtree(folder, ignore_errors=True)))
        super().make_folder(folder)

    def write(self, path: Path, content: memoryview) -> None:
        self.undo.append((path.parent, lambda: path.unlink(missing_ok=True)))
        super().write(path, content)

    def link(self, path: Path, other: Path) -> None:
        self.undo.append((other.parent, lambda: other.unlink(missing_ok=True)))
        super().link(path, other)

    def replace(self, path: Path, other: Path) -> None:
        before = other.read_bytes() if other.exists() else None
        self.undo.append((other.parent, lambda: _put_back(other, before)))
        super().replace(path, other)

    def exchange(self, path: Path, other: Path) -> None:
        self.undo.append((other.parent, lambda: Disk().exchange(path, other) if path.exists() and other.exists() else None))
        super().exchange(path, other)

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.undo = [(parent, act) for parent, act in self.undo if parent != folder]

    def lose_power(self) -> None:
        for _, act in reversed(self.undo):
            act()


def _put_back(path: Path, content: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)


class FullDisk(Disk):
    """Takes `room` bytes, then is full."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, path: Path, content: memoryview) -> None:
        super().write(path, content[: self.room])
        if len(content) > self.room:
            raise OSError(28, os.strerror(28), str(path))


def spoil_unseen(path: Path, column: str) -> None:
    """Flip a bit of one column's values in place, size and time of change as before."""
    status = path.stat()
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(bars().columns.index(column))
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size // 3] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
