"""One file of the lake: its bytes, its digest, and how a version comes to stand at its path.

The order of steps is what makes a crash or a loss of power harmless. The new version is written beside its place and
synced; the version it supersedes is linked into `_history` and synced; the new one is renamed into place and its folder
synced; whoever asked then commits it to the manifest, last. So at each instant every version that the manifest names can
be read, at its path or in `_history`.
"""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from grodt.errors import GrodtError
from grodt.lake.paths import history_path

# Measured on 5,000 symbols by 2,520 sessions: the dictionary is a quarter smaller and three times faster to read than plain
# prices; 262,144 rows are within a tenth of the smallest files and read one symbol in half the time of a million.
_ROW_GROUP_ROWS = 262_144


class LakeWriteFailed(GrodtError):
    """The file system refused a write: full, read-only or not permitted. What stood before still stands."""


class Disk:
    """All that the lake does to a file system. One that fails or dies at any step can be handed in instead."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder whose parent exists; one that exists is left as it is."""
        with contextlib.suppress(FileExistsError):
            folder.mkdir()

    def write(self, path: Path, content: memoryview) -> None:
        """Write the whole file, over what may be there, and sync it."""
        with open(path, "wb", buffering=0) as file:
            rest = content
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())

    def link(self, path: Path, other: Path) -> None:
        """Give the file at `path` a second name."""
        os.link(path, other)

    def replace(self, path: Path, other: Path) -> None:
        """Rename `path` to `other` in one step, over what may be there."""
        os.replace(path, other)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Make the folder's names durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when another file stands at a path."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """The stamp of what stands there now.

        Raises:
            OSError: nothing does, or it cannot be looked at.
        """
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


def digest(path: Path) -> str:
    """SHA-256 of the file, in hex.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def encode(frame: pl.DataFrame) -> memoryview:
    """The frame as Parquet: zstd, statistics and a checksum on each page. Equal frames give equal bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        frame.to_arrow(compat_level=pl.CompatLevel.oldest()),
        sink,
        row_group_size=_ROW_GROUP_ROWS,
        compression="zstd",
        use_dictionary=True,
        write_statistics=True,
        write_page_checksum=True,
    )
    return memoryview(sink.getvalue())


def publish(disk: Disk, root: Path, path: str, content: memoryview, sha256: str) -> None:
    """Let this version stand at its path, the one before it in `_history`; the same version again changes nothing.

    Raises:
        LakeWriteFailed: the file system refused; nothing of this version remains.
    """
    target = root / path
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        _make_folders(disk, root, target.parent)
        with _one_writer(root):
            standing = digest(target) if target.exists() else ""
            if standing == sha256:
                disk.remove(temporary)  # what an attempt that died left behind
            else:
                try:
                    disk.write(temporary, content)
                    if standing:
                        _keep(disk, root, path, standing)
                    disk.replace(temporary, target)
                except OSError:
                    disk.remove(temporary)
                    raise
            _sync_folders(disk, root, target.parent)
    except OSError as error:
        raise LakeWriteFailed(
            f"lake file {path} ({len(content):,} bytes) could not be written below {root}: {error.strerror or error}; "
            "what the manifest names is untouched: make room or mend the permissions, then run again"
        ) from error


def _keep(disk: Disk, root: Path, path: str, sha256: str) -> None:
    """Link the version that stands at the path into the history, durably."""
    kept = root / history_path(path, sha256)
    _make_folders(disk, root, kept.parent)
    if kept.exists() and digest(kept) != sha256:
        disk.remove(kept)
    if not kept.exists():
        disk.link(root / path, kept)
    _sync_folders(disk, root, kept.parent)


def _make_folders(disk: Disk, root: Path, folder: Path) -> None:
    if not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        disk.make_folder(root)
    for below in reversed([folder, *folder.parents]):
        if below.is_relative_to(root) and below != root:
            disk.make_folder(below)


def _sync_folders(disk: Disk, root: Path, folder: Path) -> None:
    """Sync the folder and all above it up to the lake's own name: an earlier attempt may have died before it did."""
    for above in [folder, *folder.parents]:
        disk.sync_folder(above)
        if above == root.parent:
            break


@contextlib.contextmanager
def _one_writer(root: Path) -> Iterator[None]:
    """Hold the lake against other writers, for the milliseconds of a rename; the lock goes when its process dies."""
    with open(root / ".lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
