"""What single controls come to in a whole proposal: volume, groups, net exposure, turnover, losses, new configurations."""

from typing import Any

import numpy as np
import pytest

from grodt.risk.assess import assess
from grodt.risk.limits import SymbolLimits
from tests.risk.proposals import USD, limits, proposal, row, verdicts


def test_a_purchase_is_clipped_to_its_share_of_volume_and_a_sale_never_to_nothing() -> None:
    # a hundredth of an average of 1,000,000 / 20 is 500 shares; of 1,000 / 20 it is half a share
    found = assess(proposal([800, -800, 5, -5], position=[0, 800, 0, 5], volume=[1_000_000] * 2 + [1_000] * 2), limits(volume_share=0.01))
    assert found.quantity.tolist() == [500, -500, 0, -1]
    assert verdicts(found, 4) == {"S0": "clip", "S1": "clip", "S2": "reject", "S3": "clip"}


def test_a_limit_price_outside_its_collar_is_refused_and_a_market_order_has_none() -> None:
    # σ is 25 % a year, so 1.57 % a session; five of them are 7.9 %, less than the tenth of the collar
    found = assess(proposal([10, 10, 10], limit_price=[11.0, 11.01, None]), limits())
    assert found.quantity.tolist() == [10, 0, 10]
    assert verdicts(found, 5) == {"S0": "pass", "S1": "reject"}
    wild = assess(proposal([10, 10], limit_price=[11.01, 11.01], volatility=[0.5, np.nan]), limits(volatility_high=10.0))
    assert verdicts(wild, 5) == {"S0": "pass", "S1": "reject"}


def test_an_odd_quantity_is_refused_unless_it_brings_an_odd_holding_back_to_the_grid() -> None:
    found = assess(proposal([15, -57, -7, -8], position=[0, 57, 57, 57], lot=[10] * 4), limits())
    assert found.quantity.tolist() == [0, -57, -7, 0]


def test_a_symbol_s_shares_are_capped_by_its_own_limit() -> None:
    tight = limits(symbol_position=100, overrides={"S1": SymbolLimits(symbol_position=30)})
    found = assess(proposal([80, 80, -10, 10], position=[40, 0, 500, 500]), tight)
    assert found.quantity.tolist() == [60, 30, -10, 0]
    assert verdicts(found, 8) == {"S0": "clip", "S1": "clip", "S3": "reject"}


TECH = {"groups": ("oil", "tech"), "group": [1, 1, 0, -1]}


def test_a_group_takes_what_it_has_room_for_larger_orders_first() -> None:
    # of 100,000 each group may have a tenth: 600 and 400 shares of 10 USD fit tech, the last 50 do not
    found = assess(proposal([450, 600, 900, 5], **TECH), limits(group_weight={"*": 0.1}))
    assert found.quantity.tolist() == [400, 600, 900, 0]
    assert verdicts(found, 10) == {"S2": "pass", "S1": "pass", "S0": "clip", "S3": "reject"}
    assert row(found, 10, "S0")["value"] == pytest.approx(0.105)
    assert row(found, 10, "S3")["value"] is None


def test_a_group_without_a_cap_of_its_own_is_refused_where_groups_have_caps() -> None:
    assert assess(proposal([10, 10, 10, 10], **TECH), limits(group_weight={"tech": 0.1})).quantity.tolist() == [10, 10, 0, 0]
    assert assess(proposal([10, 10, 10, 10], **TECH), limits()).quantity.tolist() == [10] * 4


def test_reductions_make_room_in_their_group_and_an_unpriced_holding_closes_it() -> None:
    held = proposal([-300, 400, 0, 0], position=[1_000, 0, 0, 0], **TECH)
    found = assess(held, limits(group_weight={"*": 0.1}))
    assert found.quantity.tolist() == [-300, 300, 0, 0]
    unpriced = proposal([0, 400, 10, 0], position=[5, 0, 0, 0], price=[0, 10, 10, 10], **TECH)
    assert row(assess(unpriced, limits(group_weight={"*": 0.1})), 10, "S1")["verdict"] == "reject"


def test_what_a_group_clips_takes_only_what_is_left_of_it_elsewhere() -> None:
    # S1 takes 600 of the group's 1,000 and S0 is clipped to 400; then 4,000 USD are left of 14,000 for S2
    room = limits(group_weight={"tech": 0.1, "oil": 1.0}, cash_buffer=0.3)
    found = assess(proposal([450, 600, 400, 0], buying_power=20_000 * USD, **TECH), room)
    assert found.quantity.tolist() == [400, 600, 400, 0]


def test_an_order_through_zero_keeps_its_reduction_when_its_group_is_full() -> None:
    found = assess(proposal([-700, 0, 0, 0], position=[500, 2_000, 0, 0], shortable=[True] * 4, **TECH), limits(group_weight={"*": 0.1}))
    assert found.quantity.tolist() == [-500, 0, 0, 0]


def test_net_exposure_has_room_for_what_balances_it() -> None:
    # long 60,000 of 100,000 with n = 0.5: nothing more is bought, a short that balances it is opened, and then there is room
    asked = proposal([100, -2_000, 100], position=[6_000, 0, 0], shortable=[True] * 3)
    found = assess(asked, limits(net_exposure=0.5))
    assert found.quantity.tolist() == [100, -2_000, 100]
    assert row(found, 12)["value"] == pytest.approx(0.42)
    alone = assess(proposal([100, -50, 0], position=[6_000, 0, 0], shortable=[True] * 3), limits(net_exposure=0.5))
    assert alone.quantity.tolist() == [0, -50, 0]
    assert row(alone, 12, "S1") | {"headroom": 0} == row(alone, 12, "S1") | {"value": 0.595, "limit": 0.6, "verdict": "pass", "headroom": 0}
    assert row(alone, 12)["verdict"] == "alert"


