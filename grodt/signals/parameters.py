"""Bounds of a parameter, checked once where it is built."""

import math
from collections.abc import Sequence

from grodt.errors import ConfigError


def require_number(owner: str, name: str, value: float, *, above: float | None = None, low: float | None = None, high: float) -> None:
    """Refuse a parameter that is no finite number inside its bounds.

    Args:
        owner: what it belongs to, for the message.
        name: of the parameter.
        value: as configured.
        above: lower bound that the value must exceed.
        low: lower bound that the value may equal.
        high: upper bound that the value may equal.

    Raises:
        ConfigError: names parameter, value and bound.
    """
    bound = f"> {above:g}" if above is not None else f">= {low:g}" if low is not None else ""
    text = f"a finite number{' ' + bound if bound else ''} and <= {high:g}"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{owner}: {name} is {value!r}; it must be {text}")
    if value > high or (above is not None and value <= above) or (low is not None and value < low):
        raise ConfigError(f"{owner}: {name} is {value!r}; it must be {text}")


def require_count(owner: str, name: str, value: int, *, low: int, high: int) -> None:
    """Refuse a parameter that is no whole number inside its bounds, both included.

    Raises:
        ConfigError: names parameter, value and bound.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{owner}: {name} is {value!r}; it must be a whole number from {low} to {high}")


def require_counts(owner: str, name: str, values: Sequence[int], *, low: int, high: int) -> None:
    """Refuse a parameter that is no list of at least one whole number inside its bounds, both included.

    Raises:
        ConfigError: names parameter, value and bound.
    """
    if not isinstance(values, tuple) or not values:
        raise ConfigError(f"{owner}: {name} is {values!r}; it must be a list of whole numbers from {low} to {high}")
    for value in values:
        require_count(owner, f"{name} {list(values)}: a number", value, low=low, high=high)


def require_choice(owner: str, name: str, value: str, choices: Sequence[str]) -> None:
    """Refuse a parameter that is none of the words it may be.

    Raises:
        ConfigError: names parameter, value and choices.
    """
    if value not in choices:
        raise ConfigError(f"{owner}: {name} is {value!r}; it must be one of {', '.join(choices)}")


def require_flag(owner: str, name: str, value: bool) -> None:
    """Refuse a parameter that is neither true nor false.

    Raises:
        ConfigError: names parameter and value.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"{owner}: {name} is {value!r}; it must be true or false")


def require_name(owner: str, value: str) -> None:
    """Refuse an empty or padded name.

    Raises:
        ConfigError: names the value.
    """
    if not isinstance(value, str) or not value or value != value.strip():
        raise ConfigError(f"{owner}: name is {value!r}; it must be a word without blanks around it")
