"""Money as scaled integers, and the one place where floats cross over.

Unit: a *micro* is one millionth of a currency unit (USD 1 = 1_000_000 micros). Prices, cash, fees and costs of the ledger and
the brokers are integer micros; statistics are float64. Share quantities are plain integers (whole shares).
"""

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import NewType

Micros = NewType("Micros", int)

MICROS_PER_UNIT = 1_000_000
MICROS_PER_CENT = 10_000
#: Fills are priced to a hundredth of a cent, as venues report them.
MICROS_PER_FILL_TICK = 100
_INT64_MAX = 2**63 - 1
#: Arithmetic that drops no digit; the default context rounds to 28, and a 29th would go unseen.
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation])


def micros(amount: Decimal | int | str) -> Micros:
    """An exact amount in currency units as micros.

    Raises:
        ValueError: the amount is no number, is not finite, has more than six decimals, or leaves int64.
    """
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise ValueError(f"amount {amount!r} is no number") from None
    if not value.is_finite():
        raise ValueError(f"amount {amount!r} is not finite")
    scaled = value.scaleb(6, _EXACT)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"amount {amount} has more than six decimals")
    if scaled.copy_abs() > _INT64_MAX:
        raise ValueError(f"amount {amount} does not fit 64 bits of micros")
    return Micros(int(scaled))


def micros_from_float(amount: float, grid: int = 1) -> Micros:
    """A float in currency units as micros, rounded half-even to a multiple of `grid` micros. This is the crossing from statistics to money.

    The float goes through its shortest decimal text, so 21.28 is 21.28 and not 21.280000000000001.

    Raises:
        ValueError: the amount is NaN, infinite, or leaves int64.
    """
    value = Decimal(repr(float(amount)))
    if not value.is_finite():
        raise ValueError(f"amount {amount!r} is not finite")
    scaled = (value * MICROS_PER_UNIT / grid).to_integral_value(ROUND_HALF_EVEN) * grid
    if abs(scaled) > _INT64_MAX:
        raise ValueError(f"amount {amount} does not fit 64 bits of micros")
    return Micros(int(scaled))


def decimal(amount: int) -> Decimal:
    """Micros as an exact Decimal in currency units."""
    return Decimal(amount).scaleb(-6)


def units(amount: int) -> float:
    """Micros as a float in currency units, for statistics and display only."""
    return amount / MICROS_PER_UNIT


def divide_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator` rounded half-even, in exact integer arithmetic. `denominator` > 0."""
    if denominator <= 0:
        raise ValueError(f"denominator {denominator} is not positive")
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        quotient += 1
    return quotient


def round_to_cent(amount: int) -> Micros:
    """Micros rounded half-even to whole cents."""
    return Micros(divide_half_even(amount, MICROS_PER_CENT) * MICROS_PER_CENT)
