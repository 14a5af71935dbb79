"""Each control against numbers worked by hand."""

import numpy as np
import pytest

from grodt.risk import controls
from grodt.risk.controls import Evaluation
from grodt.risk.exact import budget, budgets, exact

USD = 1_000_000
NAN = float("nan")


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def floats(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float64)


def flags(*numbers: bool) -> np.ndarray:
    return np.array(numbers, dtype=np.bool_)


def check(found: Evaluation, *, value: list[float], limit: list[float], passed: list[bool], left: list[int] | None = None) -> None:
    np.testing.assert_allclose(found.value, value, rtol=1e-15)
    np.testing.assert_allclose(found.limit, limit, rtol=1e-15)
    assert found.passed.tolist() == passed
    assert (None if found.quantity is None else found.quantity.tolist()) == left


def test_1_counts_limits_that_are_not_finite_and_above_zero() -> None:
    found = controls.limit_exists(floats(100, NAN, 0, -1), floats(5, 5, np.inf, NAN), floats(0.1, 0.1, 0.1, 0))
    check(found, value=[0, 1, 2, 3], limit=[0] * 4, passed=[True, False, False, False])


def test_2_compares_shares_of_either_side_with_the_limit() -> None:
    found = controls.order_quantity(ints(100, -100, 101, -101, 2**61), floats(100, 100, 100, 100, 1e12))
    check(found, value=[100, 100, 101, 101, 2.0**61], limit=[100] * 4 + [1e12], passed=[True, True, False, False, False])


def test_3_compares_the_value_in_usd_exactly_to_the_micro() -> None:
    # 100 · 25.00 = 2,500; 3 · 0.333334 = 1.000002 > 1.000001; no price: unknown
    found = controls.order_value(
        ints(100, -101, 3, 3, 5), ints(25 * USD, 25 * USD, 333_334, 333_333, 0), floats(2500, 2500, 1.000001, 1, 9)
    )
    check(found, value=[2500, 2525, 1.000002, 0.999999, NAN], limit=[2500, 2500, 1.000001, 1, 9], passed=[True, False, False, True, False])


def test_3_does_not_wrap_around_where_the_product_leaves_64_bits() -> None:
    # 2^40 shares · 2^30 USD: the product in micros is far beyond 2^63
    found = controls.order_value(ints(2**40, -(2**61)), ints(2**30 * USD, 2**62), floats(1e12, 1e12))
    assert found.passed.tolist() == [False, False]
    assert found.value[0] == pytest.approx(2.0**70)


def test_6_wants_a_price_above_zero_that_is_young_enough() -> None:
    found = controls.reference_price(ints(USD, USD, USD, 0, -USD, USD), ints(0, 1, 2, 0, 0, -1), 1)
    check(found, value=[0, 1, 2, NAN, NAN, NAN], limit=[1] * 6, passed=[True, True, False, False, False, False])


def weigh(quantity: int, *, low: int = 0, high: int = 0, lot: int = 1, weight: float = 0.1, equity: int = 10_000 * USD) -> Evaluation:
    """At 10 USD, in a book of 10,000: the cap of a tenth is 100 shares."""
    return controls.symbol_weight(
        ints(quantity), low=ints(low), high=ints(high), price=ints(10 * USD), lot=ints(lot), equity=equity, limit=floats(weight)
    )


@pytest.mark.parametrize(
    ("quantity", "base", "lot", "value", "left"),
    [
        (100, 0, 1, 0.1, 100),  # to the cap
        (101, 0, 1, 0.101, 100),  # one above it
        (-150, 0, 1, 0.15, -100),  # the same for a short
        (150, 0, 30, 0.15, 90),  # clipped to whole lots
        (20, 0, 30, 0.02, 20),  # an odd lot that fits is left alone
        (60, 70, 1, 0.13, 30),  # what is held counts
        (10, 120, 1, 0.13, 0),  # already above: nothing may be added
        (-10, -120, 1, 0.13, 0),
        (-300, 150, 1, 0.15, -250),  # through zero: to the cap on the other side
        (-300, 130, 90, 0.17, -180),  # ... in whole lots
        (-300, 30, 200, 0.27, -30),  # ... but never less than the close, odd lots included
        (300, -30, 200, 0.27, 30),
    ],
)
def test_9_clips_to_the_cap(quantity: int, base: int, lot: int, value: float, left: int) -> None:
    check(weigh(quantity, low=base, high=base, lot=lot), value=[value], limit=[0.1], passed=[left == quantity], left=[left])


def test_9_takes_open_orders_of_the_same_side_as_done() -> None:
    # held 50, 30 more on order: 20 fit; a sale counts from what is left after open sales
    assert weigh(40, low=50, high=80).quantity.tolist() == [20]
    assert weigh(-140, low=20, high=50).quantity.tolist() == [-120]


