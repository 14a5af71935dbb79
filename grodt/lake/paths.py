"""Where a unit of work is kept: a pure function of what it is, so that doing it again writes the same path.

Folders are plain names without `key=value`, so no reader invents columns from them, and `<root>/<table>/**/*.parquet` is the
table for any tool.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import date

from grodt.errors import ConfigError

#: Superseded versions, as `_history/<path>.<sha256>`: outside every table's folder and not ending in `.parquet`.
HISTORY = "_history"
#: Where a folder is built before it trades names with the one that stands.
STAGING = "_staging"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CHUNK = re.compile(r"(?P<folder>[^/]+/[^/]+/\d{4})/(?P<first>\d{4}-\d\d-\d\d)_(?P<last>\d{4}-\d\d-\d\d)-[0-9a-f]+\.parquet")


def bars_path(source: str, symbols: Iterable[str], start: date, end: date, year: int) -> str:
    """Path of the bars of those symbols from `start` to `end`, as far as they fall into `year`.

    Raises:
        ValueError: no symbol, or no day of the range falls into the year.
        ConfigError: the source's name cannot name a folder.
    """
    return _chunk_path("bars_1d", source, symbols, start, end, year)


def actions_path(source: str, symbols: Iterable[str], start: date, end: date, year: int) -> str:
    """Path of the corporate actions with ex dates in that range; arguments and errors as of `bars_path`."""
    return _chunk_path("corporate_actions", source, symbols, start, end, year)


def quarantine_path(source: str, symbols: Iterable[str], start: date, end: date, year: int) -> str:
    """Path of what the quality gate refused of that range; arguments and errors as of `bars_path`."""
    return _chunk_path("quarantine", source, symbols, start, end, year)


def instruments_path(source: str) -> str:
    """Path of what a source says of its instruments: one file.

    Raises:
        ConfigError: the source's name cannot name a folder.
    """
    return f"instruments/{_folder(source, 'source')}/instruments.parquet"


def minute_bars_path(source: str, symbols: Iterable[str], start: date, end: date, year: int) -> str:
    """Path of the minute bars of those symbols from `start` to `end`; arguments and errors as of `bars_path`."""
    return _chunk_path("bars_1m", source, symbols, start, end, year)


def minute_quarantine_path(source: str, symbols: Iterable[str], start: date, end: date, year: int) -> str:
    """Path of the minute bars that the quality gate refused of that range; arguments and errors as of `bars_path`."""
    return _chunk_path("quarantine_1m", source, symbols, start, end, year)


def export_path(table: str, book: str, session: date, slot: str = "") -> str:
    """Path of what one cycle of a book exports to a table; slots of one session have a file each.

    Raises:
        ConfigError: the book's name cannot name a folder.
    """
    name = f"{session.isoformat()}-{_folder(slot, 'slot')}" if slot else session.isoformat()
    return f"{table}/{_folder(book, 'book')}/{session.year:04d}/{name}.parquet"


def merged_path(folder: str, first: date, last: date, digests: Iterable[str]) -> str:
    """Path of the file that others of a folder are merged into: another one whenever other versions are merged.

    Args:
        folder: of the table, the source and the year.
        first: first day of what is merged.
        last: last day.
        digests: SHA-256 of each file.
    """
    return f"{folder}/{first.isoformat()}_{last.isoformat()}-{hashlib.sha256('\n'.join(sorted(digests)).encode()).hexdigest()[:12]}.parquet"


def days_of(path: str) -> tuple[str, date, date] | None:
    """Folder, first and last day of a path that was made for a range of days; None for any other."""
    found = _CHUNK.fullmatch(path)
    return None if found is None else (found["folder"], date.fromisoformat(found["first"]), date.fromisoformat(found["last"]))


def history_path(path: str, sha256: str) -> str:
    """Where that version of the file is kept once another stands at its path."""
    return f"{HISTORY}/{path}.{sha256}"


def unfinished_name(name: str) -> str:
    """What a file is called while it is written, beside its place."""
    return f".{name}.tmp"


def is_unfinished(path: str) -> bool:
    """Whether a path is of a file that is still being written, or whose writer died."""
    name = path.rpartition("/")[2]
    return name.startswith(".") and name.endswith(".tmp")


def require_path(table: str, path: str) -> str:
    """The path, if it is a plain Parquet path below the table's folder.

    Raises:
        ValueError: it is not.
    """
    first, *folders, name = path.split("/") if "/" in path else ("", path)
    if first != table or not name.endswith(".parquet") or not all(_NAME.fullmatch(folder) for folder in folders) or name.startswith("."):
        raise ValueError(f"path {path!r} is not of the form {table}/<folders>/<name>.parquet")
    return path


def _chunk_path(table: str, source: str, symbols: Iterable[str], start: date, end: date, year: int) -> str:
    chosen = sorted(set(symbols))
    if not chosen:
        raise ValueError(f"a path in {table} needs at least one symbol")
    first, last = max(start, date(year, 1, 1)), min(end, date(year, 12, 31))
    if first > last:
        raise ValueError(f"{start} to {end} has no day in {year}")
    digest = hashlib.sha256("\n".join(chosen).encode()).hexdigest()[:8]
    return f"{table}/{_folder(source, 'source')}/{year:04d}/{first.isoformat()}_{last.isoformat()}-{digest}.parquet"


def _folder(name: str, what: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{what} {name!r} cannot name a folder of the lake; use up to 64 letters, digits, dots, dashes and underscores, "
            "beginning with a letter or digit"
        )
    return name
