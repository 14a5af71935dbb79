"""Which files of a source are to be one: those of a period that is over.

A cycle adds a file per table and session; ten years of them would cost every read thousands of files. So the files of a month
become one when the month is over, and those of a year when the year is. A file that reaches beyond a month waits for its year.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from grodt.errors import GrodtError
from grodt.lake.manifest import LakeFile
from grodt.lake.paths import days_of, merged_path

#: Most rows that are merged into one file: bounds the memory of it. A year of minute bars is left as months, and a month of thousands of
#: symbols as it came.
MOST_ROWS = 4_000_000


class NotCompacted(GrodtError):
    """Files were left as they are; nothing is wrong with them, they are many."""


type _Part = tuple[date, date, LakeFile]
"""A file with the first and the last day of its path."""


@dataclass(frozen=True, slots=True)
class Period:
    """Files of one table, source and period, that are to be one.

    Attributes:
        path: of the one they become.
        files: what it is made of, by path.
    """

    path: str
    files: tuple[LakeFile, ...]

    @property
    def table(self) -> str:
        """Their table."""
        return self.files[0].table

    @property
    def folder(self) -> str:
        """Where they stand."""
        return self.path.rpartition("/")[0]

    @property
    def rows(self) -> int:
        """All their rows."""
        return sum(file.rows for file in self.files)


def closed_periods(files: Iterable[LakeFile], session: date) -> tuple[Period, ...]:
    """The periods that ended before the month of a session and have more than one file, by path.

    Args:
        files: the lake as it is; those whose paths were not made for a range of days are left alone.
        session: the newest one.
    """
    folders: dict[str, list[_Part]] = defaultdict(list)
    for file in files:
        if (days := days_of(file.path)) is not None:
            folders[days[0]].append((days[1], days[2], file))
    periods: list[Period] = []
    for folder, parts in folders.items():
        if parts[0][0].year < session.year and sum(file.rows for _, _, file in parts) <= MOST_ROWS:
            periods += _merged(folder, parts)
            continue
        months: dict[tuple[int, int], list[_Part]] = defaultdict(list)
        for first, last, file in parts:
            begun, ended = _sessions(first, last, file)
            month = (ended.year, ended.month)
            if month == (begun.year, begun.month) and month < (session.year, session.month):
                months[month].append((first, last, file))
        for month_parts in months.values():
            periods += _merged(folder, month_parts)
    return tuple(sorted(periods, key=lambda period: period.path))


def _sessions(first: date, last: date, file: LakeFile) -> tuple[date, date]:
    """Its first and last session: a Monday's file was asked for from Saturday on, which may lie in the month before."""
    begun, ended = file.first_session, file.last_session
    return (begun, ended) if begun is not None and ended is not None and first <= begun <= ended <= last else (first, last)


def _merged(folder: str, parts: list[_Part]) -> list[Period]:
    """What these files are to be, unless they are one already or too much for one."""
    if len(parts) < 2 or sum(file.rows for _, _, file in parts) > MOST_ROWS:
        return []
    first, last = min(first for first, _, _ in parts), max(last for _, last, _ in parts)
    files = tuple(sorted((file for _, _, file in parts), key=lambda file: file.path))
    return [Period(merged_path(folder, first, last, (file.sha256 for file in files)), files)]
