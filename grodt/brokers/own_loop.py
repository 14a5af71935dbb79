"""A thread with an event loop of its own: for a broker's connections, whose caller may be inside a loop himself."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class OwnLoop:
    """Runs one call after the other, whichever thread asks."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._runner = asyncio.Runner()

    def run[R](self, call: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """What the call returns; its errors are raised here."""
        return self._thread.submit(lambda: self._runner.run(call())).result()

    def close(self) -> None:
        """End loop and thread."""
        with self._thread:
            self._thread.submit(self._runner.close).result()
