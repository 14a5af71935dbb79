"""Strategies of a book: what each wants becomes one target per symbol, and the shares of it that are each one's.

Each strategy makes targets on its part of the equity and on what it holds itself, as a book of its own would. They are added up before
anything is rounded, and the sum is rounded to whole lots once. So a book of one strategy with all of the capital has exactly the targets it
would have without, and several trade no more lots than their sum needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grodt.signals.panel import BoolArray, FloatArray
from grodt.targets.caps import IntArray
from grodt.targets.construction import Construction
from grodt.targets.quantities import Targets
from grodt.targets.rounding import whole_lots


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy of a book: its name, its share of the equity, and how its forecasts become weights."""

    name: str
    share: float
    construction: Construction


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """What one strategy wants; arrays of shape (N,).

    Attributes:
        weight: value wanted over the strategy's own equity.
        kept: where it keeps its shares, so that no rounding moves them.
        quantity: whole shares it keeps there.
        share: of the book's equity, > 0.
    """

    weight: FloatArray
    kept: BoolArray
    quantity: IntArray
    share: float

    @classmethod
    def of(cls, targets: Targets, share: float, equity: float, stopped: BoolArray | None = None) -> "Wish":
        """Of a strategy's own targets.

        Args:
            targets: made on its equity and its shares.
            share: of the book's equity.
            equity: its own, currency units: what the targets were made on.
            stopped: (N,), where it may not trade towards them.
        """
        held = targets.current * targets.price / equity
        held[np.isnan(held)] = 0.0
        kept = (targets.quantity == targets.current) & (targets.weight == held)
        if stopped is not None:
            kept = kept | stopped
        return cls(np.where(kept, held, targets.weight), kept, targets.current, share)

    @classmethod
    def leaving(cls, current: IntArray, price: FloatArray, equity: float, tradable: BoolArray) -> "Wish":
        """Of a strategy that the book has no more: what can be traded is left. `equity` is the whole book's."""
        held = current * price / equity
        held[np.isnan(held)] = 0.0
        kept = ~(tradable & np.isfinite(price)) | (current == 0)
        return cls(np.where(kept, held, 0.0), kept, current, 1.0)


def net_targets(
    symbols: tuple[str, ...], wishes: Sequence[Wish], *, price: FloatArray, position: IntArray, lot: IntArray, equity: float
) -> tuple[Targets, IntArray]:
    """The book's targets, and what of each is whose.

    Args:
        symbols: ascending tickers.
        wishes: of each strategy, at least one.
        price: currency units, (N,); NaN where there is none.
        position: whole shares the book holds, (N,).
        lot: shares per lot, (N,).
        equity: of the book, currency units.

    Returns:
        The targets, and whole shares of each strategy, (S, N), which add up to the targets' quantities. What is not kept is rounded to
        whole lots of the book; each strategy's part of it is within a share of its wish less its part of what rounding left in cash.

    Raises:
        DataError: see `whole_lots`.
    """
    kept = np.array([wish.kept for wish in wishes])
    free = np.array([np.where(wish.kept, 0.0, wish.weight * wish.share) for wish in wishes])
    lots = whole_lots(free.sum(axis=0), price, lot, equity, symbols)
    own = _shared_out(lots, free * equity / np.where(price > 0, price, np.inf))
    own += np.where(kept, [wish.quantity for wish in wishes], 0)
    weight = np.array([wish.weight * wish.share for wish in wishes]).sum(axis=0)
    return Targets(symbols, weight, own.sum(axis=0), position.copy(), price), own


def _shared_out(lots: IntArray, wanted: FloatArray) -> IntArray:
    """Whole shares that add up to `lots` (N,), near to what is wanted (S, N), by the largest remainder; of equal ones the first strategy's.

    What rounding takes is taken in proportion to size, so that nobody's shares change sign by it.
    """
    size = np.abs(wanted)
    everything = size.sum(axis=0)
    part = np.divide(size, everything, out=np.zeros_like(size), where=everything > 0)
    aim = wanted + (lots - wanted.sum(axis=0)) * part
    aim[np.abs(aim - np.rint(aim)) < 1e-6] = np.rint(aim)[np.abs(aim - np.rint(aim)) < 1e-6]
    whole = np.floor(aim).astype(np.int64)
    whole += (lots - whole.sum(axis=0)) // len(wanted)  # nothing, but where floats are too coarse for whole shares
    left = lots - whole.sum(axis=0)
    order = np.argsort(np.where(size > 0, whole - aim, np.inf), axis=0, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(len(wanted))[:, None], axis=0)
    nobody = everything == 0
    return np.where(nobody, 0, whole + (rank < left))
