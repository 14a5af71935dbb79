"""Which parameters are varied, and the combinations of their values."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from grodt.errors import ConfigError

type Value = int | float | bool | str | None
#: Values by the path of their parameter, in the order of the axes.
type Parameters = Mapping[str, Value]

#: Combinations of one sweep. A grid beyond it is a mistake, or wants a sample.
MOST_RUNS = 5_000
#: Combinations that can still be counted and drawn from.
_MOST_COMBINATIONS = 10**15


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter and the values it is to have.

    Attributes:
        path: of the parameter in the books file, such as `signals.momentum.lookback` or `construction.no_trade_band`.
        values: in the order given, which is that of neighbours.
    """

    path: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ConfigError(f"--vary {self.path}: there is no value; write it as {self.path}=1,2,3")
        for value in self.values:
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"--vary {self.path}: {value} is no finite number")
        twice = [value for place, value in enumerate(self.values) if any(_equal(value, other) for other in self.values[:place])]
        if twice:
            raise ConfigError(f"--vary {self.path}: {written(twice[0])} is given twice; each value once")


def require_axes(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """The axes, if a grid can be made of them.

    Raises:
        ConfigError: there is none, or two are of one parameter.
    """
    if not axes:
        raise ConfigError("nothing is varied; name at least one parameter, such as --vary 'signals.momentum.lookback=126,189,252'")
    paths = [axis.path for axis in axes]
    for path in paths:
        if paths.count(path) > 1:
            raise ConfigError(f"--vary {path} is given {paths.count(path)} times; give all of its values at once")
    return tuple(axes)


def combinations(axes: Sequence[Axis], *, sample: int | None = None, seed: int = 0) -> tuple[Parameters, ...]:
    """Every combination of the values, the last axis moving fastest; or some of them.

    Args:
        axes: at least one.
        sample: how many are drawn, each as likely and none twice, and kept in the grid's order; None, or as many as there are: all.
        seed: of the draw. The same seed draws the same ones.

    Raises:
        ConfigError: see `require_axes`; or the grid, or the sample, is too large.
    """
    require_axes(axes)
    count = prod(len(axis.values) for axis in axes)
    shape = " × ".join(str(len(axis.values)) for axis in axes)
    if sample is not None and not 1 <= sample <= MOST_RUNS:
        raise ConfigError(f"--sample {sample}: it must be a whole number from 1 to {MOST_RUNS:,}")
    if count > (_MOST_COMBINATIONS if sample is not None else MOST_RUNS):
        advice = "give fewer values" if sample is not None else "give fewer values, or draw some of them with --sample"
        raise ConfigError(f"the grid has {shape} = {count:,} combinations, and one sweep runs at most {MOST_RUNS:,}; {advice}")
    places = range(count) if sample is None or sample >= count else sorted(random.Random(seed).sample(range(count), sample))
    return tuple(_at(axes, place) for place in places)


def _at(axes: Sequence[Axis], place: int) -> Parameters:
    """The combination at a place of the grid."""
    chosen: list[Value] = []
    for axis in reversed(axes):
        place, digit = divmod(place, len(axis.values))
        chosen.append(axis.values[digit])
    return {axis.path: value for axis, value in zip(axes, reversed(chosen), strict=True)}


def named(parameters: Parameters) -> str:
    """The combination in words: `signals.momentum.lookback=126, construction.no_trade_band=0.002`."""
    return ", ".join(f"{path}={written(value)}" for path, value in parameters.items())


def written(value: Value) -> str:
    """The value as the books file has it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def place_of(axis: Axis, value: Value) -> int:
    """Place of a value on its axis."""
    return next(place for place, own in enumerate(axis.values) if _equal(own, value))


def _equal(one: Value, other: Value) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other
