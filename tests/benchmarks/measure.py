"""One `grodt` command as a child process, measured from outside and from inside."""

import json
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import psutil

_ROOT = Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.05


class CommandFailed(Exception):
    """The command that was to be measured ended with an error."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one command cost.

    Attributes:
        seconds: from the start of the process to its end.
        wall: seconds of its main thread by span; see `timed_run`.
        cpu: CPU seconds of the whole process by span.
        vendor: seconds the simulated exchange worked, partly at the same time as the bars stage.
        peak_mb: largest resident memory of our process.
        server_mb: the same of the Prefect server.
        load: the machine's load average over the last minute when it ended.
        stage_runs: seconds by stage as the ledger has them, of the sessions asked for.
        counts: bars, signals, orders, fills of those sessions together.
    """

    seconds: float
    wall: dict[str, float]
    cpu: dict[str, float]
    vendor: float
    peak_mb: float
    server_mb: float
    load: float
    stage_runs: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def stages(self) -> dict[str, float]:
        """Seconds by stage."""
        return {name.removeprefix("stage "): seconds for name, seconds in self.wall.items() if name.startswith("stage ")}

    def part(self, name: str) -> float:
        """Seconds of one part: start (interpreter and imports), prefect, set-up (calendar included), stages."""
        match name:
            case "start":
                return self.wall.get("interpreter", 0.0) + self.wall.get("imports", 0.0)
            case "set-up":
                return self.wall.get("set-up", 0.0) + self.wall.get("calendar", 0.0)
            case "stages":
                return sum(self.stages().values())
            case _:
                return self.wall.get(name, 0.0)

    @property
    def ours(self) -> float:
        """Our own time: set-up and stages."""
        return self.part("set-up") + self.part("stages")


def measure(arguments: list[str], *, home: Path, books: Path | None, book: str, sessions: tuple[date, ...], bytecode: Path) -> Measured:
    """Run `grodt` with those arguments and measure it.

    Args:
        arguments: of the command.
        home: `GRODT_HOME`.
        books: `GRODT_CONFIG`; None for the built-in book.
        book: whose runs to look up in the ledger.
        sessions: of these runs.
        bytecode: where Python keeps compiled modules. An empty folder is an installation's first run; a folder of an earlier
            measurement is every later one. What the environment or the installation has of them is left aside.

    Raises:
        CommandFailed: it ended with an error.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "GRODT_"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment |= {"PYTHONPYCACHEPREFIX": str(bytecode), "GRODT_HOME": str(home)} | ({"GRODT_CONFIG": str(books)} if books else {})
    with tempfile.TemporaryDirectory() as folder:
        left, output = Path(folder) / "spans.json", Path(folder) / "output"
        with output.open("wb") as sink:
            began = time.monotonic()
            child = subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.timed_run", str(left), repr(began), *arguments],
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
            watch = _ServerWatch(child.pid)
            watch.start()
            status = child.wait()
            ended = time.monotonic()
            watch.stop()
        if status != 0:
            raise CommandFailed(f"grodt {' '.join(arguments)} ended with status {status}:\n{output.read_text(errors='replace')}")
        seen = json.loads(left.read_text())
    wall = seen["wall"]
    wall["interpreter"] += ended - seen["left_at"]
    stage_runs, counts = _from_ledger(home / "ledger.db", book, sessions)
    return Measured(
        seconds=ended - began,
        wall=wall,
        cpu=seen["cpu"],
        vendor=seen["beside"].get("vendor", 0.0),
        peak_mb=seen["peak_mb"],
        server_mb=watch.peak_mb,
        load=os.getloadavg()[0],
        stage_runs=stage_runs,
        counts=counts,
    )


def fsync_milliseconds(folder: Path, times: int = 100) -> float:
    """Median time to write a page and sync it, there and now."""
    taken = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


class _ServerWatch(threading.Thread):
    """Reads the peak memory of the child's children, which is where the Prefect server is, while they live."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self.peak_mb = 0.0

    def run(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            with suppress(psutil.Error, OSError):
                for process in psutil.Process(self._pid).children(recursive=True):
                    self.peak_mb = max(self.peak_mb, _peak_mb(process.pid))

    def stop(self) -> None:
        self._over.set()
        self.join()


def _peak_mb(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0


def _from_ledger(file: Path, book: str, sessions: tuple[date, ...]) -> tuple[dict[str, float], dict[str, int]]:
    """Seconds by stage (`ended_at` − `started_at`), and counts, of the runs of those sessions."""
    runs = [f"{book}-eod-{session}" for session in sessions]
    marks = ", ".join("?" * len(runs))
    seconds: dict[str, float] = {}
    counts: dict[str, int] = {}
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as ledger:
        rows = ledger.execute(
            f"SELECT stage, started_at, ended_at, rows FROM stage_runs WHERE run_id IN ({marks}) AND ended_at <> ''", runs
        )
        for stage, started, end, count in rows:
            seconds[stage] = seconds.get(stage, 0.0) + (_instant(end) - _instant(started)).total_seconds()
            counts[stage] = counts.get(stage, 0) + count
    return seconds, counts


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
