"""What went wrong elsewhere, and does not here."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from grodt.errors import ConfigError
from grodt.risk.assess import assess
from tests.risk.proposals import USD, limits, proposal


@pytest.mark.parametrize("count", [1, 349])
def test_citi_2022_a_basket_with_quantity_and_notional_swapped_is_refused_whole(count: int) -> None:
    """A basket of 58 million became 444 billion: the notional was typed into the field of the quantity."""
    equity = 100_000_000 * USD
    notional = 58_000_000 // count
    wanted = [notional] * count  # shares, though dollars were meant
    found = assess(
        proposal(wanted, price=[7_655.0] * count, equity=equity, buying_power=equity), limits(order_quantity=10**12, order_value=1e12)
    )
    assert not found.quantity.any()
    assert found.halt.startswith("basket_above_limit")
    basket = found.evidence.filter(control=13).row(0, named=True)
    assert basket["value"] == pytest.approx(notional * count * 7_655 / 100_000_000)
    assert basket["verdict"] == "halt"


def test_citi_2022_no_size_wraps_around_into_looking_small() -> None:
    """2^61 shares at 8 USD in each of eight symbols are 0 modulo 2^64 micros."""
    found = assess(proposal([2**61] * 8, price=[8.0] * 8), limits(order_quantity=10**12, order_value=1e12, basket_value=20.0))
    assert found.halt
    assert not found.quantity.any()
    assert set(found.evidence.filter(control=2)["verdict"]) == {"reject"}
    assert set(found.evidence.filter(control=3)["verdict"]) == {"reject"}
    extremes = assess(proposal([-(2**63), 2**63 - 1], shortable=[True, True], price=[8.0, 9e12]), limits())
    assert extremes.halt
    assert not extremes.quantity.any()


def test_citi_2022_clipping_does_not_make_the_basket_look_fine() -> None:
    """Every order alone would be clipped to its cap of a tenth, and together they would fit."""
    found = assess(proposal([1_000_000] * 5), limits(order_quantity=10**12, order_value=1e12, symbol_weight=0.1))
    assert set(found.evidence.filter(control=9)["verdict"]) == {"clip"}
    assert found.halt.startswith("basket_above_limit")
    assert not found.quantity.any()


@pytest.mark.parametrize("value", [0, 0.0, float("nan")])
@pytest.mark.parametrize("name", ["order_quantity", "order_value", "symbol_weight", "gross_exposure", "basket_value", "cash_buffer"])
def test_hanmag_2013_a_zero_or_nan_parameter_is_refused_before_anything_trades(name: str, value: float) -> None:
    """A days-to-expiry of zero was divided by, and the orders that came of it broke the firm within two minutes."""
    with pytest.raises(ConfigError, match=name):
        limits(**{name: value})


@pytest.mark.parametrize("value", [0, 0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["order_quantity", "order_value", "symbol_weight"])
def test_hanmag_2013_a_limit_spoiled_in_memory_approves_nothing(name: str, value: Any) -> None:
    spoiled = limits()
    object.__setattr__(spoiled, name, value)
    found = assess(proposal([10, -10], position=[0, 10]), spoiled)
    assert not found.quantity.any()
    assert set(found.evidence.filter(control=1)["verdict"]) == {"reject"}


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["gross_exposure", "basket_value", "cash_buffer", "completeness"])
def test_hanmag_2013_a_book_limit_spoiled_in_memory_approves_nothing_that_adds(name: str, value: float) -> None:
    spoiled = limits()
    object.__setattr__(spoiled, name, value)
    assert not assess(proposal([10, 20]), spoiled).quantity.any()


def test_everbright_2013_a_second_intent_of_the_same_cycle_is_refused() -> None:
    """A function that resubmitted what it thought was missing bought 23 billion in two minutes."""
    found = assess(proposal([10, 10], intended=[True, False]), limits())
    assert found.quantity.tolist() == [0, 10]
    refused = found.evidence.filter(pl.col("control") == 18, pl.col("symbol") == "S0").row(0, named=True)
    assert (refused["value"], refused["limit"], refused["verdict"]) == (2, 1, "reject")


def test_axa_rosenberg_a_percentage_where_a_decimal_belongs_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"0\.1 is a tenth, not 10"):
        limits(symbol_weight=10)


def test_the_largest_order_that_any_limit_can_allow_fits_the_arithmetic() -> None:
    found = assess(proposal([2**62], price=[9.2e12]), limits(order_quantity=10**12, order_value=1e12))
    assert not found.quantity.any()
    assert not np.isinf(found.evidence["value"].drop_nulls().to_numpy()).any()


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_axa_rosenberg_volatilities_read_in_the_wrong_unit_halt_the_book(factor: float) -> None:
    """A decimal was read as a percentage, and a model all but lost its risk factors for two years."""
    found = assess(proposal([10, 20, 30], volatility=[0.2 * factor, 0.3 * factor, 0.4 * factor]), limits())
    assert found.halt.startswith("scale_wrong")
    assert not found.quantity.any()
    assert assess(proposal([10, 20, 30], volatility=[0.2, 0.3, 0.4]), limits()).quantity.tolist() == [10, 20, 30]


def test_axa_rosenberg_weights_read_as_percentages_halt_the_book() -> None:
    found = assess(proposal([10, 20], weight=[40.0, 60.0]), limits())
    assert found.halt.startswith("scale_wrong")


def test_everbright_2013_a_basket_resubmitted_whole_is_refused_whole() -> None:
    """Every order of it is intended already, and nothing goes out a second time."""
    found = assess(proposal([100] * 50, intended=[True] * 50), limits())
    assert not found.quantity.any()
    assert found.evidence.filter(control=18)["verdict"].to_list() == ["reject"] * 50


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["net_exposure", "turnover", "volume_share", "symbol_position", "daily_loss", "drawdown", "armed_cycles"])
def test_hanmag_2013_any_other_limit_spoiled_in_memory_approves_nothing_that_adds_either(name: str, value: float) -> None:
    spoiled = limits()
    object.__setattr__(spoiled, name, value)
    assert not assess(proposal([10, 20]), spoiled).quantity.any()


def test_knight_2012_a_version_that_its_book_does_not_know_trades_under_reduced_caps() -> None:
    """One of eight hosts ran old code. Here a version new to the book has reduced caps; that it refuses altogether is not built yet."""
    bound = limits(symbol_weight=0.1, new_share=0.1)
    assert assess(proposal([1_000], cycles_unchanged=0), bound).quantity.tolist() == [100]
    assert assess(proposal([1_000], cycles_unchanged=9), bound).quantity.tolist() == [1_000]
