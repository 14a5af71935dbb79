"""The limits of a book one by one: what each is called, which way is tighter, and whether a change gives the book more room.

A change is judged by everything that is asked after it, not by the number that was written: a symbol whose own cap is removed then has
the book's, a group without a cap of its own has that of `"*"`, and where no group has one, none is asked about.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from grodt.errors import ConfigError
from grodt.risk.limits import BOUNDS, Limits, SymbolLimits, require, require_group_cap

#: A limit's value: a number, or True for a symbol on the restricted list.
Value = int | float
#: Which way a limit holds the book tighter; `listed`: by naming a symbol.
Tighter = Literal["lower", "higher", "listed"]

RESTRICTED = "restricted"
GROUP_WEIGHT = "group_weight"
#: The cap of every group that has none of its own.
EVERY_GROUP = "*"
#: Limits that a symbol may have of its own.
OF_SYMBOLS = tuple(field.name for field in fields(SymbolLimits))


@dataclass(frozen=True, slots=True)
class Rule:
    """The number of the control that asks about a limit, and which way is tighter."""

    control: int
    tighter: Tighter


#: Every limit there is, in the order of `Limits`.
RULES: Mapping[str, Rule] = {
    "order_quantity": Rule(2, "lower"),
    "order_value": Rule(3, "lower"),
    "volume_share": Rule(4, "lower"),
    "collar": Rule(5, "lower"),
    "collar_sigmas": Rule(5, "lower"),
    "price_age": Rule(6, "lower"),
    "symbol_position": Rule(8, "lower"),
    "symbol_weight": Rule(9, "lower"),
    GROUP_WEIGHT: Rule(10, "lower"),
    "gross_exposure": Rule(11, "lower"),
    "net_exposure": Rule(12, "lower"),
    "basket_value": Rule(13, "lower"),
    "turnover": Rule(14, "lower"),
    "cash_buffer": Rule(15, "higher"),
    RESTRICTED: Rule(17, "listed"),
    "completeness": Rule(24, "higher"),
    "weights_sum": Rule(26, "lower"),
    "volatility_low": Rule(26, "higher"),
    "volatility_high": Rule(26, "lower"),
    "return_high": Rule(26, "lower"),
    "daily_loss": Rule(28, "lower"),
    "drawdown": Rule(28, "lower"),
    "armed_cycles": Rule(21, "lower"),
    "new_cycles": Rule(33, "higher"),
    "new_share": Rule(33, "lower"),
    "cycle_messages": Rule(20, "lower"),
    "minute_messages": Rule(20, "lower"),
    "rejects_in_a_row": Rule(22, "lower"),
    "slippage": Rule(32, "lower"),
    "slippages_in_a_row": Rule(32, "lower"),
}
#: Limits that are one number for the whole book.
_NUMBERS = tuple(name for name in RULES if name not in (RESTRICTED, GROUP_WEIGHT))


def require_name(name: str) -> str:
    """The name of a limit.

    Raises:
        ConfigError: there is none of that name; names those there are.
    """
    if name not in RULES:
        raise ConfigError(f"there is no limit {name!r}; there are {', '.join(RULES)}")
    return name


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One limit: its name, and the symbol or group it is of; "" for the book's."""

    name: str
    symbol: str = ""
    group: str = ""

    def __str__(self) -> str:
        return f"{self.name} of {self.symbol or self.group}" if self.symbol or self.group else self.name

    def require_fitting(self) -> "Key":
        """Refuse a limit there is none of, or one that is not of a symbol or group.

        Raises:
            ConfigError: says which it may be.
        """
        require_name(self.name)
        if self.name == GROUP_WEIGHT:
            if self.symbol or not self.group:
                raise ConfigError(f'{GROUP_WEIGHT} is of a group: name it with --group, or all that are not named with --group "*"')
        elif self.group:
            raise ConfigError(f"{self.name} is not of a group; leave --group away")
        elif self.name == RESTRICTED:
            if not self.symbol:
                raise ConfigError("restricted is of a symbol: name it with --symbol")
        elif self.symbol and self.name not in OF_SYMBOLS:
            raise ConfigError(f"{self.name} is of the whole book; leave --symbol away (of a symbol there are {', '.join(OF_SYMBOLS)})")
        return self


Values = dict[Key, Value]


