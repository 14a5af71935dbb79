"""What the lake asks of where its files are: a folder of this machine, or an object store.

Whatever does it keeps two promises. Each version that was published can be found again, at its path or below `_history`. And what stands
below a table's folder never holds a row twice, at no instant.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol

from grodt.lake.files import Stamp
from grodt.lake.manifest import LakeFile

type Source = Path | BytesIO
"""Where Polars reads a file from."""
type Accept = Callable[[LakeFile, Source], None]
"""Looks at a version once its bytes are known to be the listed ones; raises DataError where it is not what it should be."""
type Checked = dict[Path, tuple[str, Stamp]]
"""Files of this machine that were checked once: the digest that was found and the stamp it was found at, by path."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version was found, checked. `stamp` is of the file then; None for bytes that are in memory."""

    source: Source
    stamp: Stamp | None = None

    def holds(self) -> bool:
        """Whether what was checked is what is there.

        Raises:
            OSError: nothing is there any more.
        """
        return self.stamp is None or (isinstance(self.source, Path) and Stamp.of(self.source) == self.stamp)


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a path: its bytes and their SHA-256, in hex."""

    size: int
    sha256: str


class Storage(Protocol):
    """Files by their POSIX paths below a root."""

    @property
    def where(self) -> Path | str:
        """The root: a folder, or a URL."""
        ...

    def publish(self, path: str, content: memoryview, sha256: str) -> None:
        """Let this version stand at its path, the one before it in `_history`; the same version again changes nothing.

        Raises:
            LakeWriteFailed: the storage refused; nothing of this version remains.
        """
        ...

    def places(self, files: Sequence[LakeFile], accept: Accept) -> list[Place | None]:
        """Where each of those very versions is, checked by SHA-256; None where neither its path nor the history has its bytes.

        Raises:
            DataError: `accept` refuses one.
        """
        ...

    def found(self, path: str) -> Found:
        """What stands at a path.

        Raises:
            FileNotFoundError: nothing does.
            OSError: it cannot be read.
        """
        ...

    def standing(self, below: str) -> list[str]:
        """Paths of everything below a folder, ascending; nothing where there is no such folder."""
        ...

    def arrange(self, folder: str, wanted: Mapping[str, str], new: Mapping[str, memoryview]) -> None:
        """Let those versions stand in a folder and no other; what stood there and is not wanted goes to `_history`.

        The caller is the only one who writes into that folder meanwhile.

        Args:
            folder: below the root.
            wanted: SHA-256 by path. One that does not stand is taken from `new` or from the history.
            new: bytes of versions that were never published.

        Raises:
            LakeWriteFailed: the storage refused.
        """
        ...

    def discard(self, paths: Sequence[str]) -> None:
        """Remove what a writer that died left unfinished, of which no version was published.

        Raises:
            LakeWriteFailed: the storage refused.
        """
        ...

    def why_not_compact(self) -> str:
        """Why files cannot be merged here without a row being there twice for an instant; empty: they can."""
        ...

    def forget(self) -> None:
        """Check everything again from now on."""
        ...
