"""Alpaca's data and asset endpoints on 127.0.0.1, as its documentation and answers show them.

It pages over all symbols together, sorted by symbol and time, and names a sequel whenever a page is full, even when the sequel is empty.
Corporate actions are found by the day they are processed. Time stands still unless a test moves it; `advance` is what a client's
sleep should call. A fault is put in front of the next answers with `fail`.
"""

import json
import re
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

KEY, SECRET = "PKTEST", "s3cret"
NEW_YORK = ZoneInfo("America/New_York")
RATE_WINDOW = timedelta(minutes=1)
SIP_DELAY = timedelta(minutes=15)
FEEDS = ("iex", "sip", "delayed_sip", "otc", "boats", "overnight")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9.]*")


@dataclass(frozen=True)
class Fault:
    """What happens instead of an answer, or to it.

    Attributes:
        status: answered instead, with `body` and `headers`; None: the true answer is made, and then spoilt.
        spoil: turns the true answer's bytes into others, honestly framed.
        break_off: "reset" before a byte, "cut" in the middle of the body, "stall" before a byte, "drip" a byte at a time without end.
        only: of paths that contain this.
    """

    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    spoil: Callable[[bytes], bytes] | None = None
    break_off: str = ""
    only: str = ""


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    path: str
    question: dict[str, str]


