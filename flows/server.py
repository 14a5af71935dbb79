"""The Prefect server a command works with: the one it was given, a running one of this home, or its own.

Imports neither Prefect nor anything heavy, so that a command can start the server first and import meanwhile. A server of our
own is a child process that ends when we stop it and when we die, however we die: it holds the other end of a pipe.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from flows.prefect_home import apply_environment, environment, prefect_home
from grodt.errors import ConfigError, GrodtError

UI_PORT = 4200
_HOST = "127.0.0.1"
#: Between our last word and the server's end: what we sent reaches its queues, which it writes when it ends.
_SETTLE_SECONDS = 0.3
_STOP_SECONDS = 20.0
#: A server without pages writes task runs and events this often, and when it ends.
_RARE_FLUSH_SECONDS = "60"
_POLL_SECONDS = 0.1
_LOG_TAIL_LINES = 15
_LOG_LIMIT_BYTES = 1_000_000


class PrefectServerError(GrodtError):
    """The Prefect server did not start, died, or does not answer. The message has the end of its log."""


@dataclass(slots=True)
class PrefectServer:
    """A Prefect server we may use. As a context manager it is stopped at the end.

    Attributes:
        api_url: address of its API, for `PREFECT_API_URL`.
        origin: `given` by `PREFECT_API_URL`, `shared` (the running `grodt ui` or `grodt serve` of this home), or `own`.
        log: where a server of our own writes; None otherwise.
    """

    api_url: str
    origin: Literal["given", "shared", "own"]
    log: Path | None = None
    _process: subprocess.Popen[bytes] | None = None
    _pipe: int | None = None

    @property
    def ui_url(self) -> str:
        """Address of its pages."""
        return self.api_url.removesuffix("/api")

    def wait_ready(self, waiting: Callable[[float], None] | None = None, timeout_seconds: float = 120.0) -> float:
        """Wait until the API answers.

        Args:
            waiting: called several times a second with the seconds waited so far, to show progress.
            timeout_seconds: how long to wait; a server we did not start has to answer within ten seconds.

        Returns:
            Seconds waited.

        Raises:
            PrefectServerError: it ended, or did not answer in time.
        """
        limit = timeout_seconds if self.origin == "own" else min(timeout_seconds, 10.0)
        began = time.monotonic()
        while not is_healthy(self.api_url):
            waited = time.monotonic() - began
            if self._process is not None and self._process.poll() is not None:
                raise PrefectServerError(
                    f"the Prefect server ended with status {self._process.returncode} while starting{self._log_tail()}"
                )
            if waited > limit:
                raise PrefectServerError(self._silence(limit))
            if waiting is not None:
                waiting(waited)
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - began

    def wait_ended(self) -> int:
        """Wait for a server of our own to end by itself; its exit status."""
        return self._process.wait() if self._process is not None else 0

    def stop(self) -> None:
        """Send what Prefect still holds in this process, let a server of our own write it, and end that server. Harmless when repeated."""
        drain()
        if self._process is None:
            return
        if self._process.poll() is None and is_healthy(self.api_url):
            time.sleep(_SETTLE_SECONDS)
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        """The server itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop it."""
        self.stop()

    def _silence(self, limit: float) -> str:
        if self.origin == "given":
            return f"PREFECT_API_URL is {self.api_url}, which did not answer in {limit:g} s: start that server, or unset PREFECT_API_URL"
        if self.origin == "shared":
            return f"the Prefect server at {self.api_url} (`grodt ui` or `grodt serve` of this home) stopped answering: run this again"
        return f"the Prefect server at {self.api_url} did not answer in {limit:g} s{self._log_tail()}"

    def _log_tail(self) -> str:
        if self.log is None or not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([f"; its log {self.log} ends:", *lines]) if lines else f"; its log {self.log} is empty"


def start_server(home: Path) -> PrefectServer:
    """Find or start the server for this home and point this process at it, before `prefect` is imported.

    Returns at once: call `wait_ready` when the imports are done. A server of our own has no UI; `serve_ui` shows its runs.
    """
    apply_environment(home)
    if given := os.environ.get("PREFECT_API_URL"):
        return PrefectServer(given, "given")
    server = shared_server(home) or own_server(home)
    os.environ["PREFECT_API_URL"] = server.api_url
    # Prefect logs where to look at a run: a server of our own has no pages, `grodt ui` shows the same runs on its port.
    os.environ.setdefault("PREFECT_UI_URL", server.ui_url if server.origin == "shared" else f"http://{_HOST}:{UI_PORT}")
    return server


def reachable_server(home: Path) -> PrefectServer | None:
    """The server that `PREFECT_API_URL` names, or the long-lived one of this home, if it answers; starts none.

    This process is pointed at it: ask before `prefect` is imported.
    """
    given = os.environ.get("PREFECT_API_URL")
    found = PrefectServer(given, "given") if given and is_healthy(given) else None if given else shared_server(home)
    if found is not None:
        apply_environment(home)
        os.environ["PREFECT_API_URL"] = found.api_url
    return found


def shared_server(home: Path) -> PrefectServer | None:
    """The long-lived server that `grodt ui` or `grodt serve` runs on this home, if one answers."""
    try:
        note = json.loads(_note(home).read_text())
        api_url = str(note["api_url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return PrefectServer(api_url, "shared") if is_healthy(api_url) else None


def own_server(home: Path, *, ui: bool = False, port: int = 0) -> PrefectServer:
    """Start a server as a child of this process, without waiting for it.

    Args:
        home: `GRODT_HOME`.
        ui: serve the pages and run every background service (schedules, late runs), instead of what recording runs needs.
        port: 0 for any free one.

    Raises:
        ConfigError: the port is taken, or the home cannot be written.
    """
    folder = prefect_home(home)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = _fresh_log(home)
        log.touch()
    except OSError as error:
        raise ConfigError(
            f"home {home} cannot be written: {error}; check the owner and permissions of its folders and that the disk has room, or name "
            "another one in GRODT_HOME"
        ) from error
    with _listener(port) as listener, log.open("ab") as output:
        api_url = f"http://{_HOST}:{listener.getsockname()[1]}/api"
        ours, theirs = _pipe()
        command = [sys.executable, "-P", str(Path(__file__).with_name("server_process.py"))]
        arguments = [str(listener.fileno()), str(theirs), "ui" if ui else "api", str(folder / "start.lock")]
        try:
            process = subprocess.Popen(
                command + arguments,
                env=_server_environment(home, ui, api_url),
                pass_fds=(listener.fileno(), theirs),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is for us: the server ends after the last run is recorded
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
    return PrefectServer(api_url, "own", log, process, ours)


@contextmanager
def long_lived_server(home: Path, port: int = UI_PORT) -> Iterator[PrefectServer]:
    """Run a server with pages and schedules that other commands on this home share while it lives.

    Raises:
        ConfigError: another one runs on this home already, or the port is taken.
    """
    if running := shared_server(home):
        raise ConfigError(f"a Prefect server of {home} runs already: open {running.ui_url}, or stop it first")
    with own_server(home, ui=True, port=port) as server:
        note = _note(home)
        temporary = note.with_name(f".{note.name}.{os.getpid()}")
        temporary.write_text(json.dumps({"api_url": server.api_url, "pid": os.getpid()}))
        temporary.replace(note)
        try:
            yield server
        finally:
            note.unlink(missing_ok=True)


@contextmanager
def scheduling_server(home: Path, port: int = UI_PORT) -> Iterator[PrefectServer]:
    """The server that schedules deployments: the one `PREFECT_API_URL` names, the running one of this home, or a new one.

    It answers, and this process is pointed at it: enter before `prefect` is imported.

    Raises:
        ConfigError: the port is taken.
        PrefectServerError: it does not answer.
    """
    apply_environment(home)
    given = os.environ.get("PREFECT_API_URL")
    if found := PrefectServer(given, "given") if given else shared_server(home):
        os.environ["PREFECT_API_URL"] = found.api_url
        found.wait_ready()
        yield found
        return
    with _ends_on_sigterm(), long_lived_server(home, port) as server:
        os.environ["PREFECT_API_URL"] = server.api_url
        server.wait_ready()
        yield server


def serve_ui(home: Path, port: int = UI_PORT, ready: Callable[[str], None] | None = None) -> None:
    """Serve Prefect's pages over this home's runs in the foreground, until Ctrl-C or SIGTERM.

    Args:
        home: `GRODT_HOME`.
        port: of the loopback address.
        ready: called with the address once it answers.

    Raises:
        ConfigError: another one runs on this home already, or the port is taken.
        PrefectServerError: it did not start or died.
    """
    with _ends_on_sigterm(), long_lived_server(home, port) as server:
        try:
            server.wait_ready()
            if ready is not None:
                ready(server.ui_url)
            status = server.wait_ended()
        except KeyboardInterrupt:
            return
        raise PrefectServerError(f"the Prefect server ended with status {status}: see {server.log}")


def is_healthy(api_url: str, timeout_seconds: float = 2.0) -> bool:
    """Whether an API at this address says that it is well."""
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=timeout_seconds) as reply:
            return bool(reply.status == http.HTTPStatus.OK)
    except (OSError, ValueError, http.client.HTTPException):
        return False


def drain(timeout_seconds: float = 10.0) -> None:
    """Send the logs and events that Prefect has queued in this process. Nothing to do where Prefect is not imported."""
    if "prefect.main" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=timeout_seconds)
    EventsWorker.drain_all(timeout=timeout_seconds)


def _server_environment(home: Path, ui: bool, api_url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    mode = (
        {"PREFECT_UI_ENABLED": "true", "PREFECT_UI_API_URL": api_url}
        if ui
        else {
            "PREFECT_UI_ENABLED": "false",
            "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
            # A flush that meets a request makes SQLite refuse the request, which Prefect's client repeats two seconds later.
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": _RARE_FLUSH_SECONDS,
            "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": _RARE_FLUSH_SECONDS,
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "1000",
            "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "1000",
        }
    )
    return environment(home) | inherited | mode


def _listener(port: int) -> socket.socket:
    """A bound and listening socket: clients that come before the server is up wait instead of being refused."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"port {port} of {_HOST} cannot be used ({error.strerror}): choose another with --port") from error
    return listener


def _pipe() -> tuple[int, int]:
    """(our end, the server's end): the server sees the end of file once ours is closed."""
    reading, writing = os.pipe()
    return writing, reading


def _note(home: Path) -> Path:
    return prefect_home(home) / "server.json"


def _fresh_log(home: Path) -> Path:
    log = home.absolute() / "logs" / "prefect-server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log


@contextmanager
def _ends_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
