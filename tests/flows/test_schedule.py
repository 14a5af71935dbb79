from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from flows.schedule import SKIPPED, lateness, scheduled_at, skipped, too_late

WANTED = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
ALLOWED = timedelta(minutes=90)


@contextmanager
def _run(*, by_schedule: bool) -> Iterator[None]:
    run = FlowRun.model_validate({"flow_id": uuid4(), "auto_scheduled": by_schedule, "expected_start_time": WANTED})
    with FlowRunContext.model_construct(flow_run=run):
        yield


def test_outside_a_run_nothing_is_late() -> None:
    assert scheduled_at() is None
    assert lateness(WANTED) is None
    assert too_late(WANTED, timedelta()) is None


def test_nothing_to_do_is_a_completed_state_with_its_reason() -> None:
    state = skipped("2026-11-26 is no session of XNYS")
    assert (state.is_completed(), state.name, state.message) == (True, SKIPPED, "2026-11-26 is no session of XNYS")


@pytest.mark.parametrize("late", [timedelta(seconds=-1), timedelta(), ALLOWED])
def test_a_run_in_time_works(late: timedelta) -> None:
    with _run(by_schedule=True):
        assert lateness(WANTED + late) == late
        assert too_late(WANTED + late, ALLOWED) is None


@pytest.mark.parametrize(
    ("late", "words"), [(timedelta(hours=9, minutes=5), "9 h 5 min"), (timedelta(hours=2), "2 h"), (timedelta(minutes=91), "1 h 31 min")]
)
def test_a_run_that_is_late_is_cancelled_with_its_reason(late: timedelta, words: str) -> None:
    with _run(by_schedule=True):
        state = too_late(WANTED + late, ALLOWED)
    assert state is not None
    assert state.is_cancelled()
    assert state.message == f"started {words} after its time, which is more than the 1 h 30 min allowed: `grodt run` catches up"


def test_short_spans_are_told_in_minutes_and_seconds() -> None:
    with _run(by_schedule=True):
        state = too_late(WANTED + timedelta(minutes=3), timedelta(seconds=30))
    assert state is not None
    assert "started 3 min after" in str(state.message)
    assert "the 30 s allowed" in str(state.message)


def test_a_run_that_a_person_started_is_never_late() -> None:
    with _run(by_schedule=False):
        assert too_late(WANTED + timedelta(days=9), ALLOWED) is None
