"""What a person sees while cycles run: a live line on a terminal, plain lines elsewhere."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

#: Without a terminal nothing is cut and nothing is folded: a table is as wide as its cells.
_WIDTH_WITHOUT_TERMINAL = 10_000
#: Without a terminal, lines that differ in their numbers alone come this far apart, the last one in any case.
_QUIET_SECONDS = 5.0
#: What takes longer says where it is.
_SLOW_SECONDS = 2.0
_NUMBER = re.compile(r"[\d,.]+")


def _console(*, stderr: bool) -> Console:
    """Prints text as it stands: what users, vendors and brokers write in square brackets or between colons is no markup of ours."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        width=None if terminal else _WIDTH_WITHOUT_TERMINAL,
        force_interactive=None if terminal else False,
    )


#: For people. Errors and progress go to stderr, so that stdout holds results alone.
console = _console(stderr=True)
#: For results.
out = _console(stderr=False)


class Progress:
    """Tells what is going on, with the seconds since the command started."""

    def __init__(self, started: float | None = None) -> None:
        self._started = time.monotonic() if started is None else started
        self._text = ""
        self._printed = -_QUIET_SECONDS
        self._held: Text | None = None

    def seconds(self) -> float:
        """Since the command started."""
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """What is being done now: replaces the live line; on anything but a terminal it is a line of its own, said once.

        There, a text that differs from the one before in its numbers alone waits: it is printed when something else is said, or
        when the line before it is some seconds old.
        """
        if text == self._text:
            return
        before, self._text = self._text, text
        if console.is_interactive:
            return
        if _shape(text) != _shape(before):
            self._flush()
        self._held = self._line()
        if _shape(text) != _shape(before) or self.seconds() - self._printed >= _QUIET_SECONDS:
            self._flush()

    def say_once_slow(self, text: str) -> None:
        """The same of what is mostly over at once: where nobody looks on, nothing is said within the first seconds."""
        if console.is_interactive or self.seconds() > _SLOW_SECONDS:
            self.say(text)

    def done(self, text: str) -> None:
        """Something that is finished: stays on the screen."""
        self._flush()
        self._text = ""
        console.print(self._line(text), soft_wrap=True)

    @contextmanager
    def live(self) -> Iterator["Progress"]:
        """While inside, `say` moves a spinner's line (on a terminal), whose seconds run."""
        if not console.is_interactive:
            try:
                yield self
            finally:
                self._flush()
            return
        with console.status(self):
            yield self

    def __rich__(self) -> Text:
        """The live line, on one line of the screen."""
        line = self._line()
        line.no_wrap, line.overflow = True, "ellipsis"
        return line

    def _line(self, text: str | None = None) -> Text:
        return Text.assemble((f"{self.seconds():5.1f} s", "dim"), "  ", self._text if text is None else text)

    def _flush(self) -> None:
        if self._held is not None:
            console.print(self._held, soft_wrap=True)
            self._held, self._printed = None, self.seconds()


def _shape(text: str) -> str:
    return _NUMBER.sub("0", text)


def clock(seconds: float) -> str:
    """A time as hours, minutes and seconds: 0:01:40."""
    return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f}:{seconds % 60:02.0f}"


def fail(message: str) -> None:
    """The one clear message a command ends with."""
    sys.stdout.flush()
    console.print(Text.assemble(("error:", "bold red"), " ", message), soft_wrap=True)
