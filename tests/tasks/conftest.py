from collections.abc import Iterator

import pytest

import flows.server


@pytest.fixture(scope="session", autouse=True)
def _prompt_server() -> Iterator[None]:
    """The tests' server writes task runs when they come, so that a test can read them while it lives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows.server, "_RARE_FLUSH_SECONDS", "1")
        yield
