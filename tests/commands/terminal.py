"""The command in a process of its own, and on a terminal."""

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

from tests.cycles.driver import Home

ROOT = Path(__file__).resolve().parents[2]
_GRODT = [sys.executable, "-c", "from flows.cli import main; main()"]
_ONE_AFTER_THE_OTHER = """
import sys
from flows.cli import main
for command in sys.argv[1:]:
    sys.argv = ["grodt", *command.split()]
    try:
        main()
    except SystemExit:
        print(end="\\f", flush=True)
"""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


def start(home: Home, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start it, its output in pipes."""
    return subprocess.Popen(
        [*_GRODT, *arguments], env=_environment(home, variables), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def screens(home: Home, columns: int, *commands: str) -> list[str]:
    """What commands write to a terminal of that width, without colours; one process runs them all."""
    shown = on_terminal([sys.executable, "-c", _ONE_AFTER_THE_OTHER, *commands], _environment(home, {"TERM": "xterm"}), columns)
    return shown.split("\f")[:-1]


def on_terminal(command: list[str], environment: dict[str, str], columns: int) -> str:
    """What a command writes to a terminal of that width, without colours and movements."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        return _CONTROL.sub("", _everything(ours))


def _everything(terminal: int) -> str:
    written = b""
    try:
        while chunk := os.read(terminal, 65_536):
            written += chunk
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    return written.decode()


def _environment(home: Home, variables: dict[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("GRODT_", "PREFECT_", "COLUMNS", "LINES"))}
    return ours | home.variables | variables
