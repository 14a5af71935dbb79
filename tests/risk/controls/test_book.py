"""Controls of the book against numbers worked by hand."""

import numpy as np
import pytest

from grodt.risk import controls
from grodt.risk.controls import Evaluation
from tests.risk.controls.by_hand import NAN, USD, check, flags, floats, ints


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


def test_14_compares_what_is_turned_over_with_equity() -> None:
    # 300 · 10 + 200 · 10 = 5,000 of 10,000
    check(controls.turnover(ints(300, -200), ints(10, 10) * USD, 10_000 * USD, 0.5), value=[0.5], limit=[0.5], passed=[True])
    check(controls.turnover(ints(300, -201), ints(10, 10) * USD, 10_000 * USD, 0.5), value=[0.501], limit=[0.5], passed=[False])
    check(controls.turnover(ints(1), ints(USD), 0, 0.5), value=[NAN], limit=[0.5], passed=[False])


@pytest.mark.parametrize(
    ("traded", "most", "value", "limit", "passed"),
    [(250, 250, 250, 250, True), (251, 250, 251, 250, False), (-1, 250, NAN, 250, False), (1, NAN, 1, NAN, False), (0, 0, 0, NAN, False)],
)
def test_21_allows_so_many_cycles_from_one_arming(traded: int, most: float, value: float, limit: float, passed: bool) -> None:
    check(controls.repeated_execution(traded, most), value=[value], limit=[limit], passed=[passed])


def test_25_wants_a_leap_explained_and_a_high_that_is_one() -> None:
    inf = float("inf")
    found = controls.data_outlier(
        floats(0.1, -0.11, -0.7, NAN, 0.0, 0.01, inf), floats(0.01, 0.01, 0.01, 0.01, 0.0, 0.01, 0.01),
        flags(False, False, True, True, False, False, True), floats(10, 10, 10, 10, 10, 11, 10), floats(10, 10, 10, 10, 10, 10.5, 10), 10.0,
    )  # fmt: skip
    check(
        found,
        value=[10, 11, 70, NAN, NAN, 1, NAN],
        limit=[10, 10, 70, 10, 10, 10, 10],
        passed=[True, False, True, False, False, False, False],
    )
    assert not controls.data_outlier(floats(0), floats(1), flags(False), floats(1), floats(1), NAN).passed.any()


def scaled(*, weight: tuple[float, ...], volatility: tuple[float, ...] = (), log_return: tuple[float, ...] = ()) -> Evaluation:
    return controls.scale(floats(*weight), floats(*volatility), floats(*log_return), weights=1.0, low=0.05, high=1.0, returns=0.2)


@pytest.mark.parametrize(
    ("weight", "volatility", "log_return", "value"),
    [
        ((0.5, -0.5), (0.2, 0.3), (0.01, -0.02), 0),
        ((0.5, -0.51), (0.2, 0.3), (0.01, -0.02), 1),
        ((50.0, 50.0), (0.2, 0.3), (0.01, -0.02), 1),  # percent
        ((0.1,), (20.0, 30.0), (1.0, -2.0), 2),  # percent
        ((0.1,), (0.002, 0.003, 0.004), (0.0001, 0.0002, 0.0), 1),  # decimals taken for percent
        ((0.1,), (0.2, 0.3, 90.0), (0.01, -0.02, 3.0), 0),  # one wild symbol is no wrong unit
        ((0.1,), (0.04, 0.06), (0.1, -0.3), 0),  # medians of 0.05 and 0.2: at the edge
        ((0.1,), (NAN, 0.2, 0.3), (0.01, 0.01, NAN), 2),
        ((NAN,), (), (), 1),
        ((), (), (), 0),  # nothing is bought or shorted: there is nothing to judge
    ],
)
def test_26_counts_what_is_outside_its_declared_range(
    weight: tuple[float, ...], volatility: tuple[float, ...], log_return: tuple[float, ...], value: float
) -> None:
    found = scaled(weight=weight, volatility=volatility, log_return=log_return)
    check(found, value=[value], limit=[0], passed=[value == 0])


def lost(equity: int, previous: int, high: int, *, daily: float = 0.05, drawdown: float = 0.2, latched: int = 0) -> Evaluation:
    return controls.loss(equity, previous, high, daily=daily, drawdown=drawdown, latched=latched)


@pytest.mark.parametrize(
    ("equity", "previous", "high", "value", "code"),
    [
        (100, 100, 100, 0, ""),
        (110, 100, 110, 0, ""),
        (96, 100, 100, 0.8, ""),  # 4 of 5 percent
        (95, 100, 100, 1, "daily_loss_beyond_limit"),  # at the limit is beyond it
        (90, 100, 100, 2, "daily_loss_beyond_limit"),
        (81, 81, 100, 0.95, ""),
        (80, 80, 100, 1, "drawdown_beyond_limit"),
        (70, 71, 100, 1.5, "drawdown_beyond_limit"),
        (70, 100, 100, 6, "daily_loss_beyond_limit"),  # both: the first is named
    ],
)
def test_28_takes_the_share_of_either_loss_that_is_used(equity: int, previous: int, high: int, value: float, code: str) -> None:
    found = lost(equity * USD, previous * USD, high * USD)
    np.testing.assert_allclose(found.value, [value], atol=1e-15)
    assert (found.limit.tolist(), found.passed.tolist()) == ([1.0], [code == ""])
    assert code in (found.control.code, "")


def test_28_compares_exactly_to_the_micro() -> None:
    assert lost(95 * USD + 1, 100 * USD, 100 * USD).passed.tolist() == [True]
    assert lost(95 * USD, 100 * USD, 100 * USD).passed.tolist() == [False]


@pytest.mark.parametrize(
    ("equity", "previous", "high", "changed"),
    [(0, 1, 1, {}), (-1, 1, 1, {}), (1, 0, 1, {}), (1, 1, 0, {}), (1, 1, 1, {"daily": NAN}), (1, 1, 1, {"drawdown": 0.0})],
)
def test_28_fails_without_any_of_its_numbers(equity: int, previous: int, high: int, changed: dict[str, float]) -> None:
    check(lost(equity, previous, high, **changed), value=[NAN], limit=[1], passed=[False])


@pytest.mark.parametrize("latched", [1, -1])
def test_28_fails_while_a_switch_to_reduce_only_holds(latched: int) -> None:
    found = lost(100, 100, 100, latched=latched)
    check(found, value=[1], limit=[1], passed=[False])
    assert found.control.code == "reduce_only_active"
