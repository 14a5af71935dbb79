"""docs/signals.md: its example runs as it stands, and says what is so."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from grodt.settings.signals import SignalConfig
from grodt.signals.indicators import Volatility
from tests.cycles.driver import Home
from tests.cycles.test_own_signals import example
from tests.flows.commands import Command
from tests.settings.books_files import edited, load
from tests.signals.worlds import panel_of, random_closes

PAGE = Path(__file__).resolve().parents[2] / "docs/signals.md"


def _block(language: str, containing: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if containing in block]
    return found


def test_the_books_file_s_lines_name_the_example_and_load(tmp_path: Path) -> None:
    (tmp_path / "my_signals.py").write_text(example())
    signals = YAML(typ="safe", pure=True).load(_block("yaml", "my_signals.py"))["signals"]
    book = load(tmp_path, edited({"books.demo.signals": signals})).book("demo")
    assert [signal.name for signal, _ in book.weighted_signals()] == ["momentum", "gap"]
    assert book.signals[1] == SignalConfig.model_validate(signals[1], context={"folder": tmp_path})


def test_the_example_fades_the_night(tmp_path: Path) -> None:
    (tmp_path / "my_signals.py").write_text(example())
    config = SignalConfig.model_validate({"signal": "gap", "file": "my_signals.py", "weight": 1}, context={"folder": tmp_path})
    plain = panel_of(random_closes(3, 90, 5))
    panel = type(plain)(plain.sessions, plain.symbols, plain.close, plain.log_return, {"open": plain.close * 0.98})
    output = config.build().evaluate(panel, Volatility().evaluate(panel, 1))
    np.testing.assert_allclose(output.value[0], np.log(panel.close[-2] / (0.98 * panel.close[-1])), rtol=0, atol=1e-12)


def test_the_page_s_parameters_and_history_of_them_are_as_it_says() -> None:
    text = PAGE.read_text()
    line = re.search(r"`(@signal\(history=lambda window: window \+ 1\))` above `(def drift\(panel: Panel, window: int = 20\))`", text)
    assert line is not None
    names: dict[str, object] = {}
    exec(f"from grodt.signals.own import Panel, signal\n{line[1]}\n{line[2]}:\n    return panel.close\n", names)
    drift = names["drift"]
    assert drift.build().history == 21  # type: ignore[attr-defined]  # of a function's signal
    assert drift.build(window=5).history == 6  # type: ignore[attr-defined]


def test_the_entry_point_of_the_page_is_of_the_group_that_is_looked_in() -> None:
    project = tomllib.loads(_block("toml", "entry-points"))["project"]
    assert project["entry-points"] == {"grodt.signals": {"gap": "my_package.signals:gap"}}


def test_the_example_has_no_flaw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my_signals.py").write_text(example())
    command = re.search(r"^grodt (check-signal .*)$", PAGE.read_text(), re.MULTILINE)
    assert command is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        ended = Command(capsys)(Home(tmp_path / "nowhere"), *command[1].split())
    assert ended.status == 0
    assert "FAIL" not in ended.out
    assert ended.out.startswith("signal gap of my_signals.py: history 2, fields open; panels of seed 1")
