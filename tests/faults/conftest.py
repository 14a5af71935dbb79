import gc
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cycles.conftest import processes  # noqa: F401


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that is gone at the end."""
    made = Path(tempfile.mkdtemp(prefix="grodt-faults-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What a killed process held open is collected here, and not in a later test that would be blamed for it."""
    yield
    gc.collect()
