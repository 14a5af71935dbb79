"""Gaps in what is covered: sessions without a bar of a symbol that has bars before and after, and bars that were refused.

The lake itself is the memory of them: a gap is one until its bar is there. Silence before a symbol's first bar and after its last
is no gap: it was not listed yet, or has fallen silent and was asked for as long as `ingest.LATE_SESSIONS` says. Nor is what lies
between the last bar before a delisting and the first one after it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.chunks import Chunk, parted


def plan_gaps(
    bars: pl.DataFrame,
    refused: pl.DataFrame,
    delistings: pl.DataFrame,
    coverage: Mapping[str, tuple[date, date]],
    sessions: Sequence[date],
    *,
    start: date,
    end: date,
    largest: int | None = None,
) -> tuple[Chunk, ...]:
    """The chunks that ask again for what is missing inside the coverage, oldest first; each of one calendar year.

    Args:
        bars: symbol and session of every good bar that the lake has of those symbols.
        refused: symbol and session of the rows in quarantine.
        delistings: symbol and ex_date.
        coverage: first and last day recorded of each symbol that is looked at.
        sessions: every session of the calendar from the first day covered to the last.
        start: first day that is looked at.
        end: last day that is looked at.
        largest: most symbols of one chunk; None: no bound.
    """
    names = sorted(coverage)
    days = np.array(sessions, dtype="datetime64[D]")
    if not names or not days.size:
        return ()
    present = np.zeros((days.size, len(names)), dtype=bool)
    present[_places(bars, "session", days, names)] = True
    lacking = _inside(present)
    for row, column in zip(*_places(delistings, "ex_date", days, names, exact=False), strict=True):
        if not present[row, column]:
            own = present[:, column]
            before, after = np.flatnonzero(own[:row]), np.flatnonzero(own[row:])
            lacking[before[-1] + 1 if before.size else 0 : row + after[0] if after.size else None, column] = False
    again = np.zeros_like(present)
    again[_places(refused, "session", days, names)] = True
    lacking |= again & ~present
    lacking &= ((days >= np.datetime64(start)) & (days <= np.datetime64(end)))[:, None]
    ranges = np.array([coverage[name] for name in names], dtype="datetime64[D]")
    lacking &= (days[:, None] >= ranges[:, 0]) & (days[:, None] <= ranges[:, 1])
    return _chunks(lacking, sessions, names, largest)


def _inside(present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where there is nothing, but something before and something after."""
    before = np.logical_or.accumulate(present, axis=0)
    after = np.logical_or.accumulate(present[::-1], axis=0)[::-1]
    return before & after & ~present


def _places(
    frame: pl.DataFrame, column: str, days: NDArray[np.datetime64], names: Sequence[str], *, exact: bool = True
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of those of the frame's rows that have one; not `exact`: a date that is no session is the next one."""
    ours = frame.select(pl.col("symbol").cast(pl.String).cast(pl.Enum(names), strict=False).to_physical(), column).drop_nulls()
    wanted = ours[column].to_numpy().astype("datetime64[D]")
    row = np.searchsorted(days, wanted)
    known = row < days.size
    if exact:
        known[known] = days[row[known]] == wanted[known]
    return row[known], ours["symbol"].to_numpy().astype(np.intp)[known]


def _chunks(lacking: NDArray[np.bool_], sessions: Sequence[date], names: Sequence[str], largest: int | None) -> tuple[Chunk, ...]:
    """Runs of sessions that a symbol lacks; symbols that lack the same run share a chunk."""
    years = np.array([session.year for session in sessions])
    together: dict[tuple[date, date], list[str]] = defaultdict(list)
    for column in np.flatnonzero(lacking.any(axis=0)).tolist():
        rows = np.flatnonzero(lacking[:, column])
        for run in np.split(rows, np.flatnonzero((np.diff(rows) > 1) | (np.diff(years[rows]) > 0)) + 1):
            together[sessions[run[0]], sessions[run[-1]]].append(names[column])
    return tuple(Chunk(part, *span, gap=True) for span in sorted(together) for part in parted(together[span], largest))
