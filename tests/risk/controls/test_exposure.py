"""Controls of exposure against numbers worked by hand."""

import pytest

from grodt.risk import controls
from grodt.risk.controls import Evaluation
from grodt.risk.exact import budget
from tests.risk.controls.by_hand import NAN, USD, check, flags, floats, ints


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
    micros, known = ints(9_000, 10_000, 10_001, 1) * USD, flags(True, True, True, False)
    found = controls.gross_exposure(micros, known, equity=10_000 * USD, most=10_000 * USD, limit=1.0)
    check(found, value=[0.9, 1.0, 1.0001, NAN], limit=[1] * 4, passed=[True, True, False, False])


@pytest.mark.parametrize(("equity", "value"), [(0, NAN), (1, 1)])
def test_11_fails_without_equity_or_a_limit(equity: int, value: float) -> None:
    found = controls.gross_exposure(ints(1), flags(True), equity=equity, most=-1, limit=1.0)
    check(found, value=[value], limit=[1], passed=[False])


def test_15_compares_buys_in_usd_with_what_may_be_spent() -> None:
    found = controls.buying_power(ints(98, 99, 100, 1) * USD, flags(True, True, True, False), 99 * USD)
    check(found, value=[98, 99, 100, NAN], limit=[99] * 4, passed=[True, True, False, False])


def test_15_passes_nothing_where_there_is_nothing_to_spend() -> None:
    check(controls.buying_power(ints(1), flags(True), budget(0, None)), value=[1e-6], limit=[0], passed=[False])


@pytest.mark.parametrize(
    ("quantity", "low", "high", "lot", "value", "left"),
    [
        (100, 0, 0, 1, 100, 100),
        (101, 0, 0, 1, 101, 100),
        (60, 30, 50, 1, 110, 50),  # open buys are held already
        (-130, -20, 0, 50, 150, -50),  # ... and open sells sold; whole lots
        (5, 120, 120, 1, 125, 0),  # above its cap nothing is added
        (-250, 120, 120, 1, 130, -220),  # through zero: to the cap on the other side
        (-250, 20, 20, 1_000, 230, -20),  # ... but never less than the close
    ],
)
def test_8_clips_to_the_shares_a_symbol_may_have(quantity: int, low: int, high: int, lot: int, value: float, left: int) -> None:
    found = controls.symbol_position(ints(quantity), low=ints(low), high=ints(high), lot=ints(lot), limit=floats(100))
    check(found, value=[value], limit=[100], passed=[left == quantity], left=[left])


@pytest.mark.parametrize("limit", [NAN, 0.0, -1.0, float("inf")])
def test_8_fails_without_a_limit(limit: float) -> None:
    found = controls.symbol_position(ints(1), low=ints(0), high=ints(0), lot=ints(1), limit=floats(limit))
    assert (found.passed.tolist(), found.quantity.tolist()) == ([False], [0])


def test_10_compares_a_group_with_its_cap() -> None:
    # 3,000, 3,001 and 2,000 of 10,000 with a cap of three tenths; the fourth has no cap, the fifth an unknown value
    found = controls.group_weight(
        ints(3_000, 3_001, 2_000, 1, 1) * USD, flags(True, True, True, True, False), 10_000 * USD, floats(0.3, 0.3, 0.3, NAN, 0.3),
        ints(10, 10, -10, 10, 10), ints(10, 9, -10, 10, 10),
    )  # fmt: skip
    check(
        found,
        value=[0.3, 0.3001, 0.2, NAN, NAN],
        limit=[0.3, 0.3, 0.3, NAN, 0.3],
        passed=[True, False, True, False, False],
        left=[10, 9, -10, 0, 0],
    )


def test_12_compares_net_over_equity_and_lets_it_come_back() -> None:
    # of 10,000 with n = 0.5: 5,000 fits, 5,001 does not; 6,000 after 6,500 is on its way back, and is bound by what it was
    found = controls.net_exposure(
        ints(5_000, 5_001, 6_000, 6_500, 1) * USD, ints(0, 0, 6_500, 6_000, 0) * USD, flags(True, True, True, True, False),
        equity=10_000 * USD, most=5_000 * USD, limit=0.5,
    )  # fmt: skip
    check(found, value=[0.5, 0.5001, 0.6, 0.65, NAN], limit=[0.5, 0.5, 0.65, 0.5, 0.5], passed=[True, False, True, False, False])


@pytest.mark.parametrize(("equity", "most"), [(0, -1), (-5, -1), (10_000 * USD, -1)])
def test_12_fails_without_equity_or_a_limit(equity: int, most: int) -> None:
    found = controls.net_exposure(ints(0), ints(5), flags(True), equity=equity, most=most, limit=0.5)
    check(found, value=[NAN], limit=[0.5], passed=[False])


@pytest.mark.parametrize(
    ("cycles", "least", "value", "passed"),
    [(0, 3, 3, False), (2, 3, 1, False), (3, 3, 0, True), (99, 3, 0, True), (-1, 3, NAN, False), (9, NAN, NAN, False), (9, 0, NAN, False)],
)
def test_33_counts_the_cycles_that_are_left_under_reduced_caps(cycles: int, least: float, value: float, passed: bool) -> None:
    check(controls.new_configuration(cycles, least), value=[value], limit=[0], passed=[passed])


def test_33_clips_to_a_share_of_the_symbol_s_cap() -> None:
    # half of a tenth of 10,000 at 10 USD: 50 shares
    found = controls.symbol_weight(
        ints(51, 50), low=ints(0, 0), high=ints(0, 0), price=ints(10, 10) * USD, lot=ints(1, 1), equity=10_000 * USD,
        limit=floats(0.1, 0.1), reduced=0.5,
    )  # fmt: skip
    check(found, value=[0.051, 0.05], limit=[0.05, 0.05], passed=[False, True], left=[50, 50])
    assert found.control.number == 33
