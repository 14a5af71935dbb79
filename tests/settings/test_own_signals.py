"""Signals of one's own in the books file."""

import copy
import os
import pickle
from pathlib import Path

import pytest

from grodt.errors import ConfigError
from grodt.settings.books import load_books
from tests.settings.books_files import edited, load, mistake
from tests.signals.plugins.signal_files import GAP, GAP_CLASS, package, written

OWN = {"signal": "gap", "file": "my_signals.py", "weight": 0.5, "parameters": {"scale": 2.0}}


def with_own(**changes: object) -> str:
    return edited({"books.demo.signals.1": OWN | changes})


def test_a_file_is_looked_for_beside_the_books_file_wherever_one_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "books"
    folder.mkdir()
    written(folder, GAP)
    (folder / "books.yaml").write_text(with_own())
    monkeypatch.chdir(tmp_path)
    for path in (Path("books/books.yaml"), folder / "books.yaml", Path(os.path.relpath(folder)) / "books.yaml"):
        signals = load_books(path).book("demo").weighted_signals()
        assert [(signal.name, weight) for signal, weight in signals] == [("momentum", 0.5), ("gap", 0.5)]
        assert (signals[1][0].history, signals[1][0].fields) == (2, ("open",))


def test_one_signal_may_be_used_twice_under_two_names(tmp_path: Path) -> None:
    written(tmp_path, GAP)
    both = [OWN, OWN | {"parameters": {"name": "night"}}]
    signals = load(tmp_path, edited({"books.demo.signals": both})).book("demo").weighted_signals()
    assert [signal.name for signal, _ in signals] == ["gap", "night"]


def test_the_config_hash_changes_with_the_code_and_not_with_the_folder(tmp_path: Path) -> None:
    def hashed(folder: Path, text: str) -> str:
        folder.mkdir(exist_ok=True)
        written(folder, text)
        return load(folder, with_own()).config_hash("demo")

    first = hashed(tmp_path / "a", GAP)
    assert hashed(tmp_path / "b", GAP) == first
    assert hashed(tmp_path / "a", GAP.replace("panel.close / panel.raw", "panel.close * panel.raw")) != first
    assert hashed(tmp_path / "a", GAP) == first


def test_the_config_hash_changes_with_the_version_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = edited({"books.demo.signals.1": {"signal": "gap", "weight": 0.5}})
    hashes = []
    for version in ("1.0", "1.1"):
        package(tmp_path / version, "hashed", version, {"gap": "grodt_test_hashed:gap"}, {"grodt_test_hashed": GAP})
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(tmp_path / version))
            hashes.append(load(tmp_path, text).config_hash("demo"))
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        (GAP, {"file": "absent.py"}, "absent.py cannot be read (No such file or directory); correct `file`: a relative path starts at"),
        (GAP, {"file": ""}, "books.demo.signals.1.file: String should have at least 1 character (given: '')"),
        (GAP, {"file": 5}, "books.demo.signals.1.file: Input should be a valid string (given: 5)"),
        (GAP, {"signal": "gop"}, "books.demo.signals.1: signal gop: my_signals.py has no signal of that name; it has gap"),
        (GAP, {"parameters": {"window": 5}}, "books.demo.signals.1: signal gap has no parameter window; it has scale, cap, name"),
        (GAP, {"parameters": {"scale": "big"}}, "books.demo.signals.1: signal gap in my_signals.py: gap: scale is 'big'"),
        (GAP_CLASS, {"parameters": {"scale": 0}}, "books.demo.signals.1: signal gap in my_signals.py, line 20: gap: scale is 0; it must"),
        ("import nothing_like_it\n", {}, "books.demo.signals.1: signal gap in my_signals.py, line 1: ModuleNotFoundError: No module named"),
        (GAP, {"signal": "momentum"}, "books.demo.signals.1: signal 'momentum' is in my_signals.py and in GRODT itself"),
    ],
)
def test_a_mistake_is_one_error_with_file_and_place(tmp_path: Path, text: str, changes: dict[str, object], said: str) -> None:
    written(tmp_path, text)
    told = mistake(tmp_path, with_own(**changes))
    assert said in told
    assert len(told.strip(":\n").splitlines()) == 1


def test_what_its_code_raised_is_the_cause(tmp_path: Path) -> None:
    written(tmp_path, "1 / 0\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, with_own())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(ConfigError) as other:
        load(tmp_path, edited({"books.demo.capital": -1}))
    assert other.value.__cause__ is None


def test_a_book_with_its_own_signal_can_be_copied_and_sent_to_another_process(tmp_path: Path) -> None:
    written(tmp_path, GAP)
    book = load(tmp_path, with_own()).book("demo")
    for same in (pickle.loads(pickle.dumps(book)), copy.deepcopy(book)):
        assert [signal.name for signal, _ in same.weighted_signals()] == ["momentum", "gap"]
        assert same.signals[1].identity == book.signals[1].identity


def test_one_s_own_signal_of_minutes_is_refused_in_a_book_of_ends_of_days(tmp_path: Path) -> None:
    written(tmp_path, GAP_CLASS.replace("    fields: ", "    intraday = True\n    fields: ", 1))
    said = mistake(tmp_path, with_own())
    assert "books.demo.signals: signals: gap reads bars of a session and this book is decided at its end, on daily bars" in said
