"""Whether a run that a schedule made for a slot should work at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from flows.due_slot import asked_slot, refusal
from flows.intraday import intraday
from grodt.errors import ConfigError
from tasks.cycle import cycle
from tests.cycles.driver import without_prefect
from tests.cycles.intraday_world import FRI, WED, Within, within_home

#: Noon in New York.
NOON = datetime(2026, 11, 25, 17, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)

#: What is logged within a flow run goes to Prefect: without this server it would start one of its own, on the same database.
pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def home(tmp_path: Path) -> Within:
    return within_home(tmp_path)


@contextmanager
def _at(home: Within, now: datetime, wanted: datetime | None = None) -> Iterator[None]:
    """Inside a flow run that a schedule wanted at that instant, or now."""
    home.now = now.isoformat()
    run = FlowRun.model_validate({"flow_id": uuid4(), "auto_scheduled": True, "expected_start_time": wanted or now})
    with home.environment(), without_prefect(), FlowRunContext.model_construct(flow_run=run):
        yield


def _said(home: Within, now: datetime, wanted: datetime | None = None, slot: str | None = None) -> str:
    with _at(home, now, wanted):
        state = refusal("within", asked_slot("within", None, slot), closing=slot is not None)
    return "" if state is None else str(state.message)


def test_a_slot_works_for_some_minutes_and_is_skipped_after_them(home: Within) -> None:
    assert _said(home, NOON) == _said(home, NOON + 4 * MINUTE, NOON) == ""
    assert "slot 2026-11-25 1200 began at 17:00 UTC and had to be started before 17:05 UTC" in _said(home, NOON + 5 * MINUTE, NOON)


def test_a_time_of_another_days_slots_is_none_of_this_day(home: Within) -> None:
    assert "slot 2026-11-25 1200" in _said(home, NOON + 50 * MINUTE)  # 12:50 is a slot where the exchange closes at 13:00
    assert _said(home, datetime(2026, 11, 27, 17, 50, tzinfo=UTC)) == ""
    assert "is over" in _said(home, datetime(2026, 11, 27, 18, 30, tzinfo=UTC))  # 13:30, after that close


def test_a_holiday_is_skipped_and_the_close_is_run_by_its_own_time(home: Within) -> None:
    assert _said(home, NOON + DAY) == "2026-11-26 is no session of XNYS: nothing to do"
    assert _said(home, datetime(2026, 11, 25, 22, 30, tzinfo=UTC), slot="close") == ""
    with _at(home, NOON + DAY):
        state = intraday.fn("within")
    assert state is not None
    assert state.name == "Skipped"
    assert not home.folder.exists()


def test_the_slot_that_is_asked_for_is_the_latest_one_or_the_one_named(home: Within) -> None:
    with _at(home, NOON + MINUTE):
        assert str(asked_slot("within", None, None)) == "2026-11-25 1200"
        assert asked_slot("within", FRI, "12:50").role == "flat"
        with pytest.raises(ConfigError, match="name a slot of session 2026-11-25 too"):
            asked_slot("within", WED, None)


def test_an_end_of_day_of_an_intraday_book_is_refused(home: Within) -> None:
    with home.environment(), pytest.raises(ConfigError, match="`grodt intraday --book within` runs it"), cycle("within", WED):
        pass


def test_a_close_after_midnight_is_of_the_session_before_whatever_day_it_is(home: Within) -> None:
    saturday = datetime(2026, 11, 28, 5, 30, tzinfo=UTC)  # 00:30 in New York
    with _at(home, saturday):
        assert str(asked_slot("within", None, "close")) == "2026-11-27 close"
    assert _said(home, saturday, slot="close") == ""
    assert _said(home, datetime(2026, 12, 1, 14, 45, tzinfo=UTC), saturday, slot="close").startswith("slot 2026-11-27 close began at 18:00")
    home.slots(FRI, "close")
    assert _said(home, saturday, slot="close") == "slot 2026-11-27 close is done, as before: nothing to do"


def test_the_close_of_a_market_that_never_closes_is_of_the_day_before_also_after_its_first_slot(home: Within) -> None:
    home.books.write_text(home.books.read_text().replace("calendar: XNYS", "calendar: 24/7").replace('first: "10:30"', 'first: "01:00"'))
    sunday = datetime(2026, 11, 29, 0, 30, tzinfo=UTC)
    assert _said(home, sunday + 30 * MINUTE) == ""  # its slots of 01:00 on a Sunday
    with _at(home, sunday + 32 * MINUTE, sunday):
        assert str(asked_slot("within", None, "close")) == "2026-11-28 close"


def test_a_session_on_a_sunday_has_its_slots(home: Within) -> None:
    home.books.write_text(home.books.read_text().replace("calendar: XNYS", "calendar: XSAU").replace('"15:50"', '"14:50"'))
    home.books.write_text(home.books.read_text().replace("history_sessions: 6", "history_sessions: 7"))
    sunday = datetime(2026, 11, 29, 7, 30, tzinfo=UTC)  # 10:30 in Riyadh
    assert _said(home, sunday) == ""
    assert _said(home, sunday - 2 * DAY) == "2026-11-27 is no session of XSAU: nothing to do"
