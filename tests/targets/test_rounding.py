"""Weights to whole lots, exactly."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.money import micros, micros_from_float
from grodt.targets.rounding import whole_lots


def test_a_float_a_hair_under_a_whole_lot_is_that_lot() -> None:
    assert 0.57 * 10_000 / 100 < 57  # 56.99999999999999: what truncating the float gets wrong
    lots = whole_lots(np.array([0.57, 0.69, -0.57]), np.array([100.0] * 3), np.ones(3, np.int64), 10_000.0, ("a", "b", "c"))
    assert lots.tolist() == [57, 69, -57]


def test_a_value_a_micro_under_a_share_is_no_share() -> None:
    got = whole_lots(np.array([0.299999999, 0.3]), np.array([300.0, 300.0]), np.ones(2, np.int64), 1000.0, ("a", "b"))
    assert got.tolist() == [0, 1]


def test_the_value_of_a_position_and_the_price_are_those_the_money_module_gives() -> None:
    price = 93.699
    (quantity,) = whole_lots(np.array([1.0]), np.array([price]), np.ones(1, np.int64), float(Decimal("93.699") * 7), ("a",)).tolist()
    assert quantity == 7
    assert quantity * micros_from_float(price) == micros(Decimal("655.893"))


@pytest.mark.parametrize("equity", [1e13, 1e300])
def test_a_value_beyond_64_bits_is_refused_by_name(equity: float) -> None:
    with pytest.raises(DataError, match=r"b: target value 1e\+\d+ does not fit 64 bits"):
        whole_lots(np.array([0.0, 1.0]), np.array([1.0, 1.0]), np.ones(2, np.int64), equity, ("a", "b"))


@given(
    st.floats(0.0, 1.0),
    st.integers(1, 10**9).map(lambda cents: cents / 100),
    st.decimals("0.01", "9999", places=6),
    st.integers(1, 100),
)
def test_whole_lots_are_the_exact_integer_quotient(weight: float, equity: float, price: Decimal, lot: int) -> None:
    (quantity,) = whole_lots(np.array([weight]), np.array([float(price)]), np.array([lot]), equity, ("a",)).tolist()
    value = round(weight * equity * 1_000_000)
    assert quantity * micros(price) <= value < (quantity + lot) * micros(price)
    assert quantity % lot == 0
