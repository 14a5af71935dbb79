"""Books files to make mistakes in."""

import io
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from grodt.errors import ConfigError
from grodt.settings.books import Books, load_books

DEMO = resources.files("grodt.settings").joinpath("demo.yaml").read_text("utf-8")
US_DAILY = Path(__file__).resolve().parents[2] / "deployments/examples/us-daily.yaml"
REMOVED = object()


def edited(changes: dict[str, Any], text: str = DEMO) -> str:
    """The file with the values at those places changed, or removed; a number in a place is an index."""
    yaml = YAML(typ="safe", pure=True)
    content = yaml.load(text)
    for place, value in changes.items():
        *folders, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        at: Any = content
        for folder in folders:
            at = at[folder] if isinstance(folder, int) else at.setdefault(folder, {})
        if value is REMOVED:
            del at[last]
        else:
            at[last] = value
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def load(folder: Path, content: str | bytes) -> Books:
    path = folder / "books.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_books(path)


def mistake(folder: Path, content: str | bytes) -> str:
    """The one error of a books file, without the file's name, which it must begin with."""
    with pytest.raises(ConfigError) as caught:
        load(folder, content)
    path = str(folder / "books.yaml")
    assert str(caught.value).startswith(path)
    return str(caught.value).removeprefix(path)
