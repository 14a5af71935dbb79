"""A signal in a file of one's own: found, asked what it is, and refused with file, line and what to do."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from grodt.errors import ConfigError
from grodt.signals.plugins.files import names_in_file
from grodt.signals.plugins.watched import Watched
from grodt.signals.registry import find_signal
from tests.signals.plugins.signal_files import GAP, GAP_CLASS, refused, written


@pytest.mark.parametrize("text", [GAP, GAP_CLASS])
def test_a_function_and_a_class_of_a_file_are_signals(tmp_path: Path, text: str) -> None:
    written(tmp_path, text)
    made = find_signal("gap", "my_signals.py", tmp_path).build({})
    assert (made.name, made.history, made.fields) == ("gap", 2, ("open",))
    assert names_in_file("my_signals.py", tmp_path) == ("gap",)


def test_its_parameters_come_from_the_books_file(tmp_path: Path) -> None:
    written(tmp_path, GAP)
    made = find_signal("gap", "my_signals.py", tmp_path).build({"name": "night", "scale": 3, "cap": 1.5})
    assert isinstance(made, Watched)
    assert (made.name, made.cap) == ("night", 1.5)


def test_a_path_may_be_absolute(tmp_path: Path) -> None:
    path = written(tmp_path, GAP)
    assert find_signal("gap", str(path), Path("/nowhere")).build({}).name == "gap"


def test_its_identity_is_the_sha256_of_the_file_wherever_it_is(tmp_path: Path) -> None:
    def identity(folder: Path, text: str) -> str:
        folder.mkdir(exist_ok=True)
        written(folder, text)
        origin = find_signal("gap", "my_signals.py", folder).origin
        assert origin is not None
        return origin.identity

    first = identity(tmp_path / "a", GAP)
    assert first == identity(tmp_path / "b", GAP)
    assert first != identity(tmp_path / "a", GAP + "# changed\n")
    assert first == f"sha256:{hashlib.sha256(GAP.encode()).hexdigest()}"


def test_a_file_that_was_changed_is_read_anew_in_the_same_process(tmp_path: Path) -> None:
    written(tmp_path, GAP)
    assert find_signal("gap", "my_signals.py", tmp_path).build({}).history == 2
    written(tmp_path, GAP.replace("history=2", "history=3"))
    assert find_signal("gap", "my_signals.py", tmp_path).build({}).history == 3


def test_another_process_finds_the_same_signal_or_none(tmp_path: Path) -> None:
    path = written(tmp_path, GAP)
    made = find_signal("gap", "my_signals.py", tmp_path).build({"scale": 2.5})
    sent = pickle.dumps(made)
    assert pickle.loads(sent).signal.scale == 2.5
    path.write_text(GAP.replace("history=2", "history=3"))
    with pytest.raises(ConfigError, match=r"signal gap: my_signals\.py has changed since the work began"):
        pickle.loads(sent)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # the file itself
        ("def gap(panel:\n    return 1\n", "signal gap in my_signals.py, line 1: SyntaxError: '(' was never closed"),
        ("\nimport nothing_of_that_name\n", "line 2: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("x = 1\ny = x / 0\n", "line 2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
        ("raise KeyError\n", "line 1: KeyError; correct it"),
        ("def broken():\n    raise ValueError('two\\nlines')\n\nbroken()\n", "line 2: ValueError: two lines"),
        ("", "my_signals.py has no signal of that name; it has none: a function below @signal"),
        (GAP.replace("def gap", "def gab"), "my_signals.py has no signal of that name; it has gab"),
        # what stands under the name
        ("def gap(panel):\n    return panel.close\n", "gap is a function, and no signal; write @signal(history=…) above it"),
        ("gap = print\n", "gap is a builtin_function_or_method, and no signal"),
        ("class gap:\n    pass\n", "class gap has no evaluate; a signal has `def evaluate(self, panel: Panel"),
        (GAP + GAP, "my_signals.py has it more than once, gap on line 8 and gap on line 17; rename or remove one"),
        (GAP + GAP_CLASS, "my_signals.py has it more than once, gap on line 8 and Gap on line 21; rename or remove one"),
        # what it says of itself
        (GAP.replace("history=2", "history=0"), "line 7: signal gap: history is 0; it must be a whole number from 1 to 100000"),
        (GAP.replace("history=2", "history=2.5"), "line 7: signal gap: history is 2.5; it must be a whole number"),
        (GAP.replace("history=2", "history=lambda window: window"), "history is a function of window, which gap has no parameter of"),
        (GAP.replace('("open",)', '("opne",)'), "fields names 'opne'; a panel can have open, high, low, volume"),
        (GAP.replace('("open",)', '("close",)'), "fields names 'close'; a panel can have open, high, low, volume; close and log_return"),
        (GAP.replace('("open",)', '"open"'), "fields is 'open'; it must be a tuple of names"),
        (GAP.replace("panel: Panel", ""), "line 7: signal gap: its function must take a panel first"),
        (
            GAP.replace("panel: Panel", "panel: Panel, *more: int"),
            "its function takes *more: int; each parameter after the panel must have",
        ),
        (GAP.replace("panel: Panel", "panel: Panel, cap: float = 1.0"), "its function has a parameter cap, which every signal has already"),
        (GAP.replace("panel: Panel", "panel: Panel, days: list = []"), "days is [] by default; a parameter is a number, a word, true or"),
        (GAP.replace("panel: Panel", "panel: Panel, window: int"), "signal gap has no default for window; give it under `parameters`"),
        (GAP.replace("history=2", "history=2, scale=0"), "signal gap: scale is 0; no forecast would be left of it"),
        (GAP.replace("history=2", "history=2, cap=21"), "signal gap: cap is 21; it must be a finite number > 0 and <= 20"),
        (GAP_CLASS.replace("history: int = 2", "history: int = 0"), "signal gap: history is 0; it must be a whole number from 1"),
        (GAP_CLASS.replace("history: int = 2", "age: int = 2"), "Gap has no history; a signal has name, history, fields and evaluate"),
        (GAP_CLASS.replace('("open",)', '"open"'), "fields is 'open'; it must be a tuple of names"),
        (GAP_CLASS.replace(", volatility: FloatArray", ""), "evaluate of class Gap cannot be called with panel and volatility"),
        (GAP_CLASS.replace("scale: float = 1.0", "scale: float = -1.0"), "gap: scale is -1.0; it must be a finite number > 0 and <= 100"),
        (GAP_CLASS.replace("require_number(self", "1 / 0\n        require_number(self"), "line 20: ZeroDivisionError: division by zero"),
    ],
)
def test_a_mistake_is_one_error_that_names_the_file_and_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    error = refused(tmp_path, text)
    assert said in str(error)
    assert "my_signals.py" in str(error) or "signal gap has no default" in str(error)


def test_what_its_code_raised_is_the_cause(tmp_path: Path) -> None:
    error = refused(tmp_path, "x = 1 / 0\n")
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert "; correct it, and try `grodt check-signal gap --file my_signals.py`" in str(error)


def test_a_file_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_signal("gap", "absent.py", tmp_path)
    assert str(caught.value) == (
        f"signal gap: {tmp_path}/absent.py cannot be read (No such file or directory); correct `file`: a relative path starts at {tmp_path}"
    )
    with pytest.raises(ConfigError, match="cannot be read"):
        find_signal("gap", ".", tmp_path)


def test_a_name_of_grodt_s_own_cannot_be_used_again(tmp_path: Path) -> None:
    written(tmp_path, GAP.replace("def gap", "def momentum"))
    with pytest.raises(ConfigError) as caught:
        find_signal("momentum", "my_signals.py", tmp_path)
    assert "signal 'momentum' is in my_signals.py and in GRODT itself, and a name must mean one signal: rename yours" in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"windw": 5}, "signal drift has no parameter windw; it has window, floor, kind, short, scale, cap, name"),
        ({"window": 5.5}, "drift: window is 5.5; it must be a whole number"),
        ({"window": True}, "drift: window is True; it must be a whole number"),
        ({"floor": "low"}, "drift: floor is 'low'; it must be a finite number"),
        ({"floor": float("nan")}, "drift: floor is nan; it must be a finite number"),
        ({"kind": 3}, "drift: kind is 3; it must be a word"),
        ({"short": 1}, "drift: short is 1; it must be true or false"),
        ({"window": -3}, "drift: history is -2; it must be a whole number from 1 to 100000"),
        ({"cap": 0}, "drift: cap is 0; it must be a finite number > 0 and <= 20"),
        ({"name": " x"}, "drift: name is ' x'; it must be a word without blanks around it"),
    ],
)
def test_a_parameter_of_a_function_must_be_like_its_default(tmp_path: Path, parameters: dict[str, object], said: str) -> None:
    written(tmp_path, DRIFT)
    with pytest.raises(ConfigError) as caught:
        find_signal("drift", "my_signals.py", tmp_path).build(parameters)
    assert said in str(caught.value)


DRIFT = """
from grodt.signals.own import FloatArray, Panel, signal


@signal(history=lambda window: window + 1, scale=lambda window: window**-0.5, over_volatility=True)
def drift(panel: Panel, window: int = 20, floor: float = 0.0, kind: str = "simple", short: bool = False) -> FloatArray:
    value = panel.close * float("nan")
    value[window:] = panel.close[window:] / panel.close[:-window] - 1
    return value
"""


def test_history_and_scale_may_follow_from_the_parameters(tmp_path: Path) -> None:
    written(tmp_path, DRIFT)
    made = find_signal("drift", "my_signals.py", tmp_path).build({"window": 4, "floor": 1})
    assert isinstance(made, Watched)
    assert made.history == 5
    assert made.signal.scale == 0.5  # type: ignore[attr-defined]  # of a function's signal
    assert np.isfinite(made.cap)
