"""What a signal of one's own is written with; docs/signals.md shows how.

A plain function of a panel becomes a signal by `signal`. What needs more (values of the last sessions alone, bounds of parameters) is
a class, as the built-in ones are: see `Signal`.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate

import numpy as np

from grodt.errors import ConfigError, DataError
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.signal import Signal, SignalOutput, capped

__all__ = ["FloatArray", "FunctionSignal", "Panel", "Signal", "SignalFunction", "SignalOutput", "capped", "signal"]

#: Parameters that every function's signal has beside the function's own.
_ALWAYS = ("scale", "cap", "name")
_WORDS = {int: "a whole number", float: "a finite number", str: "a word", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class FunctionSignal:
    """A function with its parameters, as a signal.

    Attributes:
        function: from a panel and the parameters to values of all its rows, (T, N).
        parameters: by name.
        name, history, fields: see `Signal`.
        scale: what makes the average absolute forecast 1.
        cap: largest absolute forecast.
        over_volatility: whether the value is a log return, which the forecast has in standard deviations of one row.
        intraday: whether its rows are bars of a session.
    """

    function: Callable[..., FloatArray]
    parameters: Mapping[str, Any]
    name: str
    history: int
    fields: tuple[str, ...]
    scale: float
    cap: float
    over_volatility: bool
    intraday: bool

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """Value and forecast in the last R sessions, (R, N); see `Signal.evaluate`.

        Raises:
            DataError: the function gave no float64 array of the panel's shape.
        """
        with np.errstate(divide="ignore", invalid="ignore"):  # whoever takes the values looks at each of them
            whole = self.function(panel, **self.parameters)
            if not isinstance(whole, np.ndarray) or whole.dtype != np.float64 or whole.shape != panel.close.shape:
                raise DataError(
                    f"signal {self.name} returned {_described(whole)}; it must return an array of float64 with one row for each of the "
                    f"panel's and one column for each symbol, {panel.close.shape} here"
                )
            value = whole[len(whole) - len(volatility) :].copy()
            scored = value / (volatility / math.sqrt(panel.rows_per_year)) if self.over_volatility else value
            return SignalOutput(value, capped(scored, self.scale, self.cap))


def _described(given: object) -> str:
    return f"an array of {given.dtype} of shape {given.shape}" if isinstance(given, np.ndarray) else f"a {type(given).__name__}"


@dataclass(frozen=True, slots=True, eq=False)
class SignalFunction[**P]:
    """A function that `signal` stands above. It can be called as before, and `build` makes a signal of it.

    Attributes:
        function: as it was written.
        name: of the function, and of the signal.
        line: on which its definition begins.
        module: where it is defined.
    """

    function: Callable[Concatenate[Panel, P], FloatArray]
    name: str
    line: int
    module: str
    _history: int | Callable[..., int]
    _fields: tuple[str, ...]
    _scale: float | Callable[..., float]
    _cap: float
    _over_volatility: bool
    _intraday: bool

    def __call__(self, panel: Panel, /, *args: P.args, **kwargs: P.kwargs) -> FloatArray:
        """What the function gives, (T, N)."""
        return self.function(panel, *args, **kwargs)

    @property
    def defaults(self) -> dict[str, Any]:
        """The function's own parameters; `inspect.Parameter.empty` where one has no default."""
        return {each.name: each.default for each in list(inspect.signature(self.function).parameters.values())[1:]}

    def build(self, *, scale: float | None = None, cap: float | None = None, name: str | None = None, **parameters: Any) -> FunctionSignal:
        """The function's signal with these parameters, the others at their defaults.

        Raises:
            ConfigError: a parameter is unknown, missing, of another type than its default, or out of range.
        """
        known, title = self.defaults, self.name if name is None else name
        require_name(self.name, title)
        unknown, missing = sorted(set(parameters).difference(known)), [each for each, default in known.items() if default is _MISSING]
        if unknown:
            raise ConfigError(f"signal {self.name} has no parameter {', '.join(unknown)}; it has {', '.join((*known, *_ALWAYS))}")
        if not_given := [each for each in missing if each not in parameters]:
            raise ConfigError(f"signal {self.name} has no default for {', '.join(not_given)}; give it under `parameters`")
        for each, given in parameters.items():
            _require_like(title, each, given, known[each])
        chosen = known | parameters
        history = _derived(self._history, chosen)
        require_count(title, "history", history, low=1, high=_LONGEST)
        factor = _derived(self._scale, chosen) if scale is None else scale
        _require_scale(title, factor)
        widest = self._cap if cap is None else cap
        require_number(title, "cap", widest, above=0, high=20)
        return FunctionSignal(self.function, chosen, title, history, self._fields, factor, widest, self._over_volatility, self._intraday)


