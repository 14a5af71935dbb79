"""Parameters of portfolio construction."""

import pytest

from grodt.errors import ConfigError
from grodt.targets.construction import Construction

GOOD = {"volatility_target": 0.1, "weight_cap": 0.05, "gross_cap": 1.0, "no_trade_band": 0.01, "long_only": True}


def test_the_bounds_themselves_are_allowed() -> None:
    assert Construction(1.0, 10.0, 10.0, 5.0, False, 2).history == 2
    assert Construction(**GOOD).history == 60  # type: ignore[arg-type]
    assert Construction(**GOOD | {"no_trade_band": 0}).no_trade_band == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("volatility_target", 0.0, "> 0 and <= 1"),
        ("volatility_target", 10, "> 0 and <= 1"),
        ("volatility_target", float("nan"), "> 0 and <= 1"),
        ("volatility_target", "0.1", "> 0 and <= 1"),
        ("gross_cap", float("inf"), "> 0 and <= 10"),
        ("gross_cap", -1.0, "> 0 and <= 10"),
        ("weight_cap", 1.5, "> 0 and <= 1"),
        ("weight_cap", "0.05", "> 0 and <= 1"),
        ("no_trade_band", -0.01, ">= 0 and <= 0.025"),
        ("no_trade_band", 0.03, ">= 0 and <= 0.025"),
        ("history", 1, "from 2 to 2520"),
        ("history", 60.0, "from 2 to 2520"),
        ("long_only", 1, "true or false"),
        ("sizing", "kelly", "one of inverse_volatility, equal_weight, mean_variance, risk_budget"),
        ("covariance", None, "one of returns, ewma, shrunk"),
        ("span", 1, "from 2 to 2520"),
        ("risk_aversion", 0, "> 0 and <= 10000"),
        ("dollar_neutral", "yes", "true or false"),
        ("trade_share", 0.0, "> 0 and <= 1"),
        ("trade_share", 1.5, "> 0 and <= 1"),
        ("turnover_penalty", -0.001, ">= 0 and <= 0.025"),
        ("turnover_penalty", 0.03, ">= 0 and <= 0.025"),
        ("rebalance", "weekly", "one of session, week, month"),
        ("group_cap", None, "a mapping of sectors to shares of equity"),
    ],
)
def test_a_bad_parameter_is_named_with_its_value_and_bound(name: str, value: object, bound: str) -> None:
    with pytest.raises(ConfigError, match=rf"construction: {name} is {value!r}; it must be .*{bound}"):
        Construction(**GOOD | {name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        ({"": 0.3}, "group_cap names ''; it must name a sector"),
        ({3: 0.3}, "group_cap names 3; it must name a sector"),
        ({"Energy": 0.0}, "group_cap of 'Energy' is 0.0; it must be a finite number > 0 and <= 1"),
        ({"*": 1.5}, r"group_cap of '\*' is 1.5; it must be a finite number > 0 and <= 1"),
        ({"*": "0.3"}, r"group_cap of '\*' is '0.3'; it must be"),
    ],
)
def test_a_bad_cap_of_a_group_is_named(caps: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Construction(**GOOD | {"group_cap": caps})  # type: ignore[arg-type]


def test_groups_have_their_own_cap_or_that_of_the_star_or_none() -> None:
    caps = Construction(**GOOD | {"group_cap": {"*": 0.3, "Energy": 0.2}})  # type: ignore[arg-type]
    assert caps.group_caps(("Energy", "Tech")).tolist() == [0.2, 0.3]
    only = Construction(**GOOD | {"group_cap": {"Energy": 0.2}})  # type: ignore[arg-type]
    assert only.group_caps(("Energy", "Tech")).tolist() == [0.2, float("inf")]


def test_what_was_not_written_is_as_it_always_was() -> None:
    plain = Construction(**GOOD)  # type: ignore[arg-type]
    assert (plain.sizing, plain.covariance, plain.rebalance) == ("inverse_volatility", "returns", "session")
    assert (plain.trade_share, plain.turnover_penalty, plain.dollar_neutral, plain.group_cap) == (1.0, 0.0, False, {})


def test_a_book_without_shorts_cannot_be_neutral() -> None:
    with pytest.raises(ConfigError, match="dollar_neutral is true and long_only too"):
        Construction(**GOOD | {"dollar_neutral": True})  # type: ignore[arg-type]


def test_a_book_may_have_no_volatility_target() -> None:
    assert Construction(**GOOD | {"volatility_target": None}).volatility_target is None  # type: ignore[arg-type]
