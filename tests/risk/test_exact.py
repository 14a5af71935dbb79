"""Exact shares of money and of shares."""

from grodt.risk.exact import budget, budgets, exact, floors
from tests.risk.controls.by_hand import NAN, floats, ints


def test_a_share_is_the_decimal_it_was_written_as() -> None:
    # 0.29 · 100 is 28.999999999999996 in binary floats
    assert budget(100, exact(0.29)) == 29
    assert budgets(100, floats(0.29, NAN, 0.07, 0.29)).tolist() == [29, -1, 7, 29]


def test_a_share_of_many_amounts_is_rounded_down_exactly_whatever_its_size() -> None:
    assert floors(ints(100, 0, 2**62), 0.29).tolist() == [29, 0, 29 * 2**62 // 100]
    assert floors(ints(1_999, 2_000), 0.1, 20).tolist() == [9, 10]
    assert floors(ints(10**15), 0.123456789012345).tolist() == [123_456_789_012_345]
    assert floors(ints(1, 2), float("nan")).tolist() == [-1, -1]
    assert floors(ints(), 0.5).tolist() == []


def test_a_share_of_a_share_is_exact_too() -> None:
    assert budgets(1_000, floats(0.29), 0.1).tolist() == [29]
    assert budgets(1_000, floats(0.29, NAN, 0.3), 0.1).tolist() == [29, -1, 30]
    assert budgets(1_000, floats(0.29), NAN).tolist() == [-1]
    assert budgets(1_000, floats()).tolist() == []
