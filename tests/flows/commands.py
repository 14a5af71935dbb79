"""The `grodt` command in this process: what it prints, and the status it ends with."""

import sys
from dataclasses import dataclass

import pytest

from flows.cli import main
from tests.cycles.driver import Home

#: Nobody listens there. A command that is told of a server starts none, and asks it nothing before it has a cycle to run.
NO_SERVER = "http://127.0.0.1:9/api"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


class Command:
    """Runs `grodt` with a home's environment."""

    def __init__(self, capsys: pytest.CaptureFixture[str], api_url: str = NO_SERVER) -> None:
        self._capsys = capsys
        self._api_url = api_url

    def __call__(self, home: Home, *arguments: str) -> Ended:
        """Run it."""
        self._capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch, home.environment():
            patch.setenv("PREFECT_API_URL", self._api_url)
            patch.setenv("COLUMNS", "200")
            patch.setattr(sys, "argv", ["grodt", *arguments])
            with pytest.raises(SystemExit) as end:
                main()
        shown = self._capsys.readouterr()
        return Ended(int(end.value.code or 0), shown.out, shown.err)
