import gc
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cycles.conftest import processes  # noqa: F401
from tests.faults.homes import memory


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder in memory where the machine has one."""
    made = Path(tempfile.mkdtemp(prefix="grodt-faults-", dir=memory()))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What a killed process held open is collected here, and not in a later test that would be blamed for it."""
    yield
    gc.collect()
