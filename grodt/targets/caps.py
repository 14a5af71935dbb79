"""Weights within their caps: of one symbol, of a group of symbols, and of the whole book. A cap only ever makes a weight smaller.

Every sum runs over the weights that are not zero, in the symbols' order. Those who hold nothing never change its last bit.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from grodt.signals.panel import BoolArray, FloatArray

IntArray = NDArray[np.int64]

#: Scaling to a cap stops this far short of it, relatively, so that rounding cannot lift the sum over it.
_HAIR = 1.0 - 2.0**-40


@dataclass(frozen=True, slots=True, eq=False)
class GroupCaps:
    """What groups of symbols must stay within.

    Attributes:
        group: index of each symbol's group, (K,).
        cap: largest sum of absolute weights of each group, (G,); infinite where there is none.
    """

    group: IntArray
    cap: FloatArray

    @classmethod
    def of(cls, group: IntArray, cap: FloatArray) -> Self:
        """Caps of symbols, some of which have no group: −1. They become one group without a cap."""
        return cls(np.where(group < 0, len(cap), group), np.append(cap, np.inf))

    def sums(self, weight: FloatArray) -> FloatArray:
        """Σ abs(weight) of each group, (G,)."""
        return np.bincount(self.group, np.abs(weight), len(self.cap))

    def beside(self, weight: FloatArray) -> "GroupCaps":
        """What is left of them beside other holdings of those weights, (K,). Not below zero."""
        return replace(self, cap=np.maximum(self.cap - self.sums(weight), 0.0))

    def over(self, weight: FloatArray) -> BoolArray:
        """Symbols whose group has more weight than its cap, (K,)."""
        found: BoolArray = (self.sums(weight) > self.cap)[self.group]
        return found

    def applied(self, weight: FloatArray) -> FloatArray:
        """The weights, (K,), those of a group that has more than its cap scaled down to it."""
        sums = self.sums(weight)
        over = sums > self.cap
        if not over.any():
            return weight
        factor = np.ones(len(sums))
        factor[over] = self.cap[over] / sums[over] * _HAIR
        return weight * factor[self.group]


@dataclass(frozen=True, slots=True, eq=False)
class Caps:
    """What a book's weights must stay within, once what may not be traded has taken its part.

    Attributes:
        weight: largest absolute weight of one symbol.
        gross: largest sum of absolute weights.
        groups: of groups; None: no group has a cap.
    """

    weight: float
    gross: float
    groups: GroupCaps | None = None

    def beside(self, weight: FloatArray) -> "Caps":
        """What is left of them beside other holdings of those weights, (K,). Not below zero."""
        left = max(0.0, self.gross - gross(weight))
        return Caps(self.weight, left, None if self.groups is None else self.groups.beside(weight))

    def over(self, weight: FloatArray) -> BoolArray:
        """Symbols whose group, or the whole book, has more weight than its cap, (K,)."""
        found = np.full(len(weight), gross(weight) > self.gross)
        return found if self.groups is None else found | self.groups.over(weight)

    def applied(self, weight: FloatArray, *, neutral: bool) -> FloatArray:
        """The weights within the caps, (K,).

        Each is held within ±weight. Then a group that has more than its cap is scaled down to it, then, if `neutral`, the larger side
        to the smaller, and then all to the gross cap.
        """
        capped = np.minimum(np.maximum(weight, -self.weight), self.weight)
        if self.groups is not None:
            capped = self.groups.applied(capped)
        if neutral:
            capped = balanced(capped)
        total = gross(capped)
        return capped * (self.gross / total * _HAIR) if total > self.gross else capped


def gross(weight: FloatArray) -> float:
    """Σ abs(weight)."""
    return float(np.abs(weight[weight != 0.0]).sum())


def balanced(weight: FloatArray) -> FloatArray:
    """The weights with the larger side scaled down to the smaller, (K,): Σ of the longs is Σ of the shorts but for the last bits."""
    long, short = weight > 0.0, weight < 0.0
    bought, sold = float(weight[long].sum()), float(-weight[short].sum())
    if bought == sold:
        return weight
    larger, factor = (long, sold / bought) if bought > sold else (short, bought / sold)
    return np.where(larger, weight * factor, weight)
