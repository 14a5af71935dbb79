"""What a scheduled flow asks before it works: is it late, and is there a session at all."""

from datetime import datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Cancelled, Completed

#: Name of the completed state of a run that had nothing to do.
SKIPPED = "Skipped"


def scheduled_at() -> datetime | None:
    """When the schedule wanted this flow run; None for one that a person or a command started, and outside runs."""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    if run is None or not run.auto_scheduled:
        return None
    return run.expected_start_time


def lateness(now: datetime) -> timedelta | None:
    """How long after its time a scheduled run starts; None for a run that no schedule made."""
    wanted = scheduled_at()
    return now - wanted if wanted is not None else None


def too_late(now: datetime, allowed: timedelta) -> State[Any] | None:
    """The state that a flow returns when it starts later than allowed, and None when it is in time or not scheduled.

    After a machine has slept, every missed run starts at once; this keeps all but the one in time from working.
    """
    late = lateness(now)
    if late is None or late <= allowed:
        return None
    return Cancelled(
        message=f"started {_words(late)} after its time, which is more than the {_words(allowed)} allowed: `grodt run` catches up"
    )


def skipped(reason: str) -> State[Any]:
    """The state that a flow returns when there is nothing to do: a holiday, a cycle that is done."""
    return Completed(name=SKIPPED, message=reason)


def _words(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"
