"""Cycles in processes of their own, which kill themselves with SIGKILL at a chosen instant.

One server process imports everything once and forks a fresh process for each; that costs milliseconds instead of seconds.
"""

import os
import signal
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date
from itertools import count
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from types import TracebackType
from typing import Any, Self

from tests.cycles.driver import Home
from tests.faults.doors import Moment, doors

_ENOUGH_SECONDS = 600.0


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
        if process.exitcode is None:
            process.kill()
        assert process.exitcode is not None, "it hangs"
        return process.exitcode

    def event(self) -> Event:
        """Something that two processes can wait for."""
        return self._context.Event()


def _work(
    home: Home,
    sessions: tuple[date, ...],
    *,
    stage: tuple[date, str] | None = None,
    instant: int | None = None,
    waits: tuple[date, str, Event, Event] | None = None,
    said: str = "",
) -> None:
    """Run cycles.

    Args:
        home: whose.
        sessions: their sessions.
        stage: killed when this session's stage starts.
        instant: killed at this passing of a door, counted from 0; see `tests.faults.doors`.
        waits: at this session's stage, say that it is reached (the first event) and wait for the second.
        said: what the stage has told by then; "" when it starts.
    """

    def watch(session: date, name: str, text: str) -> None:
        if not text and (session, name) == stage:
            os.kill(os.getpid(), signal.SIGKILL)
        if text == said and waits is not None and (session, name) == waits[:2]:
            waits[2].set()
            waits[3].wait(_ENOUGH_SECONDS)

    passed = count()

    def ask(_moment: Moment, _door: str, _name: str) -> None:
        if next(passed) == instant:
            os.kill(os.getpid(), signal.SIGKILL)

    with nullcontext() if instant is None else doors(home.folder, ask):
        home.run(*sessions, watch=watch)
