"""Exact money arithmetic over arrays, where quantity · price may leave int64.

Micros of an ordinary book fit int64 with room. A swapped quantity and notional do not, and must be refused rather than wrap
around, so such a product is made of Python integers instead (dtype object): slower, exact, and used by the same code.
"""

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
StrArray = NDArray[np.str_]
#: int64, or Python integers where int64 could overflow.
ExactArray = NDArray[Any]

#: Shares beyond this are cut to it before any arithmetic; no limit comes near it.
MOST_QUANTITY = 2**61
#: A sum of products below this stays inside int64 together with two more like it.
_ROOM = float(2**60)
#: No budget is larger: 4.6 trillion USD.
_MOST_BUDGET = 2**62
#: What nothing fits in: the budget where it cannot be computed.
NOTHING = -1


def roomy(amounts: ExactArray, *starts: int) -> ExactArray:
    """The amounts so that running sums of them from those starts cannot overflow: Python integers where a start is too large."""
    return amounts.astype(object) if any(abs(start) >= _ROOM for start in starts) else amounts


def values(quantity: IntArray, price: IntArray) -> ExactArray:
    """|quantity| · price in micros, exact, and so that the sum over all of it does not overflow. Both ≥ -2^62 and one of a symbol each."""
    size = np.abs(quantity)
    if float(size.astype(np.float64) @ price.astype(np.float64)) < _ROOM:
        return size * price
    return np.asarray(size.astype(object) * price.astype(object), dtype=object)


def total(amounts: ExactArray) -> int:
    """Their sum as a Python integer."""
    return int(amounts.sum()) if len(amounts) else 0


@lru_cache(maxsize=512)  # the limits of a book, asked again and again
def exact(share: float) -> Fraction | None:
    """A configured share as the decimal it was written as (0.1 is a tenth); None when it is no finite number above zero."""
    number = float(share)
    return Fraction(repr(number)) if math.isfinite(number) and number > 0 else None


def budget(amount: int, share: Fraction | None) -> int:
    """The share of the amount in micros, rounded down; `NOTHING` when the share is None or the amount is not above zero."""
    if share is None or amount <= 0:
        return NOTHING
    return min(amount * share.numerator // share.denominator, _MOST_BUDGET)


def budgets(amount: int, shares: FloatArray, reduced: float = 1.0) -> IntArray:
    """`budget` for each of the shares, of each of which only the share `reduced` may be used, (N,) int64."""
    by = exact(reduced)
    if len(shares) and (shares == shares[0]).all():
        return np.full(len(shares), budget(amount, reduced_share(exact(float(shares[0])), by)), dtype=np.int64)
    different, places = np.unique(shares, return_inverse=True)
    each = [budget(amount, reduced_share(exact(share), by)) for share in different.tolist()]
    return np.array(each, dtype=np.int64)[places.reshape(-1)]


def reduced_share(share: Fraction | None, by: Fraction | None) -> Fraction | None:
    """A share of a share; None where either is."""
    return None if share is None or by is None else share * by


def floors(amounts: IntArray, share: float, parts: int = 1) -> IntArray:
    """floor(amount · share / parts) of amounts ≥ 0, exact; `NOTHING` everywhere where the share is no finite number above zero."""
    part = exact(share)
    if part is None:
        return np.full(len(amounts), NOTHING, dtype=np.int64)
    over, under = part.numerator, part.denominator * parts
    if over * int(amounts.max(initial=1)) <= _MOST_BUDGET and under <= _MOST_BUDGET:
        return np.asarray(amounts * over // under)
    exactly: ExactArray = np.minimum(amounts.astype(object) * over // under, _MOST_BUDGET)
    return exactly.astype(np.int64)
