"""Backups of a home: its ledger, the paper brokers' books and its lake, of one instant; and the way back.

A backup counts once it has been read again: every file hashed, the audit chain followed, the invariants checked.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from grodt.errors import ConfigError, DataError
from grodt.lake import Lake
from grodt.lake.copying import Copied
from grodt.lake.files import Disk, LakeWriteFailed, copy_synced, digest
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.sqlite import PREFIX, copy_file
from grodt.ledger.unit import BUSY_SECONDS, Ledger
from grodt.ledger.verify import verify_ledger

type Say = Callable[[str], None]

#: What is written last, and says what a backup has.
CONTENTS = "backup.json"
_LEDGER = "ledger.db"
_BROKERS = "brokers"
_LAKE = "lake"
_UNFINISHED = ".unfinished"
#: Times that ledger and paper books are copied before a cycle that goes on is left to end.
_LOOKS = 3
#: Breaks are open in the original as well, and say nothing of the copy.
_AGREED = 10


class File(BaseModel):
    """A file of a backup, but for the lake's, which the ledger's manifest lists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: int
    sha256: str


class Contents(BaseModel):
    """What a backup has.

    Attributes:
        grodt: the version that made it.
        taken_at: when.
        head: of the ledger's audit chain.
        files: the ledger and the paper brokers' books.
        lake_files, lake_bytes: versions in its lake; None where the lake is in an object store, which is not copied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    grodt: str
    taken_at: AwareDatetime
    head: str
    files: tuple[File, ...]
    lake_files: int | None
    lake_bytes: int | None


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was read again.

    Attributes:
        folder: where it is; of one that was restored, the home.
        contents: what it has.
        linked: files of its lake that are names of files of the backup before.
        wrong: what does not hold in it, and did not in the original either.
    """

    folder: Path
    contents: Contents
    linked: int
    wrong: tuple[str, ...]


def back_up(
    ledger: Ledger, lake: Lake | None, brokers: Mapping[str, Path], into: Path, *, now: datetime, say: Say, keep: int | None = None
) -> Backup:
    """Make a backup below a folder, named after its instant. What is half there has another name, and is removed by the next one.

    Args:
        ledger: the book of record, in a file.
        lake: the lake; None: in an object store.
        brokers: files of paper brokers, by the names that they get.
        into: folder of backups; those on the same file system share the lake's files.
        now: the instant.
        say: hears how far it has come.
        keep: how many of this folder's backups stay, the newest ones; None: all.

    Raises:
        ConfigError: the ledger is on a server, another backup goes on in that folder, or there is one of that second.
        DataError: the ledger changed each time that it was copied, a file of the lake is not as it is listed, or what was copied does
            not hold what the original did. There is no backup then.
        LedgerUnusable, LakeWriteFailed: the disk refuses, or the original is damaged.
    """
    folder = into / f"{now.astimezone(UTC):%Y-%m-%dT%H%M%SZ}"
    with _alone_in(into):
        if folder.exists():
            raise ConfigError(f"{folder} is there already; wait a second")
        for left in into.glob(f"*{_UNFINISHED}"):
            shutil.rmtree(left)
        before = _backups(into)
        part = folder.with_name(folder.name + _UNFINISHED)
        (part / _BROKERS).mkdir(parents=True)
        _copy_together(ledger, brokers, part, say)
        copied = None if lake is None else _copy_lake(lake, part, before[-1] / _LAKE if before else None, say)
        head, wrong = _read_again(part / _LEDGER, None if copied is None else part / _LAKE, None, say)
        files = tuple(_file(part, path) for path in (part / _LEDGER, *sorted((part / _BROKERS).iterdir())))
        contents = Contents(
            grodt=version("grodt"),
            taken_at=now,
            head=head,
            files=files,
            lake_files=None if copied is None else copied.files,
            lake_bytes=None if copied is None else copied.bytes,
        )
        Disk().write(part / CONTENTS, memoryview(contents.model_dump_json(indent=2).encode()))
        _sync(part / _BROKERS)
        _sync(part)
        part.rename(folder)
        _sync(into)
        if keep is not None:
            others = [each for each in _backups(into) if each != folder]  # whatever a clock said when they were made
            for old in others[: max(len(others) + 1 - keep, 0)]:
                (old / CONTENTS).unlink()  # what is removed halfway is no backup
                old.rename(old.with_name(old.name + _UNFINISHED))
                shutil.rmtree(old.with_name(old.name + _UNFINISHED))
    return Backup(folder, contents, copied.linked if copied else 0, wrong)


