"""How a flow ends when a halt holds: in a failed state named Halted whose message says why."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Failed

from grodt.errors import HaltActive
from tasks.stage import HALTED


def halts_visibly[**P, R](function: Callable[P, R]) -> Callable[P, R | State[Any]]:
    """Put it between `@flow` and the function. Calling the flow still raises the `HaltActive`, so a command ends with status 3."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | State[Any]:
        try:
            return function(*args, **kwargs)
        except HaltActive as halt:
            return Failed(name=HALTED, message=str(halt), data=halt)

    return guarded


@contextmanager
def without_heartbeats() -> Iterator[None]:
    """Run flows without the heartbeat thread, which adds a second to each; for flows of a command that a person watches."""
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
