"""A basket: sending order, and a hash of everything that is sent."""

import dataclasses
import hashlib
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.money import Micros
from grodt.orders.basket import Basket, build_basket
from grodt.orders.order import Side
from grodt.risk.approved import Approved, _approve

SESSION = date(2026, 11, 20)
CYCLE: dict[str, Any] = {"book": "demo", "kind": "eod", "session": SESSION, "run_id": "demo-eod-2026-11-20"}


def approved(symbol: str, quantity: int, price: int = 1_000_000) -> Approved:
    return _approve(symbol, quantity, Micros(price))


def basket(*quantities: Approved, **changed: Any) -> Basket:
    return build_basket(quantities, **{**CYCLE, **changed})


def test_sells_go_first_then_the_largest_value_then_the_symbol() -> None:
    found = basket(approved("D", 5), approved("C", 5), approved("A", 1, 9_000_000), approved("B", -1), approved("E", -2), approved("F", 10))
    assert [(order.symbol, order.side) for order in found.orders] == [
        ("E", Side.SELL),
        ("B", Side.SELL),
        ("F", Side.BUY),
        ("A", Side.BUY),
        ("C", Side.BUY),
        ("D", Side.BUY),
    ]


def test_an_order_carries_the_approved_quantity_and_nothing_else() -> None:
    (order,) = basket(approved("A", -7, 21_280_000)).orders
    assert (order.side, order.quantity, order.reference_price) == (Side.SELL, 7, 21_280_000)
    assert order.client_order_id == "demo-eod-20261120-A-0"
    assert (order.order_type, order.time_in_force) == ("market", "opg")


def test_a_basket_may_be_empty_and_still_belongs_to_its_cycle() -> None:
    assert basket().orders == ()
    assert basket().hash != basket(run_id="demo-eod-2026-11-23").hash


def test_the_hash_is_sha256_of_the_canonical_json_of_what_is_sent() -> None:
    order = (
        '{"book":"demo","client_order_id":"demo-eod-20261120-A-0","order_type":"market","quantity":7,"reference_price":21280000,'
        '"session":"2026-11-20","side":"sell","symbol":"A","time_in_force":"opg"}'
    )
    text = '{"book":"demo","kind":"eod","orders":[%s],"run_id":"demo-eod-2026-11-20","session":"2026-11-20"}'
    assert basket().hash == hashlib.sha256((text % "").encode()).hexdigest()
    assert basket(approved("A", -7, 21_280_000)).hash == hashlib.sha256((text % order).encode()).hexdigest()


@given(st.permutations([approved("A", 5), approved("B", -5), approved("C", 7, 3), approved("D", 7, 3)]))
def test_the_order_of_the_approvals_does_not_matter(quantities: list[Approved]) -> None:
    assert basket(*quantities) == basket(*sorted(quantities, key=lambda one: one.symbol))


@pytest.mark.parametrize(
    "other",
    [
        basket(approved("A", 6)),
        basket(approved("A", -5)),
        basket(approved("B", 5)),
        basket(approved("A", 5, 1_000_001)),
        basket(approved("A", 5), approved("B", 1)),
        basket(approved("A", 5), book="other"),
        basket(approved("A", 5), kind="intraday"),
        basket(approved("A", 5), session=date(2026, 11, 23)),
        basket(approved("A", 5), run_id="demo-eod-2026-11-20-2"),
    ],
)
def test_the_hash_changes_with_anything_that_is_sent(other: Basket) -> None:
    assert other.hash != basket(approved("A", 5)).hash


def test_one_symbol_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="2 orders have 1 client order ids"):
        basket(approved("A", 5), approved("A", -5))


def test_a_basket_that_was_altered_after_it_was_hashed_is_not_sent() -> None:
    good = basket(approved("A", 5), approved("B", 1))
    assert good.require_intact() is good
    for altered in (
        dataclasses.replace(good, orders=good.orders[:1]),
        dataclasses.replace(good, orders=good.orders[::-1]),
        dataclasses.replace(good, orders=basket(approved("A", 6), approved("B", 1)).orders),
    ):
        with pytest.raises(DataError, match=r"not what was approved.*grodt verify"):
            altered.require_intact()
