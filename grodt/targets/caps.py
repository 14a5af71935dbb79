"""Weights within their caps: of one symbol, of a group of symbols, and of the whole book. A cap only ever makes a weight smaller.

Every sum runs over the weights that are not zero, in the symbols' order. Those who hold nothing never change its last bit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grodt.signals.panel import BoolArray, FloatArray

IntArray = NDArray[np.int64]

#: Scaling to a cap stops this far short of it, relatively, so that rounding cannot lift the sum over it.
HAIR = 1.0 - 2.0**-40


@dataclass(frozen=True, slots=True)
class Caps:
    """What a book's weights must stay within, once what may not be traded has taken its part.

    Attributes:
        weight: largest absolute weight of one symbol.
        gross: largest sum of absolute weights.
        group: index of each symbol's group, (K,), −1 where it has none; None: no group has a cap.
        groups: largest sum of absolute weights of each group, (G,).
    """

    weight: float
    gross: float
    group: IntArray | None
    groups: FloatArray

    def holding(self, weight: FloatArray) -> "Caps":
        """What is left of them beside holdings of those weights, (K,), that cannot be traded. Not below zero."""
        if not weight.any():
            return self
        groups = self.groups if self.group is None else np.maximum(self.groups - self.gross_of_groups(weight), 0.0)
        return Caps(self.weight, max(0.0, self.gross - gross(weight)), self.group, groups)

    def gross_of_groups(self, weight: FloatArray) -> FloatArray:
        """Σ abs(weight) of each group, (G,)."""
        assert self.group is not None
        inside = self.group >= 0
        return np.bincount(self.group[inside], np.abs(weight[inside]), len(self.groups))

    def over(self, weight: FloatArray) -> BoolArray:
        """Symbols whose group, or the whole book, has more weight than its cap, (K,)."""
        found = np.full(len(weight), gross(weight) > self.gross)
        if self.group is not None:
            found |= _of_symbols(self.gross_of_groups(weight) > self.groups, self.group, False)
        return found

    def applied(self, weight: FloatArray, neutral: bool) -> FloatArray:
        """The weights within the caps, (K,).

        Each is held within ±weight. Then a group that has more than its cap is scaled down to it, then, if `neutral`, the larger side
        to the smaller, and then all to the gross cap.
        """
        capped = np.minimum(np.maximum(weight, -self.weight), self.weight)
        if self.group is not None:
            sums = self.gross_of_groups(capped)
            over = sums > self.groups
            if over.any():
                factor = np.divide(self.groups, sums, out=np.ones(len(sums)), where=over)
                factor[over] *= HAIR
                capped *= _of_symbols(factor, self.group, 1.0)
        if neutral:
            capped = balanced(capped)
        total = gross(capped)
        return capped * (self.gross / total * HAIR) if total > self.gross else capped


def _of_symbols[T: np.generic](of_groups: NDArray[T], group: IntArray, otherwise: float | bool) -> NDArray[T]:
    """What holds for each symbol's group, (K,)."""
    return np.append(of_groups, np.asarray(otherwise, dtype=of_groups.dtype))[group]


def gross(weight: FloatArray) -> float:
    """Σ abs(weight)."""
    return float(np.abs(weight[weight != 0.0]).sum())


def balanced(weight: FloatArray) -> FloatArray:
    """The weights with the larger side scaled down to the smaller: Σ of the longs is Σ of the shorts, to the last bits. (K,)."""
    long, short = weight > 0.0, weight < 0.0
    bought, sold = float(weight[long].sum()), float(-weight[short].sum())
    if bought == sold:
        return weight
    larger, factor = (long, sold / bought) if bought > sold else (short, bought / sold)
    return np.where(larger, weight * factor, weight)
