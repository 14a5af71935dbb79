"""A clock that says where the seconds of one thread went."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any


class Spans:
    """Seconds by name, each second in one name only: a span that begins inside another pauses it.

    Attributes:
        wall, cpu: seconds by name; `cpu` counts every thread of the process.
        beside: wall seconds by name of what was timed on other threads, at the same time as the spans.
    """

    def __init__(self, name: str, began: float) -> None:
        """Start in the span `name`, which began at `began` of the monotonic clock."""
        self._stack = [name]
        self._thread = threading.get_ident()
        self._at = began
        self._cpu_at = 0.0
        self.wall: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)
        self.beside: dict[str, float] = defaultdict(float)

    def mark(self) -> None:
        """Book what has passed since the last mark to the innermost span."""
        now, cpu = time.monotonic(), time.process_time()
        self.wall[self._stack[-1]] += now - self._at
        self.cpu[self._stack[-1]] += cpu - self._cpu_at
        self._at, self._cpu_at = now, cpu

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Everything inside, except for spans inside it, belongs to `name`."""
        if threading.get_ident() != self._thread:
            began = time.monotonic()
            try:
                yield
            finally:
                self.beside[name] += time.monotonic() - began
            return
        self.mark()
        self._stack.append(name)
        try:
            yield
        finally:
            self.mark()
            self._stack.pop()

    def switch(self, name: str) -> None:
        """From now on the outermost span is `name`."""
        self.mark()
        self._stack[0] = name

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with each call of it a span."""

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.span(name):
                return function(*args, **kwargs)

        return timed
