"""What is wrong with the files of a lake, file by file."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from grodt.errors import DataError
from grodt.lake.manifest import LakeFile
from grodt.lake.paths import history_path
from grodt.lake.storage import Accept, Found, Storage

_NEXT_STEP = "restore it from a backup; `grodt verify` lists every such file"
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in the storage.

    Attributes:
        path: below the lake's root.
        kind: missing: nothing stands where a listed file should; altered: its bytes are not those listed, and no other copy
            is; unlisted: a file, or a version of one, that the manifest does not list.
        detail: digests, and what to do next.
    """

    path: str
    kind: Literal["missing", "altered", "unlisted"]
    detail: str


def verify(
    storage: Storage,
    accept: Accept,
    current: Sequence[LakeFile],
    ever: Iterable[LakeFile],
    tables: Iterable[str],
    say: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """Hash every version anew, and compare what stands below the tables' folders with what is listed; by path.

    Args:
        storage: where the files are.
        accept: looks at each version that is found.
        current: versions that are to stand at their paths.
        ever: all versions that were ever committed: those that are not current are to be in the history.
        tables: whose folders to look through.
        say: hears how far it has come.
    """
    storage.forget()
    listed = {file.path: file for file in current}
    past = {(file.path, file.sha256): file for file in ever if listed.get(file.path) is None or listed[file.path].sha256 != file.sha256}
    findings: dict[str, Finding] = {}
    with ThreadPoolExecutor(max_workers=_THREADS) as threads:
        problems = chain(
            threads.map(lambda file: problem(storage, accept, file), listed.values()),
            threads.map(lambda file: _past_problem(storage, accept, file), past.values()),
        )
        for number, finding in enumerate(problems):
            say(f"the lake: {number:,} of {len(listed) + len(past):,} files")
            if finding is not None:
                findings[finding.path] = finding
        standing = [path for table in tables for path in storage.standing(table)]
        for path, found in zip(standing, threads.map(lambda path: _found(storage, path), standing), strict=True):
            detail = _unlisted(listed.get(path), found)
            if path not in findings and detail:
                findings[path] = Finding(path, "unlisted", detail)
    for path in listed.keys() - set(standing) - findings.keys():
        findings[path] = Finding(
            path,
            "missing",
            f"its listed version is intact in {history_path(path, listed[path].sha256)}: the next run of its source puts it back",
        )
    return [findings[path] for path in sorted(findings)]


def problem(storage: Storage, accept: Accept, file: LakeFile) -> Finding | None:
    """What is wrong with a version that a reader needs; None: it is whole, at its path or in the history."""
    try:
        if storage.places([file], accept)[0] is not None:
            return None
    except DataError as error:
        return Finding(file.path, "altered", str(error))
    return _lost(storage, file, file.path)


def _past_problem(storage: Storage, accept: Accept, file: LakeFile) -> Finding | None:
    try:
        if storage.places([file], accept)[0] is not None:
            return None
    except DataError as error:
        return Finding(history_path(file.path, file.sha256), "altered", str(error))
    return _lost(storage, file, history_path(file.path, file.sha256))


def _lost(storage: Storage, file: LakeFile, path: str) -> Finding:
    expected = f"expected {file.size:,} bytes with SHA-256 {file.sha256}"
    found = _found(storage, path)
    if found is None:
        return Finding(path, "missing", f"{expected}, found nothing there or in _history; {_NEXT_STEP}")
    return Finding(path, "altered", f"{expected}, found {_words(found)}; {_NEXT_STEP}")


def _found(storage: Storage, path: str) -> Found | str | None:
    """What stands there; None: nothing; text: why it cannot be read."""
    try:
        return storage.found(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"unreadable bytes ({error.strerror or error})"


def _words(found: Found | str | None) -> str:
    return f"{found.size:,} bytes with SHA-256 {found.sha256}" if isinstance(found, Found) else found or "nothing"


def _unlisted(listed: LakeFile | None, found: Found | str | None) -> str:
    if found is None:
        return ""  # it has gone since it was listed
    if listed is None:
        return f"{_words(found)}; no commit names it: run the unfinished run again, which overwrites it, or remove it"
    if isinstance(found, Found) and found.sha256 == listed.sha256:
        return ""
    return (
        f"{_words(found)} stands where {listed.sha256} is listed, which is intact in {history_path(listed.path, listed.sha256)}: "
        "run the unfinished run again, or copy that version back"
    )
