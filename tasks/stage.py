"""The one decorator that turns a stage of a cycle into a Prefect task.

A stage is a function whose first argument is the cycle (a `StageContext`). It tells how many rows it made by what it returns:
an object with an integer `rows`, that integer itself, or None for no rows. Each try leaves a row in the cycle's ledger and two
log lines. Only `TransientError` is tried again. A halt ends the task in a failed state named Halted, whose message says why.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import date
from types import TracebackType
from typing import Any, Concatenate, Literal, Protocol, Self, cast

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.states import Failed
from prefect.tasks import exponential_backoff

from grodt.errors import HaltActive, TransientError
from grodt.telemetry.logs import bound, get_logger

StageOutcome = Literal["done", "halted", "failed"]

#: Name of the failed state of a task or flow that a halt ended.
HALTED = "Halted"
_ERROR_LENGTH = 2_000
_log = get_logger("grodt.stages")


class StageContext(Protocol):
    """What a stage needs of the cycle it is part of. `attempt` counts the starts of the run, from 1."""

    @property
    def run_id(self) -> str:
        """Id of the cycle."""
        ...

    @property
    def book(self) -> str:
        """Its book."""
        ...

    @property
    def session(self) -> date:
        """Its session."""
        ...

    @property
    def attempt(self) -> int:
        """Which start of the run this is, from 1."""
        ...

    def stage_started(self, stage: str, try_number: int) -> None:
        """Record the start of a try; tries count from 1 within an attempt."""
        ...

    def stage_ended(self, stage: str, try_number: int, outcome: StageOutcome, rows: int, error: str) -> None:
        """Record its end; `error` is "" for done."""
        ...


class HasRows(Protocol):
    """A result that knows its row count."""

    @property
    def rows(self) -> int:
        """Rows it made."""
        ...


class _Call:
    """One call on its way through Prefect. An opaque object: Prefect would look into every array of a plain argument."""

    __slots__ = ("args", "cycle", "halt", "kwargs")

    def __init__(self, cycle: StageContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.cycle = cycle
        self.args = args
        self.kwargs = kwargs
        self.halt: HaltActive | None = None


class _Try:
    """Records one try, however it ends."""

    def __init__(self, stage: str, cycle: StageContext, try_number: int, timeout_seconds: float | None) -> None:
        self._stage = stage
        self._cycle = cycle
        self._number = try_number
        self._timeout = timeout_seconds
        self._began = 0.0
        self.rows = 0

    def __enter__(self) -> Self:
        self._cycle.stage_started(self._stage, self._number)
        self._began = time.monotonic()
        _log.info("stage started", try_number=self._number)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        outcome = _outcome(error)
        text = self._text(error)
        seconds = round(time.monotonic() - self._began, 3)
        facts = {"outcome": outcome, "rows": self.rows, "seconds": seconds, "try_number": self._number}
        if error is None:
            _log.info("stage ended", **facts)
        else:
            _log.error("stage ended", **facts, error=text)
        self._cycle.stage_ended(self._stage, self._number, outcome, self.rows, text)

    def _text(self, error: BaseException | None) -> str:
        if error is None:
            return ""
        if isinstance(error, asyncio.CancelledError):  # how Prefect's alarm interrupts a stage
            return f"did not end in its {self._timeout:g} s" if self._timeout is not None else "cancelled"
        return f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]


class Stage[C: StageContext, **P, R: HasRows | int | None]:
    """A stage as a Prefect task. Call it in a flow as the function it was; `fn` is that function, for tests without Prefect."""

    def __init__(
        self, fn: Callable[Concatenate[C, P], R], name: str, timeout_seconds: float | None, retries: int, backoff_seconds: float
    ) -> None:
        self.fn = fn
        self.name = name
        self._timeout = timeout_seconds
        self._task: Task[[_Call], R | State[Any]] = Task(
            self._body(),
            name=name,
            description=fn.__doc__,
            timeout_seconds=timeout_seconds,
            retries=retries,
            retry_delay_seconds=exponential_backoff(backoff_seconds) if retries else None,
            retry_jitter_factor=0.5 if retries else None,
            retry_condition_fn=_is_transient,
            cache_policy=NO_CACHE,
            persist_result=False,
        )

    def __call__(self, cycle: C, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it as a task of the current flow.

        Raises:
            HaltActive: the stage found or caused a halt.
            TaskRunTimeoutError: a try took longer than the stage may.
        """
        call = _Call(cycle, args, kwargs)
        task = self._task.with_options(
            task_run_name=f"{self.name} · {cycle.book} · {cycle.session}",
            tags={f"book:{cycle.book}", f"stage:{self.name}", f"session:{cycle.session}"},
        )
        result = cast("R", task(call))
        if call.halt is not None:
            raise call.halt
        return result

    def _body(self) -> Callable[[_Call], R | State[Any]]:
        """The function Prefect runs, under the stage's own name."""

        def body(call: _Call) -> R | State[Any]:
            cycle = call.cycle
            about = {
                "run": cycle.run_id,
                "book": cycle.book,
                "session": cycle.session.isoformat(),
                "stage": self.name,
                "attempt": cycle.attempt,
            }
            try:
                with bound(**about), _Try(self.name, cycle, _try_number(), self._timeout) as this:
                    result = self.fn(cycle, *call.args, **call.kwargs)  # type: ignore[arg-type]
                    this.rows = _rows(result)
                    return result
            except HaltActive as halt:
                call.halt = halt
                return Failed(name=HALTED, message=str(halt), data=halt)

        body.__name__, body.__qualname__ = self.fn.__name__, self.fn.__qualname__
        body.__module__, body.__doc__ = self.fn.__module__, self.fn.__doc__
        return body


class _Decorator(Protocol):
    def __call__[C: StageContext, **P, R: HasRows | int | None](self, fn: Callable[Concatenate[C, P], R], /) -> Stage[C, P, R]: ...


def stage(name: str, *, timeout_seconds: float | None = None, retries: int = 3, backoff_seconds: float = 2.0) -> _Decorator:
    """Make a function of a cycle a stage.

    Args:
        name: the stage's word: bars, settle, mark, signals, targets, risk, orders, approve, send, report.
        timeout_seconds: for each try; None for no bound. It interrupts what runs on the main thread, so a client of a remote
            service has time-outs of its own.
        retries: further tries after a `TransientError`, and after nothing else.
        backoff_seconds: wait before the first of them; it doubles each time, with jitter.
    """

    def decorate[C: StageContext, **P, R: HasRows | int | None](fn: Callable[Concatenate[C, P], R]) -> Stage[C, P, R]:
        return Stage(fn, name, timeout_seconds, retries, backoff_seconds)

    return decorate


def _is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.data, TransientError)


def _try_number() -> int:
    context = TaskRunContext.get()
    return context.task_run.run_count if context is not None else 1


def _rows(result: HasRows | int | None) -> int:
    if result is None:
        return 0
    return result if isinstance(result, int) else result.rows


def _outcome(error: BaseException | None) -> StageOutcome:
    if error is None:
        return "done"
    return "halted" if isinstance(error, HaltActive) else "failed"
