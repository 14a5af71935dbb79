"""Rates of a configuration as whole numbers, and amounts times a rate in exact integers, over arrays.

A rate is in whole parts of `RATE_SCALE`: one part is a ten-thousandth of a basis point.
"""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from grodt.errors import ConfigError

IntArray = NDArray[np.int64]

RATE_SCALE = 100_000_000
PARTS_PER_BPS = 10_000
#: Bits of the multiplier that one step of `multiplied` takes: a rest below 2^49 times them, twice, stays inside 64 bits.
_STEP_BITS = 13
_HIGHEST_DIVISOR = 2**49


def parts_of_bps(name: str, bps: Decimal, highest: int) -> int:
    """Basis points as whole parts.

    Raises:
        ConfigError: they are not finite, negative, above `highest`, or finer than four decimals.
    """
    if not bps.is_finite() or not 0 <= bps <= highest:
        raise ConfigError(f"{name} is {bps:f}; it must be from 0 to {highest} basis points")
    return _whole(name, bps, PARTS_PER_BPS, "four")


def parts_of_share(name: str, share: Decimal) -> int:
    """A share of something as whole parts.

    Raises:
        ConfigError: it is not finite, not above 0, above 1, or finer than eight decimals.
    """
    if not share.is_finite() or not 0 < share <= 1:
        raise ConfigError(f"{name} is {share:f}; it must be above 0 and at most 1")
    return _whole(name, share, RATE_SCALE, "eight")


def multiplied(amount: IntArray, multiplier: int, divisor: int) -> IntArray:
    """`amount · multiplier / divisor` rounded half-even, exact: no product on the way leaves 64 bits.

    amount = whole · divisor + rest; rest · multiplier / divisor is a long division, with `_STEP_BITS` of the multiplier as a digit.

    Args:
        amount: int64, ≥ 0.
        multiplier: ≥ 0. The caller sees to it that the result fits 64 bits.
        divisor: from 1 to below 2^49.

    Raises:
        ValueError: the divisor or multiplier is out of range.
    """
    if not 1 <= divisor < _HIGHEST_DIVISOR or multiplier < 0:
        raise ValueError(f"{multiplier} / {divisor} is out of range: the divisor must be from 1 to below 2^49, the multiplier not negative")
    # NumPy divides by a constant several times as fast as it takes divmod.
    whole = amount // divisor
    rest = amount - whole * divisor
    quotient, remainder = np.zeros_like(rest), np.zeros_like(rest)
    steps = -(-multiplier.bit_length() // _STEP_BITS)
    for step in reversed(range(steps)):
        digit = (multiplier >> step * _STEP_BITS) & ((1 << _STEP_BITS) - 1)
        product = (remainder << _STEP_BITS) + rest * digit
        more = product // divisor
        remainder = product - more * divisor
        quotient = (quotient << _STEP_BITS) + more
    total = whole * multiplier + quotient
    total += 2 * remainder + (total & 1) > divisor  # above the half, or at it and odd
    return np.asarray(total, dtype=np.int64)


def _whole(name: str, value: Decimal, scale: int, decimals: str) -> int:
    scaled = value * scale
    if scaled != scaled.to_integral_value():
        raise ConfigError(f"{name} is {value:f}; give it at most {decimals} decimals")
    return int(scaled)
