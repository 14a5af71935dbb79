"""Slices of a large order."""

from datetime import UTC, date, datetime, timedelta

import pytest

from grodt.money import micros
from grodt.orders.order import Order
from grodt.orders.slicing import Slicing, sliced
from tests.brokers.world import order

AT = datetime(2026, 11, 25, 17, tzinfo=UTC)
SESSION = date(2026, 11, 25)
TIMES = tuple(AT + timedelta(minutes=20 * place) for place in range(3))


def slices(parent: Order, *, above: int = 1000, lot: int = 1) -> tuple[Order, ...]:
    return sliced(parent, "intraday", "1200", Slicing(micros(above), TIMES, {parent.symbol: lot}))


@pytest.mark.parametrize(
    ("quantity", "lot", "expected"),
    [(100, 1, [34, 33, 33]), (2, 1, [1, 1]), (1, 1, [1]), (350, 100, [100, 100, 150]), (90, 100, [90])],
)
def test_slices_are_equal_in_whole_lots_and_together_the_order(quantity: int, lot: int, expected: list[int]) -> None:
    found = slices(order("A", quantity, SESSION, "5000"), lot=lot)
    assert [each.quantity for each in found] == expected


def test_each_slice_has_an_id_and_a_time_of_its_own() -> None:
    found = slices(order("A", -90, SESSION, "100"))
    assert [each.client_order_id for each in found] == [f"demo-intraday-202611251200-A-{leg}" for leg in (1, 2, 3)]
    assert [each.works_from for each in found] == [None, TIMES[1], TIMES[2]]
    assert {each.side for each in found} == {"sell"}


def test_an_order_that_is_not_above_the_value_is_left_as_it_is() -> None:
    parent = order("A", 10, SESSION, "100")
    assert slices(parent) == (parent,)