def test_turnover_halts_except_in_a_book_s_first_basket() -> None:
    tight = limits(turnover=0.1)
    assert assess(proposal([1_000]), tight).halt == ""
    found = assess(proposal([600, -401], position=[0, 500]), tight)
    assert found.halt.startswith("turnover_above_limit")
    assert found.halting == (14,)
    assert not found.quantity.any()
    assert assess(proposal([1_001], first_basket=True), tight).quantity.tolist() == [1_001]


def test_a_restricted_halted_or_inactive_symbol_is_not_even_sold() -> None:
    found = assess(proposal([10, -10, 10], position=[0, 10, 0], untradable=[False, True, False]), limits(restricted=("S0",)))
    assert found.quantity.tolist() == [0, 0, 10]
    assert verdicts(found, 17) == {"S0": "reject", "S1": "reject", "S2": "pass"}


def test_an_unknown_order_blocks_its_symbol_alone() -> None:
    found = assess(proposal([-10, 10], position=[10, 0], unknown=[True, False]), limits())
    assert found.quantity.tolist() == [0, 10]
    assert verdicts(found, 30) == {"S0": "reject", "S1": "pass"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"previous_equity": 112_000 * USD, "high_water_mark": 112_000 * USD}, "daily_loss_beyond_limit"),
        ({"previous_equity": 101_000 * USD, "high_water_mark": 150_000 * USD}, "drawdown_beyond_limit"),
        ({"reduce_only": 1}, "reduce_only_active"),
        ({"high_water_mark": 0}, "drawdown_beyond_limit"),
    ],
)
def test_a_book_that_lost_too_much_may_only_reduce(changed: dict[str, Any], code: str) -> None:
    asked = proposal([10, 10, -10, -80, 90, -5], position=[0, 20, 20, 50, -60, 0], shortable=[True] * 6, **changed)
    found = assess(asked, limits())
    assert found.quantity.tolist() == [0, 0, -10, -50, 60, 0]
    assert found.halt == ""
    assert found.reduce_only.startswith(f"{code}: ")
    assert row(found, 28)["verdict"] == "halt"
    assert verdicts(found, 28) == {"": "halt", "S0": "reject", "S1": "reject", "S2": "pass", "S3": "clip", "S4": "clip", "S5": "reject"}


def test_a_book_inside_its_loss_limits_is_told_how_much_of_them_is_used() -> None:
    found = assess(proposal([10], previous_equity=102_000 * USD, high_water_mark=125_000 * USD), limits())
    assert found.reduce_only == ""
    assert row(found, 28)["value"] == pytest.approx(0.2 / 0.3)  # of a drawdown of 0.3; of the daily loss it is less
    assert row(found, 28)["limit"] == 1


def test_so_many_cycles_from_one_arming_and_a_cycle_without_orders_is_none() -> None:
    bound = limits(armed_cycles=10)
    assert assess(proposal([10], cycles_traded=9), bound).quantity.tolist() == [10]
    found = assess(proposal([10], cycles_traded=10), bound)
    assert found.halt.startswith("armed_too_long")
    assert assess(proposal([0], cycles_traded=10), bound).halt == ""
    assert assess(proposal([0], cycles_traded=-1), bound).halt.startswith("armed_too_long")


def test_a_new_configuration_trades_under_reduced_caps_for_its_first_cycles() -> None:
    bound = limits(symbol_weight=0.1, gross_exposure=0.2, new_share=0.5, new_cycles=3)
    for done, most in ((0, 500), (2, 500), (3, 1_000), (-1, 500)):
        found = assess(proposal([1_000, 900, 300], cycles_unchanged=done), bound)
        assert found.quantity.tolist()[0] == most
    # the book has a tenth instead of a fifth, which the first two use up
    new = assess(proposal([1_000, 900, 300], cycles_unchanged=0), bound)
    assert new.quantity.tolist() == [500, 500, 0]
    assert row(new, 33) | {"reason": ""} == row(new, 33) | {"value": 3, "limit": 0, "verdict": "alert", "reason": ""}
    assert row(new, 11, "S2")["limit"] == pytest.approx(0.1)
    shrinking = assess(proposal([-10], position=[9_000], cycles_unchanged=0), bound)
    assert shrinking.quantity.tolist() == [-10]


@pytest.mark.parametrize("changed", [{"weight": [2.1]}, {"volatility": [25.0]}, {"log_return": [np.nan]}, {"weight": [np.nan]}])
def test_a_wrong_unit_halts(changed: dict[str, Any]) -> None:
    found = assess(proposal([10], **changed), limits())
    assert found.halt.startswith("scale_wrong")
    assert found.halting == (26,)


def test_a_symbol_with_too_few_bars_halts_too_and_the_reason_tells_it_from_a_wrong_unit() -> None:
    young = assess(proposal([10, 20], volatility=[0.2, np.nan]), limits())
    assert young.halt.startswith("scale_wrong: the volatility or return of a symbol that an order adds to is not known")
    wrong = assess(proposal([10, 20], volatility=[25.0, 30.0]), limits())
    assert wrong.halt.startswith("scale_wrong: weights, volatilities or returns are outside their declared ranges")


def test_reductions_are_not_judged_by_the_scale_of_what_they_leave() -> None:
    assert assess(proposal([-10], position=[10], volatility=[np.nan], log_return=[np.nan]), limits()).quantity.tolist() == [-10]
