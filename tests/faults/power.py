"""Loss of power: what was not synced vanishes.

Of the lake, the worst that may happen: every name that was made, moved or removed since its folder was last synced is as it was before.
SQLite syncs at each commit (`synchronous=FULL`), so that what is committed stays.
"""

import ctypes
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.faults.doors import Moment

type Vanishing = tuple[Callable[[Path], None], ...]
"""Undoes the changes in a home's folder, the latest first."""
_LIBC = ctypes.CDLL(None, use_errno=True)


class Unsynced:
    """Follows the doors, and knows what below `lake/` is not durable yet."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._before: bytes | None = None
        self._undone: list[tuple[str, Callable[[Path], None]]] = []

    def __call__(self, moment: Moment, door: str, name: str) -> None:
        """Take note of an instant."""
        if door == "fsync" and moment == "after":
            self._undone = [each for each in self._undone if each[0] != name]
        if not name.startswith("lake"):
            return
        if door in ("replace", "unlink", "open", "link") and moment == "before":
            path = self._root / name
            self._before = path.read_bytes() if path.is_file() else None
        elif moment == "after" and door in ("replace", "unlink", "open", "link"):
            self._undone.append((str(Path(name).parent), _restored(name, self._before)))
        elif moment == "after" and door == "mkdir":
            self._undone.append((str(Path(name).parent), lambda home: shutil.rmtree(home / name, ignore_errors=True)))
        elif moment == "after" and door == "exchange":
            one, other = name.split(" ")
            self._undone.append((str(Path(other).parent), lambda home: _exchanged(home / one, home / other)))

    def now(self) -> Vanishing:
        """What vanishes if power fails now."""
        return tuple(undo for _, undo in reversed(self._undone))


def lose(home: Path, vanishing: Vanishing) -> None:
    """Undo it in a home."""
    for undo in vanishing:
        undo(home)


def _restored(name: str, before: bytes | None) -> Callable[[Path], None]:
    def undo(home: Path) -> None:
        path = home / name
        path.unlink(missing_ok=True)  # never written through: another home may share it
        if before is not None and path.parent.is_dir():
            path.write_bytes(before)

    return undo


def _exchanged(one: Path, other: Path) -> None:
    if one.exists() and other.exists():
        assert _LIBC.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2) == 0
