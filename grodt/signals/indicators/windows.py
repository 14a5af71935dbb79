"""Sums and extremes over the last w bars, on dense columns, without a running sum that could drift.

Rows are cut into groups of w. A window that ends in a group is the end of the group before and the beginning of this one, so it
is a sum over the former's last rows, built backwards, plus a sum over the latter's first rows, built forwards (van Herk, "A fast
algorithm for local minimum and maximum filters", Pattern Recognition Letters 13, 1992; Gil and Werman, 1993). Nothing is ever
subtracted: a value that has left the window has left no rounding behind.

Terms are built from values less the value at the seam between the two groups. That one lies in the window, so its distance to the window's
mean is at most √w standard deviations, and Σ y² − (Σ y)² / w loses at most about w² roundings, whatever the level of the values (Chan,
Golub and LeVeque, "Algorithms for Computing the Sample Variance", American Statistician 37, 1983, on shifted data).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from grodt.signals.indicators.decay import chunks
from grodt.signals.panel import FloatArray


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the windows that end in these rows.

    Attributes:
        rows: of the dense columns.
        seam: row of the values that were subtracted.
        terms: (terms, rows, N), valid until the next one; the reader may use it up.
    """

    rows: slice
    seam: int
    terms: FloatArray


def window_sums(inputs: Sequence[FloatArray], window: int, products: Sequence[tuple[int, int]] = ()) -> Iterator[Sums]:
    """Sums of the shifted inputs and of products of them over every full window.

    Args:
        inputs: (bars, N) each.
        window: bars.
        products: pairs of inputs whose products are summed too; their sums stand after those of the inputs.
    """
    length, width = inputs[0].shape
    if length < window:
        return
    count = len(inputs) + len(products)
    # Each term in a plane of its own: what runs over several rows of it runs over neighbouring numbers.
    ending, forward = np.empty((count, window, width)), np.empty((count, width))
    room = np.empty((count, next(chunks(0, window, count * width)).stop, width))

    def fill(rows: slice, seam: int, out: FloatArray) -> None:
        for place, one in enumerate(inputs):
            np.subtract(one[rows], one[seam], out=out[place])
        for place, (left, right) in enumerate(products, start=len(inputs)):
            np.multiply(out[left], out[right], out=out[place])

    add = np.add
    parts = list(chunks(0, window, count * width))
    for start in range(0, length - window + 1, window):
        seam = start + window - 1
        for rows in reversed(parts):
            fill(slice(start + rows.start, start + rows.stop), seam, ending[:, rows])
            stop = min(rows.stop, window - 1)  # the last row is zero: the value at the seam less itself
            for plane in ending:
                after = plane[stop]
                for row in plane[rows.start : stop][::-1]:
                    add(row, after, row)
                    after = row
        forward.fill(0.0)
        for rows in chunks(0, min(window, length - seam), count * width):
            out, ends = room[:, : rows.stop - rows.start], slice(seam + rows.start, seam + rows.stop)
            fill(ends, seam, out)
            for place, plane in enumerate(out):
                before = forward[place]
                for row in plane:
                    add(row, before, row)
                    before = row
                forward[place] = before
            np.add(out, ending[:, rows], out=out)
            yield Sums(ends, seam, out)


def window_squares(values: FloatArray, window: int) -> Iterator[tuple[Sums, FloatArray]]:
    """The windows' sums, and Σ (x − mean)² in the place of the second; never below zero."""
    width = values.shape[1]
    spare = np.empty((0, width))
    for sums in window_sums((values,), window, ((0, 0),)):
        first, second = sums.terms
        if len(spare) < len(first):
            spare = np.empty((len(first), width))
        squared = spare[: len(first)]
        np.multiply(first, first, out=squared)
        squared *= 1.0 / window
        np.subtract(second, squared, out=second)
        yield sums, np.maximum(second, 0.0, out=second)


def window_extremes(values: FloatArray, window: int, extreme: np.ufunc, out: FloatArray) -> None:
    """The greatest (`np.maximum`) or least (`np.minimum`) of every full window, at its last row; NaN before the first."""
    length, width = values.shape
    out[: window - 1] = np.nan
    ending = np.empty((window, width))
    for start in range(0, length - window + 1, window):
        seam = start + window - 1
        ending[-1] = values[seam]
        for row in range(window - 2, -1, -1):
            extreme(values[start + row], ending[row + 1], out=ending[row])
        ends = slice(seam, min(seam + window, length))
        part = out[ends]
        part[0] = values[seam]
        for row in range(1, len(part)):
            extreme(values[seam + row], part[row - 1], out=part[row])
        extreme(part, ending[: len(part)], out=part)
