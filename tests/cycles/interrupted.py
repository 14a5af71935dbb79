"""Interrupting a cycle as one of its stages starts."""

from collections.abc import Callable
from datetime import date


class Stop(BaseException):
    """Ends a process where nothing is meant to catch it, such as an interrupt."""


def stop_at(wanted: str) -> Callable[[date, str, str], None]:
    """A watch for `Home.run` that stops where that stage starts."""

    def watch(_session: date, stage: str, text: str) -> None:
        if stage == wanted and not text:
            raise Stop

    return watch
