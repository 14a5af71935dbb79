"""Legs of brackets before risk: judged as one question of a symbol, after the orders, and counted in nothing cumulative."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grodt.risk.assess import Assessment, assess
from grodt.risk.exits import ApprovedExit, Exits, ask_protection, assess_exits
from grodt.risk.stops import Stops
from tests.risk.proposals import USD, limits, proposal, verdicts


def _judged(
    wanted: list[int],
    position: list[int],
    legs: list[int],
    *,
    stop: float = 9.5,
    take: float = 11.0,
    bounds: dict[str, Any] | None = None,
    **changed: Any,
) -> tuple[Assessment, tuple[ApprovedExit, ...]]:
    """Positions entered at 10 USD."""
    asked = proposal(wanted, position=position, **changed)
    count = len(wanted)
    array = lambda number: np.full(count, round(number * USD), dtype=np.int64)  # noqa: E731
    exits = Exits(np.array(legs, dtype=np.int64), array(stop), array(take), array(10))
    kept = limits(**(bounds or {}))
    return assess_exits(exits, assess(asked, kept), kept)


def test_legs_pass_with_their_prices_and_leave_one_row_of_each_control() -> None:
    judged, (legs,) = _judged([0, 0], [100, 0], [-100, 0])
    assert (legs.stop.quantity, legs.stop.price, legs.take_profit and legs.take_profit.price) == (-100, round(9.5 * USD), 11 * USD)
    rows = judged.evidence.filter(scope="symbol", symbol="S0")
    assert sorted(rows["control"].to_list()) == [1, 5, 6, 7, 16]
    assert set(rows["verdict"]) == {"pass"}


def test_a_stop_outside_the_collar_around_the_entry_refuses_both_and_a_take_profit_itself_alone() -> None:
    narrow = {"collar": 0.1, "collar_sigmas": 0.0001}
    judged, legs = _judged([0], [100], [-100], stop=8.5, take=10.5, bounds=narrow)
    assert legs == ()
    assert verdicts(judged, 5) == {"S0": "reject"}
    judged, (found,) = _judged([0], [100], [-100], take=11.5, bounds=narrow)
    assert (found.stop.price, found.take_profit) == (round(9.5 * USD), None)
    asked = judged.evidence.filter(control=5, scope="symbol")
    assert asked["verdict"].to_list() == ["pass", "alert"]
    assert asked["reason"][1] == "take_profit_outside_collar: the take profit is too far from the entry: the stop goes out alone"
    judged, legs = _judged([0], [100], [-100], price=[13.0], bounds={"collar": 0.11, "collar_sigmas": 0.0001})
    assert len(legs) == 1  # however far the price has gone from the entry


def test_a_position_beyond_the_limits_of_an_order_and_one_of_a_restricted_symbol_keep_their_legs() -> None:
    _, legs = _judged([0], [100], [-100], bounds={"order_quantity": 99, "order_value": 999.0, "restricted": ("S0",)})
    assert len(legs) == 1


def test_a_position_that_stays_without_a_stop_is_an_alert() -> None:
    judged, _ = _judged([0, 0, 0], [100, -100, 0], [0, 0, 0])
    asked = ask_protection(judged, np.array([100, 100, 0]), np.array([100, 60, 0]))
    rows = asked.evidence.filter(control=36)
    assert rows.select("symbol", "value", "limit", "verdict").rows() == [("S0", 0.0, 0.0, "pass"), ("S1", 40.0, 0.0, "alert")]


def test_legs_count_in_no_basket_and_no_turnover() -> None:
    bounds = {"basket_value": 0.001, "turnover": 0.001}
    judged, legs = _judged([0], [1_000], [-1_000], bounds=bounds)
    assert (judged.halt, len(legs)) == ("", 1)


def test_a_halted_book_gets_no_legs_and_a_halted_side_none_of_that_side() -> None:
    judged, legs = _judged([0], [100], [-100], active_halts=1)
    assert (bool(judged.halt), legs) == (True, ())
    stops = Stops.none(1)
    judged, legs = _judged([0], [100], [-100], stops=replace(stops, sellable=np.array([0]), leg_sellable=np.array([0])))
    assert legs == ()
    assert "reject" in judged.evidence.filter(control=29, scope="symbol")["verdict"]
    _, legs = _judged([0], [100], [-100], stops=replace(stops, sellable=np.array([0])))  # by the halt of a strategy
    assert len(legs) == 1


def test_a_book_that_may_only_reduce_keeps_its_legs() -> None:
    judged, legs = _judged([0], [100], [-100], reduce_only=1)
    assert judged.reduce_only
    assert len(legs) == 1


def test_legs_beside_a_sell_close_what_it_leaves_and_more_is_a_mistake() -> None:
    _, (legs,) = _judged([-40], [100], [-60])
    assert legs.stop.quantity == -60
    with pytest.raises(ValueError, match="S0: a leg of -61 shares closes more than is held"):
        _judged([-40], [100], [-61])
    with pytest.raises(ValueError, match="closes more than is held"):
        _judged([0], [-100], [-100])


def test_control_35_clips_what_adds_in_a_symbol_that_cools_off_to_the_close() -> None:
    cooling = np.array([True, True, False])
    found = assess(proposal([100, -150, 100], position=[0, 100, 0], shortable=[True] * 3, cooling=cooling), limits())
    assert found.quantity.tolist() == [0, -100, 100]
    assert verdicts(found, 35) == {"S0": "reject", "S1": "clip"}


def _attached(
    wanted: list[int],
    position: list[int],
    legs: list[int],
    behind: list[int],
    *,
    stop: float = 9.5,
    bounds: dict[str, Any] | None = None,
    **changed: Any,
) -> tuple[Assessment, tuple[ApprovedExit, ...]]:
    """Legs of positions entered at 10 USD, and `behind` those of the orders, which were decided on at 10 USD too."""
    asked, kept = proposal(wanted, position=position, **changed), limits(**(bounds or {}))
    array = lambda number: np.full(len(wanted), round(number * USD), dtype=np.int64)  # noqa: E731
    quantities = (np.array(each, dtype=np.int64) for each in (legs, behind))
    own, attached = (Exits(each, array(at), array(11), array(10)) for each, at in zip(quantities, (9.5, stop), strict=True))
    return assess_exits(replace(own, attached=attached), assess(asked, kept), kept)


def test_legs_of_an_order_close_what_it_opens_beside_those_of_what_is_held() -> None:
    judged, found = _attached([100, 50, -150], [0, 200, 100], [0, -200, 0], [-100, -50, 50], shortable=[True] * 3)
    assert [(each.stop.symbol, each.stop.quantity, each.attached) for each in found] == [
        ("S0", -100, True),
        ("S1", -200, False),
        ("S1", -50, True),
        ("S2", 50, True),
    ]
    asked = {symbol: judged.evidence.filter(scope="symbol", symbol=symbol)["control"].to_list() for symbol in ("S0", "S1", "S2")}
    assert asked["S0"] == asked["S1"]
    assert (asked["S1"][-5:], asked["S2"][-4:]) == ([1, 6, 5, 7, 16], [1, 6, 5, 7])


def test_both_pairs_of_a_symbol_are_one_question() -> None:
    narrow = {"collar": 0.1, "collar_sigmas": 0.0001}
    judged, found = _attached([100, 50], [0, 200], [0, -200], [-100, -50], stop=8.5, bounds=narrow)
    assert found == ()
    assert verdicts(judged, 5) == {"S0": "reject", "S1": "reject"}


def test_legs_of_an_order_that_close_more_than_it_opens_are_a_mistake() -> None:
    for legs, behind in ((0, -101), (-200, -101), (100, -100)):
        with pytest.raises(ValueError, match="closes more than is held"):
            _attached([100], [200 if legs else 0], [legs], [behind])
