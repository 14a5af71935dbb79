"""The reading of the books file: YAML to a mapping, and what pydantic finds wrong with it in words of the file."""

from copy import deepcopy
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from grodt.errors import ConfigError


def read_content(path: Path | None) -> tuple[dict[str, Any], str]:
    """What the books file says, with each book's name in it, and what to call the file.

    Raises:
        ConfigError: it cannot be read, is no YAML, repeats a key, or is no mapping.
    """
    origin = str(path) if path else "the built-in demo book"
    try:
        text = path.read_text(encoding="utf-8") if path else resources.files("grodt.settings").joinpath("demo.yaml").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{origin} cannot be read as UTF-8 text: {error}") from None
    content = _parsed(text, origin)
    if not isinstance(content, dict):
        raise ConfigError(f"{origin} must be a mapping with `sources` and `books`, as in deployments/examples/us-daily.yaml")
    books = content.get("books")
    if isinstance(books, dict):
        content["books"] = {name: {"name": name, **book} if isinstance(book, dict) else book for name, book in books.items()}
    return content, origin


def folder_of(path: Path | None) -> Path:
    """Where relative paths in the books file start."""
    return path.resolve().parent if path else Path.cwd()


@lru_cache(maxsize=4)
def _loaded(text: str) -> Any:
    """A cycle reads its file several times, and each reading takes as long as several stages of a small book."""
    return YAML(typ="safe", pure=True).load(text)


def _parsed(text: str, origin: str) -> Any:
    try:
        return deepcopy(_loaded(text))
    except DuplicateKeyError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(f"{origin}, {line}{error.problem}; each key once") from None
    except MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{origin}{line} is not valid YAML: {error.problem or error.context}") from None
    except (YAMLError, ValueError, RecursionError) as error:  # a date such as 2014-02-30 is a ValueError
        raise ConfigError(f"{origin} is not valid YAML: {' '.join(str(error).split())}") from None


_WORDS = {"missing": "missing", "extra_forbidden": "unknown key", "unexpected_keyword_argument": "unknown key"}


def mistakes(error: ValidationError) -> str:
    """What is wrong, a line for each mistake."""
    lines = []
    found = error.errors(include_url=False)
    for mistake in found:
        if mistake["type"] == "too_short" and any(mistake["loc"] == other["loc"][:-1] for other in found):
            continue  # an item that is wrong is not counted, and so the list is called short besides
        place = ".".join(str(part) for part in _place(mistake["loc"]))
        words = _WORDS.get(mistake["type"], mistake["msg"].removeprefix("Value error, "))
        # What stands under a key that we do not know is not repeated: it may be a secret that was written in the wrong place.
        told = mistake["type"] != "extra_forbidden" and not isinstance(mistake["input"], dict | list | BaseModel)
        given = f" (given: {mistake['input']!r})" if told else ""
        lines.append(f"  {place}: {words}{given}" if place else f"  {words}")
    return "\n".join(lines)


def cause(error: ValidationError) -> BaseException | None:
    """What somebody's own code raised, if that is a mistake."""
    raised = [mistake.get("ctx", {}).get("error") for mistake in error.errors(include_url=False)]
    return next((each.__cause__ for each in raised if isinstance(each, ValueError) and each.__cause__ is not None), None)


def _place(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Without what pydantic adds to the keys of the file: the kind of a source or broker, and that a key itself is meant."""
    if len(loc) > 3 and loc[0] == "sources" and loc[2] in ("simulated", "files", "alpaca", "ccxt", "yahoo"):
        loc = (*loc[:2], *loc[3:])
    for at in [at for at, part in enumerate(loc[:-1]) if part == "broker" and loc[at + 1] in ("paper", "alpaca", "ib", "ccxt")][:1]:
        loc = (*loc[: at + 1], *loc[at + 2 :])
    return tuple(part for part in loc if part != "[key]")
