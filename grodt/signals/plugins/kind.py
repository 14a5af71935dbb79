"""What a books file's `signal` names: something that makes signals, ours or somebody else's."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from grodt.errors import ConfigError
from grodt.signals.own import SignalFunction
from grodt.signals.panel import FIELDS
from grodt.signals.parameters import require_count, require_name, require_number
from grodt.signals.plugins.origin import Origin
from grodt.signals.plugins.watched import CAP, Watched
from grodt.signals.signal import Signal

#: Sessions, or minutes, that a signal may ask for.
LONGEST = 100_000
type Again = tuple[Callable[..., Kind], tuple[object, ...]]
_EVALUATE = "def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of signal: its name, and what makes one of parameters.

    Attributes:
        name: in the books file.
        make: makes a signal of parameters by name.
        parameters: their names.
        required: those without a default.
        again: how another process finds the same kind: a function and its arguments.
        origin: where it comes from; None for those that come with GRODT.
    """

    name: str
    make: Callable[..., Signal]
    parameters: tuple[str, ...]
    required: tuple[str, ...]
    again: "Again" = field(repr=False, compare=False)
    origin: Origin | None = None

    def __reduce__(self) -> "Again":
        return self.again

    def build(self, parameters: Mapping[str, Any]) -> Signal:
        """A signal with these parameters, the others at their defaults.

        Raises:
            ConfigError: a parameter is unknown, missing or out of range, or what is made is no signal.
        """
        unknown = sorted(set(parameters).difference(self.parameters))
        if unknown:
            raise ConfigError(f"signal {self.name} has no parameter {', '.join(unknown)}; it has {', '.join(self.parameters) or 'none'}")
        missing = [name for name in self.required if name not in parameters]
        if missing:
            raise ConfigError(f"signal {self.name} has no default for {', '.join(missing)}; give it under `parameters`")
        if self.origin is None:
            return self.make(**parameters)
        return _watched(self, self.origin, dict(parameters))


def _watched(kind: Kind, origin: Origin, parameters: dict[str, Any]) -> Watched:
    """The signal, asked what it is: its answers are checked here, once, and kept."""
    owner = f"signal {kind.name}"
    made = origin.run(owner, lambda: kind.make(**parameters))

    def checked() -> Watched:
        for attribute in ("name", "history", "fields"):
            if not hasattr(made, attribute):
                raise ConfigError(f"{type(made).__name__} has no {attribute}; a signal has name, history, fields and evaluate")
        require_name(owner, made.name)
        require_count(owner, "history", made.history, low=1, high=LONGEST)
        fields: object = made.fields
        if isinstance(fields, str) or not isinstance(fields, tuple | list):
            raise ConfigError(f"fields is {fields!r}; it must be a tuple of names, such as ('open', 'close')")
        if unknown := [name for name in fields if name not in FIELDS]:
            also = "; close and log_return are always there" if "close" in unknown or "log_return" in unknown else ""
            raise ConfigError(f"fields names {', '.join(map(repr, unknown))}; a panel can have {', '.join(FIELDS)}{also}")
        cap = getattr(made, "cap", CAP)
        require_number(owner, "cap", cap, above=0, high=20)
        intraday = getattr(made, "intraday", False)
        if not isinstance(intraday, bool):
            raise ConfigError(f"intraday is {intraday!r}; it must be true or false")
        again = (_built, (kind, parameters))
        return Watched(made, origin, made.name, made.history, tuple(fields), cap, lambda: again)

    return origin.run(owner, checked)


def _built(kind: Kind, parameters: dict[str, Any]) -> Signal:
    return kind.build(parameters)


def kind_of(made: object, name: str, origin: Origin, again: Again) -> Kind:
    """What was found under a name, as a kind.

    Raises:
        ConfigError: it makes no signals.
    """
    return origin.run(f"signal {name}", lambda: _kind_of(made, name, origin, again))


def _kind_of(made: object, name: str, origin: Origin, again: Again) -> Kind:
    if isinstance(made, SignalFunction):
        known = made.defaults
        required = tuple(each for each, default in known.items() if default is inspect.Parameter.empty)
        return Kind(name, made.build, (*known, "scale", "cap", "name"), required, again, origin)
    if not isinstance(made, type):
        hint = f"; write @signal(history=…) above it, or give a class with {_EVALUATE}" if callable(made) else ""
        raise ConfigError(f"{name} is a {type(made).__name__}, and no signal{hint}")
    evaluate = getattr(made, "evaluate", None)
    if not callable(evaluate):
        raise ConfigError(f"class {made.__name__} has no evaluate; a signal has `{_EVALUATE}`")
    try:
        inspect.signature(evaluate).bind(None, None, None)
    except TypeError as error:
        raise ConfigError(
            f"evaluate of class {made.__name__} cannot be called with panel and volatility ({error}): `{_EVALUATE}`"
        ) from error
    given = [each for each in inspect.signature(made).parameters.values() if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    required = tuple(each.name for each in given if each.default is each.empty)
    return Kind(name, made, tuple(each.name for each in given), required, again, origin)


def name_of(made: object) -> str | None:
    """What a signal's function or class is called in a books file; None for anything else.

    A class is called what its instances are by default: by its attribute `name`, or else by its own name.
    """
    if isinstance(made, SignalFunction):
        return made.name
    if not isinstance(made, type) or not hasattr(made, "evaluate"):
        return None
    default = getattr(getattr(made, "__dataclass_fields__", {}).get("name"), "default", getattr(made, "name", None))
    return default if isinstance(default, str) else made.__name__
