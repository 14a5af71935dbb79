"""Where a signal of one's own comes from, and the one place where its code is run."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from grodt.errors import ConfigError, GrodtError


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a signal comes from.

    Attributes:
        place: how a message calls it: the file as the books file names it, or package and version.
        code: the file its code is in; None where a package has none.
        identity: what changes whenever its code may have: the SHA-256 of the file; of a package its name and version too.
        remedy: what to do about a mistake in it.
    """

    place: str
    code: Path | None
    identity: str
    remedy: str

    def run[R](self, owner: str, call: Callable[[], R], error: type[GrodtError] = ConfigError) -> R:
        """What the call returns, which runs code that we have not written.

        Args:
            owner: whose code it is, for the message.
            call: runs it, and nothing else.
            error: what is raised.

        Raises:
            ConfigError: (or `error`) the call raised something: names file and line, and keeps what was raised as its cause.
        """
        try:
            return call()
        # A stranger's code may raise anything whatever, and end the process too. Here alone that becomes an error of ours.
        except (Exception, SystemExit) as raised:
            known = isinstance(raised, GrodtError)
            said = " ".join(str(raised).split())
            told = said if known else f"{type(raised).__name__}: {said}" if said else type(raised).__name__
            raise error(f"{owner} in {self.place}{self._line(raised)}: {told}; {self.remedy}") from raised

    def _line(self, raised: BaseException) -> str:
        """The last line of its own code that was run."""
        if self.code is None:
            return ""
        name = str(self.code)
        if isinstance(raised, SyntaxError) and raised.filename == name and raised.lineno:
            return f", line {raised.lineno}"
        lines = [frame.lineno for frame in traceback.extract_tb(raised.__traceback__) if frame.filename == name]
        return f", line {lines[-1]}" if lines else ""
