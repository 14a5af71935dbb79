"""Peers of a benchmark: each in an environment of its own that uv makes, and keeps for the next time."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


class EngineFailed(Exception):
    """An engine could not be installed or did not run."""


@dataclass(frozen=True, slots=True)
class Install:
    """What uv installs for a peer.

    Attributes:
        packages: as uv names them, the peer's own first.
        python: the newest Python that it has wheels for; None for any.
        from_source: packages of it that have no wheel and are plain Python.
    """

    packages: tuple[str, ...]
    python: str | None = None
    from_source: tuple[str, ...] = ()


def environments(peers: Mapping[str, Install], folder: Path, python: str) -> tuple[dict[str, Path], dict[str, str]]:
    """The Pythons of the peers that install, and of the others uv's reason. Peers with the same packages share one.

    Args:
        peers: by name.
        folder: where environments are kept.
        python: the Python of peers that take any.
    """
    pythons: dict[str, Path] = {}
    refused: dict[str, str] = {}
    for name, wanted in peers.items():
        home = folder / "-".join(wanted.packages)
        interpreter = home / "bin" / "python"
        sources = [word for package in wanted.from_source for word in ("--no-binary", package)]
        wheels = ["--only-binary", wanted.packages[0]] if sources else ["--only-binary", ":all:"]
        try:
            if not (home / "complete").exists():
                _uv("venv", "--clear", "--python", _interpreter(wanted.python) if wanted.python else python, str(home))
                _uv("pip", "install", *wheels, *sources, "--python", str(interpreter), *wanted.packages)
                (home / "complete").touch()
        except EngineFailed as failed:
            refused[name] = str(failed)
        else:
            pythons[name] = interpreter
    return pythons, refused


def versions(interpreter: Path, packages: Iterable[str]) -> str:
    """Versions of those packages in that environment, and of its Python."""
    code = (
        "import platform, sys; from importlib.metadata import version; "
        "print(*(f'{one} {version(one)}' for one in sys.argv[1:]), f'Python {platform.python_version()}', sep=', ')"
    )
    names = [package.split("<")[0].split("=")[0] for package in packages]
    return subprocess.run([str(interpreter), "-c", code, *names], capture_output=True, text=True, check=False).stdout.strip()


def last_line(text: str) -> str:
    """Of what a process said at its end."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def _interpreter(version: str) -> str:
    """A Python of that version on this machine, pyenv's ones too; where there is none, the version, which uv may fetch."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for candidate in sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True):
        return str(candidate)
    return version


def _uv(*arguments: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(["uv", *arguments], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise EngineFailed(" ".join(done.stderr.split()) or f"uv {arguments[0]} ended with status {done.returncode}")