def values_of(limits: Limits) -> Values:
    """Every limit that is set, one by one, in the order of `Limits`; those of symbols and groups by name after the book's."""
    found: Values = {}
    for name in RULES:
        if name == RESTRICTED:
            found |= {Key(name, symbol=symbol): True for symbol in sorted(limits.restricted)}
        elif name == GROUP_WEIGHT:
            found |= {Key(name, group=group): share for group, share in sorted(limits.group_weight.items())}
        else:
            found[Key(name)] = getattr(limits, name)
            if name in OF_SYMBOLS:
                own = {symbol: getattr(each, name) for symbol, each in sorted(limits.overrides.items())}
                found |= {Key(name, symbol=symbol): value for symbol, value in own.items() if value is not None}
    return found


def limits_of(values: Mapping[Key, Value]) -> Limits:
    """The limits that are those.

    Raises:
        ConfigError: one is missing or outside its bound.
    """
    own: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if key.symbol and key.name in OF_SYMBOLS:
            own.setdefault(key.symbol, {})[key.name] = value
    return Limits(
        **{name: values.get(Key(name)) for name in _NUMBERS},  # type: ignore[arg-type]  # what is missing is refused there
        restricted=tuple(sorted(key.symbol for key in values if key.name == RESTRICTED)),
        group_weight={key.group: value for key, value in values.items() if key.name == GROUP_WEIGHT},
        overrides={symbol: SymbolLimits(**limits) for symbol, limits in sorted(own.items())},
    )


def read_value(key: Key, text: str) -> Value:
    """A limit's value as a person writes it, held to the bound of the books file.

    Raises:
        ConfigError: it is no number, or outside its bound; or a symbol is restricted by another word than `yes`.
    """
    key.require_fitting()
    if key.name == RESTRICTED:
        if text != "yes":
            raise ConfigError(
                f"limit restricted of {key.symbol} is {text!r}; write `grodt limits set restricted yes --symbol {key.symbol}`"
            )
        return True
    given = _number(text)
    if key.name == GROUP_WEIGHT:
        require_group_cap(key.group, given)
    else:
        require(key.name, given, f"`grodt limits set {key.name} {BOUNDS[key.name].example}`")
    assert isinstance(given, int | float)
    return given if key.name != GROUP_WEIGHT and BOUNDS[key.name].whole else float(given)


def _number(text: str) -> int | float | str:
    """The number, or the text itself where it is none: then its bound refuses it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def loosened(before: Limits, after: Limits) -> tuple[str, ...]:
    """What gives the book more room after a change than before, in words; empty where everything is as tight or tighter."""
    was, now = _asked(before, after), _asked(after, before)
    return tuple(str(key) for key, value in now.items() if _is_looser(RULES[key.name].tighter, was[key], value))


def _is_looser(tighter: Tighter, before: float, after: float) -> bool:
    return after < before if tighter in ("higher", "listed") else after > before


def _asked(limits: Limits, other: Limits) -> dict[Key, float]:
    """What every symbol and group that either names is held to, and the book."""
    found: dict[Key, float] = {Key(name): getattr(limits, name) for name in _NUMBERS}
    for symbol in sorted({*limits.overrides, *other.overrides}):
        found |= {Key(name, symbol=symbol): float(limits.of(name, [symbol])[0]) for name in OF_SYMBOLS}
    for symbol in sorted({*limits.restricted, *other.restricted}):
        found[Key(RESTRICTED, symbol=symbol)] = symbol in limits.restricted
    # Where any group has a cap, one without a cap, or that is not known, fits none; where no group has one, none is asked about.
    for group in sorted({*limits.group_weight, *other.group_weight, EVERY_GROUP, ""}):
        cap = float(limits.of_groups([group])[0])
        found[Key(GROUP_WEIGHT, group=group)] = math.inf if not limits.group_weight else 0.0 if math.isnan(cap) else cap
    return found


def as_file(limits: Limits) -> dict[str, Any]:
    """The limits as the books file would have them."""
    own = {
        symbol: {name: getattr(each, name) for name in OF_SYMBOLS if getattr(each, name) is not None}
        for symbol, each in limits.overrides.items()
    }
    return {
        **{name: getattr(limits, name) for name in _NUMBERS},
        RESTRICTED: list(limits.restricted),
        GROUP_WEIGHT: dict(limits.group_weight),
        "overrides": own,
    }
