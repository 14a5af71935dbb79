"""What is scheduled: the same by `grodt serve` and by deployments/prefect.yaml."""

import asyncio
import importlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import Flow
from prefect.server.schemas.schedules import CronSchedule as ServerSchedule
from ruamel.yaml import YAML

from flows.deployments import deployment, describe
from flows.end_of_day import end_of_day
from flows.intraday import intraday
from grodt.sessions import Calendar
from grodt.settings.books import Books, load_books
from tests.cycles.driver import Home
from tests.cycles.intraday_world import within_home

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo() -> Books:
    return load_books(None)


@pytest.fixture(scope="module")
def made(demo: Books) -> RunnerDeployment:
    return deployment(demo.book("demo"))


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """The demo book's deployment in prefect.yaml."""
    file = YAML(typ="safe").load(ROOT / "deployments" / "prefect.yaml")
    (found,) = [each for each in file["deployments"] if each["name"] == "demo-eod"]
    return dict(found)


def _cron(made: RunnerDeployment) -> CronSchedule:
    (schedule,) = made.schedules or []
    assert isinstance(schedule.schedule, CronSchedule)
    return schedule.schedule


def test_a_book_runs_at_its_time_in_the_zone_of_its_exchange(made: RunnerDeployment, demo: Books) -> None:
    assert made.name == "demo-eod"
    assert made.flow_name == end_of_day.name
    assert (_cron(made).cron, _cron(made).timezone) == (demo.book("demo").schedule.cron, "America/New_York")
    assert made.parameters == {"book": "demo"}
    assert made.tags == ["book:demo"]
    assert made.description == "Takes book demo through the latest complete session of XNYS."


def test_one_run_of_a_book_at_a_time_and_a_second_is_cancelled(made: RunnerDeployment) -> None:
    assert made.concurrency_limit == 1
    assert made.concurrency_options is not None
    assert made.concurrency_options.collision_strategy == ConcurrencyLimitStrategy.CANCEL_NEW
    assert made.concurrency_options.grace_period_seconds == 60


def test_another_process_finds_the_flow_by_its_entrypoint(made: RunnerDeployment) -> None:
    assert made.entrypoint is not None
    module, _, name = made.entrypoint.rpartition(".")
    assert getattr(importlib.import_module(module), name) is end_of_day


@pytest.mark.parametrize("day", [datetime(2026, 1, 16, 12, tzinfo=UTC), datetime(2026, 7, 16, 12, tzinfo=UTC)], ids=["winter", "summer"])
def test_its_time_is_after_the_close_in_winter_and_summer(made: RunnerDeployment, demo: Books, day: datetime) -> None:
    calendar = demo.book("demo").exchange
    schedule = ServerSchedule(cron=_cron(made).cron, timezone=_cron(made).timezone)
    (runs_at,) = asyncio.run(schedule.get_dates(n=1, start=day))
    assert runs_at > calendar.closes_at(day.date())
    assert calendar.latest_complete(runs_at) == day.date()


def test_what_is_scheduled_is_said(three_days: Home) -> None:
    with three_days.environment():
        assert describe() == [
            "small-eod: 30 17 * * 1-5 America/New_York, not on holidays of XNYS, not later than 60 min after its time",
        ]


class TestPrefectYaml:
    def test_it_schedules_the_demo_book_as_serve_does(self, made: RunnerDeployment, written: dict[str, Any]) -> None:
        (schedule,) = written["schedules"]
        assert (schedule["cron"], schedule["timezone"], schedule["active"]) == (_cron(made).cron, _cron(made).timezone, True)
        assert (written["name"], written["parameters"], written["tags"]) == (made.name, made.parameters, made.tags)

    def test_it_has_the_same_limit(self, made: RunnerDeployment, written: dict[str, Any]) -> None:
        assert made.concurrency_options is not None
        assert written["concurrency_limit"] == {
            "limit": made.concurrency_limit,
            "collision_strategy": made.concurrency_options.collision_strategy.value,
            "grace_period_seconds": made.concurrency_options.grace_period_seconds,
        }

    def test_its_entrypoint_is_the_flow(self, written: dict[str, Any]) -> None:
        file, _, name = written["entrypoint"].partition(":")
        assert (ROOT / file).is_file()
        found = getattr(importlib.import_module(file.removesuffix(".py").replace("/", ".")), name)
        assert isinstance(found, Flow)
        assert found is end_of_day
        assert set(written["parameters"]) <= set(found.parameters.properties)

    def test_its_schedules_are_those_of_no_other_book(self, demo: Books) -> None:
        file = YAML(typ="safe").load(ROOT / "deployments" / "prefect.yaml")
        assert [each["name"] for each in file["deployments"]] == [f"{name}-eod" for name in demo.books]


def test_an_intraday_book_runs_at_its_slots_those_of_early_closes_too_and_then_its_close(tmp_path: Path) -> None:
    books = within_home(tmp_path).books
    made = deployment(load_books(books).book("within"))
    assert made.name == "within-intraday"
    assert made.flow_name == intraday.name
    schedules = {each.slug: each for each in made.schedules or []}
    crons = {slug: each.schedule.cron for slug, each in schedules.items() if isinstance(each.schedule, CronSchedule)}
    assert crons == {
        "slots-00": "0 12 * * *",
        "slots-30": "30 10,13 * * *",
        "slots-50": "50 12,15 * * *",
        "close": "30 17 * * 1-5",
    }
    assert schedules["close"].parameters == {"slot": "close"}


@pytest.mark.parametrize(("calendar", "of_early_closes"), [("XNYS", "50 12,15 * * *"), ("XHKG", "50 11,15 * * *")])
def test_a_year_without_an_early_close_takes_no_slot_of_one_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calendar: str, of_early_closes: str
) -> None:
    """In Hong Kong all half days between February 2022 and January 2024 fell on weekends."""
    books = within_home(tmp_path).books
    books.write_text(books.read_text().replace("calendar: XNYS", f"calendar: {calendar}"))
    first = date(2010, 1, 4)
    for last in (date(2022, 12, 30), date(2023, 10, 31), date(2024, 7, 2), date(2026, 3, 31)):
        monkeypatch.setattr(Calendar, "bounds", lambda _, last=last: (first, last))
        made = deployment(load_books(books).book("within"))
        crons = {each.slug: each.schedule.cron for each in made.schedules or [] if isinstance(each.schedule, CronSchedule)}
        assert crons["slots-50"] == of_early_closes, last


def test_a_close_after_midnight_takes_no_day_of_slots_away(tmp_path: Path) -> None:
    books = within_home(tmp_path).books
    books.write_text(books.read_text().replace("30 17 * * 1-5", "30 0 * * 2-6"))
    made = deployment(load_books(books).book("within"))
    crons = {each.slug: each.schedule.cron for each in made.schedules or [] if isinstance(each.schedule, CronSchedule)}
    assert (crons["slots-30"], crons["close"]) == ("30 10,13 * * *", "30 0 * * 2-6")
