"""Caps of groups: known answers by hand. Caps of symbols and of the book are in test_quantities."""

from dataclasses import replace

import numpy as np
import pytest

from grodt.targets.construction import Construction
from tests.targets.decisions import NAN, decide

#: 0.3 each of three symbols.
EQUAL = Construction(volatility_target=None, weight_cap=0.9, gross_cap=0.9, no_trade_band=0.0, long_only=False, sizing="equal_weight")
SECTORS = {"group": [0, 0, 1], "groups": ("Energy", "Tech")}


def test_a_group_over_its_cap_is_scaled_down_to_it_and_the_rest_gets_none_of_it() -> None:
    got = decide(replace(EQUAL, group_cap={"Energy": 0.2}), forecast=[1.0, 1.0, 1.0], **SECTORS)
    assert got.weight == pytest.approx([0.1, 0.1, 0.3], rel=1e-11)
    assert np.abs(got.weight[:2]).sum() <= 0.2


def test_longs_and_shorts_of_a_group_both_count() -> None:
    got = decide(replace(EQUAL, group_cap={"Energy": 0.2}), forecast=[1.0, -1.0, 1.0], **SECTORS)
    assert got.weight == pytest.approx([0.1, -0.1, 0.3], rel=1e-11)


def test_a_star_is_the_cap_of_each_group_that_is_not_named() -> None:
    got = decide(replace(EQUAL, group_cap={"*": 0.15, "Energy": 0.5}), forecast=[1.0, 1.0, 1.0], **SECTORS)
    assert got.weight == pytest.approx([0.25, 0.25, 0.15], rel=1e-11)


def test_symbols_without_a_group_are_no_group() -> None:
    got = decide(replace(EQUAL, group_cap={"*": 0.2}), forecast=[1.0, 1.0, 1.0], group=[-1, -1, 0], groups=("Tech",))
    assert got.weight == pytest.approx([0.3, 0.3, 0.2], rel=1e-11)


def test_the_gross_cap_comes_after_the_groups() -> None:
    # scaled by volatility far over everything: 0.9 each, Energy to 0.6, then 1.5 to 0.9
    construction = replace(EQUAL, volatility_target=0.5, group_cap={"Energy": 0.6})
    got = decide(construction, forecast=[1.0, 1.0, 1.0], returns=np.full((2, 3), 1e-4), **SECTORS)
    assert got.weight == pytest.approx([0.18, 0.18, 0.54], rel=1e-11)


def test_what_may_not_trade_takes_room_under_the_cap_of_its_group() -> None:
    construction = replace(EQUAL, group_cap={"*": 0.4})
    got = decide(
        construction, forecast=[1.0, 1.0, 1.0, NAN], position=[0, 0, 0, 30], tradable=[1, 1, 1, 0], group=[0, 0, 1, 0], groups=("E", "T")
    )
    # 0.3 of Energy's 0.4 is held; of the gross cap 0.6 is left
    assert got.weight == pytest.approx([0.05, 0.05, 0.3, 0.3], rel=1e-11)
    full = decide(
        construction, forecast=[1.0, 1.0, 1.0, NAN], position=[5, 0, 0, 50], tradable=[1, 1, 1, 0], group=[0, 0, 1, 0], groups=("E", "T")
    )
    assert full.quantity.tolist() == [0, 0, 30, 50], "nothing is left of it, so what can be sold is sold"


def test_holdings_inside_the_band_that_lift_a_group_over_its_cap_are_cut_and_others_are_not() -> None:
    construction = replace(EQUAL, no_trade_band=0.05, group_cap={"Energy": 0.6})
    got = decide(construction, forecast=[1.0, 1.0, 1.0], position=[32, 30, 33], **SECTORS)
    # Energy holds 0.62: 0.32 comes down to 0.3. The book then holds 0.93 of 0.9, so Tech does too.
    assert got.quantity.tolist() == [30, 30, 30]
    loose = replace(construction, gross_cap=2.0, volatility_target=None)
    got = decide(replace(loose, group_cap={"Energy": 1.0}), forecast=[1.0, 1.0, 1.0], position=[52, 50, 68], **SECTORS)
    # 0.667 each, Energy down to 0.5 each; 0.52 is inside the band and over the group's cap, 0.68 inside the band alone
    assert got.quantity.tolist() == [50, 50, 68]


def test_groups_must_be_given_where_they_have_caps() -> None:
    with pytest.raises(ValueError, match="groups have caps, so the group of each symbol must be given"):
        decide(replace(EQUAL, group_cap={"*": 0.3}), forecast=[1.0])
    with pytest.raises(ValueError, match=r"group has shape \(1,\), not \(2,\)"):
        decide(EQUAL, forecast=[1.0, 1.0], group=[0], groups=("Tech",))
