"""What a person sees while cycles run: a live line on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

#: Width of tables where there is no terminal to ask; Rich would take 80 and cut figures.
_WIDTH_WITHOUT_TERMINAL = 120


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL)


#: For people. Errors and progress go to stderr, so that stdout holds results alone.
console = _console(stderr=True)
#: For results.
out = _console(stderr=False)


class Progress:
    """Tells what is going on, with the seconds since the command started."""

    def __init__(self, started: float | None = None) -> None:
        self._started = time.monotonic() if started is None else started
        self._status: Status | None = None
        self._last = ""

    def seconds(self) -> float:
        """Since the command started."""
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """What is being done now: replaces the live line; on anything but a terminal it is a line of its own, said once."""
        if text == self._last:
            return
        self._last = text
        if self._status is not None:
            self._status.update(f"[dim]{self.seconds():5.1f} s[/dim] {text}")
        elif not console.is_terminal:
            console.print(f"{self.seconds():5.1f} s  {text}")

    def done(self, text: str) -> None:
        """Something that is finished: stays on the screen."""
        console.print(f"[dim]{self.seconds():5.1f} s[/dim]  {text}" if console.is_terminal else f"{self.seconds():5.1f} s  {text}")

    @contextmanager
    def live(self) -> Iterator["Progress"]:
        """While inside, `say` moves a spinner's line (on a terminal)."""
        if not console.is_terminal:
            yield self
            return
        with console.status("") as status:
            self._status = status
            try:
                yield self
            finally:
                self._status = None


def fail(message: str) -> None:
    """The one clear message a command ends with."""
    sys.stdout.flush()
    console.print(f"[bold red]error:[/bold red] {message}", soft_wrap=True, markup=True)
