"""Signals in a file of one's own, named in the books file."""

import ast
import hashlib
import sys
from collections import defaultdict
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from grodt.errors import ConfigError
from grodt.signals.own import SignalFunction
from grodt.signals.plugins.kind import Kind, kind_of, name_of
from grodt.signals.plugins.origin import Origin


def kind_in_file(name: str, file: str, folder: Path) -> Kind:
    """The signal of that name in a file.

    The bytes that are run are those whose SHA-256 is the signal's identity; they are run once in a process, until they change.

    Args:
        name: of the function, or the `name` of the class.
        file: as the books file names it.
        folder: where a relative path starts.

    Raises:
        ConfigError: the file is not there, raises something, or has no such signal, or two of that name.
    """
    path, content = _read(name, file, folder)
    origin = _origin(path, file, content, name)
    module = origin.run(f"signal {name}", lambda: _run(path, content))
    found = _signals(module)
    _require_one(name, file, module, found.get(name, []), _definitions(content), found)
    return kind_of(found[name][0] if name in found else vars(module)[name], name, origin, (_again, (name, file, folder, origin.identity)))


def names_in_file(file: str, folder: Path) -> tuple[str, ...]:
    """The names of the signals in a file, sorted.

    Raises:
        ConfigError: the file is not there, or raises something.
    """
    path, content = _read("", file, folder)
    return tuple(sorted(_signals(_origin(path, file, content, "").run("what stands", lambda: _run(path, content)))))


def _again(name: str, file: str, folder: Path, identity: str) -> Kind:
    """The same signal in another process."""
    kind = kind_in_file(name, file, folder)
    if kind.origin is None or kind.origin.identity != identity:
        raise ConfigError(f"signal {name}: {file} has changed since the work began; start it again")
    return kind


def _read(name: str, file: str, folder: Path) -> tuple[Path, bytes]:
    path = (folder / file).resolve()
    try:
        return path, path.read_bytes()
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        owner = f"signal {name}: " if name else ""
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ConfigError(f"{owner}{path} cannot be read ({reason}); correct `file`: a relative path starts at {folder}") from error


def _origin(path: Path, file: str, content: bytes, name: str) -> Origin:
    checked = " ".join(("grodt check-signal", *([name] if name else []), "--file", file))
    return Origin(file, path, f"sha256:{hashlib.sha256(content).hexdigest()}", f"correct it, and try `{checked}`")


@lru_cache(maxsize=64)
def _run(path: Path, content: bytes) -> ModuleType:
    """The file as a module of its own: another content is another module, and no compiled copy of an older one is ever used."""
    module = ModuleType(f"grodt_signals_of_{path.stem}_{hashlib.sha256(content).hexdigest()[:16]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(content, str(path), "exec", dont_inherit=True), vars(module))
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return module


def _signals(module: ModuleType) -> dict[str, list[object]]:
    """What the file itself defines that makes signals, by name; what it imports is none of its own."""
    found: dict[str, list[object]] = defaultdict(list)
    for made in {id(value): value for value in vars(module).values()}.values():
        where = made.module if isinstance(made, SignalFunction) else getattr(made, "__module__", None)
        name = name_of(made) if where == module.__name__ else None
        if name is not None:
            found[name].append(made)
    return dict(found)


def _definitions(content: bytes) -> dict[str, list[int]]:
    """Lines on which each function and class at the file's top level is defined."""
    lines: dict[str, list[int]] = defaultdict(list)
    for node in ast.parse(content).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            lines[node.name].append(node.lineno)
    return lines


def _require_one(
    name: str, file: str, module: ModuleType, made: list[object], lines: dict[str, list[int]], found: dict[str, list[object]]
) -> None:
    """Refuse a name that stands for nothing, or for two things."""
    defined = [(_title(each), line) for each in made for line in lines.get(_title(each), [])]
    if len(made) > 1 or len(defined) > 1:
        places = " and ".join(f"{title} on line {line}" for title, line in defined) or f"{len(made)} objects"
        raise ConfigError(f"signal {name}: {file} has it more than once, {places}; rename or remove one")
    if made or callable(vars(module).get(name)):  # what no signal can be made of is told as such
        return
    near = get_close_matches(name, found) or sorted(found)
    has = f"it has {', '.join(near)}" if near else "it has none: a function below @signal(history=…), or a class with `evaluate`"
    raise ConfigError(f"signal {name}: {file} has no signal of that name; {has}")


def _title(made: object) -> str:
    return made.name if isinstance(made, SignalFunction) else getattr(made, "__name__", "")
