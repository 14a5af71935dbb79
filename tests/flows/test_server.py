import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.prefect_home import prefect_home
from flows.server import (
    PrefectServer,
    PrefectServerError,
    is_healthy,
    long_lived_server,
    own_server,
    scheduling_server,
    serve_ui,
    shared_server,
    start_server,
)
from grodt.errors import ConfigError

ROOT = Path(__file__).parents[2]


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None: ...


@pytest.fixture
def healthy() -> Iterator[str]:
    """Address of an API that says it is well."""
    with HTTPServer(("127.0.0.1", 0), _Healthy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test puts into the environment is gone afterwards."""
    for name in ("PREFECT_API_URL", "PREFECT_UI_URL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def migrated(tmp_path: Path, prefect_server: PrefectServer, pytestconfig: pytest.Config) -> Path:
    """A home whose database is migrated."""
    (template,) = pytestconfig.cache.mkdir("prefect").glob("migrated-*.db")
    prefect_home(tmp_path).mkdir()
    (prefect_home(tmp_path) / "prefect.db").write_bytes(template.read_bytes())
    return tmp_path


def _note(home: Path, text: str) -> None:
    prefect_home(home).mkdir(exist_ok=True)
    (prefect_home(home) / "server.json").write_text(text)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _ends(pid: int, seconds: float) -> bool:
    for _ in range(round(seconds / 0.05)):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_the_server_that_the_user_names_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, healthy: str) -> None:
    monkeypatch.setenv("PREFECT_API_URL", healthy)
    with start_server(tmp_path) as server:
        assert (server.origin, server.api_url) == ("given", healthy)
        server.wait_ready()


def test_a_named_server_that_does_not_answer_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{_free_port()}/api")
    waits: list[float] = []
    with pytest.raises(PrefectServerError, match=r"did not answer in 0\.3 s: start that server, or unset PREFECT_API_URL"):
        start_server(tmp_path).wait_ready(waits.append, timeout_seconds=0.3)
    assert waits == sorted(waits) != []


def test_a_running_server_of_the_home_is_shared(tmp_path: Path, healthy: str) -> None:
    _note(tmp_path, json.dumps({"api_url": healthy, "pid": 1}))
    server = start_server(tmp_path)
    assert (server.origin, os.environ["PREFECT_API_URL"]) == ("shared", healthy)
    with pytest.raises(ConfigError, match="runs already"), long_lived_server(tmp_path):
        pass


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": 1}', '{"api_url": "http://127.0.0.1:9/api"}', '{"api_url": "nonsense"}'])
def test_a_note_that_leads_nowhere_is_no_server(tmp_path: Path, note: str) -> None:
    assert shared_server(tmp_path) is None
    _note(tmp_path, note)
    assert shared_server(tmp_path) is None


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port} of 127\.0\.0\.1 cannot be used .*--port"):
            own_server(tmp_path, port=port)


@pytest.mark.long
def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_PORT", "a word")
    with own_server(tmp_path) as server, pytest.raises(PrefectServerError, match=r"(?s)ended with status 1 while starting.*a word"):
        server.wait_ready()


def test_a_log_that_grew_large_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "prefect-server.log").write_bytes(b"x" * 1_000_001)
    own_server(tmp_path).stop()
    assert (tmp_path / "logs" / "prefect-server.log.1").stat().st_size == 1_000_001
    assert (tmp_path / "logs" / "prefect-server.log").stat().st_size == 0


@pytest.mark.parametrize("ready", [False, True], ids=["while it starts", "when it is up"])
def test_the_server_ends_when_its_parent_is_killed(migrated: Path, ready: bool) -> None:
    program = (
        "import sys, time; from pathlib import Path; from flows.server import own_server; s = own_server(Path(sys.argv[1]));"
        "sys.argv[2] == 'True' and s.wait_ready(); print(s._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(migrated), str(ready)], stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert _ends(pid, 120)


def test_start_server_points_this_process_at_a_server_of_its_own(tmp_path: Path) -> None:
    server = start_server(tmp_path)
    try:
        assert server.origin == "own"
        assert os.environ["PREFECT_API_URL"] == server.api_url
        assert os.environ["PREFECT_UI_URL"] == "http://127.0.0.1:4200"
    finally:
        server.stop()
        server.stop()
    assert not is_healthy(server.api_url, 0.2)


@pytest.mark.long
def test_the_ui_shows_pages_until_interrupted(migrated: Path) -> None:
    port, seen = _free_port(), []

    def ready(url: str) -> None:
        shared = shared_server(migrated)
        with urllib.request.urlopen(url) as page, urllib.request.urlopen(f"{url}/ui-settings") as settings:
            seen.append((url, shared is not None and shared.ui_url, b"<html" in page.read(), json.load(settings)["api_url"]))
        os.kill(os.getpid(), signal.SIGTERM)

    serve_ui(migrated, port, ready)
    url = f"http://127.0.0.1:{port}"
    assert seen == [(url, url, True, f"{url}/api")]
    assert shared_server(migrated) is None
    assert not (prefect_home(migrated) / "server.json").exists()


def test_a_ui_that_cannot_start_says_so_and_leaves_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))  # ends with status 1 at once
    with pytest.raises(PrefectServerError, match="ended with status 1"):
        serve_ui(tmp_path, _free_port())
    with pytest.raises(PrefectServerError, match="ended with status 1"), scheduling_server(tmp_path, _free_port()):
        pass
    assert not (prefect_home(tmp_path) / "server.json").exists()


def test_a_server_that_is_killed_says_how_it_ended(tmp_path: Path) -> None:
    with own_server(tmp_path) as server:
        assert server._process is not None
        server._process.kill()
        assert server.wait_ended() == -signal.SIGKILL


def test_schedules_run_on_the_server_the_user_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, healthy: str) -> None:
    monkeypatch.setenv("PREFECT_API_URL", healthy)
    with scheduling_server(tmp_path) as server:
        assert (server.origin, server.wait_ended()) == ("given", 0)


def test_schedules_run_on_the_ui_that_is_open(tmp_path: Path, healthy: str) -> None:
    _note(tmp_path, json.dumps({"api_url": healthy, "pid": 1}))
    with scheduling_server(tmp_path) as server:
        assert (server.origin, os.environ["PREFECT_API_URL"]) == ("shared", healthy)


def test_a_schedule_makes_runs(prefect_server: PrefectServer) -> None:
    """Prefect's scheduler fails under SQLAlchemy 2.1, silently, so the lock file keeps 2.0."""
    flow = _post(prefect_server, "/flows/", {"name": "scheduled-trial"})
    schedule = {"schedule": {"cron": "30 17 * * 1-5", "timezone": "America/New_York"}, "active": True, "slug": "eod"}
    deployment = _post(prefect_server, "/deployments/", {"name": "trial", "flow_id": flow["id"], "schedules": [schedule]})
    _post(prefect_server, f"/deployments/{deployment['id']}/schedule", {"min_runs": 3, "max_runs": 3})
    runs = _post(prefect_server, "/flow_runs/filter", {"deployments": {"id": {"any_": [deployment["id"]]}}})
    assert [run["state_name"] for run in runs] == ["Scheduled"] * 3


def _post(server: PrefectServer, path: str, body: object) -> Any:
    """What Prefect's own client is answered: it asks again where the server says 503, as it does while SQLite is locked."""
    with SyncPrefectClient(server.api_url) as client:
        reply = client._client.post(path, json=body)
    return reply.json() if reply.content else None
