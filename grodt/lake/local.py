"""The lake in a folder of this machine.

The order of steps is what makes a crash or a loss of power harmless. A new version is written beside its place and synced; the version
it supersedes is linked into `_history` and synced; the new one is renamed into place and its folder synced; whoever asked then
commits it to the manifest, last. So at each instant every version that the manifest names can be read, at its path or in
`_history`.

Where several files of a folder change at once, the folder as it is to be is built below `_staging` out of links; then both folders
trade names in one step. A reader finds the one or the other.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grodt.lake.files import Disk, LakeWriteFailed, Stamp, digest
from grodt.lake.manifest import LakeFile
from grodt.lake.paths import STAGING, history_path, unfinished_name
from grodt.lake.storage import Accept, Checked, Found, Place, Storage

#: Bytes from which hashing outweighs handing a file to a thread. What a session adds is far smaller, and years of it are thousands.
_WORTH_A_THREAD = 500_000


class LocalFolder(Storage):
    """Files below one folder."""

    def __init__(self, root: Path, disk: Disk, checked: Checked) -> None:
        """A lake's folder, which need not exist until the first write.

        Args:
            root: it.
            disk: what does to the file system what the lake asks.
            checked: which files were checked before; more are added.
        """
        self._root = root.absolute()
        self._disk = disk
        self._checked = checked
        self._refusal: str | None = None

    @property
    def where(self) -> Path:
        """The folder."""
        return self._root

    def publish(self, path: str, content: memoryview, sha256: str) -> None:
        """As promised; a crash at any step leaves the version before."""
        disk, target = self._disk, self._root / path
        temporary = target.with_name(unfinished_name(target.name))
        try:
            self._make_folders(target.parent)
            with self._one_writer():
                standing = digest(target) if target.exists() else ""
                if standing == sha256:
                    disk.remove(temporary)  # what an attempt that died left behind
                else:
                    try:
                        disk.write(temporary, content)
                        if standing:
                            self._keep(path, standing)
                        disk.replace(temporary, target)
                    except OSError:
                        disk.remove(temporary)
                        raise
                self._sync_folders(target.parent)
        except OSError as error:
            raise self._failed(f"file {path} ({len(content):,} bytes)", error) from error

    def places(self, files: Sequence[LakeFile], accept: Accept) -> list[Place | None]:
        """As promised; a file that was checked before is looked at, not hashed."""
        large = [file for file in files if file.size >= _WORTH_A_THREAD]
        if len(large) > 1:
            with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as threads:
                list(threads.map(lambda file: self._place(file, accept), large))
        return [self._place(file, accept) for file in files]

    def _place(self, file: LakeFile, accept: Accept) -> Place | None:
        for name in (file.path, history_path(file.path, file.sha256)):
            path = self._root / name
            try:
                stamp = Stamp.of(path)
                if self._checked.get(path) == (file.sha256, stamp):
                    return Place(path, stamp)
                if stamp.size != file.size or digest(path) != file.sha256 or Stamp.of(path) != stamp:
                    continue
            except OSError:
                continue
            accept(file, path)
            self._checked[path] = (file.sha256, stamp)
            return Place(path, stamp)
        return None

    def found(self, path: str) -> Found:
        """As promised; of a file that was checked and has not changed, what was found then."""
        stamp = Stamp.of(self._root / path)
        sha256, seen = self._checked.get(self._root / path, ("", None))
        return Found(stamp.size, sha256 if seen == stamp else digest(self._root / path))

    def standing(self, below: str) -> list[str]:
        """As promised. As text: there may be thousands, looked at every cycle."""
        start = len(str(self._root)) + 1
        found = ((folder[start:], name) for folder, _, names in os.walk(self._root / below) for name in names)
        return sorted(f"{folder}/{name}" for folder, name in found)

    def arrange(self, folder: str, wanted: Mapping[str, str], new: Mapping[str, memoryview]) -> None:
        """As promised, in one step; where folders cannot be exchanged, what goes away goes first: a row may be missed for a moment."""
        try:
            self._make_folders(self._root / folder)
            with self._one_writer():
                standing = set(self.standing(folder))
                leaving = sorted(path for path in standing if path not in wanted)
                coming = sorted(path for path in wanted if path not in standing)
                if leaving and coming and not self.why_not_compact():
                    self._exchange(folder, sorted(standing - set(leaving)), leaving, {path: wanted[path] for path in coming}, new)
                    return
                for path in leaving:
                    place = self._root / history_path(path, digest(self._root / path))
                    self._make_folders(place.parent)
                    self._disk.replace(self._root / path, place)
                for path in coming:
                    self._bring(path, wanted[path], new, self._root / path)
                self._sync_folders(self._root / folder)
        except OSError as error:
            raise self._failed(f"folder {folder}", error) from error

    def discard(self, paths: Sequence[str]) -> None:
        """As promised."""
        try:
            for path in paths:
                self._disk.remove(self._root / path)
        except OSError as error:
            raise self._failed(f"file {paths[0]}", error) from error

    def why_not_compact(self) -> str:
        """Where the folders of this file system cannot be exchanged, what it said."""
        if self._refusal is None:
            self._refusal = self._try_to_exchange()
        return self._refusal

    def forget(self) -> None:
        """Check everything again from now on."""
        self._checked.clear()

    def _exchange(
        self, folder: str, staying: list[str], leaving: list[str], coming: Mapping[str, str], new: Mapping[str, memoryview]
    ) -> None:
        """Build the folder anew beside the lake's tables, and let the two trade names."""
        disk, live, staged = self._disk, self._root / folder, self._root / STAGING / folder
        self._clear(staged)
        self._make_folders(staged)
        for path, sha256 in coming.items():
            self._bring(path, sha256, new, staged / Path(path).name)
        for path in staying:
            disk.link(self._root / path, staged / Path(path).name)
        for path in leaving:
            self._keep(path, digest(self._root / path))
        self._sync_folders(staged)
        disk.exchange(staged, live)
        disk.sync_folder(live.parent)
        disk.sync_folder(staged.parent)
        self._clear(staged)

    def _bring(self, path: str, sha256: str, new: Mapping[str, memoryview], target: Path) -> None:
        if path in new:
            self._disk.write(target, new[path])
        else:
            self._disk.link(self._root / history_path(path, sha256), target)

    def _clear(self, folder: Path) -> None:
        """Remove a staged folder, if it is there: what it holds stands in the lake or in its history as well."""
        if not folder.exists():
            return
        for path in sorted(folder.iterdir()):
            self._disk.remove(path)
        self._disk.remove_folder(folder)

    def _try_to_exchange(self) -> str:
        one, other = (self._root / STAGING / name for name in ("this", "that"))
        try:
            for folder in (one, other):
                self._make_folders(folder)
            self._disk.exchange(one, other)
        except OSError as error:
            return f"the file system of {self._root} cannot exchange two folders in one step ({error.strerror or error})"
        finally:
            for folder in (one, other):
                with contextlib.suppress(OSError):
                    self._disk.remove_folder(folder)
        return ""

    def _keep(self, path: str, sha256: str) -> None:
        """Link the version that stands at the path into the history, durably."""
        kept = self._root / history_path(path, sha256)
        self._make_folders(kept.parent)
        if kept.exists() and digest(kept) != sha256:
            self._disk.remove(kept)
        if not kept.exists():
            self._disk.link(self._root / path, kept)
        self._sync_folders(kept.parent)

    def _make_folders(self, folder: Path) -> None:
        if not self._root.exists():
            self._root.parent.mkdir(parents=True, exist_ok=True)
            self._disk.make_folder(self._root)
        for below in reversed([folder, *folder.parents]):
            if below.is_relative_to(self._root) and below != self._root:
                self._disk.make_folder(below)

    def _sync_folders(self, folder: Path) -> None:
        """Sync the folder and all above it up to the lake's own name: an earlier attempt may have died before it did."""
        for above in [folder, *folder.parents]:
            self._disk.sync_folder(above)
            if above == self._root.parent:
                break

    @contextlib.contextmanager
    def _one_writer(self) -> Iterator[None]:
        """Hold the lake against other writers, for the milliseconds of a rename; the lock goes when its process dies."""
        with (self._root / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _failed(self, what: str, error: OSError) -> LakeWriteFailed:
        return LakeWriteFailed(
            f"lake {what} could not be written below {self._root}: {error.strerror or error}; "
            "what the manifest names is untouched: make room or mend the permissions, then run again"
        )
