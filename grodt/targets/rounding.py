"""Weights to whole lots: the one place of the kernel where floats become integers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from grodt.errors import DataError
from grodt.money import MICROS_PER_UNIT
from grodt.signals.panel import FloatArray

IntArray = NDArray[np.int64]

#: Floats from here on are no int64.
_INT64_END = 2.0**63


def whole_lots(
    weight: FloatArray, price: FloatArray, lot: IntArray, equity: float, symbols: Sequence[str], at: IntArray | None = None
) -> IntArray:
    """Shares of the largest whole number of lots whose value does not exceed the weight's value; signed like the weight.

    The rule of the crossing: value (weight · equity) and price are each rounded half-even to whole micros, and from there on it is
    integer division, towards zero. So 0.57 of 10,000 at 100 is 57 shares although 0.57 · 10000 / 100 is 56.99999999999999 in
    floats, and quantity · price never exceeds the value, to the micro. Where weight or price is missing or zero the answer is 0.

    What rounding leaves in cash is, in each symbol, from nothing to less than a lot's price; so all of it together is less than
    Σ lot · price of the symbols with a weight.

    Args:
        weight: (N,), finite.
        price: currency units, (N,); NaN where there is none.
        lot: shares per lot, (N,).
        equity: currency units.
        symbols: names for the error.
        at: index of each row's name among them, (N,); None: they are in the rows' order.

    Raises:
        DataError: a value or price does not fit 64 bits of micros.
    """
    value = whole_micros(np.abs(weight) * equity, "target value", symbols, at)
    cost = whole_micros(np.fmax(price, 0.0), "price", symbols, at)  # NaN becomes 0
    shares = lots_within(value, cost, lot)
    return np.negative(shares, out=shares, where=weight < 0)


def whole_micros(amount: FloatArray, name: str, symbols: Sequence[str], at: IntArray | None = None) -> IntArray:
    """Amounts of at least zero in whole micros, rounded half-even.

    Args:
        amount: currency units, (N,).
        name: of the amount, for the error.
        symbols, at: names for the error, as for `whole_lots`.

    Raises:
        DataError: an amount does not fit 64 bits of micros.
    """
    scaled = np.rint(amount * MICROS_PER_UNIT)
    if not scaled.max(initial=0.0) < _INT64_END:  # nor where one is NaN
        row = int((~(scaled < _INT64_END)).argmax())
        symbol = symbols[row if at is None else int(at[row])]
        raise DataError(f"{symbol}: {name} {scaled[row] / MICROS_PER_UNIT:g} does not fit 64 bits of micros; check equity and price")
    return scaled.astype(np.int64)


def lots_within(value: IntArray, cost: IntArray, lot: IntArray | None) -> IntArray:
    """Shares of the largest whole number of lots that cost no more than the value; 0 where there is no cost, (N,).

    Args:
        value, cost: micros, (N,).
        lot: shares, (N,); None: one everywhere.
    """
    shares = value // cost if cost.all() else np.where(cost > 0, value // np.maximum(cost, 1), 0)
    if lot is not None:
        shares -= shares % lot
    return shares