def restore(folder: Path, home: Path, lake: Path | str, *, say: Say) -> Backup:
    """Make a home of a backup. It appears whole, once it has been read again; what is half there has another name.

    Args:
        folder: the backup.
        home: where nothing stands, or an empty folder.
        lake: where the home's lake is to be: below it, in another folder where nothing stands, or the URL of an object store, which is
            left as it is.
        say: hears how far it has come.

    Raises:
        ConfigError: the folder is no backup, something stands where it is to go, or a newer GRODT made it.
        DataError: a file is not as it was when the backup was made, or the invariants do not hold. Nothing is restored then.
        LedgerUnusable, LakeWriteFailed: the disk refuses, or a file is damaged.
    """
    contents = _contents(folder)
    apart = lake if isinstance(lake, Path) and lake != home / _LAKE else None
    for place in filter(None, (home, apart)):
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            ended = (
                "; a restore was ended here in its last step, and this is the lake it made"
                if place == apart and _beside(home).exists()
                else ""
            )
            raise ConfigError(f"something stands in {place}: move it away first; a backup is never restored over what is there{ended}")
    if isinstance(lake, Path) and contents.lake_files is None:
        raise ConfigError(f"backup {folder} has no lake, which was in an object store: set GRODT_LAKE to the URL of that one")
    for file in contents.files:
        if not (folder / file.path).is_file() or digest(folder / file.path) != file.sha256:
            raise DataError(f"{folder / file.path} is not the file of {file.size:,} bytes with SHA-256 {file.sha256}: take another backup")
    part = _beside(home)
    lake_part = _beside(apart) if apart else part / _LAKE if isinstance(lake, Path) else None
    try:
        for each in filter(None, (part, lake_part)):
            shutil.rmtree(each, ignore_errors=True)
            each.parent.mkdir(parents=True, exist_ok=True)
        (part / _BROKERS).mkdir(parents=True)
        for file in contents.files:
            say(f"restoring {file.path}")
            copy_file(folder / file.path, part / file.path, busy_seconds=BUSY_SECONDS)
        if lake_part is not None:
            say("restoring the lake")
            shutil.copytree(folder / _LAKE, lake_part, copy_function=lambda source, target: copy_synced(Path(source), Path(target)))
        _, wrong = _read_again(part / _LEDGER, lake_part, contents.head, say)
        if apart and lake_part:
            _to(lake_part, apart)
        _to(part, home)  # the ledger comes last: without it there is no home
    except OSError as error:
        raise LakeWriteFailed(f"backup {folder} could not be restored to {home}: {error}; free some space, then run this again") from error
    return Backup(home, contents, 0, wrong)


@contextmanager
def _alone_in(into: Path) -> Iterator[None]:
    """Nobody else makes a backup in that folder meanwhile."""
    try:
        into.mkdir(parents=True, exist_ok=True)
        lock = (into / ".lock").open("wb")
    except OSError as error:
        raise ConfigError(f"backups cannot be made in {into}: {error.strerror}; name a folder that can be written") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"another backup goes on in {into}: let it end, then run this again") from None
        yield


def _backups(into: Path) -> list[Path]:
    """Those of a folder, oldest first."""
    return sorted(path.parent for path in into.glob(f"*/{CONTENTS}") if path.parent.suffix != _UNFINISHED)


def _copy_together(ledger: Ledger, brokers: Mapping[str, Path], part: Path, say: Say) -> None:
    """Copy the ledger and the paper books as of one instant: between the first and the last nothing was committed to the ledger."""
    for _ in range(_LOOKS):
        state = ledger.state()
        for each in (part / _LEDGER, *(part / _BROKERS).iterdir()):
            each.unlink(missing_ok=True)
        say("copying the ledger")
        ledger.copy_to(part / _LEDGER)
        for name, path in sorted(brokers.items()):
            copy_file(path, part / _BROKERS / name, busy_seconds=BUSY_SECONDS)
        if ledger.state() == state:
            return
    raise DataError(
        f"the ledger was written each of {_LOOKS} times that it was copied: let the cycle that goes on end, then run this again"
    )


def _copy_lake(lake: Lake, part: Path, earlier: Path | None, say: Say) -> Copied:
    """Copy what the copied ledger lists, which the lake has whatever cycles do meanwhile."""
    ledger = Ledger.open(f"{PREFIX}{part / _LEDGER}")
    try:
        return Lake(lake.root, LedgerManifest(ledger)).copy_to(part / _LAKE, earlier, say)
    finally:
        ledger.close()


def _read_again(file: Path, lake: Path | None, head: str | None, say: Say) -> tuple[str, tuple[str, ...]]:
    """Look at everything as `grodt verify` does; the head of the audit chain, and what is wrong in the original as well.

    Raises:
        DataError: something does not hold.
    """
    ledger = Ledger.open(f"{PREFIX}{file}")
    try:
        manifest = LedgerManifest(ledger)
        altered = [] if lake is None else Lake(lake, manifest).verify(manifest.snapshot(), say)
        if altered:
            raise DataError(f"the copy of lake file {altered[0].path} is {altered[0].kind}: {altered[0].detail}")
        with ledger.read() as tx:
            checks = verify_ledger(tx, None, head, say)
    finally:
        ledger.close()
    failed = [each for each in checks if not each.holds]
    grave = [each for each in failed if each.invariant != _AGREED]
    if grave:
        first = grave[0]
        raise DataError(f"invariant {first.invariant}, {first.what}: {first.findings[0]}; there is no backup of that. See `grodt verify`")
    return next(each.head for each in checks if each.head), tuple(finding for each in failed for finding in each.findings)


def _contents(folder: Path) -> Contents:
    try:
        return Contents.model_validate_json((folder / CONTENTS).read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{folder} is no backup: it has no {CONTENTS}, which is what is written last") from None
    except (ValidationError, OSError) as error:
        raise ConfigError(f"{folder / CONTENTS} cannot be read: {error}") from error


def _file(part: Path, path: Path) -> File:
    return File(path=path.relative_to(part).as_posix(), size=path.stat().st_size, sha256=digest(path))


def _beside(place: Path) -> Path:
    return place.with_name(f".{place.name}.restoring")


def _to(part: Path, place: Path) -> None:
    """Give it its name, over an empty folder; durable."""
    for folder, _, _ in os.walk(part):
        _sync(Path(folder))
    part.rename(place)
    _sync(place.parent)


def _sync(folder: Path) -> None:
    Disk().sync_folder(folder)
