"""What a leap of price looks like: an unrecorded split, a change of unit, or just a leap.

The names tell a person where to look; the verdict is that of `jumps` whatever the name. A leap is named after a factor when the open
lies close to the reference times that factor, as it does where the price is quoted in other shares or another unit from one session
to the next, and the close, taken back by the factor, is no leap any more.
"""

import math
from dataclasses import dataclass

from grodt.bars.row_rules import JUMP, SCALE, SPLIT

#: New for old shares of the splits that companies choose; each is looked for the other way round as well.
SPLITS = ((2, 1), (3, 1), (3, 2), (4, 1), (5, 1), (7, 1), (10, 1), (15, 1), (20, 1), (25, 1), (30, 1), (50, 1))
#: How far, in log return, the open may lie from a split's factor: what a price moves over night.
SPLIT_TOLERANCE = 0.05
#: Units differ by powers of ten from this one on: 100 is cents for dollars, or percent for decimals. Below it lie splits.
LEAST_POWER_OF_TEN = 2
#: How far, in log return, the open may lie from such a power: no split comes near one.
SCALE_TOLERANCE = 0.3


@dataclass(frozen=True, slots=True)
class LeapName:
    """The rule that a leap is quarantined under, and its value and bound in words."""

    rule: str
    value: str
    bound: str


def name_leap(open_change: float, close_change: float, bound: float) -> LeapName:
    """Name a leap.

    Args:
        open_change: log(open / reference).
        close_change: log(close / reference).
        bound: of the leap in log return, see `jumps`.
    """
    within = f"within a factor of {factor_of(bound)}"
    opened = (
        "opens at " + (f"{factor_of(open_change)} times" if open_change > 0 else f"1/{factor_of(-open_change)} of") + " the last good close"
    )

    def looks_like(log_factor: float, tolerance: float) -> bool:
        return abs(open_change - log_factor) <= tolerance and abs(close_change - log_factor) <= bound

    power = round(open_change / math.log(10))
    if abs(power) >= LEAST_POWER_OF_TEN and looks_like(power * math.log(10), SCALE_TOLERANCE):
        unit = f"a unit {10 ** abs(power):g} times {'smaller' if power > 0 else 'larger'}"
        return LeapName(SCALE, f"{opened}, as in {unit}", f"{within}, every price in one unit")
    near = [
        (abs(open_change + math.log(new / old)), new, old)
        for more, fewer in SPLITS
        for new, old in ((more, fewer), (fewer, more))
        if looks_like(-math.log(new / old), SPLIT_TOLERANCE)
    ]
    if near:
        _, new, old = min(near)
        return LeapName(SPLIT, f"{opened}, as after a split {new}:{old}", f"{within}, or that split among the corporate actions")
    size = max(abs(open_change), abs(close_change))
    return LeapName(JUMP, f"a factor of {factor_of(size)} from the last good close", within)


def factor_of(log_return: float) -> str:
    """The factor of a log return, in four digits."""
    return f"{math.exp(min(log_return, 700.0)):.4g}"
