"""A book of the books file with other parameters: what a sweep varies, as text and as places in the file."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from grodt.errors import ConfigError
from grodt.research.grid import Axis, Parameters, named
from grodt.risk.limit_values import as_file
from grodt.risk.limits import Limits
from grodt.settings.book import BookConfig
from grodt.settings.books import load_books
from grodt.settings.brokers import BrokerTerms
from grodt.settings.file import cause, folder_of, mistakes, read_content
from grodt.settings.signals import FOLDER
from grodt.signals.gating import RegimeSettings
from grodt.targets.construction import Construction

#: Sections of a book whose parameters may be varied, beside those of its signals.
_SECTIONS: dict[str, tuple[str, ...]] = {
    "construction": tuple(field.name for field in fields(Construction)),
    "broker": tuple(BrokerTerms.model_fields),
    "limits": tuple(field.name for field in fields(Limits) if field.name not in ("restricted", "overrides")),
    "regime": tuple(field.name for field in fields(RegimeSettings)),
}
#: Parameters that are mappings, whose entries are varied one by one.
_MAPPINGS = (("construction", "group_cap"), ("limits", "group_weight"))

type _Place = tuple[str | int, ...]


def parse_vary(text: str) -> Axis:
    """`signals.momentum.lookback=126,189,252` as an axis; values are read as the books file would read them.

    Raises:
        ConfigError: it is not of that form, or a value is no number, word, `true`, `false` or `null`.
    """
    path, equals, listed = text.partition("=")
    path = path.strip()
    if not equals or not path:
        raise ConfigError(f"--vary {text!r}: write it as parameter=value,value, such as signals.momentum.lookback=126,189,252")
    try:
        values = YAML(typ="safe", pure=True).load(f"[{listed}]")
    except (YAMLError, ValueError) as error:
        raise ConfigError(f"--vary {path}: {listed!r} is no list of values ({' '.join(str(error).split())}); write value,value") from None
    for value in values:
        if value is not None and not isinstance(value, bool | int | float | str):
            raise ConfigError(f"--vary {path}: {value} is no number, word, true, false or null")
    return Axis(path, tuple(values))


def varied(
    file: Path | None, name: str, axes: Sequence[Axis], combinations: Sequence[Parameters], *, limits: Limits | None = None
) -> tuple[BookConfig, ...]:
    """The book once for each combination, each looked at as the books file is when it is loaded.

    Args:
        file: the books file; None for the built-in demo book.
        name: of the book.
        axes: what is varied.
        combinations: their values.
        limits: that stand in place of the books file's, such as those in force; None: the file's.

    Raises:
        ConfigError: the books file is wrong, a path names no parameter of the book, or a combination is not valid; the first one is named.
    """
    book = load_books(file).book(name)
    content, origin = read_content(file)
    if limits is not None:
        content["books"][name]["limits"] = as_file(limits)
    places = [_place(axis.path, book, origin) for axis in axes]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise ConfigError(f"--vary {axes[number].path} and {axes[places.index(place)].path} are one parameter; give it once")
    found: list[BookConfig] = []
    wrong: list[tuple[Parameters, ValidationError]] = []
    for parameters in combinations:
        one = _copied(content["books"][name])
        for place, value in zip(places, parameters.values(), strict=True):
            _put(one, place, value)
        try:
            found.append(BookConfig.model_validate(one, context={FOLDER: folder_of(file)}))
        except ValidationError as error:
            wrong.append((parameters, error))
    if wrong:
        first, mistake = wrong[0]
        of_many = f"{len(wrong):,} of {len(combinations):,} combinations are not valid; the first is " if len(combinations) > 1 else ""
        raise ConfigError(f"--vary: {of_many}{named(first)}:\n{mistakes(mistake)}") from cause(mistake)
    return tuple(found)


def _place(path: str, book: BookConfig, origin: str) -> _Place:
    """Where in the book's mapping the parameter stands."""
    section, *rest = path.split(".")
    if section == "capital" and not rest:
        return ("capital",)
    if section == "signals":
        return _of_signal(path, rest, book, origin)
    if section not in _SECTIONS:
        raise ConfigError(
            f"--vary {path}: it is no parameter that can be varied; there are signals.<signal>.<parameter>, "
            f"{', '.join(f'{each}.<parameter>' for each in _SECTIONS)} and capital"
        )
    if section == "regime" and book.regime is None:
        raise ConfigError(f"--vary {path}: book {book.name} of {origin} has no `regime` section; write `regime: {{}}` for its defaults")
    known = _SECTIONS[section]
    if not rest or rest[0] not in known:
        raise ConfigError(f"--vary {path}: {section} has no parameter {'.'.join(rest)!r}; it has {', '.join(known)}")
    name, *entry = rest
    if (section, name) in _MAPPINGS:
        if not entry:
            raise ConfigError(f"--vary {path}: it is a mapping; name one of its entries, such as {section}.{name}.*")
        return (section, name, ".".join(entry))
    if entry:
        raise ConfigError(f"--vary {path}: {section}.{name} has no parts; write {section}.{name}=…")
    return (section, name)


def _of_signal(path: str, rest: Sequence[str], book: BookConfig, origin: str) -> _Place:
    names = [signal.build().name for signal in book.signals]
    found = [number for number, name in enumerate(names) if ".".join(rest).startswith(f"{name}.")]
    if not found:
        raise ConfigError(
            f"--vary {path}: book {book.name} of {origin} has no such signal; it has {', '.join(names)}: write "
            f"signals.{names[0]}.<parameter>"
        )
    number = max(found, key=lambda each: len(names[each]))  # of two names that begin alike, the longer one
    parameter = ".".join(rest).removeprefix(f"{names[number]}.")
    if parameter == "weight":
        return ("signals", number, "weight")
    known = tuple(each for each in book.signals[number].kind.parameters if each != "name")
    if parameter.removeprefix("parameters.") not in known:
        raise ConfigError(f"--vary {path}: signal {names[number]} has no parameter {parameter!r}; it has weight, {', '.join(known)}")
    return ("signals", number, "parameters", parameter.removeprefix("parameters."))


def _put(content: Any, place: _Place, value: object) -> None:
    *folders, last = place
    for folder in folders:
        if isinstance(folder, str) and content.get(folder) is None:
            content[folder] = {}
        content = content[folder]
    content[last] = value


def _copied(content: Any) -> Any:
    """A copy in which nothing is one with another part of it, as what an alias stands for is with its anchor."""
    if isinstance(content, dict):
        return {key: _copied(value) for key, value in content.items()}
    return [_copied(value) for value in content] if isinstance(content, list) else content
