"""desk: the figures of the commands, and how it is served."""

import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from flows.desk_server import Serving, parts_of, renew_keys
from grodt.desk.app import create_app
from grodt.desk.passwords import Passwords
from grodt.errors import ConfigError
from grodt.ledger.unit import Ledger
from grodt.ledger.users import add_user
from tasks.environment import clock, environment
from tests.commands.terminal import start
from tests.cycles.driver import Home
from tests.flows.commands import Command

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def client(three_days: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, FlaskClient]]:
    """A desk over three cycles that are done, and a viewer's program that uses it."""
    home = replace(three_days, folder=tmp_path_factory.mktemp("desk") / "home")
    shutil.copytree(three_days.folder, home.folder)
    with home.environment(), closing(Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")) as ledger:
        where = environment()
        with ledger.write() as tx:
            add_user(tx, "vic", "viewer", Passwords().hash(PASSWORD), by="root", now=clock(where)())
        renew_keys(where)
        client = create_app(parts_of(where, ledger, Serving("127.0.0.1", 4210))).test_client()
        token = client.post("/api/token", json={"name": "vic", "password": PASSWORD}).get_json()["access_token"]
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        yield home, client


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("status", ["status"]),
        ("waiting", ["waiting"]),
        ("halts?all=true", ["halts", "--all"]),
        ("positions", ["positions"]),
        ("orders", ["orders"]),
        ("orders?session=2015-11-23&book=small", ["orders", "--session", "2015-11-23"]),
        ("positions/by-strategy", ["positions", "--by-strategy"]),
        ("limits", ["limits"]),
        ("limits/history?name=symbol_weight", ["limits", "history", "symbol_weight"]),
        ("breaks?all=true", ["breaks", "--all"]),
    ],
)
def test_it_gives_what_the_command_gives(grodt: Command, client: tuple[Home, FlaskClient], path: str, arguments: list[str]) -> None:
    home, desk = client
    answer = desk.get(f"/api/v1/{path}")
    told = json.loads(grodt(home, *arguments, "--json").out)
    assert (answer.status_code, answer.get_json()) == (200, told)
    assert told or path.split("?", maxsplit=1)[0] in ("waiting", "halts", "breaks")


def test_it_is_served_until_it_is_told_to_end(client: tuple[Home, FlaskClient]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with start(client[0], "desk", "--port", str(port)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"desk  http://127.0.0.1:{port}  (Ctrl-C ends it)\n"
        assert _answered(f"http://127.0.0.1:{port}/api/v1/health/ready", process) == {"status": "ok"}
        with ExitStack() as stalled:  # more logins that never end than there are places and threads
            for _ in range(20):
                one = stalled.enter_context(socket.create_connection(("127.0.0.1", port)))
                one.sendall(b"POST /api/token HTTP/1.1\r\nHost: desk\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{")
            assert _token(f"http://127.0.0.1:{port}/api/token")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=300)
    assert (process.returncode, "Traceback" in errors) == (0, False)


def _token(url: str) -> str:
    asked = json.dumps({"name": "vic", "password": PASSWORD}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, asked, {"Content-Type": "application/json"}), timeout=300) as reply:
        return str(json.load(reply)["access_token"])


def _answered(url: str, process: subprocess.Popen[str]) -> object:
    """What it answers, once a worker listens."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=300) as reply:
                return json.load(reply)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.1)
    raise AssertionError(process.communicate()[1])


@pytest.mark.parametrize(
    ("serving", "message"),
    [
        (Serving("0.0.0.0", 4210), "on 0.0.0.0 passwords would travel as they are"),
        (Serving("127.0.0.1", 4210, certificate=Path("a.pem")), "TLS needs both --certificate and --key"),
        *((Serving("127.0.0.1", 4210, origins=(each,)), "is no origin of one site") for each in ("*", "https://.*", "https://a/b", "a")),
    ],
)
def test_it_never_sends_passwords_as_they_are_nor_answers_any_page(serving: Serving, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        serving.require_safe()
    replace(serving, proxies=1, certificate=None, origins=("https://blotter.example",)).require_safe()


def test_what_it_cannot_be_served_without_is_named(grodt: Command, empty: Home, client: tuple[Home, FlaskClient]) -> None:
    ended = grodt(empty, "desk")
    assert (ended.status, ended.err.startswith("error: there is no ledger in")) == (2, True)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        ended = grodt(client[0], "desk", "--port", str(taken.getsockname()[1]))
    assert (ended.status, "choose another with --port" in ended.err) == (2, True)


def test_a_new_key_signs_at_once(grodt: Command, client: tuple[Home, FlaskClient]) -> None:
    file = client[0].folder / "desk" / "keys.json"
    before = json.loads(file.read_text())
    assert grodt(client[0], "desk", "--new-key").status == 0
    after = json.loads(file.read_text())
    assert [each["kid"] for each in after[1:]] == [before[0]["kid"]]
    assert file.stat().st_mode & 0o777 == 0o600
    assert client[1].get("/api/v1/halts").status_code == 200
