"""The cost of borrowed shares, worked by hand and against unbounded integers."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grodt.errors import ConfigError, DataError
from grodt.money import divide_half_even, micros
from grodt.orders.borrowing import borrow_cost


def _ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _cost(quantity: int, close: str, nights: int = 1, bps: str = "100") -> int:
    return int(borrow_cost(_ints(quantity), _ints(micros(close)), nights, Decimal(bps))[0])


def test_a_year_of_360_nights_costs_the_rate() -> None:
    # 100 shares at 360 are 36,000; one percent of it is 360 a year, a dollar a night
    assert _cost(-100, "360") == micros("1")
    assert _cost(-100, "360", nights=3) == micros("3")
    assert sum(_cost(-100, "360") for _ in range(360)) == micros("360")


def test_a_long_position_borrows_nothing() -> None:
    assert borrow_cost(_ints(100, 0, -100), _ints(micros("360"), 0, micros("360")), 1, Decimal(100)).tolist() == [0, 0, micros("1")]


def test_half_a_cent_goes_to_the_even_cent() -> None:
    assert _cost(-1, "180") == 0  # 0.005
    assert _cost(-3, "180") == micros("0.02")  # 0.015
    assert _cost(-5, "180") == micros("0.02")  # 0.025


def test_no_rate_and_no_night_cost_nothing() -> None:
    assert _cost(-100, "360", bps="0") == 0
    assert _cost(-100, "360", nights=0) == 0


@given(shares=st.integers(1, 10**9), close=st.integers(1, 10**9), nights=st.integers(0, 120), parts=st.integers(0, 100_000 * 10_000))
def test_a_cost_equals_the_formula_in_unbounded_integers(shares: int, close: int, nights: int, parts: int) -> None:
    cents = divide_half_even(shares * close * parts * nights, 360 * 10_000 * 10_000 * 10_000)
    assert borrow_cost(_ints(-shares), _ints(close), nights, Decimal(parts) / 10_000).tolist() == [cents * 10_000]


def test_the_largest_position_at_the_highest_rate_stays_exact() -> None:
    assert borrow_cost(_ints(-2 * 10**9), _ints(10**9), 120, Decimal(100_000)).tolist() == [6_666_666_666_666_670_000]


@pytest.mark.parametrize(("quantity", "close"), [(-(2**63), 1), (-2, 2 * 10**18), (-(10**12), 10**12)])
def test_a_position_beyond_exact_integers_is_refused(quantity: int, close: int) -> None:
    with pytest.raises(DataError, match="worth more"):
        borrow_cost(_ints(quantity), _ints(close), 1, Decimal(100))


def test_a_short_position_without_a_close_is_refused() -> None:
    with pytest.raises(DataError, match="short position 1 of -5 shares has previous close 0 micros"):
        borrow_cost(_ints(5, -5), _ints(0, 0), 1, Decimal(100))


def test_nonsense_is_refused() -> None:
    with pytest.raises(ConfigError, match="borrow_bps"):
        borrow_cost(_ints(-1), _ints(1), 1, Decimal("nan"))
    with pytest.raises(ValueError, match="nights"):
        borrow_cost(_ints(-1), _ints(1), -1, Decimal(1))
    with pytest.raises(ValueError, match="int64"):
        borrow_cost(_ints(-1), _ints(1, 2), 1, Decimal(1))