def test_9_fails_without_equity_or_a_weight() -> None:
    check(weigh(10, equity=0), value=[NAN], limit=[0.1], passed=[False], left=[0])
    check(weigh(10, equity=-5), value=[NAN], limit=[0.1], passed=[False], left=[0])
    check(weigh(10, weight=NAN), value=[NAN], limit=[NAN], passed=[False], left=[0])


def test_11_compares_gross_over_equity() -> None:
    found = controls.gross_exposure(ints(9_000, 10_000, 10_001, 1) * USD, flags(True, True, True, False), 10_000 * USD, 1.0)
    check(found, value=[0.9, 1.0, 1.0001, NAN], limit=[1] * 4, passed=[True, True, False, False])


def test_11_fails_without_equity() -> None:
    check(controls.gross_exposure(ints(1), flags(True), 0, 1.0), value=[NAN], limit=[1], passed=[False])


@pytest.mark.parametrize(
    ("quantity", "price", "value", "passed"),
    [
        ([500, -500], [10, 10], 1.0, True),  # 5,000 + 5,000 of 10,000: sells count as much as buys
        ([500, -501], [10, 10], 1.001, False),
        ([500, 999], [10, 0], 0.5, True),  # without a price there is nothing to send, and control 6 says so
        ([], [], 0.0, True),
    ],
)
def test_13_compares_the_basket_with_equity(quantity: list[int], price: list[int], value: float, passed: bool) -> None:
    found = controls.basket_value(ints(*quantity), ints(*price) * USD, 10_000 * USD, 1.0)
    check(found, value=[value], limit=[1.0], passed=[passed])


def test_13_does_not_wrap_around_and_fails_without_equity() -> None:
    huge = controls.basket_value(ints(2**61, 2**61, 2**61, 2**61), ints(*[8 * USD] * 4), 10_000 * USD, 1.0)
    check(huge, value=[2.0**63 * 8 / 10_000], limit=[1.0], passed=[False])
    check(controls.basket_value(ints(), ints(), 0, 1.0), value=[NAN], limit=[1.0], passed=[False])


def test_15_compares_buys_in_usd_with_what_may_be_spent() -> None:
    found = controls.buying_power(ints(98, 99, 100, 1) * USD, flags(True, True, True, False), 99 * USD)
    check(found, value=[98, 99, 100, NAN], limit=[99] * 4, passed=[True, True, False, False])


def test_15_passes_nothing_where_there_is_nothing_to_spend() -> None:
    check(controls.buying_power(ints(1), flags(True), budget(0, None)), value=[1e-6], limit=[0], passed=[False])


def test_16_clips_a_sale_to_what_is_held_unless_it_may_be_short() -> None:
    found = controls.short_permission(
        ints(-50, -51, -80, -80, -200), ints(50, 50, 0, -10, 0), flags(False, False, False, True, True), floats(*[100] * 5)
    )
    check(
        found,
        value=[50, 51, 80, 80, 200],
        limit=[50, 50, 0, 100, 100],
        passed=[True, False, False, True, False],
        left=[-50, -50, 0, -80, 0],
    )


def test_18_allows_one_order_in_a_symbol_and_cycle() -> None:
    check(controls.duplicate_intent(flags(False, True)), value=[1, 2], limit=[1, 1], passed=[True, False])


@pytest.mark.parametrize(
    ("expected", "present", "value", "passed"),
    [(100, 90, 0.1, True), (100, 89, 0.11, False), (0, 0, NAN, False), (10, 11, NAN, False), (10, -1, NAN, False)],
)
def test_24_wants_enough_bars(expected: int, present: int, value: float, passed: bool) -> None:
    found = controls.data_complete(expected, present, True, 0.9)
    check(found, value=[value], limit=[0.1], passed=[passed])
    assert found.control.code == "data_incomplete"


def test_24_counts_no_bar_when_the_last_session_is_not_the_expected_one() -> None:
    found = controls.data_complete(100, 100, False, 0.9)
    check(found, value=[1], limit=[0.1], passed=[False])
    assert found.control.code == "data_stale"


def test_24_fails_without_a_limit() -> None:
    check(controls.data_complete(10, 10, True, NAN), value=[0], limit=[NAN], passed=[False])


@pytest.mark.parametrize(("count", "value", "passed"), [(0, 0, True), (1, 1, False), (-1, NAN, False)])
def test_29_and_31_pass_only_with_none_at_all(count: int, value: float, passed: bool) -> None:
    check(controls.kill_switch(count), value=[value], limit=[0], passed=[passed])
    check(controls.reconciliation(count), value=[value], limit=[0], passed=[passed])


def test_a_share_is_the_decimal_it_was_written_as() -> None:
    # 0.29 · 100 is 28.999999999999996 in binary floats
    assert budget(100, exact(0.29)) == 29
    assert budgets(100, floats(0.29, NAN, 0.07, 0.29)).tolist() == [29, -1, 7, 29]
