"""What assessing a whole proposal comes to: the order of the controls, clips, turns, halts and evidence."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from grodt.errors import DataError
from grodt.lake.tables import RiskChecks
from grodt.risk.assess import assess
from grodt.risk.limits import SymbolLimits
from tests.risk.proposals import USD, limits, proposal, row, verdicts


def test_orders_inside_every_limit_are_approved_as_wanted() -> None:
    found = assess(proposal([100, -50, 0], position=[0, 80, 10]), limits())
    assert found.quantity.tolist() == [100, -50, 0]
    assert found.halt == ""
    assert [(one.symbol, one.quantity, one.reference_price) for one in found.approved()] == [("S0", 100, 10 * USD), ("S1", -50, 10 * USD)]
    assert set(found.evidence["verdict"]) == {"pass"}


def test_every_question_has_a_row_and_zero_orders_have_none() -> None:
    found = assess(proposal([100, -50, 0], position=[0, 80, 10]), limits())
    RiskChecks.validate(found.evidence)
    asked = found.evidence.select("control", "scope", "symbol").rows()
    each = [
        (1, "order"),
        (17, "order"),
        (30, "symbol"),
        (6, "order"),
        (7, "order"),
        (2, "order"),
        (3, "order"),
        (18, "order"),
        (23, "order"),
    ]
    assert asked == [
        *[(control, "book", "") for control in (24, 26, 29, 31, 21)],
        *[(control, "basket", "") for control in (13, 14)],
        *[(control, "book", "") for control in (28, 33)],
        *[(control, scope, symbol) for control, scope in each for symbol in ("S0", "S1")],
        (16, "order", "S1"),
        *[(4, "order", symbol) for symbol in ("S0", "S1")],
        *[(control, scope, "S0") for control, scope in ((8, "symbol"), (9, "symbol"), (15, "order"), (11, "order"), (12, "order"))],
        *[(control, "basket", "") for control in (11, 12)],
    ]


def test_what_is_asked_only_sometimes_has_its_place_too() -> None:
    asked = proposal(
        [100, -50],
        position=[0, 80],
        limit_price=[10, None],
        group=[0, 0],
        groups=("tech",),
        previous_equity=200_000 * USD,
        cycles_unchanged=0,
    )
    found = assess(asked, limits(group_weight={"tech": 1.0})).evidence
    assert found.filter(symbol="S0")["control"].to_list() == [1, 17, 30, 6, 5, 7, 2, 3, 18, 23, 28, 4, 8, 9, 33, 10, 15, 11, 12]
    assert found.filter(symbol="S1")["control"].to_list() == [1, 17, 30, 6, 7, 2, 3, 18, 23, 28, 16, 4]
    first = assess(proposal([100], first_basket=True), limits()).evidence
    assert first.filter(symbol="")["control"].to_list() == [24, 26, 29, 31, 21, 13, 28, 33, 11, 12]


def test_a_row_says_value_limit_and_headroom() -> None:
    found = assess(proposal([100], position=[50]), limits(symbol_weight=0.1))
    assert row(found, 9, "S0") == {
        "book": "demo",
        "session": found.proposal.session,
        "control": 9,
        "name": "symbol weight",
        "scope": "symbol",
        "symbol": "S0",
        "value": 0.015,
        "limit": 0.1,
        "headroom": 0.085,
        "verdict": "pass",
        "reason": "",
        "run_id": "demo-eod-2026-11-20",
    }


def test_no_orders_at_all_is_a_pass_with_evidence() -> None:
    for found in (assess(proposal([]), limits()), assess(proposal([0, 0]), limits())):
        assert not found.quantity.any()
        assert found.approved() == ()
        assert found.halt == ""
        RiskChecks.validate(found.evidence)
        assert found.evidence["control"].to_list() == [24, 26, 29, 31, 21, 13, 14, 28, 33, 11, 12]


@pytest.mark.parametrize(
    ("changed", "control", "code"),
    [
        ({"bars_present": 89}, 24, "data_incomplete"),
        ({"last_session_fresh": False}, 24, "data_stale"),
        ({"active_halts": 1}, 29, "halt_active"),
        ({"open_breaks": 2}, 31, "breaks_open"),
        ({"equity": 0}, 13, "basket_above_limit"),
        ({"equity": -5}, 13, "basket_above_limit"),
        ({"equity": 100 * USD}, 13, "basket_above_limit"),
    ],
)
def test_a_gate_that_fails_halts_and_the_rest_is_asked_all_the_same(changed: dict[str, Any], control: int, code: str) -> None:
    found = assess(proposal([101, -50], position=[0, 80], **changed), limits())
    assert not found.quantity.any()
    assert found.approved() == ()
    assert found.halt.startswith(f"{code}: ")
    assert f"control {control}" in found.halt
    assert row(found, control)["verdict"] == "halt"
    assert row(found, control)["reason"].startswith(code)
    usual = assess(proposal([101, -50], position=[0, 80]), limits()).evidence
    # without equity the book may also only reduce, which is asked of each order
    assert found.evidence.filter(pl.col("control") != 28).height == usual.filter(pl.col("control") != 28).height


def test_two_failing_gates_are_both_named() -> None:
    found = assess(proposal([1], active_halts=1, open_breaks=1), limits())
    assert "halt_active" in found.halt
    assert "breaks_open" in found.halt


def test_a_sale_of_more_than_is_held_is_clipped_to_the_close() -> None:
    found = assess(proposal([-100, -5], position=[57, 0], lot=[10, 1]), limits())
    assert found.quantity.tolist() == [-57, 0]
    assert verdicts(found, 16) == {"S0": "clip", "S1": "reject"}
    assert row(found, 16, "S0")["reason"] == "short_not_permitted: sells more than is held; clipped to 57 shares"
    assert row(found, 16, "S0")["headroom"] == -43


def test_open_sales_count_as_sold() -> None:
    assert assess(proposal([-100], position=[90], working=[-40]), limits()).quantity.tolist() == [-50]


def test_an_order_against_an_open_one_is_refused_even_where_it_reduces() -> None:
    found = assess(proposal([-50, 50, 50], position=[90, 0, 0], working=[40, -40, 40], shortable=[True] * 3), limits())
    assert found.quantity.tolist() == [0, 0, 50]
    assert verdicts(found, 23) == {"S0": "reject", "S1": "reject", "S2": "pass"}


def test_a_buy_above_the_cap_is_clipped_to_whole_lots_of_it() -> None:
    found = assess(proposal([1_505], lot=[7]), limits(symbol_weight=0.1))  # the cap is 1,000 shares: 142 lots of 7
    assert found.quantity.tolist() == [994]
    assert verdicts(found, 9) == {"S0": "clip"}


def test_a_position_above_its_cap_may_shrink_by_any_amount_and_grow_by_none() -> None:
    found = assess(proposal([-1, 1], position=[5_000, 5_000]), limits(symbol_weight=0.1))
    assert found.quantity.tolist() == [-1, 0]
    assert verdicts(found, 9) == {"S1": "reject"}


def test_an_order_through_zero_keeps_at_least_its_reduction() -> None:
    found = assess(proposal([-1_000], position=[300], lot=[500], shortable=[True]), limits(symbol_weight=0.01))  # cap: 100 shares
    assert found.quantity.tolist() == [-300]


def test_an_override_binds_its_symbol_alone() -> None:
    tight = limits(overrides={"S1": SymbolLimits(order_quantity=5), "S2": SymbolLimits(symbol_weight=0.001)})
    found = assess(proposal([10, 10, 20]), tight)
    assert found.quantity.tolist() == [10, 0, 10]
    assert verdicts(found, 2) == {"S0": "pass", "S1": "reject", "S2": "pass"}


def test_buys_take_buying_power_by_descending_value_and_a_smaller_one_may_still_pass() -> None:
    # 990 may be spent: 600 fits, 500 does not, 300 fits, 200 does not, 90 fits to the cent
    found = assess(proposal([30, 50, 60, 9, 20], buying_power=1_000 * USD), limits(cash_buffer=0.01))
    assert found.quantity.tolist() == [30, 0, 60, 9, 0]
    spent = found.evidence.filter(pl.col("control") == 15)
    assert spent["symbol"].to_list() == ["S2", "S1", "S0", "S4", "S3"]
    assert spent["value"].to_list() == [600, 1_100, 900, 1_100, 990]
    assert set(spent["limit"]) == {990}


def test_sales_do_not_replenish_buying_power_and_open_buys_use_it() -> None:
    found = assess(proposal([-1_000, 50, 0], position=[1_000, 0, 0], working=[0, 0, 60], buying_power=1_000 * USD), limits())
    assert found.quantity.tolist() == [-1_000, 0, 0]
    assert row(found, 15, "S1")["value"] == 1_100


def test_reductions_free_gross_exposure_for_what_comes_after_them() -> None:
    # 100,000 of equity, fully invested in S0: S1 fits because S0 is sold down first, S2 does not
    found = assess(proposal([-4_000, 3_000, 1_001], position=[10_000, 0, 0]), limits(gross_exposure=1.0))
    assert found.quantity.tolist() == [-4_000, 3_000, 0]
    assert verdicts(found, 11) == {"S1": "pass", "S2": "reject", "": "pass"}
    assert row(found, 11)["value"] == 0.9


def test_a_refused_reduction_frees_nothing() -> None:
    found = assess(proposal([-4_000, 3_000], position=[10_000, 0], intended=[True, False]), limits(gross_exposure=1.0))
    assert found.quantity.tolist() == [0, 0]


def test_a_book_above_its_gross_limit_may_shrink_and_says_that_it_stays_above() -> None:
    found = assess(proposal([-1, 1], position=[15_000, 0]), limits(gross_exposure=1.0))
    assert found.quantity.tolist() == [-1, 0]
    assert row(found, 11)["verdict"] == "alert"


def test_a_cover_of_a_short_is_a_reduction_that_spends_before_other_buys() -> None:
    short = proposal([60, 50], position=[-60, 0], buying_power=1_000 * USD)
    assert assess(short, limits()).quantity.tolist() == [60, 0]
    poor = proposal([60, 50], position=[-60, 0], buying_power=0)
    assert assess(poor, limits()).quantity.tolist() == [60, 0]


def test_a_refused_order_takes_no_room_but_still_has_its_rows() -> None:
    found = assess(proposal([90, 50], buying_power=1_000 * USD, intended=[True, False]), limits())
    assert found.quantity.tolist() == [0, 50]
    assert verdicts(found, 15) == {"S0": "pass", "S1": "pass"}


def test_an_order_without_a_price_fails_with_a_null_value_and_a_held_symbol_without_one_blocks_what_adds() -> None:
    found = assess(proposal([10, 10], price=[0, 10]), limits())
    assert found.quantity.tolist() == [0, 10]
    assert {control: row(found, control, "S0")["value"] for control in (6, 3, 9, 15, 11)} == dict.fromkeys((6, 3, 9, 15, 11))
    assert {row(found, control, "S0")["verdict"] for control in (6, 3, 9, 15, 11)} == {"reject"}
    blocked = assess(proposal([0, 10, -10], position=[5, 0, 10], price=[0, 10, 10]), limits())
    assert blocked.quantity.tolist() == [0, 0, -10]
    assert row(blocked, 11, "S1")["value"] is None
    buying = assess(proposal([0, 10], working=[5, 0], price=[0, 10]), limits())
    assert buying.quantity.tolist() == [0, 0]
    assert row(buying, 15, "S1")["value"] is None


def test_an_old_price_refuses_its_order_and_still_values_what_is_held() -> None:
    found = assess(proposal([10, 10], position=[5, 0], price_age=[2, 1]), limits(price_age=1))
    assert found.quantity.tolist() == [0, 10]


def test_the_same_proposal_gives_the_same_rows() -> None:
    asked = proposal([100, -100, 7], position=[0, 50, 0])
    first, second = assess(asked, limits(symbol_weight=0.005)), assess(asked, limits(symbol_weight=0.005))
    assert first.evidence.equals(second.evidence)
    assert first.evidence.write_csv() == second.evidence.write_csv()


def test_the_proposal_is_left_as_it_was() -> None:
    asked = proposal([-100, 1_500], position=[50, 0])
    assess(asked, limits(symbol_weight=0.1))
    assert asked.wanted.tolist() == [-100, 1_500]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"symbols": ("B", "A")}, "ascending"),
        ({"symbols": ("A", "A")}, "each once"),
        ({"symbols": ("", "A")}, "tickers"),
        ({"wanted": np.zeros(3, dtype=np.int64)}, r"wanted is int64 of shape \(3,\)"),
        ({"price": np.array([1.0, np.nan])}, "price is float64"),
        ({"shortable": np.zeros(2, dtype=np.int64)}, "shortable is int64"),
        ({"lot": np.array([1, 0])}, "lot of B is below 1"),
        ({"tick": np.array([0, 1])}, "tick of A is below 1"),
        ({"open_buys": np.array([0, -1])}, "open_buys of B is below 0"),
        ({"volatility": np.array([1, 1])}, "volatility is int64"),
        ({"group": np.array([-1, 0])}, "a group is no place in its 0 groups"),
        ({"cycles_traded": 1.0}, r"cycles_traded is 1\.0"),
        ({"first_basket": None}, "first_basket is None"),
        ({"equity": float("nan")}, "equity is nan"),
        ({"buying_power": None}, "buying_power is None"),
        ({"open_breaks": True}, "open_breaks is True"),
        ({"last_session_fresh": 1}, "last_session_fresh is 1"),
    ],
)
def test_a_proposal_of_the_wrong_shape_or_type_is_a_mistake_of_its_caller(changed: dict[str, Any], message: str) -> None:
    good = proposal([1, 1])
    parts = {name: getattr(good, name) for name in good.__slots__} | {"symbols": ("A", "B")} | changed
    with pytest.raises(ValueError, match=message):
        type(good)(**parts)


def test_impossible_holdings_and_money_are_refused_with_the_next_step() -> None:
    with pytest.raises(DataError, match=r"position of S1 is 1000000000000001 shares.*`grodt positions`"):
        proposal([0, 0], position=[0, 10**15 + 1])
    with pytest.raises(DataError, match="open_sells of S0"):
        proposal([0], working=[-(2**63 - 1)])
    with pytest.raises(DataError, match="buying_power of"):
        proposal([0], buying_power=2**63)


def test_money_beyond_64_bits_is_added_up_exactly() -> None:
    # 10^15 shares at 10^12 USD are open elsewhere: nothing can be added, and nothing wraps around to look small
    found = assess(proposal([10, 10], position=[0, 10**15], working=[0, 10**15], price=[10, 10**12]), limits())
    assert found.quantity.tolist() == [0, 0]
    assert row(found, 15, "S0")["value"] == pytest.approx(1e27)
    assert row(found, 11, "S0")["value"] == pytest.approx(2e27 / 100_000)
