"""What is known of symbols when they are sized."""

from collections.abc import Sequence
from dataclasses import dataclass

from grodt.signals.panel import BoolArray, FloatArray
from grodt.targets.caps import IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Opinions:
    """What is known of K symbols when they are sized.

    Attributes:
        forecast: combined forecasts, (K,).
        volatility: expected per year, (K,).
        usable: whether the symbol may trade and has what its sizing needs, (K,); the others get zero.
        may_short: whether a weight below zero is allowed, (K,).
        returns: log returns of the last sessions, (T, N); NaN where there is none.
        columns: each symbol's of the returns, ascending, (K,).
        symbols: names of the returns' columns, for errors, (N,).
    """

    forecast: FloatArray
    volatility: FloatArray
    usable: BoolArray
    may_short: BoolArray
    returns: FloatArray
    columns: IntArray
    symbols: Sequence[str]
