"""Symbols compared with each other, session by session."""

from decimal import Decimal
from fractions import Fraction

import numpy as np

from grodt.errors import ConfigError
from grodt.signals.panel import BoolArray, FloatArray
from grodt.signals.parameters import require_choice, require_number

SIDES = ("long", "both")
#: Numbers ranked at a time: what they need stays in the cache.
_CELLS = 32_768


def require_selection(owner: str, select: float, side: str) -> None:
    """Refuse a share or a side that cannot select.

    Raises:
        ConfigError: names parameter, value and bound.
    """
    require_choice(owner, "side", side, SIDES)
    require_number(owner, "select", select, low=0, high=0.5 if side == "both" else 1)
    if side == "long" and not select:
        raise ConfigError(
            f"{owner}: side is 'long' and select is {select!r}, but ranks have both sides; give the share to select, or side 'both'"
        )


def ranked(score: FloatArray, members: BoolArray, select: float, side: str, cap: float) -> FloatArray:
    """Forecasts from the ranks of the members that have a score, in each session by itself, (R, N); NaN for the others.

    With select 0, n members ranked r = 0 … n − 1 have 2 · ((2r + 1) / n − 1): from −2 to 2, evenly, adding up to 0, and of average absolute
    value 1 (1 − 1/n² where n is odd). Equal scores have the mean of their ranks. (Asness, Moskowitz and Pedersen, "Value and Momentum
    Everywhere", Journal of Finance 68, 2013, equation 1: weights proportional to the rank less its mean.)

    Otherwise the best k = ⌊select · n⌋, and at least one, have 1 and, with side `both`, the worst k have −1; all others have 0. Of equal
    scores the symbol that comes first is the better one, so exactly k are selected. With `both` one member alone is on neither side.

    Args:
        score: the higher the better, (R, N); NaN where there is none.
        members: who is compared, (R, N).
        select: share that is selected, 0 for ranks; taken as the decimal it is written as, so 0.29 of 100 is 29.
        side: `long` or `both`.
        cap: largest absolute forecast.
    """
    share = Fraction(Decimal(repr(float(select))))
    forecast = np.empty(score.shape)
    step = max(1, _CELLS // max(1, score.shape[1]))
    for start in range(0, len(score), step):
        rows = slice(start, start + step)
        part, out = score[rows], forecast[rows]
        unknown = np.isnan(part)
        unknown |= ~members[rows]
        if select:
            _select(part, unknown, share, side, out)
        else:
            _rank(part, unknown, out)
        np.clip(out, -cap, cap, out=out)
        np.copyto(out, np.nan, where=unknown)
    return forecast


def _select(score: FloatArray, unknown: BoolArray, share: Fraction, side: str, out: FloatArray) -> None:
    size = score.shape[1] - np.count_nonzero(unknown, axis=1)
    count = np.minimum(np.maximum(1, size * share.numerator // share.denominator), size if side == "long" else size // 2)
    out.fill(0.0)
    for number in np.unique(count[count > 0]).tolist():
        rows = slice(None) if (count == number).all() else np.flatnonzero(count == number)
        these = np.where(unknown[rows], -np.inf, score[rows])
        out[rows] = _best(these, number)
        if side == "both":
            np.negative(score[rows], out=these, where=~unknown[rows])
            out[rows] -= _best(these[:, ::-1], number)[:, ::-1]


def _best(score: FloatArray, number: int) -> BoolArray:
    """The `number` highest of each row, of equal ones the first."""
    place = score.shape[1] - number
    cut = np.partition(score, place, axis=1)[:, place, None]
    chosen: BoolArray = score >= cut
    for row in np.flatnonzero(np.count_nonzero(chosen, axis=1) > number):
        equal = np.flatnonzero(score[row] == cut[row])
        surplus = np.count_nonzero(chosen[row]) - number
        chosen[row, equal[equal.size - surplus :]] = False
    return chosen


def _rank(score: FloatArray, unknown: BoolArray, out: FloatArray) -> None:
    these = np.where(unknown, np.nan, score)
    order = np.argsort(these, axis=1)  # NaN comes last; any order of equal ones will do, for they get one rank
    ascending = np.take_along_axis(these, order, axis=1)
    size = score.shape[1] - np.count_nonzero(unknown, axis=1)
    rank = np.broadcast_to(np.arange(score.shape[1], dtype=np.float64), score.shape)
    again: BoolArray = ascending[:, 1:] == ascending[:, :-1]
    if again.any():
        rank = rank.copy()
        for row in np.flatnonzero(again.any(axis=1)):
            group = np.concatenate([[0], np.cumsum(~again[row])])
            rank[row] = (np.bincount(group, weights=rank[row]) / np.bincount(group))[group]
    np.put_along_axis(out, order, 2.0 * ((2.0 * rank + 1.0) / np.maximum(size, 1)[:, None] - 1.0), axis=1)
