"""What the desk serves: requests a second, how long they take, CPU and memory of its processes.

    uv run python -m tests.benchmarks.desk                 # half a minute on two cores
    uv run python -m tests.benchmarks.desk --requests 20000 --connections 32

It starts `grodt desk` on a home of its own and asks it over the loopback from this process, which takes its share of the same cores: a
number bounded by `--requests` and `--seconds` for each path, each connection sending its next request when it has the last answer. CPU per
request is what to compare when the machine is busy. A bar that is missed is printed as FAIL, and the command still ends with status 0.
"""

import argparse
import asyncio
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from grodt.desk.keys import Keys, renew
from grodt.desk.tokens import LIFE, of_login, signed
from grodt.ledger.halts import halt
from grodt.ledger.unit import Ledger
from grodt.ledger.users import require_user
from tests.desk.world import fill
from tests.ledger.world import BOOK, NEXT, NOW, order, sent

#: Bars: the desk's, of PERFORMANCE.md.
P99_MS, RATE, MEMORY_MB = 100.0, 1_000.0, 2_000.0
ROWS = 50
PATHS = {
    "health": "/api/v1/health/live",
    f"orders, {ROWS} rows": f"/api/v1/orders?session={NEXT}",
    "waiting, with its changes": "/api/v1/waiting",
    "status": "/api/v1/status",
    "halts": "/api/v1/halts",
}

console = Console(width=140, highlight=False)


@dataclass(slots=True)
class Measured:
    """One path: seconds of each answer, wall and CPU seconds of all, and what was wrong."""

    name: str
    took: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float = 0.0
    wrong: int = 0
    memory_mb: float = 0.0

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.took) / self.wall

    def at(self, share: float) -> float:
        """Milliseconds that this share of the answers did not take longer than."""
        ordered = sorted(self.took)
        return 1e3 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class Connection(asyncio.Protocol):
    """Sends a request, waits for the answer, sends the next one."""

    def __init__(self, request: bytes, found: Measured, left: list[int], until: float, done: asyncio.Future[None]) -> None:
        self._request, self._found, self._left, self._until, self._done = request, found, left, until, done
        self._data, self._sent = b"", 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        self._found.took.append(time.perf_counter() - self._sent)
        self._found.wrong += not head.startswith(b"HTTP/1.1 200")
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def _next(self) -> None:
        assert self._transport is not None
        self._data = b""
        if self._left[0] <= 0 or time.perf_counter() > self._until:
            self._transport.close()
            return
        self._left[0] -= 1
        self._sent = time.perf_counter()
        self._transport.write(self._request)


def main() -> None:
    """Measure and print."""
    options = _options()
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    folder = Path(tempfile.mkdtemp(prefix="grodt-desk-"))
    try:
        token = _prepare(folder)
        with _served(folder) as (port, process):
            found = [_measure(name, path, token, port, process, options) for name, path in PATHS.items()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _print(found, options.connections)


def _prepare(folder: Path) -> str:
    """A ledger with users, a basket that waits, and orders; returns a token of somebody who looks."""
    with closing(Ledger.open(f"sqlite:///{folder / 'ledger.db'}")) as ledger:
        fill(ledger)
        with ledger.write() as tx:
            sent(tx, [order(f"SYM{number:04}", session=NEXT) for number in range(ROWS)], session=NEXT)
            halt(tx, scope="symbol", book=BOOK, symbol="SYM0001", reason="r", author="ann", now=NOW)
        file = folder / "desk" / "keys.json"
        renew(file, NOW, outlives=LIFE)
        with ledger.read() as tx:
            return signed(of_login(require_user(tx, "vic"), "api", NOW), Keys(file, {}))


@contextmanager
def _served(folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    # The clock stands still, so that the token, and what waits, go on.
    variables = {"GRODT_HOME": str(folder), "GRODT_NOW": NOW.isoformat()}
    command = [sys.executable, "-c", "from flows.cli import main; main()", "desk", "--port", str(port)]
    with subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.DEVNULL) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/api/v1/health/ready", process)
            yield port, psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=60).close()
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"grodt desk ended with status {process.returncode}")


def _measure(name: str, path: str, token: str, port: int, process: psutil.Process, options: argparse.Namespace) -> Measured:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    asyncio.run(
        _ask(Measured(name), request, port, options.connections, 50 * options.connections, options.seconds)
    )  # both workers are warm
    found = Measured(name)
    processes = [process, *process.children(recursive=True)]
    before = _cpu(processes)
    began = time.perf_counter()
    asyncio.run(_ask(found, request, port, options.connections, options.requests, options.seconds))
    found.wall = time.perf_counter() - began
    found.cpu = _cpu(processes) - before
    found.memory_mb = sum(each.memory_info().rss for each in processes) / 1e6
    return found


async def _ask(found: Measured, request: bytes, port: int, connections: int, requests: int, seconds: float) -> None:
    loop, left, until = asyncio.get_running_loop(), [requests], time.perf_counter() + seconds
    waiting = [loop.create_future() for _ in range(connections)]
    for done in waiting:
        await loop.create_connection(lambda done=done: Connection(request, found, left, until, done), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*waiting)


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in processes)


def _print(found: list[Measured], connections: int) -> None:
    table = Table(title=f"GET over the loopback, {connections} connections", title_justify="left")
    for name in ("path", "requests", "a second", "p50 ms", "p99 ms", "server CPU ms", "MB of all processes", "wrong", "bars"):
        table.add_column(name, justify="left" if name in ("path", "bars") else "right")
    for each in found:
        holds = each.rate >= RATE and each.at(0.99) < P99_MS and each.memory_mb < MEMORY_MB and not each.wrong
        table.add_row(
            each.name,
            f"{len(each.took):,}",
            f"{each.rate:,.0f}",
            f"{each.at(0.5):.1f}",
            f"{each.at(0.99):.1f}",
            f"{1e3 * each.cpu / len(each.took):.2f}",
            f"{each.memory_mb:,.0f}",
            f"{each.wrong:,}",
            "PASS" if holds else "FAIL",
        )
    console.print(table)
    console.print(
        f"bars: {RATE:,.0f} requests a second, p99 < {P99_MS:g} ms, < {MEMORY_MB:,.0f} MB; load {os.getloadavg()[0]:.1f} at the end"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5_000, help="of each path, at most")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each path, at most")
    parser.add_argument("--connections", type=int, default=16, help="at a time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
