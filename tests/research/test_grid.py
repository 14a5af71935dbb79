"""Grids of parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.research.grid import Axis, Value, combinations, named, place_of

A, B = Axis("a.x", (1, 2)), Axis("b.y", (0.5, True, None))


def test_every_combination_comes_once_and_the_last_axis_moves_fastest() -> None:
    assert [tuple(each.values()) for each in combinations([A, B])] == [(1, 0.5), (1, True), (1, None), (2, 0.5), (2, True), (2, None)]
    assert all(list(each) == ["a.x", "b.y"] for each in combinations([A, B]))


@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4), sample=st.integers(1, 50), seed=st.integers(0, 9))
def test_a_sample_is_a_part_of_the_grid_in_its_order_and_the_same_for_the_same_seed(sizes: list[int], sample: int, seed: int) -> None:
    axes = [Axis(f"a.{number}", tuple(range(size))) for number, size in enumerate(sizes)]
    whole, some = combinations(axes), combinations(axes, sample=sample, seed=seed)
    places = [whole.index(each) for each in some]
    assert len(some) == min(sample, len(whole))
    assert places == sorted(set(places))
    assert some == combinations(axes, sample=sample, seed=seed)


def test_another_seed_draws_others() -> None:
    axes = [Axis("a.x", tuple(range(100)))]
    assert combinations(axes, sample=5, seed=1) != combinations(axes, sample=5, seed=2)


def test_a_sample_of_a_grid_too_large_to_be_counted_out_is_drawn() -> None:
    axes = [Axis(f"a.{number}", tuple(range(100))) for number in range(7)]  # 10 ** 14
    assert len({named(each) for each in combinations(axes, sample=50)}) == 50


@pytest.mark.parametrize(
    ("sizes", "sample", "message"),
    [
        ([100, 51], None, r"the grid has 100 × 51 = 5,100 combinations, and one sweep runs at most 5,000; give fewer values, or draw"),
        ([1000] * 6, 10, r"1000 × 1000 × 1000 × 1000 × 1000 × 1000 = 1,000,000,000,000,000,000 combinations.*; give fewer values$"),
        ([3], 0, r"--sample 0: it must be a whole number from 1 to 5,000"),
        ([3], 5001, r"--sample 5001"),
        ([], None, r"nothing is varied; name at least one parameter, such as --vary"),
    ],
)
def test_what_cannot_be_run_is_refused(sizes: list[int], sample: int | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        combinations([Axis(f"a.{number}", tuple(range(size))) for number, size in enumerate(sizes)], sample=sample)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((), "--vary a.x: there is no value; write it as a.x=1,2,3"),
        ((1, 1.0), "--vary a.x: 1.0 is given twice"),
        ((float("nan"),), "--vary a.x: nan is no finite number"),
        (("month", "month"), "--vary a.x: month is given twice"),
    ],
)
def test_an_axis_has_each_value_once(values: tuple[Value, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Axis("a.x", values)


def test_true_is_not_1() -> None:
    axis = Axis("a.x", (1, True, 0, False))
    assert [place_of(axis, value) for value in (1, True, 0, False)] == [0, 1, 2, 3]
    assert named({"a.x": True, "b.y": None, "c.z": 0.002}) == "a.x=true, b.y=null, c.z=0.002"


def test_a_parameter_is_given_once() -> None:
    with pytest.raises(ConfigError, match=r"--vary a.x is given 2 times; give all of its values at once"):
        combinations([A, Axis("a.x", (3,))])
