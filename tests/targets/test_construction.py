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
    ],
)
def test_a_bad_parameter_is_named_with_its_value_and_bound(name: str, value: object, bound: str) -> None:
    with pytest.raises(ConfigError, match=rf"construction: {name} is {value!r}; it must be .*{bound}"):
        Construction(**GOOD | {name: value})  # type: ignore[arg-type]
