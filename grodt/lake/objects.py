"""The lake in an object store, by URL: `s3://bucket/prefix`, `gs://…`, `az://…`, `memory://`, `file:///folder`.

A put is atomic, so a file is never half there. The version that a put is to replace is copied to `_history` by the store before.
No store changes several objects in one step: where files are merged, those that go away go first, and then the merged one comes. For that
moment whoever lists the table misses their rows; nobody finds one twice, and readers of the manifest find all of them, in `_history`.
A process that dies in between leaves it so until the source's next run, which brings back what is listed.

A read gets whole objects, checks the SHA-256 of the bytes in memory, and parses those; so there is no time between check and read, and
nothing to remember from one read to the next. Credentials and endpoints come from the variables that obstore reads: `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_…`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from grodt.errors import ConfigError
from grodt.lake.files import LakeUnavailable, LakeWriteFailed
from grodt.lake.manifest import LakeFile
from grodt.lake.paths import history_path
from grodt.lake.storage import Accept, Found, Place, Storage

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Store

#: Objects asked for at a time: their latency, not this machine, is what a read waits for.
_AT_A_TIME = 16


@cache
def open_store(url: str) -> "Store":
    """The store of a URL, kept for the process: one in memory lives as long.

    Raises:
        ConfigError: the URL, or what the environment says of it, is no store.
    """
    import obstore.exceptions
    import obstore.store

    try:
        if url.startswith("file://"):
            return obstore.store.from_url(url, mkdir=True)
        return obstore.store.from_url(url)
    except (obstore.exceptions.BaseError, ValueError, OSError) as error:
        raise ConfigError(f"lake {url}: {_first_line(error)}; correct GRODT_LAKE or the store's variables") from error


class ObjectStore(Storage):
    """Objects below one URL."""

    def __init__(self, url: str, store: "Store | None" = None) -> None:
        """A lake at a URL; nothing is asked of it yet.

        Args:
            url: of a bucket, and a prefix in it.
            store: the same as obstore sees it; by default the one of the URL.

        Raises:
            ConfigError: it names no store.
        """
        self._url = url.rstrip("/")
        self._store = open_store(url) if store is None else store

    @property
    def where(self) -> str:
        """The URL."""
        return self._url

    def publish(self, path: str, content: memoryview, sha256: str) -> None:
        """As promised; a crash at any step leaves the version before."""
        with self._writing(f"file {path} ({len(content):,} bytes)"):
            try:
                standing = self.found(path).sha256
            except FileNotFoundError:
                standing = ""
            if standing == sha256:
                return
            if standing:
                self._store.copy(path, history_path(path, standing))
            self._store.put(path, bytes(content))

    def places(self, files: Sequence[LakeFile], accept: Accept) -> list[Place | None]:
        """As promised, with the bytes in memory."""
        with ThreadPoolExecutor(max_workers=_AT_A_TIME) as threads:
            return list(threads.map(lambda file: self._place(file, accept), files))

    def _place(self, file: LakeFile, accept: Accept) -> Place | None:
        for name in (file.path, history_path(file.path, file.sha256)):
            try:
                content = self._get(name)
            except FileNotFoundError:
                continue
            if hashlib.sha256(content).hexdigest() == file.sha256:
                accept(file, BytesIO(content))
                return Place(BytesIO(content))
        return None

    def found(self, path: str) -> Found:
        """As promised."""
        content = self._get(path)
        return Found(len(content), hashlib.sha256(content).hexdigest())

    def standing(self, below: str) -> list[str]:
        """As promised, by listing."""
        with self._asking():
            return sorted(item["path"] for chunk in self._store.list(f"{below}/") for item in chunk)

    def arrange(self, folder: str, wanted: Mapping[str, str], new: Mapping[str, memoryview]) -> None:
        """As promised: what is not wanted goes first, then comes what is; a row may be missed for a moment, and is never there twice."""
        standing = set(self.standing(folder))
        leaving = sorted(path for path in standing if path not in wanted)
        with self._writing(f"folder {folder}"), ThreadPoolExecutor(max_workers=_AT_A_TIME) as threads:
            list(threads.map(lambda path: self._store.copy(path, history_path(path, self.found(path).sha256)), leaving))
            if leaving:
                self._store.delete(leaving)
            for path in sorted(path for path in wanted if path not in standing):
                if path in new:
                    self._store.put(path, bytes(new[path]))
                else:
                    self._store.copy(history_path(path, wanted[path]), path)

    def discard(self, paths: Sequence[str]) -> None:
        """As promised; this one leaves nothing of the kind itself."""
        with self._writing(f"objects {', '.join(paths)}"):
            self._store.delete(list(paths))

    def why_not_compact(self) -> str:
        """Nothing is in the way: see `arrange`."""
        return ""

    def forget(self) -> None:
        """Nothing is remembered."""

    def _get(self, path: str) -> bytes:
        with self._asking():
            return bytes(self._store.get(path).bytes())

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What the store says in words of ours.

        Raises:
            FileNotFoundError: there is no such object.
            LakeUnavailable: the store did not answer, or refused to.
        """
        import obstore.exceptions

        try:
            yield
        except (FileNotFoundError, LakeUnavailable):
            raise
        except (obstore.exceptions.BaseError, OSError) as error:
            raise LakeUnavailable(
                f"lake {self._url}: {_first_line(error)}; see that the store answers and that its credentials hold, then run again"
            ) from error

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            with self._asking():
                yield
        except (LakeUnavailable, FileNotFoundError) as error:
            cause = _first_line(error.__cause__ if isinstance(error.__cause__, Exception) else error)
            raise LakeWriteFailed(
                f"lake {what} could not be written below {self._url}: {cause}; "
                "what the manifest names is untouched: mend the store or its credentials, then run again"
            ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
