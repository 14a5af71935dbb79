"""What a market order at the open costs: price with slippage, and commission. Exact integers over arrays of one session.

The paper broker and replay both call it, so both get the same fill to the micro.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from grodt.errors import ConfigError, DataError
from grodt.money import MICROS_PER_FILL_TICK, Micros

IntArray = NDArray[np.int64]

#: Rates are whole parts of this many: one is a ten-thousandth of a basis point.
_RATE_SCALE = 100_000_000
_RATE_PER_BPS = 10_000
#: Amounts are divided by this to come out in fill ticks: (amount · rate) / (_RATE_SCALE · MICROS_PER_FILL_TICK).
_DIVISOR = _RATE_SCALE * MICROS_PER_FILL_TICK
#: Beyond this (USD 1 billion a share) a price is taken for an error.
HIGHEST_PRICE_MICROS = 10**15
#: Highest value of one fill (USD 2 trillion), so that value and commission stay well inside 64 bits.
HIGHEST_VALUE_MICROS = 2 * 10**18
_HIGHEST_BPS = Decimal(5_000)
NO_MINIMUM = Micros(0)


def _rate(name: str, bps: Decimal) -> int:
    """Basis points as whole parts of `_RATE_SCALE`."""
    if not bps.is_finite() or not 0 <= bps <= _HIGHEST_BPS:
        raise ConfigError(f"{name} is {bps}; it must be from 0 to {_HIGHEST_BPS} basis points")
    scaled = bps * _RATE_PER_BPS
    if scaled != scaled.to_integral_value():
        raise ConfigError(f"{name} is {bps}; give it at most four decimals")
    return int(scaled)


@dataclass(frozen=True, slots=True)
class FillTerms:
    """What trading costs.

    Attributes:
        slippage_bps: how much worse than the open a fill is, in basis points of the open.
        commission_bps: commission in basis points of the fill's value.
        minimum_commission: least commission of one fill, in micros.

    Raises:
        ConfigError: a rate is not finite, negative, above 5,000 basis points or finer than four decimals; the minimum is negative.
    """

    slippage_bps: Decimal = Decimal(0)
    commission_bps: Decimal = Decimal(0)
    minimum_commission: Micros = NO_MINIMUM

    def __post_init__(self) -> None:
        _rate("slippage_bps", self.slippage_bps)
        _rate("commission_bps", self.commission_bps)
        if not 0 <= self.minimum_commission <= HIGHEST_VALUE_MICROS:
            raise ConfigError(f"minimum_commission is {self.minimum_commission} micros; it must be at least 0")

    @classmethod
    def of(cls, slippage_bps: float, commission_bps: float, minimum_commission: Micros = NO_MINIMUM) -> "FillTerms":
        """From floats of a configuration; each is taken as its shortest decimal text, so 0.1 is 0.1."""
        return cls(Decimal(repr(float(slippage_bps))), Decimal(repr(float(commission_bps))), minimum_commission)


def _scaled_to_tick(amount: IntArray, rate: IntArray | int) -> IntArray:
    """`amount · rate / _RATE_SCALE`, rounded half-even to fill ticks, in micros; the product never leaves 64 bits.

    amount = whole · _DIVISOR + rest, so amount · rate / _DIVISOR = whole · rate + rest · rate / _DIVISOR, and rest · rate < 2e18.
    """
    whole, rest = np.divmod(amount, _DIVISOR)
    quotient, remainder = np.divmod(rest * rate, _DIVISOR)
    twice = 2 * remainder
    up = (twice > _DIVISOR) | ((twice == _DIVISOR) & (quotient % 2 == 1))
    ticks = whole * rate + quotient + up
    return np.asarray(ticks * MICROS_PER_FILL_TICK, dtype=np.int64)


def fill_at_open(quantity: IntArray, open_micros: IntArray, terms: FillTerms) -> tuple[IntArray, IntArray]:
    """Prices and commissions of market orders that fill whole at the open.

    price = open · (1 ± slippage), half-even to a hundredth of a cent: higher for a buy, lower for a sell, never below one tick.
    commission = max(|quantity| · price · rate, minimum), half-even to a hundredth of a cent; none for a quantity of zero.

    Args:
        quantity: signed shares, (N,), > 0 to buy; zero is not traded.
        open_micros: open prices in micros, (N,); > 0 wherever the quantity is not zero.
        terms: slippage and commission.

    Returns:
        Prices and commissions in micros, (N,) int64 each.

    Raises:
        DataError: an order has no price above zero, or a price or value beyond what 64 bits hold exactly.
        ValueError: the arrays are not one-dimensional int64 of one length.
    """
    if quantity.shape != open_micros.shape or quantity.ndim != 1 or quantity.dtype != np.int64 or open_micros.dtype != np.int64:
        raise ValueError(
            f"quantity {quantity.dtype}{quantity.shape} and open {open_micros.dtype}{open_micros.shape} are not int64 of one length"
        )
    traded = quantity != 0
    bad = (traded & (open_micros < 1)) | (open_micros > HIGHEST_PRICE_MICROS) | (open_micros < 0)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"open price {int(open_micros[first])} micros of order {first} (quantity {int(quantity[first])}) is not between 1 and "
            f"{HIGHEST_PRICE_MICROS}; check the bars of that session"
        )
    slippage = _rate("slippage_bps", terms.slippage_bps)
    prices = _scaled_to_tick(open_micros, _RATE_SCALE + np.sign(quantity) * slippage)
    prices = np.where(traded, np.maximum(prices, MICROS_PER_FILL_TICK), prices)
    too_much = traded & ((np.abs(quantity) > HIGHEST_VALUE_MICROS // np.maximum(prices, 1)) | (quantity == np.iinfo(np.int64).min))
    if too_much.any():
        first = int(np.flatnonzero(too_much)[0])
        raise DataError(
            f"order {first} of {int(quantity[first])} shares at {int(prices[first])} micros is worth more than "
            f"{HIGHEST_VALUE_MICROS} micros; check quantity and price"
        )
    value = np.abs(quantity) * prices
    commissions = _scaled_to_tick(value, _rate("commission_bps", terms.commission_bps))
    commissions = np.where(traded, np.maximum(commissions, terms.minimum_commission), 0)
    return prices, commissions
