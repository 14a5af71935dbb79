"""Money in unbounded decimals, to hold the arithmetic of 64 bits against."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

_EXACT = Context(prec=200)


def to_tick(amount: Decimal) -> int:
    """Micros rounded half-even to a hundredth of a cent."""
    return int(_EXACT.divide(amount, Decimal(100)).to_integral_value(ROUND_HALF_EVEN)) * 100
