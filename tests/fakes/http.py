"""A vendor's HTTP server on 127.0.0.1, for fakes of vendors.

Time stands still unless a test moves it; `advance` is what a client's sleep should call. A fault is put in front of the next answers
with `fail`.
"""

import json
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Fault:
    """What happens instead of an answer, or to it.

    Attributes:
        status: answered instead, with `body` and `headers`; None: the true answer is made, and then spoilt.
        spoil: turns the true answer's bytes into others, honestly framed.
        break_off: "reset" before a byte, "cut" in the middle of the body, "stall" before a byte, "drip" a byte at a time without end.
        only: of paths that contain this.
        method: of requests with this method; "" for any.
        taken: whether the request takes effect all the same.
    """

    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    spoil: Callable[[bytes], bytes] | None = None
    break_off: str = ""
    only: str = ""
    method: str = ""
    taken: bool = False


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    path: str
    question: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"


class FakeVendor:
    """A server whose answers a subclass gives."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self.answers_from = 0  # nothing is answered before so many requests were under way at once
        self.url = ""
        self._faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._meeting = threading.Condition()
        self._under_way = 0
        self._closing = threading.Event()

    def answer(self, path: str, question: dict[str, str], headers: Message) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of a request."""
        raise NotImplementedError

    def act(self, method: str, path: str, content: bytes, headers: Message) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of a request that changes something."""
        return 405, as_json({"message": f"{method} is not allowed"}), {}

    def fail(self, *faults: Fault) -> None:
        """Let the next answers fail so, in order."""
        self._faults.extend(faults)

    def recover(self) -> None:
        """No fault is in store any more."""
        with self._lock:
            self._faults.clear()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self.now += timedelta(seconds=seconds)

    def asked_of(self, path: str) -> list[dict[str, str]]:
        """The questions to a path, in the order they came."""
        return [asked.question for asked in self.asked if asked.path == path]

    @contextmanager
    def served(self) -> Iterator[Self]:
        """Serve it on a free port while the block runs."""
        fake = self

        class Handler(_Handler):
            vendor = fake

        server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._closing.set()
            server.shutdown()
            server.server_close()
            thread.join()

    def next_fault(self, method: str, path: str) -> Fault | None:
        """The fault in store for this request, which is then used up."""
        with self._lock:
            for fault in self._faults:
                if fault.only in path and fault.method in ("", method):
                    self._faults.remove(fault)
                    return fault
        return None

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts what is under way at once."""
        with self._meeting:
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            self._meeting.notify_all()
            self._meeting.wait_for(lambda: self.most_at_once >= self.answers_from, timeout=120.0)
        try:
            yield
        finally:
            with self._meeting:
                self._under_way -= 1

    def wait_for_the_end(self, seconds: float = 30.0) -> bool:
        """Until the server closes; whether it has."""
        return self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is none of our errors."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    vendor: FakeVendor
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        with self.vendor.counted():
            parts = urlsplit(self.path)
            question = dict(parse_qsl(parts.query))
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.vendor.asked.append(Asked(parts.path, question, dict(self.headers), method))
            fault = self.vendor.next_fault(method, parts.path) or Fault()
            breaks_off_at_once = fault.break_off in ("reset", "stall")
            status, body, headers = fault.status or 0, fault.body, dict(fault.headers)
            if fault.taken or (fault.status is None and not breaks_off_at_once):
                answer = (
                    self.vendor.answer(parts.path, question, self.headers)
                    if method == "GET"
                    else self.vendor.act(method, parts.path, content, self.headers)
                )
                if fault.status is None:
                    status, body, headers = answer
            if breaks_off_at_once:
                self._break_off(fault.break_off)
                return
            if fault.spoil is not None:
                body = fault.spoil(body)
            self.send_response_only(status)
            if "Date" not in headers:
                headers = {**headers, "Date": format_datetime(self.vendor.now, usegmt=True)}
            for name, value in headers.items():
                if value:
                    self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault.break_off:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self._break_off(fault.break_off)
                return
            self.wfile.write(body)

    def _break_off(self, how: str) -> None:
        self.close_connection = True
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "stall":
            self.vendor.wait_for_the_end()
        elif how == "drip":
            try:
                while not self.vendor.wait_for_the_end(0.01):
                    self.wfile.write(b" ")
            except OSError:
                return

    def log_message(self, *_: Any) -> None:
        """Silent."""


def as_json(content: Any) -> bytes:
    """A body."""
    return json.dumps(content).encode()
