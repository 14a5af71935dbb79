"""Sharing orders and fills out to strategies."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.orders.shares import apportion, crossed, filled_now, one_sided
from tests.examples import examples

_WEIGHTS = st.lists(st.integers(0, 60), min_size=1, max_size=5).filter(any)


def test_a_fill_goes_to_strategies_in_proportion_to_what_they_have_of_the_order() -> None:
    assert apportion(60, (100, 50)) == (40, 20)
    assert apportion(0, (0, 0)) == (0, 0)
    assert filled_now(0, 2, (3, 3)) == (1, 1)
    assert filled_now(2, 1, (3, 3)) == (1, 0)  # of equal claims the first one's
    assert filled_now(3, 3, (3, 3)) == (1, 2)


def test_more_to_share_out_takes_nothing_back_where_the_largest_remainder_would() -> None:
    """The Alabama paradox: of 3 shares the largest remainder gives the last of (5, 5, 2) one, and of 4 none."""
    assert [apportion(total, (5, 5, 2)) for total in (3, 4)] == [(1, 1, 1), (2, 1, 1)]


@examples(200)
@given(weights=_WEIGHTS, more=st.integers(0, 1))
def test_parts_add_up_grow_with_the_whole_and_are_the_weights_in_the_end(weights: list[int], more: int) -> None:
    before = (0,) * len(weights)
    for total in range(sum(weights) + 1):
        parts = apportion(total, weights)
        assert sum(parts) == total
        assert all(had <= part <= weight for had, part, weight in zip(before, parts, weights, strict=True))
        before = parts
    assert before == tuple(weights)
    assert apportion(sum(weights) * (2 + more), weights) == tuple(weight * (2 + more) for weight in weights)


@examples(100)
@given(weights=_WEIGHTS, cuts=st.lists(st.integers(0, 300), max_size=6))
def test_however_an_order_fills_each_strategy_ends_with_its_share(weights: list[int], cuts: list[int]) -> None:
    whole = sum(weights)
    instants = [0, *sorted(min(cut, whole) for cut in cuts), whole]
    fills = [filled_now(a, b - a, weights) for a, b in pairwise(instants)]
    assert [sum(each) for each in zip(*fills, strict=True)] == weights
    assert min(min(each) for each in fills) >= 0


@examples(100)
@given(wanted=st.lists(st.integers(-50, 50), min_size=1, max_size=5))
def test_a_cross_adds_up_to_nothing_and_leaves_wishes_of_one_side(wanted: list[int]) -> None:
    cross = crossed(wanted)
    assert sum(cross) == 0
    left = [want - each for want, each in zip(wanted, cross, strict=True)]
    assert all(want * each >= 0 and want * rest >= 0 for want, each, rest in zip(wanted, cross, left, strict=True))
    assert not (max(left) > 0 > min(left))


@pytest.mark.parametrize(("total", "weights"), [(1, (0, 0)), (-1, (1,)), (1, (2, -1)), (1, ())])
def test_what_nobody_can_have_is_an_error(total: int, weights: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="cannot be shared out"):
        apportion(total, weights)


@examples(100)
@given(held=st.lists(st.integers(-50, 50), min_size=1, max_size=5))
def test_nobody_is_short_of_what_another_holds_and_the_sum_stays(held: list[int]) -> None:
    settled = one_sided(held)
    assert sum(settled) == sum(held)
    assert not min(settled) < 0 < max(settled)
    assert all(0 <= after * (1 if before > 0 else -1) <= abs(before) for before, after in zip(held, settled, strict=True))
