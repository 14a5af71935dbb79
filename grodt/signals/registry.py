"""Signals by the name that a books file calls them by."""

from collections.abc import Mapping
from dataclasses import fields

from grodt.errors import ConfigError
from grodt.signals.ewma_crossover import EwmaCrossover
from grodt.signals.momentum import Momentum
from grodt.signals.signal import Signal

#: Those that come with GRODT.
BUILT_IN: dict[str, type[Signal]] = {"momentum": Momentum, "ewma_crossover": EwmaCrossover}


def build_signal(name: str, parameters: Mapping[str, int | float | str | bool]) -> Signal:
    """The signal of that name with these parameters, the others at their defaults.

    Raises:
        ConfigError: the signal or a parameter is unknown, or a parameter is out of range.
    """
    if name not in BUILT_IN:
        raise ConfigError(f"signal {name!r} is unknown; there are {', '.join(sorted(BUILT_IN))}")
    chosen = BUILT_IN[name]
    known = [field.name for field in fields(chosen)]  # type: ignore[arg-type]  # each is a dataclass
    unknown = sorted(set(parameters).difference(known))
    if unknown:
        raise ConfigError(f"signal {name} has no parameter {', '.join(unknown)}; it has {', '.join(known)}")
    return chosen(**parameters)
