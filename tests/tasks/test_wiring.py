"""Who holds a lease, and whether he still lives; parts that are made only when nothing is wrong."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from grodt.errors import ConfigError, SessionError
from tasks.wiring import is_alive, parts, process_name
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, small_home


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is told to end."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def _name(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{psutil.Process(pid).create_time():.2f}"


def test_this_process_is_alive_under_its_name() -> None:
    assert process_name() == _name(os.getpid())
    assert is_alive(process_name())


def test_a_process_is_alive_until_it_is_killed_even_before_its_parent_has_asked(sleeper: subprocess.Popen[bytes]) -> None:
    name = _name(sleeper.pid)
    assert is_alive(name)
    sleeper.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table of processes
    assert psutil.Process(sleeper.pid).status() == psutil.STATUS_ZOMBIE
    assert not is_alive(name)
    sleeper.wait()
    assert not is_alive(name)


def test_another_process_under_a_number_that_is_used_again_is_not_the_holder() -> None:
    host, pid, _ = process_name().rsplit(":", 2)
    assert not is_alive(f"{host}:{pid}:1.00")


def test_a_process_of_another_machine_is_taken_for_alive() -> None:
    assert is_alive("elsewhere:1:1.00")


def test_parts_make_their_files_and_close_them(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    with home.environment():
        made = parts("small", MON)
    assert {instrument.symbol for instrument in made.universe(MON)} == {"CASH", "GONE", "REST", "RISE", "TWIN"}
    made.close()
    assert sorted(path.name for path in home.folder.rglob("*.db")) == ["ledger.db", "paper-small.db"]


def test_whatever_is_wrong_is_found_before_a_file_is_made(tmp_path: Path) -> None:
    home: Home = small_home(tmp_path, now="2015-11-27T12:00:00Z")
    with home.environment():
        with pytest.raises(ConfigError, match="book 'large' is unknown"):
            parts("large", MON)
        with pytest.raises(SessionError, match="is not over"):
            parts("small", FRI)
    assert not home.folder.exists()
