"""Which code this process runs: beside its version, a hash of its sources, so that a change without a new version is seen too."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGES = ("flows", "grodt", "tasks")


def code_hash(own: Sequence[str] = ()) -> str:
    """SHA-256 over the sources of this process, and over what identifies the code of signals that are not GRODT's own."""
    return hashlib.sha256("\0".join((_sources(), *own)).encode()).hexdigest() if own else _sources()


@cache
def _sources() -> str:
    """Those of `flows`, `grodt` and `tasks` as installed; read once per process."""
    return hash_of([_folder(name) for name in _PACKAGES])


def hash_of(folders: list[Path]) -> str:
    """SHA-256 over the Python files of folders: each one's path in its folder, and its content, in the order of paths."""
    whole = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            content = path.read_bytes()
            whole.update(f"{folder.name}/{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
            whole.update(content)
    return whole.hexdigest()


def _folder(package: str) -> Path:
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent
