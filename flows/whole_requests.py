"""The desk's door to granian: a thread is given to a request only once all of it has come.

Granian has no time limit for a body, and a WSGI application reads it in a thread of its own, as slowly as it is sent. So bodies are read on
the event loop, where waiting takes no thread: little of each, and not for long.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from typing import Any, Protocol

from grodt.desk.app import MOST_BYTES
from grodt.telemetry.logs import get_logger

#: How long a body may take.
PATIENCE = timedelta(seconds=10)
#: Methods whose requests are whole without a body; one that comes all the same is not read.
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_log = get_logger("grodt.desk")

type Headers = list[tuple[str, str]]
type Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Scope(Protocol):
    """What granian says of a request (RSGI)."""

    proto: str
    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    authority: str | None
    headers: Any


class Connection(Protocol):
    """Over which it comes and is answered (RSGI)."""

    def __aiter__(self) -> Any:
        """The body, as it comes."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer."""


class WholeRequests:
    """A WSGI application as granian's RSGI calls it."""

    def __init__(self, application: Wsgi, *, threads: int, patience: timedelta = PATIENCE) -> None:
        """Serve it.

        Args:
            application: called with whole requests alone.
            threads: in which it is called.
            patience: how long a body may take.
        """
        self._application = application
        self._patience = patience.total_seconds()
        self._threads = ThreadPoolExecutor(threads, "desk")

    def __rsgi__(self, scope: Scope, connection: Connection) -> Awaitable[None]:
        """Answer a request."""
        return self._answer(scope, connection)

    async def _answer(self, scope: Scope, connection: Connection) -> None:
        body = b""
        if scope.method not in _WITHOUT_BODY:
            try:
                async with asyncio.timeout(self._patience):
                    body = await _read(connection)
            except TimeoutError:
                _refuse(scope, connection, 408, f"the request did not come within {self._patience:g} s")
                return
            if _is_cut(scope, body):
                _refuse(scope, connection, 400, "less of the request came than it said")
                return
        loop = asyncio.get_running_loop()
        connection.response_bytes(*await loop.run_in_executor(self._threads, self._call, environ_of(scope, body)))

    def _call(self, environ: dict[str, Any]) -> tuple[int, Headers, bytes]:
        started: list[tuple[int, Headers]] = []

        def start(status: str, headers: Headers, _error: Any = None) -> None:
            started.append((int(status.split(" ", 1)[0]), headers))

        parts = self._application(environ, start)
        try:
            body = b"".join(parts)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        return *started[-1], body


def _refuse(scope: Scope, connection: Connection, status: int, why: str) -> None:
    _log.warning("request not read", address=_host(scope.client)[0], path=scope.path, why=why)
    text = f"{why}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text))), ("Connection", "close")]
    connection.response_bytes(status, headers, text)


def _is_cut(scope: Scope, body: bytes) -> bool:
    """Whether the sender went away before the end of a body whose length they had said."""
    said = scope.headers.get("content-length")
    return said is not None and len(body) < min(int(said), MOST_BYTES + 1)


async def _read(connection: Connection) -> bytes:
    """The body, or a byte more of it than is read of any."""
    body = bytearray()
    async for part in connection:
        body += part
        if len(body) > MOST_BYTES:
            break
    return bytes(body[: MOST_BYTES + 1])


def environ_of(scope: Scope, body: bytes) -> dict[str, Any]:
    """A whole request as WSGI has it (PEP 3333)."""
    client, _ = _host(scope.client)
    host, port = _host(scope.server)
    found: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if scope.authority is not None:
        found["HTTP_HOST"] = scope.authority
    for name, value in scope.headers.items():
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        joint = "; " if key == "HTTP_COOKIE" else ", "
        found[key] = found[key] + joint + value if key in found and key != "HTTP_HOST" else value
    return found


def _host(address: str) -> tuple[str, str]:
    """Host and port of `127.0.0.1:4210` or `[::1]:4210`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port
