"""What holds of every control for any input at all: nothing, one symbol, many; NaN, infinities, zeros, huge and negative numbers."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.risk import controls
from grodt.risk.controls import Control, Evaluation
from tests.examples import examples
from tests.risk.strategies import ANY_FLOAT, INT64

#: Within what `assess` and `Proposal` let through: 2^61 shares of an order, 10^15 held, any price and money.
ORDER = st.one_of(st.integers(-100, 100), st.sampled_from([2**61, -(2**61), 1, -1])).filter(bool)
HELD = st.one_of(st.integers(-100, 100), st.sampled_from([10**15, -(10**15), 0]))
PRICE = st.one_of(st.integers(0, 10**9), st.sampled_from([0, 1, INT64]))
COUNT = st.one_of(st.integers(-1, 100), st.sampled_from([10**15]))
MONEY = st.one_of(st.integers(-5, 10**12), st.sampled_from([INT64, -INT64, 0]))
LIMIT = st.one_of(st.floats(0.001, 100.0), ANY_FLOAT)
NEAR = st.one_of(st.integers(0, 10**9), st.sampled_from([0, -1, 10**15]))

#: Arguments that are one number for each order, and those that are one number for all.
EACH: dict[str, tuple[st.SearchStrategy[Any], Any]] = {
    **dict.fromkeys(["quantity"], (ORDER, np.int64)),
    **dict.fromkeys(["low", "high", "after"], (HELD, np.int64)),
    **dict.fromkeys(["price", "fill", "reference"], (PRICE, np.int64)),
    **dict.fromkeys(["limit_price"], (NEAR, np.int64)),
    **dict.fromkeys(["room", "held", "covered"], (NEAR.map(abs), np.int64)),
    **dict.fromkeys(["age", "volume", "open_buys", "open_sells", "filled", "open_quantity", "ordered"], (COUNT, np.int64)),
    **dict.fromkeys(["in_cycle", "in_window"], (COUNT, np.int64)),
    **dict.fromkeys(["lot", "tick"], (st.sampled_from([1, 7, 100, 10_000]), np.int64)),
    **dict.fromkeys(["sent", "opens", "closes", "people"], (st.integers(-1, 100), np.int64)),
    **dict.fromkeys(["control"], (st.integers(1, 34), np.int64)),
    **dict.fromkeys(["sigma", "log_return", "body", "high_price", "seconds_left"], (ANY_FLOAT, np.float64)),
    **dict.fromkeys(["limits", "quantity_limit"], (LIMIT, np.float64)),
    **dict.fromkeys(
        ["reduces", "priced", "shortable", "restricted", "halted", "intended", "unknown", "explained", "reasoned"],
        (st.booleans(), np.bool_),
    ),
}
ONCE: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(["share", "sigmas", "most", "least", "completeness", "daily", "drawdown"], LIMIT),
    **dict.fromkeys(["most_in_cycle", "most_in_window", "weights", "returns"], LIMIT),
    **dict.fromkeys(["equity", "previous", "high_water_mark"], MONEY),
    **dict.fromkeys(["expected", "present", "traded", "active_halts", "open_breaks", "in_a_row", "latched", "suspect"], COUNT),
    "cycles": COUNT,
    "fresh": st.booleans(),
}
#: Asked of orders one by one; `limit` is a number for each order in some and one number in others.
OF_ORDERS: dict[Callable[..., Evaluation], dict[str, Any]] = {
    controls.limit_exists: {"limits": "each"},
    controls.order_quantity: {"limit": "each"},
    controls.order_value: {"limit": "each"},
    controls.volume_share: {"sessions": 20},
    controls.price_collar: {},
    controls.reference_price: {"limit": "once"},
    controls.grid: {},
    controls.short_permission: {"quantity": "sells"},
    controls.untradable: {},
    controls.duplicate_intent: {},
    controls.self_cross: {},
    controls.cool_off: {},
    controls.unprotected: {},
    controls.reduce_only: {},
    controls.halted: {},
    controls.unknown_order: {},
    controls.symbol_position: {"limit": "each"},
    controls.symbol_weight: {"limit": "each", "reduced": None},
    controls.data_outlier: {"high": "price"},
    controls.parent_quantity: {},
    controls.messages: {},
    controls.session_window: {},
    controls.slippage: {},
    controls.override: {},
}
OF_BOOKS = [
    controls.repeated_execution,
    controls.data_complete,
    controls.whole_answers,
    controls.loss,
    controls.kill_switch,
    controls.reconciliation,
    controls.consecutive_rejects,
    controls.new_configuration,
]


def arguments(draw: st.DrawFn, control: Callable[..., Evaluation], count: int) -> dict[str, Any]:
    """Any arguments for a control, by name."""
    found: dict[str, Any] = {}
    special = OF_ORDERS.get(control, {})
    for name, parameter in inspect.signature(control).parameters.items():
        kind = special.get(name, "")
        if name == "limit" or kind == "each":
            of, dtype, each = LIMIT, np.float64, kind == "each"
        elif kind == "sells":
            of, dtype, each = ORDER.map(lambda shares: -abs(shares)), np.int64, True
        elif kind == "price":
            of, dtype, each = ANY_FLOAT, np.float64, True
        elif name in special:
            found[name] = special[name]
            continue
        elif name in EACH:
            (of, dtype), each = EACH[name], True
        else:
            of, dtype, each = ONCE[name], None, False
        drawn = draw(st.lists(of, min_size=count, max_size=count)) if each else draw(of)
        found[name] = np.array(drawn, dtype=dtype) if each else drawn
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            found[name] = (found[name], found[name][::-1].copy())
    return found


def ask(control: Callable[..., Evaluation], given: dict[str, Any]) -> Evaluation:
    many = [name for name, one in inspect.signature(control).parameters.items() if one.kind is inspect.Parameter.VAR_POSITIONAL]
    return control(*given[many[0]]) if many else control(**given)


def require_sound(found: Evaluation, count: int, shrinks: Any = False) -> None:
    """Shapes; and a pass only where value and limit are numbers and the one is not above the other, or the order only shrinks."""
    assert found.value.shape == found.limit.shape == found.passed.shape == (count,)
    assert (found.value.dtype, found.limit.dtype, found.passed.dtype) == (np.float64, np.float64, np.bool_)
    passed = found.passed
    assert not np.isnan(found.value[passed]).any()
    assert not np.isnan(found.limit[passed]).any()
    inside = np.asarray(found.value[passed] * (1 - 1e-12 * np.sign(found.value[passed])) <= found.limit[passed])
    assert np.all(inside | np.broadcast_to(shrinks, count)[passed])


def shrinks(given_: dict[str, Any]) -> np.ndarray:
    """Which orders only reduce: `assess` does not ask the caps of them, and they pass above one."""
    quantity = given_["quantity"]
    base = np.where(quantity > 0, given_["high"], given_["low"])
    return (np.sign(base) == -np.sign(quantity)) & (np.abs(quantity) <= np.abs(base))


def require_clipped(found: Evaluation, quantity: np.ndarray) -> None:
    """What is left of an order has its sign and is no larger, and what passed is left as it is."""
    left = found.quantity
    assert left is not None
    assert ((left == 0) | (np.sign(left) == np.sign(quantity))).all()
    assert (np.abs(left) <= np.abs(quantity)).all()
    assert (left[found.passed] == quantity[found.passed]).all()
    assert (left[~found.passed] != quantity[~found.passed]).all()


@pytest.mark.parametrize("control", OF_ORDERS, ids=lambda control: control.__name__)
@examples(60)
@given(st.data())
def test_a_control_of_orders_is_sound_for_any_input(control: Callable[..., Evaluation], data: st.DataObject) -> None:
    count = data.draw(st.sampled_from([0, 1, 2, 5]))
    given_ = data.draw(st.composite(lambda draw: arguments(draw, control, count))())
    found = ask(control, given_)
    require_sound(found, count, shrinks(given_) if control in (controls.symbol_position, controls.symbol_weight) else False)
    if found.quantity is not None:
        require_clipped(found, given_["quantity"])


@pytest.mark.parametrize("control", OF_ORDERS, ids=lambda control: control.__name__)
@examples(15)
@given(st.data())
def test_five_thousand_orders_are_judged_as_each_alone_and_wherever_they_stand(
    control: Callable[..., Evaluation], data: st.DataObject
) -> None:
    given_ = data.draw(st.composite(lambda draw: arguments(draw, control, 5))())
    places = np.random.default_rng(7).integers(0, 5, 5_000)

    def at(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(at(one) for one in value)
        return value[places] if isinstance(value, np.ndarray) else value

    few, many = ask(control, given_), ask(control, {name: at(value) for name, value in given_.items()})
    np.testing.assert_array_equal(many.passed, few.passed[places])
    np.testing.assert_array_equal(many.value, few.value[places])
    np.testing.assert_array_equal(many.limit, few.limit[places])
    if few.quantity is not None:
        assert many.quantity is not None
        np.testing.assert_array_equal(many.quantity, few.quantity[places])


@pytest.mark.parametrize("control", OF_BOOKS, ids=lambda control: control.__name__)
@examples(100)
@given(st.data())
def test_a_control_of_the_book_is_sound_for_any_input(control: Callable[..., Evaluation], data: st.DataObject) -> None:
    require_sound(ask(control, data.draw(st.composite(lambda draw: arguments(draw, control, 0))())), 1)


@examples(100)
@given(st.lists(st.sampled_from(["", "split", "delisting", "symbol_change"])))
def test_announced_actions_are_answered_for_each_order_once_and_pass_where_none_is(kinds: list[str]) -> None:
    found = controls.announced_action(np.array(kinds, dtype=np.str_))
    places = [int(place) for _, which in found for place in which]
    assert sorted(places) == list(range(len(kinds)))
    for evaluation, which in found:
        require_sound(evaluation, len(which))
        assert evaluation.passed.tolist() == [kinds[place] == "" for place in which]
        assert {evaluation.control.code for _ in which} <= {f"{kinds[place] or 'split'}_announced" for place in which}


def test_a_kind_of_action_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="kinds of actions are split, delisting, symbol_change, not merger"):
        controls.announced_action(np.array(["split", "merger"]))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_is_withdrawn_before_an_action_is_an_alert_each(count: int) -> None:
    found = controls.withdrawn_before_action(count)
    require_sound(found, count)
    assert not found.passed.any()


def test_the_controls_left_out_are_those_of_sums_which_the_properties_of_whole_proposals_cover() -> None:
    asked = {one.__name__ for one in [*OF_ORDERS, *OF_BOOKS]}
    functions = {name for name, one in vars(controls).items() if inspect.isfunction(one)} - {"why"}
    sums = {"basket_value", "turnover", "scale", "group_weight", "buying_power", "gross_exposure", "net_exposure", "allowed_below"}
    assert functions - asked == sums | {"announced_action", "withdrawn_before_action"}  # of words and of counts: above
    assert sorted({one.number for one in vars(controls).values() if isinstance(one, Control)}) == list(range(1, 38))
