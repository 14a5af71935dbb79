"""Files with signals of one's own, and packages that offer some."""

from pathlib import Path
from textwrap import dedent

import pytest

from grodt.errors import ConfigError
from grodt.signals.registry import find_signal

GAP = """
import numpy as np

from grodt.signals.own import FloatArray, Panel, signal


@signal(history=2, fields=("open",))
def gap(panel: Panel) -> FloatArray:
    return np.log(panel.close / panel.raw("open")) - panel.log_return
"""

#: The same as a class, with a parameter that is refused out of range.
GAP_CLASS = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grodt.signals.own import FloatArray, Panel, SignalOutput, capped
from grodt.signals.parameters import require_number


@dataclass(frozen=True, slots=True)
class Gap:
    fields: ClassVar[tuple[str, ...]] = ("open",)

    scale: float = 1.0
    name: str = "gap"
    history: int = 2

    def __post_init__(self) -> None:
        require_number(self.name, "scale", self.scale, above=0, high=100)

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        value = (np.log(panel.close / panel.raw("open")) - panel.log_return)[-len(volatility):]
        return SignalOutput(value, capped(value, self.scale, 2.0))
"""


def written(folder: Path, text: str, file: str = "my_signals.py") -> Path:
    """The file with that text."""
    path = folder / file
    path.write_text(dedent(text))
    return path


def refused(folder: Path, text: str, name: str = "gap") -> ConfigError:
    """The error with which the signal of a file is refused."""
    written(folder, text)
    with pytest.raises(ConfigError) as caught:
        find_signal(name, "my_signals.py", folder).build({})
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def package(site: Path, name: str, version: str, entries: dict[str, str], modules: dict[str, str]) -> None:
    """An installed package with those entry points and modules."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = "".join(f"{each} = {value}\n" for each, value in entries.items())
    (info / "entry_points.txt").write_text(f"[grodt.signals]\n{lines}")
    for module, text in modules.items():
        written(site, text, f"{module}.py")
