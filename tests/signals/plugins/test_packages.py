"""Signals of installed packages."""

import pickle
from pathlib import Path

import pytest

from grodt.errors import ConfigError
from grodt.signals.registry import build_signal, find_signal
from tests.signals.plugins.signal_files import GAP, GAP_CLASS, package


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are installed in."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_a_package_s_signal_is_found_by_its_name(site: Path) -> None:
    package(site, "nights", "1.2", {"gap": "grodt_test_nights:gap"}, {"grodt_test_nights": GAP})
    made = build_signal("gap", {"cap": 1.0})
    assert (made.name, made.history, made.fields) == ("gap", 2, ("open",))
    assert pickle.loads(pickle.dumps(made)).cap == 1.0


def test_its_identity_is_name_version_and_the_code_of_its_module(site: Path) -> None:
    package(site, "classes", "0.3", {"gap": "grodt_test_classes:Gap"}, {"grodt_test_classes": GAP_CLASS})
    origin = find_signal("gap").origin
    assert origin is not None
    assert origin.place == "package classes 0.3"
    assert origin.identity.startswith("classes 0.3 sha256:")
    (site / "grodt_test_classes.py").write_text(GAP_CLASS + "# mended without a new version\n")
    changed = find_signal("gap").origin
    assert changed is not None
    assert changed.identity != origin.identity


def test_another_process_finds_the_same_package_or_none(site: Path) -> None:
    package(site, "sent", "1.0", {"gap": "grodt_test_sent:gap"}, {"grodt_test_sent": GAP})
    sent = pickle.dumps(build_signal("gap", {}))
    (site / "grodt_test_sent.py").write_text(GAP + "# mended\n")
    with pytest.raises(ConfigError, match=r"signal gap: its package is not sent 1\.0 sha256:\w+ here; install the same one wherever"):
        pickle.loads(sent)


def test_an_unknown_name_names_the_packages_signals_too(site: Path) -> None:
    package(site, "others", "1.0", {"gap": "grodt_test_others:gap"}, {"grodt_test_others": GAP})
    with pytest.raises(ConfigError, match=r"signal 'gop' is unknown; there are .*ewma_trend, gap, .*momentum"):
        find_signal("gop")


def test_a_package_may_not_use_a_name_of_grodt_s(site: Path) -> None:
    package(site, "thief", "2.0", {"momentum": "grodt_test_thief:gap"}, {"grodt_test_thief": GAP})
    with pytest.raises(ConfigError) as caught:
        find_signal("momentum")
    assert str(caught.value) == (
        "signal 'momentum' is in GRODT itself and in package thief 2.0, and a name must mean one signal: "
        "rename the entry point of group grodt.signals in one package, or remove the package"
    )
    assert find_signal("ewma_crossover").origin is None


def test_two_packages_may_not_use_one_name(site: Path) -> None:
    for name in ("one", "two"):
        package(site, name, "1.0", {"gap": f"grodt_test_{name}:gap"}, {f"grodt_test_{name}": GAP})
    with pytest.raises(ConfigError, match=r"signal 'gap' is in package one 1\.0 and in package two 1\.0, and a name must mean one signal"):
        find_signal("gap")


@pytest.mark.parametrize(
    ("entry", "text", "said"),
    [
        ("gap = grodt_test_bad_0:nothing", GAP, "AttributeError: module 'grodt_test_bad_0' has no attribute 'nothing'"),
        ("gap = grodt_test_bad_1:gap", "1 / 0", "ZeroDivisionError: division by zero"),
        ("gap = grodt_test_absent:gap", "", "ModuleNotFoundError: No module named 'grodt_test_absent'"),
        ("night = grodt_test_bad_3:gap", GAP, "grodt_test_bad_3:gap calls itself gap; give it and its entry point one name"),
        ("gap = grodt_test_bad_4:np", GAP, "gap is a module, and no signal"),
    ],
)
def test_a_mistake_in_a_package_names_package_and_signal(site: Path, entry: str, text: str, said: str) -> None:
    name, value = entry.split(" = ")
    package(site, "bad", "1.0", {name: value}, {value.split(":")[0]: text} if "absent" not in value else {})
    with pytest.raises(ConfigError) as caught:
        build_signal(name, {})
    assert str(caught.value).startswith(f"signal {name} in package bad 1.0: ")
    assert said in str(caught.value)
