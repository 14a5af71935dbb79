"""Cycles in processes of their own, which kill themselves with SIGKILL at a chosen instant.

One server process imports everything once and forks a fresh process for each; that costs milliseconds instead of seconds.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from sys import monitoring
from types import BuiltinFunctionType, CodeType, MethodDescriptorType, TracebackType
from typing import Any, Self

from tests.cycles.driver import Home

#: What reaches a file: before and after each call of one of these is an instant at which a kill can leave something else behind.
_EFFECTS = frozenset(
    {"fsync", "replace", "link", "unlink", "mkdir", "Cursor.execute", "Cursor.executemany", "Connection.execute", "Connection.executemany"}
)
_COMPILED = (BuiltinFunctionType, MethodDescriptorType)
_ENOUGH_SECONDS = 60.0


class Processes:
    """Makes the processes. Its own server ends with it."""

    def __init__(self) -> None:
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(["tests.cycles.warm"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the server."""
        from multiprocessing.forkserver import _forkserver  # type: ignore[attr-defined]

        _forkserver._stop()

    def start(self, home: Home, sessions: Sequence[date], **how: Any) -> ForkServerProcess:
        """Start running those cycles; see `_work` for how it can be told to end."""
        process = self._context.Process(target=_work, args=(home, tuple(sessions)), kwargs=how, daemon=True)
        process.start()
        return process

    def run(self, home: Home, sessions: Sequence[date], **how: Any) -> int:
        """Run them; returns the exit status, -9 when it was killed."""
        process = self.start(home, sessions, **how)
        process.join(_ENOUGH_SECONDS)
        assert process.exitcode is not None, "it hangs"
        return process.exitcode

    def event(self) -> Event:
        """Something that two processes can wait for."""
        return self._context.Event()

    def effects(self, home: Home, sessions: Sequence[date]) -> int:
        """Run them and count the instants at which they can be killed."""
        number = self._context.Value("q", 0)
        assert self.run(home, sessions, counted=number) == 0
        return int(number.value)


def _work(
    home: Home,
    sessions: tuple[date, ...],
    *,
    stage: tuple[date, str] | None = None,
    effect: int | None = None,
    counted: Any = None,
    waits: tuple[date, str, Event, Event] | None = None,
    said: str = "",
) -> None:
    """Run cycles.

    Args:
        home: whose.
        sessions: their sessions.
        stage: killed when this session's stage starts.
        effect: killed at this effect, counted from 0.
        counted: gets the number of effects.
        waits: at this session's stage, say that it is reached (the first event) and wait for the second.
        said: what the stage has told by then; "" when it starts.
    """

    def watch(session: date, name: str, text: str) -> None:
        if not text and (session, name) == stage:
            os.kill(os.getpid(), signal.SIGKILL)
        if text == said and waits is not None and (session, name) == waits[:2]:
            waits[2].set()
            waits[3].wait(_ENOUGH_SECONDS)

    if effect is None and counted is None:
        home.run(*sessions, watch=watch)
        return
    with _effects(lambda number: number == effect and os.kill(os.getpid(), signal.SIGKILL)) as count:
        home.run(*sessions, watch=watch)
    if counted is not None:
        counted.value = count()


@contextmanager
def _effects(at: Callable[[int], object]) -> Iterator[Callable[[], int]]:
    """Call `at` with the number of each effect, as it is about to happen and when it has; in every thread."""
    seen = 0
    lock = threading.Lock()

    def count(called: object) -> bool:
        nonlocal seen
        if not isinstance(called, _COMPILED) or called.__qualname__ not in _EFFECTS:
            return False
        with lock:
            number, seen = seen, seen + 1
        at(number)
        return True

    def before(_code: CodeType, _offset: int, called: object, _argument: object) -> object:
        # A line that calls something else is not looked at again.
        return None if count(called) else monitoring.DISABLE

    def after(_code: CodeType, _offset: int, called: object, _argument: object) -> object:
        return count(called) and None

    tool, events = monitoring.PROFILER_ID, monitoring.events
    monitoring.use_tool_id(tool, "effects")
    monitoring.register_callback(tool, events.CALL, before)
    monitoring.register_callback(tool, events.C_RETURN, after)
    monitoring.set_events(tool, events.CALL)
    try:
        yield lambda: seen
    finally:
        monitoring.set_events(tool, events.NO_EVENTS)
        monitoring.free_tool_id(tool)
