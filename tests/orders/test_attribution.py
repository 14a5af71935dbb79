"""Whose orders are: what strategies cross, what is left of one side, and their parts of what risk approved."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grodt.orders.attribution import Attribution, Cross, Wanted
from tests.brokers.world import order
from tests.examples import examples

PRICE = np.array([100, 200])
SYMBOLS = ("AAPL", "IBM")
KEY = order("AAPL", 1).client_order_id


def _attributed(wanted: list[list[int]], approved: list[int], crossable: bool = True, free: int = 10**9) -> Attribution:
    asked = Wanted(("a", "b", "c")[: len(wanted)], np.array(wanted), np.full((len(wanted), 2), free), np.array([crossable, crossable]))
    orders = [order(symbol, quantity) for symbol, quantity in zip(SYMBOLS, approved, strict=True) if quantity]
    return asked.attributed(orders, SYMBOLS, np.array(approved), PRICE)


def test_what_both_sides_want_is_crossed_and_the_rest_is_the_order_s() -> None:
    """a wants 100 and c 50, b sells 40: of these a takes 27 and c 13, and of the order of 110 they have 73 and 37."""
    found = _attributed([[100, 0], [-40, 0], [50, 0]], [110, 0])
    assert found.crosses == (Cross("AAPL", "a", 27, 100), Cross("AAPL", "b", -40, 100), Cross("AAPL", "c", 13, 100))
    assert found.shares == {KEY: {"a": 73, "c": 37}}


def test_of_what_risk_clipped_each_has_its_part() -> None:
    assert _attributed([[-90, 0], [-30, 0]], [-40, 0]).shares == {KEY: {"a": 30, "b": 10}}


def test_opposite_wishes_are_crossed_without_an_order() -> None:
    found = _attributed([[0, 7], [0, -7]], [0, 0])
    assert (found.shares, found.crosses) == ({}, (Cross("IBM", "a", 7, 200), Cross("IBM", "b", -7, 200)))


def test_what_a_strategy_has_only_ordered_it_cannot_give_to_another() -> None:
    """b wants to be rid of 50 that it has ordered and not got: a's 80 are not served from them, and none of the order is b's."""
    assert _attributed([[80, 0], [-50, 0]], [30, 0], free=0) == Attribution({KEY: {"a": 30}}, ())
    assert _attributed([[50, 0], [-50, 0]], [0, 0], free=0) == Attribution({}, ())
    assert _attributed([[50, 0], [-50, 0]], [0, 0], free=20).crosses == (Cross("AAPL", "a", 20, 100), Cross("AAPL", "b", -20, 100))


def test_where_risk_refuses_or_there_is_no_price_of_the_session_nothing_is_crossed() -> None:
    assert _attributed([[30, 0], [-10, 0]], [0, 0]) == Attribution({}, ())
    assert _attributed([[30, 7], [-10, -7]], [20, 0], crossable=False) == Attribution({KEY: {"a": 20}}, ())


@examples(150)
@given(wanted=st.lists(st.integers(-40, 40), min_size=1, max_size=3), part=st.floats(0, 1))
def test_parts_add_up_to_the_order_and_nobody_has_more_than_it_wants(wanted: list[int], part: float) -> None:
    approved = int(sum(wanted) * part)
    found = _attributed([[each, 0] for each in wanted], [approved, 0])
    crossed = {each.strategy: each.quantity for each in found.crosses}
    shares = found.shares.get(KEY, {})
    assert sum(crossed.values()) == 0
    assert sum(shares.values()) == abs(approved)
    sign = 1 if approved > 0 else -1
    for who, want in zip("abc", wanted, strict=False):
        traded = crossed.get(who, 0) + sign * shares.get(who, 0)
        assert min(want, 0) <= traded <= max(want, 0)
