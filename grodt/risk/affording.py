"""What buying power leaves of a basket that every other control passes: control 15 by itself, for `grodt.risk.glance`."""

from bisect import bisect_left
from fractions import Fraction
from functools import lru_cache

import numpy as np

from grodt.risk.exact import IntArray, budget, exact


def affordable(wanted: IntArray, position: IntArray, price: IntArray, buying_power: int, cash_buffer: float) -> IntArray:
    """What control 15 leaves of orders that every other control passes, exactly, (N,): a buy that adds and does not fit is refused whole.

    Buys that reduce come first, then those that add, by descending value and then by place; a sale pays for nothing in its own basket.

    Args:
        wanted, position: signed shares.
        price: micros. Σ abs(wanted) · price is below 2^62.
        buying_power: micros.
        cash_buffer: h, the share of it that is left alone.
    """
    buys = (wanted > 0).nonzero()[0]
    value = wanted[buys] * price[buys]
    left = spendable(buying_power, cash_buffer)
    held = position[buys]
    if held.min(initial=0) < 0:
        adds = wanted[buys] > -held
        adds |= held >= 0
        left -= int(value[~adds].sum())
        buys, value = buys[adds], value[adds]
    beyond = too_dear(value, left)
    if not len(beyond):
        return wanted
    approved = wanted.copy()
    approved[buys[beyond]] = 0
    return approved


def spendable(buying_power: int, cash_buffer: float) -> int:
    """What buys may cost together, micros; `grodt.risk.exact.NOTHING` where that is not known."""
    return budget(buying_power, _rest(cash_buffer))


def too_dear(value: IntArray, left: int) -> IntArray:
    """Places of what does not fit when each takes what is left, one after the other: by descending value, then by place.

    Args:
        value: of each, (N,). Their sum is below 2^62.
        left: what there is.
    """
    turn = np.negative(value).argsort(kind="stable")
    value = value[turn]
    spent = value.cumsum()
    first = int(spent.searchsorted(left, side="right"))
    if first == len(value):
        return turn[:0]
    if first:
        left -= int(spent[first - 1])
    refused = np.ones(len(value), dtype=np.bool_)
    refused[:first] = False
    refused[_fitting(np.negative(value[first:]).tolist(), left, first)] = False
    return turn[refused]


def _fitting(down: list[int], left: int, first: int) -> list[int]:
    """Which of some values, descending and negated, fit when each takes what is left, one after the other; `first`: place of the first."""
    found: list[int] = []
    at = bisect_left(down, -left)
    while at < len(down):  # the next one that fits by itself
        left += down[at]
        found.append(first + at)
        at = bisect_left(down, -left, lo=at + 1)
    return found


@lru_cache(maxsize=64)
def _rest(share: float) -> Fraction | None:
    found = exact(share)
    return None if found is None else 1 - found
