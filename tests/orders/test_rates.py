"""Amounts times rates in 64 bits are what unbounded integers say."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.money import divide_half_even
from grodt.orders.rates import multiplied, parts_of_bps, parts_of_share


@given(amount=st.integers(0, 2 * 10**18), multiplier=st.integers(0, 2**42), divisor=st.integers(1, 2**49 - 1))
def test_a_product_over_a_divisor_is_exact(amount: int, multiplier: int, divisor: int) -> None:
    expected = divide_half_even(amount * multiplier, divisor)
    if expected < 2**62:
        assert multiplied(np.array([amount]), multiplier, divisor).tolist() == [expected]


@given(halves=st.integers(0, 10**9), divisor=st.integers(1, 2**24), multiplier=st.integers(1, 2**24))
def test_a_half_goes_to_the_even_side(halves: int, divisor: int, multiplier: int) -> None:
    doubled = 2 * divisor
    amounts = np.array([halves * divisor])
    assert multiplied(amounts, multiplier, doubled).tolist() == [divide_half_even(halves * multiplier, 2)]


@pytest.mark.parametrize(("multiplier", "divisor"), [(-1, 1), (1, 0), (1, 2**49)])
def test_factors_out_of_range_are_refused(multiplier: int, divisor: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        multiplied(np.array([1]), multiplier, divisor)


def test_rates_are_whole_parts() -> None:
    assert parts_of_bps("rate", Decimal("2.5"), 5_000) == 25_000
    assert parts_of_share("share", Decimal("0.05")) == 5_000_000
    with pytest.raises(ConfigError, match=r"rate is 0\.00001; give it at most four decimals"):
        parts_of_bps("rate", Decimal("0.00001"), 5_000)
