"""Compiles the indicators' kernels while GRODT is installed or its wheel is built.

The compiler is the one that CC names, or `cc`, or, where there is neither, the one of the package `ziglang`, which is then asked for as a
build requirement. The library lands beside its sources; a wheel holds it and is tagged for its platform.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path("grodt", "signals", "indicators", "kernels")
LIBRARY = "kernels.so"
#: The same bits on every machine: no fused operations, no reassociation, no instructions of one processor alone.
FLAGS = ("-std=c11", "-O3", "-fPIC", "-shared", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fno-sanitize=undefined")
ZIG = "ziglang==0.17.1"
ZIG_COMMAND = ("-m", "ziglang", "cc", "-mcpu=baseline")  # its default is the processor it runs on


class BuildHook(BuildHookInterface[Any]):
    """Hatchling's custom build hook."""

    def dependencies(self) -> list[str]:
        """A compiler, where the machine has none."""
        return [] if installed_compiler() else [ZIG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say that the wheel is of this platform."""
        folder = Path(self.root) / SOURCES
        compile_kernels(folder, installed_compiler() or [sys.executable, *ZIG_COMMAND])
        build_data["artifacts"].append((SOURCES / LIBRARY).as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def installed_compiler() -> list[str] | None:
    """The command of this machine's C compiler; None: it has none.

    Raises:
        RuntimeError: CC names none that there is.
    """
    named = shlex.split(os.environ.get("CC", ""))
    if named:
        if shutil.which(named[0]) is None:
            raise RuntimeError(f"CC is {os.environ['CC']!r}, and there is no {named[0]}; name a C compiler or unset CC")
        return named
    return ["cc"] if shutil.which("cc") else None


def compile_kernels(folder: Path, compiler: list[str]) -> Path:
    """Compile the folder's sources into its library, which is replaced only by a whole one.

    Raises:
        RuntimeError: the compiler did not.
    """
    sources = sorted(folder.glob("*.c"))
    if not sources:
        raise RuntimeError(f"there are no C sources in {folder}; check out the whole repository")
    library, fresh = folder / LIBRARY, folder / f"{LIBRARY}.{os.getpid()}"
    command = [*compiler, *FLAGS, f'-DGRODT_SOURCES="{fingerprint(folder)}"', "-o", str(fresh), *map(str, sources)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the indicators' kernels do not compile with {' '.join(compiler)}:\n{done.stderr}{done.stdout}")
        fresh.replace(library)
    finally:
        fresh.unlink(missing_ok=True)
    return library


def fingerprint(folder: Path) -> str:
    """SHA-256 of the sources: names and contents, in order."""
    digest = sha256()
    for path in sorted(folder.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
