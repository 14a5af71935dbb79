"""How many people a basket needs."""

import pytest

from grodt.money import Micros
from grodt.orders.approval import AUTOMATIC, ApprovalRule
from grodt.orders.basket import Basket
from tests.brokers.world import MON, order


def _basket(*quantities: int) -> Basket:
    """Orders at 100 USD a share."""
    orders = tuple(order(f"S{number}", quantity) for number, quantity in enumerate(quantities))
    return Basket("demo", "eod", MON, "demo-eod-2026-03-02", orders, "")


@pytest.mark.parametrize(
    ("rule", "quantities", "people"),
    [
        (AUTOMATIC, (10,), 0),
        (ApprovalRule(1), (10,), 1),
        (ApprovalRule(2), (10, -5), 2),
        (ApprovalRule(2), (), 0),  # to send nothing needs nobody
        (ApprovalRule(1, Micros(1_500_000_000)), (10, -5), 0),  # worth 1,500, and not above it
        (ApprovalRule(1, Micros(1_499_999_999)), (10, -5), 1),  # buys and sells add up
    ],
)
def test_people_are_needed_by_the_rule(rule: ApprovalRule, quantities: tuple[int, ...], people: int) -> None:
    assert rule.people_for(_basket(*quantities)) == people


@pytest.mark.parametrize(("people", "above"), [(3, None), (-1, None), (0, 5), (1, 0), (1, -5)])
def test_a_rule_that_makes_no_sense_is_refused(people: int, above: int | None) -> None:
    with pytest.raises(ValueError, match="is no rule of approval"):
        ApprovalRule(people, None if above is None else Micros(above))


def test_a_basis_makes_another_hash_of_the_same_orders() -> None:
    plain = _basket(10).on("")
    first, second = plain.on("a" * 64), plain.on("b" * 64)
    assert len({plain.hash, first.hash, second.hash}) == 3
    assert first.orders == plain.orders
    assert (first.require_intact(), first.on("")) == (first, plain)
