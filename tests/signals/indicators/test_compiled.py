"""The compiled kernels: what is said where they are missing, stale or foreign, and how they come to be."""

import importlib.util
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from grodt.errors import ConfigError
from grodt.signals.indicators import compiled

ROOT = Path(__file__).resolve().parents[3]


def _build_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_kernels", ROOT / "deployments" / "build_kernels.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build_kernels = _build_script()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The kernels' sources and library, to be spoilt."""
    return Path(shutil.copytree(compiled.FOLDER, tmp_path / "kernels"))


def _hook(root: Path) -> object:
    return build_kernels.BuildHook(str(root), {}, None, None, str(root / "dist"), "wheel")


def test_the_library_is_the_one_of_its_sources(folder: Path) -> None:
    assert compiled.load(folder).grodt_sources().decode() == compiled.fingerprint(folder) == build_kernels.fingerprint(folder)


def test_a_library_that_is_missing_is_named_with_what_to_run(folder: Path) -> None:
    (folder / "kernels.so").unlink()
    with pytest.raises(ConfigError, match=r"not compiled: .*kernels\.so is missing; run `uv sync --reinstall-package grodt`"):
        compiled.load(folder)


@pytest.mark.parametrize("name", ["sums.c", "kernel.h"])
def test_a_library_of_other_sources_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text((folder / name).read_text() + "\n")
    with pytest.raises(ConfigError, match=r"compiled from other sources than those beside them; run `uv sync --reinstall-package grodt`"):
        compiled.load(folder)


def test_a_library_of_another_machine_is_refused(folder: Path) -> None:
    (folder / "kernels.so").unlink()
    (folder / "kernels.so").write_bytes(b"MZ of elsewhere")
    with pytest.raises(ConfigError, match=r"do not load \(.*\); run `uv sync --reinstall-package grodt`.* for this machine"):
        compiled.load(folder)


def test_importing_the_indicators_without_the_library_ends_in_that_one_error(folder: Path) -> None:
    (folder / "kernels.so").unlink()
    program = (
        "import pathlib, sys\n"
        f"missing = pathlib.Path({str(folder)!r})\n"
        "with_name = pathlib.Path.with_name\n"
        "pathlib.Path.with_name = lambda self, name: missing if name == 'kernels' else with_name(self, name)\n"
        "import grodt.signals.indicators\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("grodt.errors.ConfigError: the indicators' kernels are not compiled:")


def test_a_kernel_that_there_is_not_is_refused() -> None:
    values = compiled.np.ones((3, 2))
    for name, inputs in (("median", 1), ("sma", 2), ("sm", 1)):
        with pytest.raises(ValueError, match=f"there is no kernel '{name}' of {inputs} inputs and 1 outputs in .*evaluate.c"):
            compiled.evaluate(name, (values,) * inputs)


@pytest.mark.long
def test_the_build_compiles_into_the_wheel_and_tags_it_for_its_platform(folder: Path, tmp_path: Path) -> None:
    compiler = build_kernels.installed_compiler()
    if compiler is None:
        pytest.skip("this machine has no C compiler")
    root = tmp_path / "checkout"
    shutil.copytree(folder, root / build_kernels.SOURCES)
    library = root / build_kernels.SOURCES / "kernels.so"
    library.unlink()
    said: dict[str, object] = {"artifacts": [], "pure_python": True}
    hook = _hook(root)
    assert hook.dependencies() == []  # type: ignore[attr-defined]
    hook.initialize("standard", said)  # type: ignore[attr-defined]
    assert said["artifacts"] == ["grodt/signals/indicators/kernels/kernels.so"]
    assert said["pure_python"] is False
    assert str(said["tag"]).startswith("py3-none-")
    compiled.load(library.parent)
    assert [path.name for path in library.parent.glob("kernels.so*")] == ["kernels.so"]
    broken = library.parent / "bars.c"
    broken.write_text("this is no C\n")
    before = library.read_bytes()
    with pytest.raises(RuntimeError, match=f"the indicators' kernels do not compile with {' '.join(compiler)}:\n"):
        build_kernels.compile_kernels(library.parent, compiler)
    assert library.read_bytes() == before
    assert [path.name for path in library.parent.glob("kernels.so*")] == ["kernels.so"]


def test_the_build_asks_for_a_compiler_only_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert build_kernels.installed_compiler() is None
    assert _hook(tmp_path).dependencies() == [build_kernels.ZIG]  # type: ignore[attr-defined]
    monkeypatch.setenv("CC", f"{sys.executable} -O1")
    assert build_kernels.installed_compiler() == [sys.executable, "-O1"]
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(RuntimeError, match="CC is 'no-such-compiler', and there is no no-such-compiler"):
        build_kernels.installed_compiler()


def test_without_sources_nothing_is_compiled(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="there are no C sources in"):
        build_kernels.compile_kernels(tmp_path, ["cc"])


def test_uv_compiles_again_when_any_source_changes() -> None:
    keys = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["cache-keys"]
    watched = {path for key in keys for path in ROOT.glob(key["file"])}
    assert {*compiled.FOLDER.glob("*.[ch]"), ROOT / "deployments" / "build_kernels.py", ROOT / "pyproject.toml"} <= watched
