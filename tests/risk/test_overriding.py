"""Overrides: what two people lift of a decision, how the evidence shows it, and what no number of people lifts."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.risk.assess import Assessment, Proposal, assess
from grodt.risk.controls import NEVER_LIFTED
from grodt.risk.glance import approved_at_a_glance
from grodt.risk.limits import Limits
from grodt.risk.overriding import NOT_LIFTED, OF_BOOK, OF_ORDERS, OF_SHARED, Override
from tests.risk.proposals import USD, limits, proposal, row, verdicts
from tests.risk.strategies import any_limits, proposals


def override(control: int, symbol: str = "", **changed: Any) -> Override:
    """One by ann and bob that stands for an hour, unless changed."""
    return replace(Override(control, symbol, ("ann", "bob"), "a spin-off", 3600.0, "until the next hour"), **changed)


def asked(made: Proposal, bounds: Limits, *overrides: Override) -> Assessment:
    return assess(replace(made, overrides=overrides), bounds)


def approved(found: Assessment) -> list[int]:
    quantities: list[int] = found.quantity.tolist()
    return quantities


def test_what_may_be_lifted_and_what_may_not_are_all_controls_once() -> None:
    named = sorted([*OF_ORDERS, *OF_SHARED, *OF_BOOK, *NOT_LIFTED])
    assert named == list(range(1, 38))
    assert set(NEVER_LIFTED) <= set(NOT_LIFTED)


def test_a_refusal_becomes_an_alert_that_names_who_lifted_it_and_why_and_keeps_value_and_limit() -> None:
    found = asked(proposal([100, 100]), limits(order_quantity=60), override(2, "S1"))
    assert approved(found) == [0, 100]
    assert verdicts(found, 2) == {"S0": "reject", "S1": "alert"}
    shown = row(found, 2, "S1")
    assert (shown["value"], shown["limit"], shown["headroom"]) == (100.0, 60.0, -40.0)
    assert shown["reason"] == "overridden by ann and bob: a spin-off"
    own = row(found, 34, "S1")
    assert (own["scope"], own["value"], own["limit"], own["verdict"]) == ("order", 0.0, 0.0, "pass")
    assert own["reason"] == "control 2, until the next hour, overridden by ann and bob: a spin-off"


def test_without_a_symbol_it_is_of_every_order() -> None:
    found = asked(proposal([100, 100]), limits(order_quantity=60), override(2))
    assert approved(found) == [100, 100]
    assert row(found, 34)["scope"] == "book"


def test_what_is_lifted_of_a_clip_goes_on_at_its_size_and_the_next_control_is_asked_about_that() -> None:
    bounds = limits(symbol_position=40, symbol_weight=0.005)  # 0.5 % of 100,000 USD at 10 USD is 50 shares
    assert approved(assess(proposal([100]), bounds)) == [40]
    found = asked(proposal([100]), bounds, override(8))
    assert approved(found) == [50]
    assert (row(found, 8, "S0")["verdict"], row(found, 9, "S0")["verdict"]) == ("alert", "clip")
    assert approved(asked(proposal([100]), bounds, override(8), override(9, "S0"))) == [100]


def test_a_pass_stays_a_pass() -> None:
    found = asked(proposal([100]), limits(), override(2))
    assert row(found, 2, "S0")["verdict"] == "pass"
    assert row(found, 2, "S0")["reason"] == ""


@pytest.mark.parametrize(
    ("control", "bounds"),
    [
        (11, {"gross_exposure": 0.015}),
        (12, {"net_exposure": 0.015}),
        (15, {"cash_buffer": 0.985}),
        (10, {"group_weight": {"tech": 0.015}}),
    ],
)
def test_a_bound_that_orders_share_is_lifted_for_all_of_them(control: int, bounds: dict[str, Any]) -> None:
    """Two orders of 1,000 USD in a book of 100,000; there is room for 1,500."""
    made = proposal([100, 100], group=[0, 0], groups=("tech",))
    tight = limits(**bounds)
    assert approved(assess(made, tight)) in ([100, 0], [100, 50])
    found = asked(made, tight, override(control))
    assert approved(found) == [100, 100]
    shown = verdicts(found, control)
    assert (shown["S0"], shown["S1"]) == ("pass", "alert")
    assert row(found, control, "S1")["value"] > row(found, control, "S1")["limit"]
    # it is of the whole book: for one symbol it lifts nothing
    assert approved(asked(made, tight, override(control, "S1"))) == approved(assess(made, tight))


def test_the_book_s_own_controls_are_lifted() -> None:
    tight = limits(turnover=0.001)
    assert asked(proposal([100]), tight).halting == (14,)
    found = asked(proposal([100]), tight, override(14))
    assert (found.halt, approved(found), row(found, 14)["verdict"]) == ("", [100], "alert")
    lost = proposal([100], equity=80_000 * USD, previous_equity=100_000 * USD)
    assert approved(assess(lost, limits())) == [0]
    found = asked(lost, limits(), override(28))
    assert (found.reduce_only, approved(found), row(found, 28)["verdict"]) == ("", [100], "alert")
    latched = replace(lost, reduce_only=1)  # a halt holds until it is ended
    assert approved(asked(latched, limits(), override(28))) == [0]
    new = proposal([1_000], cycles_unchanged=0)
    assert approved(assess(new, limits(symbol_weight=0.1))) == [500]
    assert approved(asked(new, limits(symbol_weight=0.1), override(33))) == [1_000]


@pytest.mark.parametrize(
    "changed",
    [
        {"seconds_left": 0.0},
        {"seconds_left": -1.0},
        {"seconds_left": float("inf")},
        {"seconds_left": float("nan")},
        {"people": ("ann",)},
        {"people": ("ann", "Ann")},
        {"people": ()},
        {"reason": " "},
    ],
)
def test_one_that_misses_a_condition_lifts_nothing_and_its_row_says_so(changed: dict[str, Any]) -> None:
    found = asked(proposal([100]), limits(order_quantity=60), override(2, "S0", **changed))
    assert approved(found) == [0]
    shown = row(found, 34, "S0")
    assert (shown["value"], shown["verdict"]) == (1.0, "reject")
    assert shown["reason"].startswith("override_invalid")


@pytest.mark.parametrize(
    ("changed", "bounds", "control"),
    [
        ({"price": [0.0]}, {}, 6),
        ({"price": [0.0]}, {}, 3),
        ({"volume": [-1]}, {}, 4),
        ({"equity": 0, "previous_equity": 1, "high_water_mark": 1}, {}, 9),
        ({"equity": 0, "previous_equity": 1, "high_water_mark": 1}, {}, 28),
        ({"cycles_unchanged": -1}, {"symbol_weight": 0.01}, 33),
        ({"cycles_traded": -1}, {}, 21),
    ],
)
def test_what_cannot_be_computed_is_not_lifted(changed: dict[str, Any], bounds: dict[str, Any], control: int) -> None:
    made, tight = proposal([200], **changed), limits(**bounds)
    found = asked(made, tight, override(control))
    assert approved(found) == approved(assess(made, tight)) != [200]
    symbol = "" if control in OF_BOOK else "S0"
    assert row(found, control, symbol)["verdict"] != "pass"
    assert "overridden" not in row(found, control, symbol)["reason"]


@pytest.mark.parametrize(("control", "symbol"), [*((number, "") for number in NOT_LIFTED), (14, "S0"), (11, "S0"), (0, ""), (36, "S0")])
def test_one_of_a_control_that_may_not_be_lifted_misses_a_condition(control: int, symbol: str) -> None:
    found = asked(proposal([100]), limits(), override(control, symbol))
    shown = row(found, 34, symbol)
    assert (shown["value"], shown["verdict"]) == (1.0, "reject")


def test_one_of_a_symbol_that_the_book_does_not_know_lifts_nothing_and_leaves_no_row() -> None:
    found = asked(proposal([100]), limits(), override(2, "ZZZ"))
    assert found.evidence.filter(pl.col("control") == 34).is_empty()
    assert approved(found) == [100]


def test_several_of_one_symbol_are_one_row_of_34_that_names_each() -> None:
    found = asked(proposal([100]), limits(order_quantity=60, order_value=10.0), override(2, "S0"), override(3, "S0"))
    assert approved(found) == [100]
    assert row(found, 34, "S0")["reason"].count("overridden by ann and bob") == 2
    keys = found.evidence.select("control", "scope", "symbol")
    assert keys.is_duplicated().sum() == 0


def test_no_glance_is_enough_while_there_is_an_override() -> None:
    made = proposal([100])
    certain = approved_at_a_glance(made, limits())
    assert certain is not None
    assert certain.tolist() == [100]
    assert approved_at_a_glance(replace(made, overrides=(override(2),)), limits()) is None


_OVERRIDES = st.lists(
    st.builds(
        override,
        st.integers(0, 37),
        st.sampled_from(["", "A", "B", "C", "ZZZ"]),
        people=st.sampled_from([("ann", "bob"), ("ann", "bob", "cleo"), ("ann",), ()]),
        seconds_left=st.sampled_from([3600.0, 1.0, 0.0, -1.0, float("nan"), float("inf")]),
        reason=st.sampled_from(["why", ""]),
    ),
    max_size=12,
).map(tuple)


@given(proposals(), any_limits(), _OVERRIDES)
def test_nothing_passes_that_1_13_or_29_refuses(made: Proposal, bounds: Limits, given_: tuple[Override, ...]) -> None:
    found = asked(made, bounds, *given_)
    rows = found.evidence
    own = rows.filter(pl.col("control").is_in(NEVER_LIFTED))
    refused = own.filter(pl.col("verdict").is_in(["reject", "halt"]))
    assert not (own["verdict"] == "alert").any()
    if not refused.filter(pl.col("scope").is_in(["book", "basket"])).is_empty():
        assert not found.quantity.any()
    stopped = set(refused["symbol"])
    for symbol, quantity in zip(made.symbols, approved(found), strict=True):
        assert quantity == 0 or symbol not in stopped
    clipped = {row["symbol"]: row["reason"] for row in own.filter(pl.col("verdict") == "clip").to_dicts()}
    for symbol, quantity in zip(made.symbols, approved(found), strict=True):
        assert symbol not in clipped or abs(quantity) <= int(clipped[symbol].split("clipped to ")[1].split()[0])
    # and each approved order is the wanted one or less of it
    wanted = np.clip(made.wanted, -(10**15), 10**15)
    assert (np.abs(found.quantity) <= np.abs(wanted)).all()
    assert (found.quantity * np.sign(wanted) >= 0).all()


@given(proposals(), any_limits(), _OVERRIDES)
def test_those_that_do_not_stand_change_nothing_but_their_own_rows(made: Proposal, bounds: Limits, given_: tuple[Override, ...]) -> None:
    expired = tuple(replace(each, seconds_left=0.0) for each in given_)
    found, plain = asked(made, bounds, *expired), assess(made, bounds)
    assert found.quantity.tolist() == plain.quantity.tolist()
    assert (found.halt, found.halting, found.reduce_only) == (plain.halt, plain.halting, plain.reduce_only)
    assert found.evidence.filter(pl.col("control") != 34).rows() == plain.evidence.rows()
    assert not (found.evidence.filter(pl.col("control") == 34)["verdict"] == "pass").any()


@given(proposals(), any_limits(), _OVERRIDES)
def test_every_row_has_its_own_key(made: Proposal, bounds: Limits, given_: tuple[Override, ...]) -> None:
    keys = asked(made, bounds, *given_).evidence.select("control", "scope", "symbol")
    assert keys.is_duplicated().sum() == assess(made, bounds).evidence.select("control", "scope", "symbol").is_duplicated().sum()
