"""Processes that share out independent work. The answers are the same, and in the same order, for any number of them."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from grodt.errors import ConfigError, GrodtError
from grodt.research.shared import Shared, open_shared

#: More processes than this are a mistake.
MOST_WORKERS = 256
_PATIENCE_SECONDS = 5.0


class Work[T](Protocol):
    """Something to be done with what is shared. It depends on nothing else, and can be pickled as can its answer."""

    def run(self, shared: Shared) -> T:
        """Do it."""
        ...

    def words(self, shared: Shared) -> str:
        """What it is, for a message."""
        ...


class WorkerLost(GrodtError):
    """A process ended before its answer: for want of memory, or because somebody killed it. Run again, with fewer of them."""


def require_workers(count: int) -> int:
    """The number of processes, if there may be as many.

    Raises:
        ConfigError: it is below 1 or too many.
    """
    if not 1 <= count <= MOST_WORKERS:
        raise ConfigError(f"--workers {count}: it must be a whole number from 1 to {MOST_WORKERS}; one for each core is enough")
    return count


@dataclass(slots=True, eq=False)
class _Worker:
    """A process with its end of the line, and the place of the work it is at."""

    process: SpawnProcess
    line: Connection
    at: int | None = None


class Workers:
    """So many processes over one shared folder; with one, the work is done in this process."""

    def __init__(self, count: int, shared: Shared) -> None:
        self._count, self._shared = require_workers(count), shared
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the processes, whatever they are at."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_PATIENCE_SECONDS)
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()
            worker.line.close()
        self._workers.clear()

    def each[T](self, work: Sequence[Work[T]], done: Callable[[int], None] = lambda _count: None) -> list[T]:
        """The answers, in the order of the work.

        Args:
            work: to be done, in any order.
            done: told how many answers are there, whenever one more is.

        Raises:
            WorkerLost: a process ended before its answer.
            GrodtError: a piece of work raised it.
        """
        if self._count == 1 or len(work) == 1:
            answers = []
            for each in work:
                answers.append(each.run(self._shared))
                done(len(answers))
            return answers
        self._start(min(self._count, len(work)))
        return self._shared_out(work, done)

    def _start(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        with _without_interrupts():
            while len(self._workers) < count:
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs, self._shared.folder), daemon=True)
                process.start()
                theirs.close()
                self._workers.append(_Worker(process, ours))

    def _shared_out[T](self, work: Sequence[Work[T]], done: Callable[[int], None]) -> list[T]:
        answers: dict[int, T] = {}
        waiting = iter(range(len(work)))
        for worker in self._workers:
            self._hand(worker, work, next(waiting, None))
        while len(answers) < len(work):
            busy = {worker.line: worker for worker in self._workers if worker.at is not None}
            for line in wait(list(busy)):
                worker = busy[line]  # type: ignore[index]  # it was given connections alone
                try:
                    at, error, answer = worker.line.recv()
                except EOFError:
                    raise self._lost(worker, work) from None
                if error is not None:
                    raise error
                answers[at] = answer
                done(len(answers))
                self._hand(worker, work, next(waiting, None))
        return [answers[at] for at in range(len(work))]

    def _hand[T](self, worker: _Worker, work: Sequence[Work[T]], at: int | None) -> None:
        worker.at = at
        if at is not None:
            try:
                worker.line.send((at, work[at]))
            except BrokenPipeError:
                raise self._lost(worker, work) from None

    def _lost[T](self, worker: _Worker, work: Sequence[Work[T]]) -> WorkerLost:
        worker.process.join(_PATIENCE_SECONDS)
        status = worker.process.exitcode
        at = "" if worker.at is None else f" at {work[worker.at].words(self._shared)}"
        if status is not None and status > 0:
            return WorkerLost(
                f"a worker process (pid {worker.process.pid}) ended with status {status}{at}; nothing was written: the lines above say why"
            )
        why = f"was killed by signal {-status}" if status else "ended too early"
        short = ": most often the machine ran out of memory" if status == -signal.SIGKILL else ""
        return WorkerLost(
            f"a worker process (pid {worker.process.pid}) {why}{at}{short}; nothing was written: run again, with fewer --workers than "
            f"{self._count} or fewer symbols"
        )


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes that are started inside never see Ctrl-C, which reaches all that a terminal runs: who started them ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(line: Connection, folder: Path) -> None:
    """What a process does: work until nobody asks any more."""
    shared = open_shared(folder)
    while True:
        try:
            at, work = line.recv()
        except EOFError:  # whoever asked is gone
            return
        try:
            answer = work.run(shared)
        except GrodtError as error:
            line.send((at, error, None))
        else:
            line.send((at, None, answer))
