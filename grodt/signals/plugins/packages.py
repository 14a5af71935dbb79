"""Signals of installed packages, by the entry-point group `grodt.signals`."""

import hashlib
import importlib.util
import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from grodt.errors import ConfigError
from grodt.signals.plugins.kind import Kind, kind_of, name_of
from grodt.signals.plugins.origin import Origin

GROUP = "grodt.signals"


def installed() -> tuple[EntryPoint, ...]:
    """The entry points of all packages, by name; looked for once, and again when the path of imports changes."""
    return _installed(tuple(sys.path))


@cache
def _installed(_path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)))


def package_of(entry: EntryPoint) -> str:
    """Name and version of the package that an entry point is of."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "a package without a name"


def kind_of_package(entry: EntryPoint) -> Kind:
    """The signal of an entry point.

    Raises:
        ConfigError: its package cannot be imported, or what is named there is no signal of that name.
    """
    package = package_of(entry)
    origin = Origin(f"package {package}", None, package, f"mend or remove the package, and try `grodt check-signal {entry.name}`")
    owner = f"signal {entry.name}"
    made = origin.run(owner, entry.load)
    code = origin.run(owner, lambda: _code(entry))
    if code is not None:
        digest = hashlib.sha256(code.read_bytes()).hexdigest()
        origin = Origin(origin.place, code, f"{package} sha256:{digest}", origin.remedy)
    called = name_of(made)
    if called is not None and called != entry.name:
        raise ConfigError(f"{owner} in {origin.place}: {entry.value} calls itself {called}; give it and its entry point one name")
    return kind_of(made, entry.name, origin, (_again, (entry.name, origin.identity)))


def _code(entry: EntryPoint) -> Path | None:
    """The file of the module that is named; what is imported by it counts as the version says."""
    spec = importlib.util.find_spec(entry.module)
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _again(name: str, identity: str) -> Kind:
    """The same signal in another process."""
    for entry in installed():
        if entry.name == name:
            kind = kind_of_package(entry)
            if kind.origin is not None and kind.origin.identity == identity:
                return kind
    raise ConfigError(f"signal {name}: its package is not {identity} here; install the same one wherever work is done")