_MISSING = inspect.Parameter.empty
#: Sessions, or minutes, that a signal may ask for.
_LONGEST = 100_000


def signal[**P](
    *,
    history: int | Callable[..., int],
    fields: Sequence[str] = (),
    over_volatility: bool = False,
    scale: float | Callable[..., float] = 1.0,
    cap: float = 2.0,
    intraday: bool = False,
) -> Callable[[Callable[Concatenate[Panel, P], FloatArray]], SignalFunction[P]]:
    """Make a signal of the function below.

    The function gets the panel, and its further parameters from the books file, by name; it returns the signal's values of all rows,
    (T, N) float64, NaN where there is none. A value must not depend on a later row: `grodt check-signal` looks for that.
    forecast = value · scale, capped; or with `over_volatility`, value / (σ / √rows per year) · scale, σ the symbol's volatility per year.

    Args:
        history: sessions a symbol must have been listed before there is a value, the session itself included; or a function of those
            parameters that it names, such as `lambda window: window + 1`.
        fields: what it reads of the panel beside closes and returns, of `grodt.signals.panel.FIELDS`.
        over_volatility: whether the value is a log return.
        scale: what makes the average absolute forecast 1 on a random walk, or a function of parameters; `grodt check-signal` prints the
            average that it finds.
        cap: largest absolute forecast.
        intraday: whether it reads bars of a session and no daily ones; what is said of sessions above then holds for bars.

    Raises:
        ConfigError: the function cannot be called as `function(panel)` and with parameters by name, or an argument is out of range.
    """

    def decorate(function: Callable[Concatenate[Panel, P], FloatArray]) -> SignalFunction[P]:
        name = function.__name__
        _require_signature(name, function)
        own = [each.name for each in list(inspect.signature(function).parameters.values())[1:]]
        for what, derived in (("history", history), ("scale", scale)):
            if callable(derived) and (strange := sorted(set(inspect.signature(derived).parameters).difference(own))):
                raise ConfigError(f"signal {name}: {what} is a function of {', '.join(strange)}, which {name} has no parameter of")
        if not callable(history):
            require_count(f"signal {name}", "history", history, low=1, high=_LONGEST)
        if not callable(scale):
            _require_scale(f"signal {name}", scale)
        require_number(f"signal {name}", "cap", cap, above=0, high=20)
        chosen = fields if isinstance(fields, str) else tuple(fields)
        place = (function.__code__.co_firstlineno, function.__module__)
        return SignalFunction(function, name, *place, history, chosen, scale, cap, over_volatility, intraday)  # type: ignore[arg-type]  # a lone word is refused later

    return decorate


def _require_signature(name: str, function: Callable[..., Any]) -> None:
    taken = list(inspect.signature(function).parameters.values())
    if not taken or taken[0].kind not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
        raise ConfigError(f"signal {name}: its function must take a panel first, as in `def {name}(panel: Panel, window: int = 20)`")
    for each in taken[1:]:
        if each.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
            raise ConfigError(f"signal {name}: its function takes {each}; each parameter after the panel must have a name")
        if each.name in _ALWAYS:
            raise ConfigError(f"signal {name}: its function has a parameter {each.name}, which every signal has already; rename it")
        if each.default is not _MISSING and type(each.default) not in _WORDS:
            raise ConfigError(f"signal {name}: {each.name} is {each.default!r} by default; a parameter is a number, a word, true or false")


def _require_like(owner: str, name: str, given: object, default: object) -> None:
    kind = type(default)
    fits = type(given) is kind or (kind is float and type(given) is int)
    if default is not _MISSING and (not fits or (isinstance(given, float) and not math.isfinite(given))):
        raise ConfigError(f"{owner}: {name} is {given!r}; it must be {_WORDS[kind]}")


def _require_scale(owner: str, scale: float) -> None:
    require_number(owner, "scale", scale, low=-1e12, high=1e12)
    if scale == 0:
        raise ConfigError(f"{owner}: scale is 0; no forecast would be left of it")


def _derived(rule: Any, parameters: Mapping[str, Any]) -> Any:
    """The rule, or what it gives for those parameters that it names."""
    return rule(**{each: parameters[each] for each in inspect.signature(rule).parameters}) if callable(rule) else rule
