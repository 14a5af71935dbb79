"""Averages that fade: the recurrence under exponential averages and Wilder's smoothing, on columns of one listing each."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from grodt.signals.panel import FloatArray

_IntArray = NDArray[np.int64]
#: Fills (rows, terms, columns) with the weighted terms of these rows, for these columns or (None) for all of them.
type Fill = Callable[[slice, _IntArray | None, float, FloatArray], None]

#: Numbers worked on at a time, so that what one operation writes the next one finds in the cache.
_CELLS = 65_536


def chunks(start: int, stop: int, width: int) -> Iterator[slice]:
    """The rows from start to stop in slices of as many as fit the cache; elementwise work does not depend on where they are cut."""
    count = max(1, _CELLS // max(1, width))
    for low in range(start, stop, count):
        yield slice(low, min(low + count, stop))


def spare(shape: tuple[int, ...]) -> FloatArray:
    """Room for the longest of the slices that `chunks` makes of an array of that shape."""
    return np.empty((next(chunks(0, max(1, shape[0]), shape[1])).stop, shape[1]))


def picked(values: FloatArray, rows: slice, columns: _IntArray | None) -> FloatArray:
    """These rows of these columns, or of all."""
    return values[rows] if columns is None else np.take(values[rows], columns, axis=1)


def first_rows(values: FloatArray) -> _IntArray:
    """Row of each column's first value, the number of rows where it has none."""
    length, width = values.shape
    rows = np.zeros(width, dtype=np.int64)
    late = np.flatnonzero(np.isnan(values[0]))
    for start in range(0, late.size, max(1, _CELLS // length)):
        some = late[start : start + max(1, _CELLS // length)]
        known = ~np.isnan(np.take(values, some, axis=1))
        rows[some] = np.where(known.any(axis=0), np.argmax(known, axis=0), length)
    return rows


def smoothed(
    fill: Fill, first: _IntArray, length: int, decay: float, *, weight: float, rows: int, terms: int = 1, out: FloatArray | None = None
) -> Iterator[tuple[slice, FloatArray]]:
    """S_t = decay · S_{t−1} + weight · x_t, seeded in each column with the mean of its first `length` terms, NaN before.

    Args:
        fill: gives the terms x, times the weight it is told.
        first: row of each column's first term, (N,).
        length: terms that make the seed.
        decay: weight a value keeps from one row to the next.
        weight: of a new term.
        rows: number of rows.
        terms: series per column that are smoothed alike.
        out: (rows, N) that is filled and handed out, for a single term; None: a buffer is.

    Yields:
        Rows in order, and S of these rows, (rows, terms, N), valid until the next one.
    """
    width = first.size
    seeds = _seeds(fill, first, length, rows, terms)
    # Called once per row: an array as the factor and `out` by position halve what a call costs by itself.
    multiply, add, factor = np.multiply, np.add, np.array(decay)
    state, kept = np.full((terms, width), np.nan), np.empty((terms, width))
    room = np.empty((next(chunks(0, rows, terms * width)).stop, terms, width)) if out is None else out[:, None]
    for part in chunks(0, rows, terms * width):
        now = room[: part.stop - part.start] if out is None else room[part]
        fill(part, None, weight, now)
        before = state
        for number, row in enumerate(now, start=part.start):
            multiply(before, factor, kept)
            add(row, kept, row)
            if number in seeds:
                columns, values = seeds[number]
                row[:, columns] = values
            before = row
        np.copyto(state, before)
        yield part, now


def averaged(values: FloatArray, out: FloatArray, length: int, decay: float) -> None:
    """Exponential average: seeded with the mean of a column's first `length` values, then decay · before + (1 − decay) · value."""

    def fill(rows: slice, columns: _IntArray | None, weight: float, terms: FloatArray) -> None:
        np.multiply(picked(values, rows, columns), weight, out=terms[:, 0])

    for _ in smoothed(fill, first_rows(values), length, decay, weight=1.0 - decay, rows=len(values), out=out):
        pass


def _seeds(fill: Fill, first: _IntArray, length: int, rows: int, terms: int) -> dict[int, tuple[_IntArray, FloatArray]]:
    """By row of the seed: the columns, and the means of their first terms, (terms, columns)."""
    seeds = {}
    order = np.argsort(first, kind="stable")
    for columns in np.split(order, np.flatnonzero(np.diff(first[order])) + 1):
        start = int(first[columns[0]])
        if start + length <= rows:
            room = np.empty((length, terms, columns.size))
            fill(slice(start, start + length), columns, 1.0, room)
            seeds[start + length - 1] = (columns, _mean(room))
    return seeds


def _mean(rows: FloatArray) -> FloatArray:
    """Mean over the first axis, added up from the first row to the last whatever the width is."""
    total = np.array(rows[0])
    for row in rows[1:]:
        total += row
    total /= len(rows)
    return total