class FakeAlpaca:
    """The world that is served. Bars are (session, open, high, low, close, volume) by symbol; actions are records by kind."""

    def __init__(self, now: datetime = datetime(2024, 3, 1, 22, 0, tzinfo=UTC)) -> None:
        self.now = now
        self.bars: dict[str, list[tuple[date, float, float, float, float, float]]] = {}
        self.actions: dict[str, list[dict[str, Any]]] = {}
        self.assets: list[dict[str, Any]] = []
        self.stamp: Callable[[date], datetime] = lambda day: datetime.combine(day, datetime.min.time(), NEW_YORK)
        self.sip_is_subscribed = True
        self.allowed_in_a_window: int | None = None
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self.answers_from = 0  # nothing is answered before so many requests were under way at once
        self.url = ""
        self._faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._meeting = threading.Condition()
        self._under_way = 0
        self._window_began = now
        self._used = 0
        self._closing = threading.Event()

    def list_asset(self, symbol: str, **changes: Any) -> None:
        """Add an asset, active and shortable unless said otherwise."""
        plain = {"id": f"id-{symbol}-{len(self.assets)}", "class": "us_equity", "exchange": "NASDAQ", "symbol": symbol, "status": "active"}
        self.assets.append({**plain, "tradable": True, "shortable": True, "easy_to_borrow": True, **changes})

    def act(self, kind: str, **record: Any) -> None:
        """Add a corporate action of that kind; dates as text."""
        self.actions.setdefault(kind, []).append({"id": f"{kind}-{len(self.actions.get(kind, []))}", **record})

    def fail(self, *faults: Fault) -> None:
        """Let the next answers fail so, in order."""
        self._faults.extend(faults)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self.now += timedelta(seconds=seconds)

    def asked_of(self, path: str) -> list[dict[str, str]]:
        """The questions to a path, in the order they came."""
        return [asked.question for asked in self.asked if asked.path == path]

    @contextmanager
    def served(self) -> Iterator["FakeAlpaca"]:
        """Serve it on a free port while the block runs."""
        fake = self

        class Handler(_Handler):
            alpaca = fake

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

    def answer(self, path: str, question: dict[str, str], headers: Message) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of a request."""
        if headers.get("APCA-API-KEY-ID") != KEY or headers.get("APCA-API-SECRET-KEY") != SECRET:
            return 401 if path.startswith("/v2/assets") else 403, _json({"message": "forbidden."}), {}
        limits: dict[str, str] = {}
        if self.allowed_in_a_window is not None:
            with self._lock:
                if self.now >= self._window_began + RATE_WINDOW:
                    self._window_began, self._used = self.now, 0
                reset = int((self._window_began + RATE_WINDOW).timestamp()) + 1
                left = self.allowed_in_a_window - self._used
                limits = {"X-RateLimit-Remaining": str(max(0, left - 1)), "X-RateLimit-Reset": str(reset)}
                if left <= 0:
                    return 429, _json({"message": "too many requests."}), limits
                self._used += 1
        answers = {"/v2/stocks/bars": self._bars, "/v1/corporate-actions": self._actions, "/v2/assets": self._assets}
        if path not in answers:
            return 404, b"404 page not found", limits
        status, content = answers[path](question)
        return status, _json(content), limits

    def _bars(self, question: dict[str, str]) -> tuple[int, Any]:
        limit = int(question.get("limit", "1000"))
        symbols = sorted(question["symbols"].split(","))
        odd = [symbol for symbol in symbols if not _SYMBOL.fullmatch(symbol)]
        if odd:
            return 400, {"message": f"invalid symbol: {odd[0]}"}
        if not 1 <= limit <= 10_000:
            return 400, {"message": "limit must be between 1 and 10000"}
        if question.get("timeframe") != "1Day" or question.get("adjustment", "raw") != "raw" or question.get("asof") != "-":
            return 400, {"message": "this fake knows raw daily bars without symbol mapping alone"}
        if question.get("feed") not in FEEDS:
            return 400, {"message": f"invalid feed: {question.get('feed')}"}
        start, end = (datetime.fromisoformat(question[name]) for name in ("start", "end"))
        if end < start:
            return 400, {"message": "end should not be before start"}
        if question["feed"] == "sip" and not self.sip_is_subscribed and end > self.now - SIP_DELAY:
            return 403, {"message": "subscription does not permit querying recent SIP data"}
        rows = [
            (symbol, self.stamp(bar[0]), bar[1:])
            for symbol in dict.fromkeys(symbols)
            for bar in sorted(self.bars.get(symbol, []))
            if start <= self.stamp(bar[0]) <= end
        ]
        page, token = _page(rows, question, limit)
        bars: dict[str, list[dict[str, Any]]] = {}
        for symbol, stamp, (o, h, l, c, v) in page:  # noqa: E741
            bars.setdefault(symbol, []).append({"t": _utc(stamp), "o": o, "h": h, "l": l, "c": c, "v": v, "n": 7, "vw": c})
        return 200, {"bars": bars, "next_page_token": token}

    def _actions(self, question: dict[str, str]) -> tuple[int, Any]:
        limit = int(question.get("limit", "100"))
        if not 1 <= limit <= 1_000:
            return 400, {"message": "limit must be between 1 and 1000"}
        wanted = set(question["symbols"].split(","))
        found = sorted(
            (
                (record.get("process_date", ""), kind, number, record)
                for kind, records in self.actions.items()
                for number, record in enumerate(records)
                if wanted & {value for name, value in record.items() if name.endswith("symbol")}
                and question["start"] <= record.get("process_date", question["start"]) <= question["end"]
            ),
            key=lambda row: row[:3],
        )
        page, token = _page(found, question, limit)
        by_kind: dict[str, list[Any]] = {}
        for _, kind, _, record in page:
            by_kind.setdefault(kind, []).append(record)
        return 200, {"corporate_actions": by_kind, "next_page_token": token}

    def _assets(self, question: dict[str, str]) -> tuple[int, Any]:
        status = question.get("status")
        return 200, [asset for asset in self.assets if status is None or asset["status"] == status]

    def next_fault(self, path: str) -> Fault | None:
        """The fault in store for this path, which is then used up."""
        with self._lock:
            for fault in self._faults:
                if fault.only in path:
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
            self._meeting.wait_for(lambda: self.most_at_once >= self.answers_from, timeout=10.0)
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
    alpaca: FakeAlpaca
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        with self.alpaca.counted():
            parts = urlsplit(self.path)
            question = dict(parse_qsl(parts.query))
            self.alpaca.asked.append(Asked(parts.path, question))
            fault = self.alpaca.next_fault(parts.path) or Fault()
            if fault.break_off in ("reset", "stall"):
                self._break_off(fault.break_off)
                return
            status, body, headers = self.alpaca.answer(parts.path, question, self.headers)
            if fault.status is not None:
                status, body, headers = fault.status, fault.body, dict(fault.headers)
            if fault.spoil is not None:
                body = fault.spoil(body)
            self.send_response_only(status)
            if "Date" not in headers:
                headers = {**headers, "Date": format_datetime(self.alpaca.now, usegmt=True)}
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
            self.alpaca.wait_for_the_end()
        elif how == "drip":
            try:
                while not self.alpaca.wait_for_the_end(0.01):
                    self.wfile.write(b" ")
            except OSError:
                return

    def log_message(self, *_: Any) -> None:
        """Silent."""


def _page[R](rows: Sequence[R], question: Mapping[str, str], limit: int) -> tuple[Sequence[R], str | None]:
    """The page that the token names. A token that is not this fake's own (of a recorded payload) names the end."""
    told = re.fullmatch(r"row\+(\d+)/==", question.get("page_token", "row+0/=="))
    at = int(told[1]) if told else len(rows)
    page = rows[at : at + limit]
    return page, f"row+{at + limit}/==" if len(page) == limit else None


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()
