"""The lake's own calls to a file system, each of which a test can let fail or die."""

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from grodt.errors import GrodtError, TransientError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class LakeWriteFailed(GrodtError):
    """The storage refused a write: full, read-only or not permitted. What stood before still stands."""


class LakeUnavailable(TransientError, OSError):
    """The object store did not answer, or refused to."""


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

    def exchange(self, path: Path, other: Path) -> None:
        """Let two folders trade names in one step, renameat2(2) with RENAME_EXCHANGE: at no instant is either name free.

        Raises:
            OSError: this system or this file system does not do that (ENOSYS, EINVAL).
        """
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "renameat2"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(path))
        if libc.renameat2(_AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def remove_folder(self, folder: Path) -> None:
        """Remove an empty folder."""
        folder.rmdir()

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


def copy_synced(source: Path, target: Path) -> None:
    """Copy a file's bytes to where nothing stands, and sync them.

    Raises:
        OSError: one cannot be read, or the other not be written.
    """
    with source.open("rb") as original, target.open("wb") as copy:
        shutil.copyfileobj(original, copy)
        copy.flush()
        os.fsync(copy.fileno())


def digest(path: Path) -> str:
    """SHA-256 of the file, in hex.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
