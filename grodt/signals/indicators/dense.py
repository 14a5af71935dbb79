"""Gaps and listings taken out of the arithmetic: a kernel sees columns of one listing each, without a hole.

A column that has a bar in every session from its first to its last one, and one listing, is handed over as it stands. Of the others the
bars of each listing are pushed up into a column of their own, behind its first bar, and the answer is pulled apart again. The arithmetic
of a bar is then the same in either case, so whether a symbol's neighbours, or its own later sessions, have gaps never shows in a value.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from grodt.signals.indicators.decay import first_rows
from grodt.signals.indicators.recurrence import BoolArray
from grodt.signals.panel import FloatArray, Panel

#: Arrays (rows, columns) in which NaN stands only before a column's first bar and after its last one, or arrays to fill.
type Columns = Sequence[FloatArray]
#: Fills the second from the first, each column from itself alone.
type Kernel = Callable[[Columns, Columns], None]

_IntArray = NDArray[np.int64]

#: Columns pushed together at a time; bounds the temporaries.
_PACKED = 512
#: Rows whose starts a byte can count.
_BYTE = 255


def listings(panel: Panel) -> BoolArray:
    """Where a listing has its first bar, (T, N): a bar without a return."""
    starts: BoolArray = ~np.isnan(panel.close) & np.isnan(panel.log_return)
    return starts


def evaluate(kernel: Kernel, inputs: Columns, outputs: int, listed: BoolArray | None = None) -> tuple[FloatArray, ...]:
    """What the kernel makes of the bars of each listing, at the sessions of those bars; NaN elsewhere.

    Args:
        kernel: the arithmetic.
        inputs: (T, N) each; a bar is where none of them is NaN.
        outputs: how many arrays (T, N) come out.
        listed: (T, N), True from where on a symbol is another one; None: each column is one listing.

    Raises:
        ValueError: an input is not of two dimensions, or shapes differ.
    """
    arrays = [np.asarray(one, dtype=np.float64) for one in inputs]
    shape = arrays[0].shape
    if len(shape) != 2:
        raise ValueError(f"an indicator's input has shape {shape}; it must be (sessions, symbols)")
    for one in (*arrays, *(() if listed is None else (listed,))):
        if one.shape != shape:
            raise ValueError(f"an indicator's inputs have shapes {shape} and {one.shape}; they must be the same (sessions, symbols)")
    outs = tuple(np.empty(shape) for _ in range(outputs))
    if not arrays[0].size:
        return outs
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        holed = np.flatnonzero(_holed(arrays, listed))
        if 4 * holed.size <= shape[1]:
            kernel(arrays, outs)
        else:  # neighbouring columns are moved faster than picked ones
            holed = np.arange(shape[1])
        for start in range(0, holed.size, _PACKED):
            columns = holed[start : start + _PACKED]
            _packed(kernel, arrays, outs, columns, listed)
    return outs


def _holed(arrays: Columns, listed: BoolArray | None) -> BoolArray:
    """Columns with a session without a bar, or with half a bar, between their first and last one, or with a second listing."""
    length, width = arrays[0].shape
    again: BoolArray = np.zeros(width, dtype=np.bool_)
    if listed is not None:
        marked = np.flatnonzero(listed[1:].any(axis=0))
        last = length - 1 - np.argmax(np.take(listed, marked, axis=1)[::-1], axis=0)
        first = np.max([first_rows(np.take(one, marked, axis=1)) for one in arrays], axis=0)
        again[marked] = last > first
    # A sum is NaN wherever a term is.
    if not any(np.isnan(np.add.reduce(one, axis=0)).any() for one in arrays):
        return again
    starts, half = np.zeros(width, dtype=np.int64), np.zeros(width, dtype=np.bool_)
    before: BoolArray = np.zeros((1, width), dtype=np.bool_)
    for low in range(0, length, _BYTE):
        parts = [one[low : low + _BYTE] for one in arrays]
        first = ~np.isnan(parts[0])
        barred = first.copy()
        for one in parts[1:]:
            other = ~np.isnan(one)
            half |= (other != first).any(axis=0)
            barred &= other
        begins = np.greater(barred, np.concatenate([before, barred[:-1]]))
        starts += np.add.reduce(begins.view(np.uint8), axis=0, dtype=np.uint8)
        before = barred[-1:].copy()
    return again | half | (starts > 1)


def _barred(arrays: Columns) -> BoolArray:
    barred: BoolArray = ~np.isnan(arrays[0])
    for one in arrays[1:]:
        barred &= ~np.isnan(one)
    return barred


def _picked[D: np.generic](array: NDArray[D], columns: _IntArray) -> NDArray[D]:
    """Those columns, ascending, as an array of their own."""
    if columns[-1] - columns[0] == columns.size - 1:
        return np.ascontiguousarray(array[:, columns[0] : columns[-1] + 1])
    return np.take(array, columns, axis=1)


def _packed(kernel: Kernel, arrays: Columns, outs: Columns, columns: _IntArray, listed: BoolArray | None) -> None:
    """The outputs of those columns, from their listings' bars pushed together."""
    parts = [_picked(one, columns) for one in arrays]
    barred = _barred(parts)
    source = np.flatnonzero(barred)
    width, target = _places(barred, source, None if listed is None else _picked(listed, columns))
    shape = (len(barred), width)
    dense = []
    for part in parts:
        array = np.full(shape, np.nan)
        array.reshape(-1)[target] = part.reshape(-1).take(source)
        dense.append(array)
    filled = [np.empty(shape) for _ in outs]
    kernel(dense, filled)
    adjacent = columns[-1] - columns[0] == columns.size - 1
    for out, array in zip(outs, filled, strict=True):
        apart = np.full(barred.shape, np.nan)
        apart.reshape(-1)[source] = array.reshape(-1).take(target)
        out[:, slice(columns[0], columns[-1] + 1) if adjacent else columns] = apart


def _places(barred: BoolArray, source: _IntArray, listed: BoolArray | None) -> tuple[int, _IntArray]:
    """Columns of the pushed-up array, and the flat place in it of each bar of `source`."""
    sessions, symbols = barred.shape
    rows = np.arange(sessions)[:, None]
    first = np.where(barred.any(axis=0), np.argmax(barred, axis=0), sessions)
    anew: dict[int, list[int]] = {}  # by row of its first bar: columns that are listed again
    if listed is not None:
        later = listed & (rows > first)
        for column in np.flatnonzero(later.any(axis=0)):
            for row in _first_bars(later[:, column], barred[:, column]):
                anew.setdefault(int(row), []).append(int(column))
    width = symbols + sum(len(columns) for columns in anew.values())
    place = np.empty((sessions + 1, symbols), dtype=np.int64)
    np.multiply(barred, width, out=place[1:])
    place[0] = np.arange(symbols) + first * width
    free = symbols
    for row in range(sessions):
        if row in anew:
            columns = anew[row]
            place[row, columns] = row * width + np.arange(free, free + len(columns))
            free += len(columns)
        np.add(place[row], place[row + 1], out=place[row + 1])
    return width, place[:-1].reshape(-1).take(source)


def _first_bars(listed: BoolArray, barred: BoolArray) -> _IntArray:
    """Rows of the first bar from each listing on, each once; none where no bar follows."""
    bars = np.flatnonzero(barred)
    after = np.searchsorted(bars, np.flatnonzero(listed))
    return np.unique(bars[after[after < bars.size]])
