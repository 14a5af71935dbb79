"""Whether a run that a schedule made should work at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from flows.due import latest_due, refusal
from flows.end_of_day import end_of_day
from flows.schedule import SKIPPED
from tests.cycles.driver import Home, without_prefect
from tests.cycles.small_world import FRI, WED, small_home

#: 17:30 in New York.
EVENING = datetime(2015, 11, 25, 22, 30, tzinfo=UTC)
DAY = timedelta(days=1)

#: What is logged within a flow run goes to Prefect: without this server it would start one of its own, on the same database.
pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return small_home(tmp_path)


@contextmanager
def _at(home: Home, now: datetime, wanted: datetime | None) -> Iterator[None]:
    """Inside a flow run that a schedule wanted at that instant; None: that a person started."""
    home.now = now.isoformat()
    run = FlowRun.model_validate({"flow_id": uuid4(), "auto_scheduled": wanted is not None, "expected_start_time": wanted or now})
    with home.environment(), without_prefect(), FlowRunContext.model_construct(flow_run=run):
        yield


def test_in_time_and_after_a_session_it_works(home: Home) -> None:
    with _at(home, EVENING + timedelta(minutes=60), EVENING):
        assert refusal("small") is None
        assert latest_due("small") == WED


def test_on_a_holiday_and_at_a_weekend_it_is_skipped_and_nothing_is_made(home: Home) -> None:
    for day, name in ((EVENING + DAY, "2015-11-26"), (EVENING + 3 * DAY, "2015-11-28")):
        with _at(home, day, day):
            state = end_of_day.fn("small")
        assert state is not None
        assert (state.is_completed(), state.name, state.message) == (True, SKIPPED, f"{name} is no session of XNYS: nothing to do")
    assert not home.folder.exists()


def test_too_late_it_is_cancelled_and_nothing_is_made(home: Home) -> None:
    with _at(home, EVENING + timedelta(minutes=61), EVENING):
        state = end_of_day.fn("small")
    assert state is not None
    assert state.is_cancelled()
    assert state.message == "started 1 h 1 min after its time, which is more than the 1 h allowed: `grodt run` catches up"
    assert not home.folder.exists()


def test_the_day_is_the_exchanges_day(home: Home) -> None:
    """19:30 on Friday in New York is Saturday in UTC."""
    late = datetime(2015, 11, 28, 0, 30, tzinfo=UTC)
    with _at(home, late, late):
        assert refusal("small") is None
        assert latest_due("small") == FRI


def test_after_midnight_it_is_of_the_session_before_once(home: Home) -> None:
    """00:30 on Saturday in New York, and on Sunday."""
    saturday = datetime(2015, 11, 28, 5, 30, tzinfo=UTC)
    with _at(home, saturday, saturday):
        assert refusal("small") is None
        assert latest_due("small") == FRI
    with _at(home, saturday + DAY, saturday + DAY):
        state = refusal("small")
        assert state is not None
        assert state.message == "2015-11-29 is no session of XNYS: nothing to do"


def test_what_a_person_starts_is_never_late_nor_skipped(home: Home) -> None:
    with _at(home, EVENING + 30 * DAY, None):
        assert refusal("small") is None
    with _at(home, EVENING + DAY, None):
        assert refusal("small") is None
        assert latest_due("small") == WED


def test_a_scheduled_cycle_is_the_same_as_any_other(home: Home) -> None:
    closed = datetime(2015, 11, 27, 18, 0, tzinfo=UTC)  # an early close
    with _at(home, closed, closed):
        assert end_of_day.fn("small") is None
        assert end_of_day.fn("small") is None
    assert home.sql("SELECT session, state FROM runs") == [(str(FRI), "done")]
