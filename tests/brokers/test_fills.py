"""The price and commission of a fill are exact at any size."""

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.brokers.fills import HIGHEST_PRICE_MICROS, HIGHEST_VALUE_MICROS, FillTerms, fill_session
from grodt.errors import ConfigError, DataError
from grodt.money import Micros


def _ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def _to_tick(amount: Decimal) -> int:
    return int((amount / 100).to_integral_value(ROUND_HALF_EVEN)) * 100


_RATES = st.decimals(min_value=0, max_value=5000, places=4)


@given(
    quantity=st.integers(-(10**12), 10**12).filter(bool),
    price=st.integers(1, HIGHEST_PRICE_MICROS),
    slippage=_RATES,
    commission=_RATES,
)
def test_a_fill_equals_the_formula_in_unbounded_decimals(quantity: int, price: int, slippage: Decimal, commission: Decimal) -> None:
    terms = FillTerms(slippage, commission)
    sign = 1 if quantity > 0 else -1
    expected_price = max(_to_tick(price * (1 + sign * slippage / 10_000)), 100)
    if abs(quantity) * expected_price > HIGHEST_VALUE_MICROS:
        with pytest.raises(DataError, match="worth more"):
            fill_session(_ints(quantity), _ints(price), terms)
        return
    fills = fill_session(_ints(quantity), _ints(price), terms)
    assert fills.price.tolist() == [expected_price]
    assert fills.commission.tolist() == [_to_tick(abs(quantity) * expected_price * commission / 10_000)]


def test_a_buy_pays_more_than_the_open_and_a_sell_gets_less() -> None:
    fills = fill_session(_ints(100, -100, 0), _ints(50_000_000, 50_000_000, 0), FillTerms.of(2.0, 1.0))
    assert fills.price.tolist() == [50_010_000, 49_990_000, 0]
    assert fills.commission.tolist() == [500_100, 499_900, 0]


def test_floats_of_a_configuration_mean_their_decimal_text() -> None:
    assert FillTerms.of(0.1, 0.3) == FillTerms(Decimal("0.1"), Decimal("0.3"))


def test_the_least_commission_is_charged_on_small_fills_only() -> None:
    terms = FillTerms.of(0.0, 1.0, Micros(1_000_000))
    fills = fill_session(_ints(1, 0, 100_000), _ints(10_000_000, 10_000_000, 10_000_000), terms)
    assert fills.commission.tolist() == [1_000_000, 0, 100_000_000]


def test_a_sell_of_a_nearly_worthless_share_still_gets_one_tick() -> None:
    fills = fill_session(_ints(-5), _ints(3), FillTerms.of(5000, 0))
    assert fills.price.tolist() == [100]


@pytest.mark.parametrize("price", [0, -1, HIGHEST_PRICE_MICROS + 1])
def test_an_order_without_a_sane_open_price_is_an_error(price: int) -> None:
    with pytest.raises(DataError, match="open price"):
        fill_session(_ints(10), _ints(price), FillTerms())


@pytest.mark.parametrize("quantity", [2**63 - 1, -(2**63), 10**15])
def test_a_value_beyond_exact_integers_is_an_error_and_never_wraps(quantity: int) -> None:
    with pytest.raises(DataError, match="worth more"):
        fill_session(_ints(quantity), _ints(1_000_000_000), FillTerms())


@pytest.mark.parametrize(
    ("slippage", "commission", "minimum"),
    [(-1.0, 0.0, 0), (float("nan"), 0.0, 0), (0.0, float("inf"), 0), (5001.0, 0.0, 0), (0.00001, 0.0, 0), (0.0, 0.0, -1)],
)
def test_terms_that_make_no_sense_are_refused(slippage: float, commission: float, minimum: int) -> None:
    with pytest.raises(ConfigError):
        FillTerms.of(slippage, commission, Micros(minimum))


def test_arrays_of_another_type_or_length_are_refused() -> None:
    with pytest.raises(ValueError, match="int64"):
        fill_session(_ints(1, 2), _ints(1), FillTerms())
    with pytest.raises(ValueError, match="int64"):
        fill_session(np.array([1.0]), _ints(1), FillTerms())  # type: ignore[arg-type]
