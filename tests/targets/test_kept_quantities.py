"""Sessions in which a book does not rebalance."""

from dataclasses import replace

import numpy as np
import pytest

from grodt.errors import DataError
from grodt.targets.construction import Construction
from tests.targets.decisions import NAN, decide

MONTHLY = Construction(
    volatility_target=None,
    weight_cap=0.4,
    gross_cap=0.8,
    no_trade_band=0.01,
    long_only=True,
    sizing="equal_weight",
    rebalance="month",
)
BOTH = replace(MONTHLY, long_only=False)


def test_quantities_are_kept_whatever_the_forecasts_say() -> None:
    got = decide(MONTHLY, forecast=[1.0, 0.0, NAN, -1.0], position=[0, 10, 7, 3], lot=[1, 1, 5, 1], rebalances=False)
    assert got.quantity.tolist() == [0, 10, 7, 3]
    assert got.weight == pytest.approx([0.0, 0.1, 0.07, 0.03])
    assert decide(MONTHLY, forecast=[1.0, 0.0, NAN, -1.0], position=[0, 10, 7, 3]).quantity.tolist() == [40, 0, 0, 0]


def test_what_left_the_universe_is_sold_all_the_same() -> None:
    got = decide(MONTHLY, forecast=[1.0, 1.0], position=[10, 10], eligible=[True, False], rebalances=False)
    assert got.quantity.tolist() == [10, 0]
    assert got.weight.tolist() == [0.1, 0.0]


def test_a_holding_over_the_cap_of_a_symbol_is_cut_to_it() -> None:
    got = decide(BOTH, forecast=[NAN, NAN, NAN], position=[41, -43, 40], rebalances=False)
    assert got.quantity.tolist() == [40, -40, 40]


def test_a_book_that_drifted_over_its_gross_cap_waits() -> None:
    assert decide(MONTHLY, forecast=[1.0] * 3, position=[30, 30, 30], rebalances=False).quantity.tolist() == [30, 30, 30]
    grouped = replace(MONTHLY, group_cap={"*": 0.3})
    got = decide(grouped, forecast=[1.0] * 2, position=[30, 30], group=[0, 0], groups=("Tech",), rebalances=False)
    assert got.quantity.tolist() == [30, 30]


def test_a_short_that_is_not_allowed_is_bought_back() -> None:
    assert decide(MONTHLY, forecast=[1.0], position=[-5], rebalances=False).quantity.tolist() == [0]
    assert decide(BOTH, forecast=[1.0, 1.0], position=[-5, -5], shortable=[0, 1], rebalances=False).quantity.tolist() == [0, -5]


def test_what_may_not_trade_is_kept_even_then() -> None:
    got = decide(
        MONTHLY,
        forecast=[1.0] * 3,
        position=[10, 60, -5],
        eligible=[False, True, True],
        tradable=[False, False, True],
        price=[100.0, 100.0, NAN],
        rebalances=False,
    )
    assert got.quantity.tolist() == [10, 60, -5]
    assert got.weight.tolist() == [0.1, 0.6, 0.0]


def test_returns_are_not_looked_at() -> None:
    broken = np.array([[1e200, 1e200], [-1e200, 1e200]])
    scaled = replace(MONTHLY, volatility_target=0.1)
    assert decide(scaled, forecast=[1.0, 1.0], position=[3, 0], returns=broken, rebalances=False).quantity.tolist() == [3, 0]
    with pytest.raises(DataError, match="expected volatility is inf"):
        decide(scaled, forecast=[1.0, 1.0], position=[3, 0], returns=broken)
