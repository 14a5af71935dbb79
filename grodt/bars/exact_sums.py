"""Sums of quantities that are exact, and so the same in any order and however the rows are cut into chunks.

A quantity such as 0.00012345 is no binary fraction, and float additions round at every step: three minutes of 0.1 make
0.30000000000000004, and another order of the same rows makes another day. Here each quantity of up to 15 significant digits counts as
the decimal that it was written as. These decimals are added as integers, in units of the finest decimal place of the group, and the sum
is rounded once, to the nearest float64.

A group that has a quantity with more digits than that (a volume that some vendor divided by 7, say) is the exactly rounded sum of its
floats as they are, as of `math.fsum`. Which of the two holds depends on the group's own quantities alone.
"""

import math

import numpy as np
from numpy.typing import NDArray

#: Every decimal of up to that many significant digits is another float64.
_LARGEST = 1e15
#: Decimal places that are looked for.
_PLACES = 15
#: Sums of integers from here on may leave int64.
_NEAR_OVERFLOW = 2.0**62
#: Integers up to here are floats.
_EXACT_FLOAT = 2**53
_POWERS = 10 ** np.arange(_PLACES + 1, dtype=np.int64)

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]


def exact_sums(values: Floats, firsts: Integers) -> Floats:
    """The sum of each group of neighbouring values.

    Args:
        values: finite quantities.
        firsts: index of each group's first value, ascending from 0; a group ends where the next begins.

    Raises:
        ValueError: a value is not finite.
    """
    if not firsts.size:
        return np.empty(0)
    if not np.isfinite(values).all():
        raise ValueError("a quantity that is not finite has no sum")
    places, units = _decimals(values)
    finest = np.maximum.reduceat(places, firsts)
    counts = np.diff(firsts, append=values.size)
    if finest.any():
        with np.errstate(over="ignore"):
            units = units * _POWERS[np.maximum(np.repeat(finest, counts) - places, 0)]
    whole = np.add.reduceat(units, firsts)
    exact = np.minimum.reduceat(places, firsts) >= 0
    exact &= np.add.reduceat(np.abs(values), firsts) * 10.0 ** np.maximum(finest, 0) < _NEAR_OVERFLOW
    sums: Floats = whole / 10.0 ** np.maximum(finest, 0)
    for at in np.flatnonzero(exact & (np.abs(whole) > _EXACT_FLOAT)).tolist():
        sums[at] = int(whole[at]) / 10 ** int(finest[at])  # a quotient of integers is rounded once
    for at in np.flatnonzero(~exact).tolist():
        sums[at] = math.fsum(values[firsts[at] : firsts[at] + counts[at]].tolist())
    return sums


def _decimals(values: Floats) -> tuple[Integers, Integers]:
    """Decimal places of each value and its integer in units of the last of them; −1 places where it is no such decimal."""
    places, units = np.full(values.size, -1, dtype=np.int64), np.zeros(values.size, dtype=np.int64)
    left, rest = np.arange(values.size), values
    for place in range(_PLACES + 1):
        scaled = np.rint(rest * 10.0**place)
        found = (np.abs(scaled) < _LARGEST) & (scaled / 10.0**place == rest)
        units[left[found]] = scaled[found].astype(np.int64)
        places[left[found]] = place
        left, rest = left[~found], rest[~found]
        if not left.size:
            break
    return places, units
