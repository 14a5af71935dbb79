"""Controls of one order against numbers worked by hand."""

import numpy as np
import pytest

from grodt.risk import controls
from tests.risk.controls.by_hand import NAN, USD, check, flags, floats, ints


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
    ("quantity", "volume", "reduces", "lot", "limit", "left"),
    [
        (500, 1_000_000, False, 1, 500, 500),  # a hundredth of 1,000,000 / 20 = 50,000 is 500: at the limit
        (501, 1_000_000, False, 1, 500, 500),
        (-501, 1_000_000, True, 1, 500, -500),
        (650, 1_219_999, False, 100, 609.9995, 600),  # in whole lots
        (9, 19_999, False, 1, 9.9995, 9),
        (5, 1_000, False, 1, 0.5, 0),  # not even one share
        (-5, 1_000, True, 1, 1, -1),  # a reduction may always be one lot ...
        (-5, 0, True, 3, 3, -3),
        (-2, 0, True, 3, 3, -2),  # ... or less
        (-5, -1, True, 1, NAN, 0),  # but an unknown volume refuses
        (5, -1, False, 1, NAN, 0),
    ],
)
def test_4_clips_to_a_share_of_the_average_volume(quantity: int, volume: int, reduces: bool, lot: int, limit: float, left: int) -> None:
    found = controls.volume_share(ints(quantity), ints(volume), flags(reduces), ints(lot), 0.01)
    check(found, value=[abs(quantity)], limit=[limit], passed=[left == quantity], left=[left])


def test_4_counts_exactly_and_fails_without_a_limit() -> None:
    # 0.29 · 100 · 20 / 20 is 28.999999999999996 in binary floats
    assert controls.volume_share(ints(29), ints(2_000), flags(False), ints(1), 0.29).passed.tolist() == [True]
    check(controls.volume_share(ints(1), ints(2_000), flags(True), ints(1), NAN), value=[1], limit=[NAN], passed=[False], left=[0])


def test_5_wants_a_limit_price_near_its_reference() -> None:
    # b = 5 %; k·σ = 3 · 2 % = 6 %: 106.00 of 100.00 is at the edge, 106.01 beyond; with σ = 1 % the edge is 5 %, below as above
    found = controls.price_collar(
        ints(106, 106, 105, 95, 94, 105) * USD + ints(0, 10_000, 0, 0, 999_999, 1),
        ints(100, 100, 100, 100, 100, 100) * USD,
        floats(0.02, 0.02, 0.01, 0.01, 0.01, 0.01),
        0.05,
        3.0,
    )
    check(
        found,
        value=[0.06, 0.0601, 0.05, 0.05, 0.05000001, 0.05000001],
        limit=[0.06, 0.06, 0.05, 0.05, 0.05, 0.05],
        passed=[True, False, True, True, False, False],
    )


@pytest.mark.parametrize(
    ("limit_price", "price", "sigma", "share", "sigmas"),
    [
        (0, USD, 0.01, 0.05, 3.0),
        (-USD, USD, 0.01, 0.05, 3.0),
        (USD, 0, 0.01, 0.05, 3.0),
        (USD, USD, NAN, 0.05, 3.0),
        (USD, USD, float("inf"), 0.05, 3.0),
        (USD, USD, 0.0, 0.05, 3.0),
        (USD, USD, 0.01, NAN, 3.0),
        (USD, USD, 0.01, 0.0, 3.0),
        (USD, USD, 0.01, 0.05, NAN),
        (USD, USD, 0.01, 0.05, float("inf")),
    ],
)
def test_5_fails_without_any_of_its_numbers(limit_price: int, price: int, sigma: float, share: float, sigmas: float) -> None:
    assert controls.price_collar(ints(limit_price), ints(price), floats(sigma), share, sigmas).passed.tolist() == [False]


@pytest.mark.parametrize(
    ("quantity", "after", "lot", "limit_price", "priced", "off"),
    [
        (200, 200, 100, 0, False, 0),
        (150, 150, 100, 0, False, 1),  # half a lot
        (-57, 0, 100, 0, False, 0),  # an odd holding is closed
        (-57, 100, 100, 0, False, 0),  # ... or brought back to the grid
        (-50, 107, 100, 0, False, 1),
        (200, 200, 100, 10_010_000, True, 0),  # 10.01 on a grid of 0.01
        (200, 200, 100, 10_015_000, True, 1),
        (150, 150, 100, 10_015_000, True, 2),
        (200, 200, 100, 0, True, 1),
        (200, 200, 100, 10_015_000, False, 0),  # a market order's is not read
    ],
)
def test_7_wants_price_and_quantity_on_their_grids(quantity: int, after: int, lot: int, limit_price: int, priced: bool, off: int) -> None:
    found = controls.grid(ints(quantity), ints(after), ints(lot), ints(limit_price), flags(priced), ints(10_000))
    check(found, value=[off], limit=[0], passed=[off == 0])


def test_17_counts_the_reasons_not_to_trade_a_symbol() -> None:
    found = controls.untradable(flags(False, True, False, True), flags(False, False, True, True))
    check(found, value=[0, 1, 1, 2], limit=[0] * 4, passed=[True, False, False, False])


def test_23_refuses_an_order_against_an_open_one() -> None:
    found = controls.self_cross(ints(10, 10, -10, -10, 10), ints(0, 7, 7, 0, 7), ints(5, 0, 0, 5, 3))
    check(found, value=[5, 0, 7, 0, 3], limit=[0] * 5, passed=[False, True, False, True, False])


@pytest.mark.parametrize(
    ("quantity", "low", "high", "room", "left"),
    [
        (-30, 50, 50, 50, -30),
        (-50, 50, 50, 50, -50),
        (-80, 50, 50, 50, -50),  # through zero: to the close
        (-80, 20, 50, 20, -20),  # open sells are done first
        (-10, 0, 0, 0, 0),  # from flat: nothing
        (-10, -5, -5, 0, 0),  # adds to a short
        (10, 50, 50, 0, 0),
        (80, -50, -20, 20, 20),
        (10, -50, -20, 20, 10),
        (10, 0, 0, 0, 0),
    ],
)
def test_28_leaves_of_an_order_what_reduces(quantity: int, low: int, high: int, room: int, left: int) -> None:
    found = controls.reduce_only(ints(quantity), ints(low), ints(high))
    check(found, value=[abs(quantity)], limit=[room], passed=[left == quantity], left=[left])


def test_29_leaves_of_an_order_what_halts_of_its_side_or_strategy_do() -> None:
    found = controls.halted(ints(100, 100, -40, -40), ints(0, 30, 40, 39))
    check(found, value=[100, 100, 40, 40], limit=[0, 30, 40, 39], passed=[False, False, True, False], left=[0, 30, -40, -39])


def test_30_refuses_a_symbol_with_an_unknown_order() -> None:
    check(controls.unknown_order(flags(False, True)), value=[0, 1], limit=[0, 0], passed=[True, False])
