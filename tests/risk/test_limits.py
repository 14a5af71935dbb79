"""Every limit is configured, finite and above zero, or nothing starts."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from grodt.errors import ConfigError
from grodt.risk.limits import Limits, SymbolLimits
from tests.risk.proposals import WIDE, limits

NAMES = sorted(WIDE.keys() - {"group_weight", "restricted"})
NEVER = [None, 0, 0.0, -1, -0.5, float("nan"), float("inf"), float("-inf"), True, False, "5", Decimal(1), [1]]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", NEVER, ids=repr)
def test_a_limit_that_is_missing_zero_negative_nan_infinite_or_no_number_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as refusal:
        limits(**{name: value})
    message = str(refusal.value)
    assert f"limit {name} is " in message
    assert ("missing" if value is None else repr(value)) in message
    assert "above 0" in message
    assert f"write `limits.{name}: " in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order_quantity", 10**12 + 1),
        ("order_quantity", 100.0),
        ("order_value", 1e13),
        ("price_age", 251),
        ("price_age", 1.5),
        ("symbol_weight", 10),
        ("gross_exposure", 100),
        ("basket_value", 100),
        ("cash_buffer", 1.0),
        ("completeness", 95),
        ("volume_share", 10),
        ("collar", 5),
        ("net_exposure", 100),
        ("turnover", 80),
        ("weights_sum", 98),
        ("volatility_high", 40),
        ("return_high", 20),
        ("daily_loss", 5),
        ("daily_loss", 1.0),
        ("drawdown", 20),
        ("new_share", 50),
        ("new_cycles", 0.5),
        ("symbol_position", 1.5),
    ],
)
def test_a_limit_outside_its_bound_such_as_a_percentage_is_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"limit {name} is {value!r}; it must be a (whole|finite) number above 0 and"):
        limits(**{name: value})


def test_the_example_a_message_tells_to_write_is_accepted() -> None:
    for name in NAMES:
        with pytest.raises(ConfigError) as refusal:
            limits(**{name: None})
        example = str(refusal.value).split(f"`limits.{name}: ")[1].split("`")[0]
        limits(**{name: float(example) if "." in example else int(example)})


@pytest.mark.parametrize("value", [None, 5, True, "tech", [("tech", 0.3)]])
def test_groups_must_be_stated_even_where_none_has_a_cap(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"limit group_weight is .*write `limits\.group_weight: \{\}`"):
        limits(group_weight=value)


@pytest.mark.parametrize("share", [None, 0, -1, float("nan"), float("inf"), True, "0.3", 30])
def test_a_cap_of_a_group_is_held_to_its_bound(share: Any) -> None:
    with pytest.raises(ConfigError, match=r"limit group_weight of 'tech' is .*0\.3 is three tenths, not 30"):
        limits(group_weight={"tech": share})
    with pytest.raises(ConfigError, match="limit group_weight of ''"):
        limits(group_weight={"": 0.3})


def test_a_group_has_its_own_cap_or_that_of_all_others_and_an_unknown_one_has_none() -> None:
    own = limits(group_weight={"tech": 0.3, "*": 0.5})
    np.testing.assert_array_equal(own.of_groups(["tech", "oil", ""]), [0.3, 0.5, np.nan])
    np.testing.assert_array_equal(limits(group_weight={"tech": 0.3}).of_groups(["oil", "tech"]), [np.nan, 0.3])


@pytest.mark.parametrize("value", [None, 5, "AAPL", ["AAPL"], ("",), (True,)])
def test_restricted_symbols_must_be_stated_even_where_there_are_none(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"limit restricted is .*write `limits\.restricted: \[\]`"):
        limits(restricted=value)


def test_a_range_that_is_turned_round_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"volatility_low is 0\.5 and volatility_high 0\.5; the first must be below"):
        limits(volatility_low=0.5, volatility_high=0.5)


def test_an_override_replaces_the_limits_it_names_for_its_symbol_alone() -> None:
    found = limits(overrides={"S1": SymbolLimits(order_quantity=5), "ABSENT": SymbolLimits(order_quantity=7)})
    assert found.of("order_quantity", ["S0", "S1"]).tolist() == [10_000, 5]
    assert found.of("order_value", ["S0", "S1"]).tolist() == [1_000_000, 1_000_000]
    assert found.of("order_value", []).shape == (0,)


@pytest.mark.parametrize("value", [0, -1, float("nan"), True])
def test_an_override_is_held_to_the_same_bounds(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"limits\.overrides\.<symbol>\.order_value"):
        SymbolLimits(order_value=value)


def test_an_override_that_is_no_symbol_limits_is_refused() -> None:
    with pytest.raises(ConfigError, match="overrides of 'S1' is 5"):
        limits(overrides={"S1": 5})
    with pytest.raises(ConfigError, match="overrides of ''"):
        limits(overrides={"": SymbolLimits(order_quantity=5)})


class _Book(BaseModel):
    limits: Limits


def test_a_books_file_reads_limits_with_overrides() -> None:
    read = _Book.model_validate({"limits": {**WIDE, "overrides": {"S1": {"symbol_weight": 0.05}}}})
    assert read.limits == limits(overrides={"S1": SymbolLimits(symbol_weight=0.05)})


@pytest.mark.parametrize(("name", "value"), [("order_quantity", True), ("order_value", "5"), ("symbol_weight", True), ("price_age", None)])
def test_a_books_file_does_not_turn_text_or_true_into_a_limit(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=name):
        _Book.model_validate({"limits": {**WIDE, name: value}})


def test_a_books_file_with_a_missing_or_unknown_limit_is_refused() -> None:
    without = {name: value for name, value in WIDE.items() if name != "order_value"}
    with pytest.raises(ValidationError, match="order_value"):
        _Book.model_validate({"limits": without})
    with pytest.raises(ValidationError, match="ordervalue"):
        _Book.model_validate({"limits": {**WIDE, "ordervalue": 5.0}})


def test_a_number_that_was_spoiled_after_construction_is_handed_on_as_it_is_for_control_1_to_refuse() -> None:
    spoiled = limits()
    object.__setattr__(spoiled, "order_value", float("nan"))
    assert np.isnan(spoiled.of("order_value", ["S0"])).all()
