"""A copy of a lake: every version that was ever committed, where a lake has it."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grodt.errors import DataError
from grodt.lake.files import Disk, LakeWriteFailed, copy_synced, digest
from grodt.lake.manifest import LakeFile
from grodt.lake.paths import history_path
from grodt.lake.storage import Accept, Storage
from grodt.lake.verification import problem

#: Times that a version is looked for: a writer may move it into the history between the look and the copy.
_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy has.

    Attributes:
        files: versions.
        bytes: of all of them.
        linked: how many are another name of the same file in the copy before.
    """

    files: int
    bytes: int
    linked: int


def copy_versions(
    storage: Storage,
    accept: Accept,
    current: Sequence[LakeFile],
    ever: Iterable[LakeFile],
    target: Path,
    earlier: Path | None,
    say: Callable[[str], None],
) -> Copied:
    """Copy versions into a folder, as a lake has them: current ones at their paths, the others in the history. Synced.

    Args:
        storage: where they are.
        accept: looks at each.
        current: those of now.
        ever: all that were ever committed.
        target: the folder; nothing stands there.
        earlier: a copy made before; where it has the same version under the same name, that is linked and not copied.
        say: hears how far it has come.

    Raises:
        DataError: a version is missing or altered.
        LakeWriteFailed: the copy cannot be written.
    """
    wanted = {file.path: file for file in current}
    for file in ever:
        if file.path not in wanted or wanted[file.path].sha256 != file.sha256:
            wanted[history_path(file.path, file.sha256)] = file
    linked = 0
    folders: set[Path] = set()
    try:
        target.mkdir(parents=True, exist_ok=True)
        for number, (name, file) in enumerate(sorted(wanted.items())):
            say(f"copying the lake: {number:,} of {len(wanted):,} files")
            place = target / name
            if place.parent not in folders:
                place.parent.mkdir(parents=True, exist_ok=True)
                folders.add(place.parent)
            before = earlier / name if earlier is not None else None
            # A path keeps its name from version to version, and a disk may have changed what it holds.
            if before is not None and before.is_file() and before.stat().st_size == file.size and digest(before) == file.sha256:
                os.link(before, place)
                linked += 1
            else:
                _copy(storage, accept, file, place)
        for folder in sorted(folders):
            Disk().sync_folder(folder)
    except OSError as error:
        raise LakeWriteFailed(f"the lake could not be copied to {target}: {error}; free some space or name another folder") from error
    return Copied(len(wanted), sum(file.size for file in wanted.values()), linked)


def _copy(storage: Storage, accept: Accept, file: LakeFile, place: Path) -> None:
    for _ in range(_LOOKS):
        found = storage.places([file], accept)[0]
        if found is None or not isinstance(found.source, Path):
            break
        try:
            copy_synced(found.source, place)
            if found.holds():
                return
        except FileNotFoundError:
            continue
    finding = problem(storage, accept, file)
    raise DataError(
        f"lake file {file.path} {f'is {finding.kind}: {finding.detail}' if finding else 'changed while it was copied; run again'}"
    )
