"""What it costs to borrow the shares of short positions. The paper broker, the ledger and the replay all call it: one cost, to the cent."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from grodt.errors import DataError
from grodt.money import MICROS_PER_CENT, Micros
from grodt.orders.rates import RATE_SCALE, multiplied, parts_of_bps

IntArray = NDArray[np.int64]

#: 1,000 % a year: what the scarcest shares have cost.
HIGHEST_BORROW_BPS = 100_000
_DAYS_PER_YEAR = 360
#: Longer than any exchange has been closed in our time.
_MOST_NIGHTS = 120
#: Highest value of one short position, in micros (USD 2 trillion), so that its cost stays well inside 64 bits.
_HIGHEST_VALUE_MICROS = 2 * 10**18


def borrow_cost(quantity: IntArray, previous_close: IntArray, nights: int, borrow_bps: Decimal) -> IntArray:
    """Cost of borrowing for the nights between two sessions, in micros, each rounded half-even to the cent; 0 where nothing is short.

    cost = abs(short shares) · previous close · rate · nights / 360: calendar days over a year of 360 (ACT/360), which is how US
    brokers charge for borrowed stock. Shares and close are those before the corporate actions of the session, so that they fit together.

    Args:
        quantity: int64 shares held at the close of the session before, (N,); negative when short.
        previous_close: int64 micros, (N,); last close before the session, > 0 wherever the quantity is negative.
        nights: calendar days from the session before.
        borrow_bps: a year, in basis points of the value.

    Raises:
        DataError: a short position has no close above zero, or is worth more than 64 bits hold exactly.
        ConfigError: the rate is not finite, negative, above 100,000 basis points or finer than four decimals.
        ValueError: nights is out of range, or the arrays are not one-dimensional int64 of one length.
    """
    if quantity.shape != previous_close.shape or quantity.ndim != 1 or quantity.dtype != np.int64 or previous_close.dtype != np.int64:
        raise ValueError(
            f"quantity {quantity.dtype}{quantity.shape} and previous close {previous_close.dtype}{previous_close.shape} "
            "are not int64 of one length"
        )
    if not 0 <= nights <= _MOST_NIGHTS:
        raise ValueError(f"{nights} nights between two sessions; there must be from 0 to {_MOST_NIGHTS}")
    rate = parts_of_bps("borrow_bps", borrow_bps, HIGHEST_BORROW_BPS)
    if rate == 0:
        return np.zeros_like(quantity)
    short = quantity < 0
    bad = short & (previous_close < 1)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"short position {first} of {int(quantity[first])} shares has previous close {int(previous_close[first])} micros, not above 0, "
            "so its borrowing has no price; ingest its bars"
        )
    # −quantity of the lowest int64 is itself: it stays negative, and so is told by the same comparison as what is too large.
    shares = np.where(short, -quantity, 0)
    too_much = short & ((shares < 0) | (shares > _HIGHEST_VALUE_MICROS // np.maximum(previous_close, 1)))
    if too_much.any():
        first = int(np.flatnonzero(too_much)[0])
        raise DataError(
            f"short position {first} of {int(quantity[first])} shares at {int(previous_close[first])} micros is worth more than "
            f"{_HIGHEST_VALUE_MICROS} micros; check quantity and price"
        )
    value = shares * np.where(short, previous_close, 0)
    return multiplied(value, rate * nights, _DAYS_PER_YEAR * RATE_SCALE * MICROS_PER_CENT) * MICROS_PER_CENT


def borrow_costs(
    positions: Mapping[str, int], previous_close: Mapping[str, Micros], session: date, nights: int, borrow_bps: Decimal
) -> dict[str, Micros]:
    """`borrow_cost` of a book, by symbol, ascending; symbols that cost nothing are absent.

    Args:
        positions: shares by symbol at the close of the session before.
        previous_close: last close before the session by symbol, in micros.
        session: the session.
        nights, borrow_bps: see `borrow_cost`.

    Raises:
        DataError: a short position has no close, or is worth more than 64 bits hold exactly.
    """
    if not borrow_bps:
        return {}
    short = sorted(symbol for symbol, quantity in positions.items() if quantity < 0)
    unpriced = [symbol for symbol in short if previous_close.get(symbol, 0) < 1]
    if unpriced:
        raise DataError(
            f"{', '.join(unpriced)} {session}: held short, and no close before the session is known to charge the borrowing on; "
            "ingest the bars before it, then run this again"
        )
    quantity = np.array([positions[symbol] for symbol in short], dtype=np.int64)
    close = np.array([previous_close[symbol] for symbol in short], dtype=np.int64)
    costs = borrow_cost(quantity, close, nights, borrow_bps).tolist()
    return {symbol: Micros(cost) for symbol, cost in zip(short, costs, strict=True) if cost}
