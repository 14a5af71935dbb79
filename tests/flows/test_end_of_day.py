"""The end-of-day flow on a Prefect server: what an engineer finds there, what is tried again, and how it ends."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import State, TaskRun

import tasks.wiring
from flows.end_of_day import end_of_day
from flows.server import PrefectServer, drain
from grodt.bars.source import BarSource, Fetched
from grodt.errors import DataError, VendorUnavailable
from grodt.instruments import Instrument, Listing
from grodt.ledger.halts import halt
from grodt.ledger.unit import Ledger
from tests.cycles.driver import Home
from tests.cycles.small_world import MON, TUE, WED, small_home
from tests.flows.commands import Command

STAGES = ("open", "bars", "settle", "mark", "signals", "targets", "risk", "orders", "approve", "send", "report")


@pytest.fixture
def home(tmp_path: Path, prefect_server: PrefectServer) -> Home:
    return small_home(tmp_path)


@pytest.fixture
def client(prefect_server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def monday(tmp_path: Path) -> Home:
    """Monday's cycle without Prefect, for comparison."""
    home = small_home(tmp_path / "without-prefect")
    home.run(MON)
    return home


def _flow(home: Home, session: date) -> State[Any]:
    with home.environment():
        state = end_of_day("small", session, return_state=True)
    drain()
    return state


def _id(state: State[Any]) -> UUID:
    found = state.state_details.flow_run_id
    assert found is not None
    return found


def _eventually[T](read: Callable[[], Sequence[T]], count: int) -> list[T]:
    """The server writes task runs when it comes to it."""
    for _ in range(1_200):
        if len(found := read()) >= count:
            return list(found)
        time.sleep(0.1)
    raise AssertionError(f"{len(found)} of {count} came")


def _ended(client: SyncPrefectClient, of: FlowRunFilter) -> list[TaskRun]:
    return [run for run in client.read_task_runs(flow_run_filter=of) if run.state is not None and run.state.is_final()]


def _halt(home: Home) -> None:
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    with ledger.write() as tx:
        halt(tx, scope="book", book="small", reason="a person looks", author="ops", now=datetime(2015, 12, 5, tzinfo=UTC))
    ledger.close()


def test_a_cycle_can_be_read_in_prefect(home: Home, client: SyncPrefectClient, monday: Home) -> None:
    first = _flow(home, MON)
    second = _flow(home, TUE)
    again = _flow(home, TUE)
    assert [state.is_completed() for state in (first, second, again)] == [True] * 3
    run = client.read_flow_run(_id(second))
    assert run.name == f"small · {TUE}"
    assert run.parameters == {"book": "small", "session": str(TUE)}

    ours = FlowRunFilter(id=FlowRunFilterId(any_=[_id(second)]))
    task_runs = _eventually(lambda: _ended(client, ours), len(STAGES))
    assert {task_run.name for task_run in task_runs} == {f"{stage} · small · {TUE}" for stage in STAGES}
    assert {frozenset(task_run.tags) for task_run in task_runs} == {
        frozenset({"book:small", f"stage:{stage}", f"session:{TUE}"}) for stage in STAGES
    }
    assert {task_run.state_name for task_run in task_runs} == {"Completed"}

    artifacts = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[_id(second)])))
    assert {(artifact.key, artifact.type) for artifact in artifacts} == {
        ("small-summary", "markdown"),
        ("small-orders", "table"),
        ("small-risk", "table"),
        ("small-positions", "table"),
    }
    summary = next(artifact for artifact in artifacts if artifact.key == "small-summary")
    assert str(summary.data).startswith(f"# small · {TUE} · done")
    lines = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[_id(second)])))
    assert {stage for stage in STAGES if any(f'"stage": "{stage}"' in line.message for line in lines)} == set(STAGES)

    done_already = FlowRunFilter(id=FlowRunFilterId(any_=[_id(again)]))
    assert [task_run.name for task_run in _eventually(lambda: _ended(client, done_already), 1)] == [f"open · small · {TUE}"]

    attempts = home.sql("SELECT flow_run_id FROM run_attempts ORDER BY run_id")
    assert attempts == [(str(_id(first)),), (str(_id(second)),)]
    rows = home.sql("SELECT stage, attempt, try_number, outcome FROM stage_runs WHERE run_id = ?", f"small-eod-{TUE}")
    assert sorted(rows) == sorted((stage, 1, 1, "done") for stage in STAGES)
    monday.run(TUE)
    assert home.files() == monday.files()


class Failing:
    """A source that fails so many times before it answers."""

    def __init__(self, real: BarSource, error: Exception, times: int) -> None:
        self._real = real
        self._error = error
        self.left = times
        self.asked = 0

    @property
    def name(self) -> str:
        return self._real.name

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        return self._real.instruments(session)

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        return self._real.unknown(symbols)

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        return self._real.listings(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        self.asked += 1
        if self.left:
            self.left -= 1
            raise self._error
        return await self._real.fetch(symbols, start, end)


@contextmanager
def _failing(error: Exception, times: int) -> Iterator[list[Failing]]:
    """Cycles get a source that fails."""
    real, made = tasks.wiring.source, list[Failing]()

    def source(*arguments: Any) -> Failing:
        made.append(Failing(real(*arguments), error, times))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks.wiring, "source", source)
        yield made


def test_a_source_that_does_not_answer_once_is_asked_again(home: Home, monday: Home) -> None:
    with _failing(VendorUnavailable("files: no answer"), 1) as made:
        assert _flow(home, MON).is_completed()
    assert made[0].left == 0
    tries = home.sql("SELECT try_number, outcome, error FROM stage_runs WHERE stage = 'bars' ORDER BY try_number")
    assert tries == [(1, "failed", "VendorUnavailable: files: no answer"), (2, "done", "")]
    assert home.sql("SELECT count(*) FROM run_attempts") == [(1,)]
    assert home.files() == monday.files()


def test_an_answer_that_is_wrong_is_not_asked_for_again(home: Home) -> None:
    with _failing(DataError("bars.csv row 7: close is 'n/a'"), 1) as made:
        state = _flow(home, MON)
    assert (state.is_failed(), state.name) == (True, "Failed")
    assert made[0].asked <= 2  # the one that failed, and one that was asked ahead
    assert home.sql("SELECT try_number, outcome FROM stage_runs WHERE stage = 'bars'") == [(1, "failed")]
    assert home.sql("SELECT outcome, error FROM run_attempts") == [("failed", "bars.csv row 7: close is 'n/a'")]
    assert home.sql("SELECT state FROM runs") == [("open",)]


def test_a_halted_book_ends_halted_and_the_command_with_status_3(
    home: Home, client: SyncPrefectClient, prefect_server: PrefectServer, capsys: pytest.CaptureFixture[str]
) -> None:
    home.run(MON)
    _halt(home)
    state = _flow(home, TUE)
    assert (state.name, state.is_failed()) == ("Halted", True)
    assert "a person looks" in (client.read_flow_run(_id(state)).state.message or "")  # type: ignore[union-attr]
    ended = Command(capsys, prefect_server.api_url)(home, "run", "--session", str(TUE))
    assert ended.status == 3
    assert ended.err.count("error:") == 1
    assert "a person looks" in ended.err
    assert "grodt rearm" in ended.err
    assert home.sql("SELECT session FROM runs") == [(str(MON),)]


def test_the_command_runs_what_is_left_and_shows_all(home: Home, prefect_server: PrefectServer, capsys: pytest.CaptureFixture[str]) -> None:
    home.run(MON)
    ended = Command(capsys, prefect_server.api_url)(home, "run", "--session", str(WED), "--sessions", "3")
    assert ended.status == 0
    assert "small: 1 of 3 cycles are done and stay as they are" in ended.err
    shown = [line for line in ended.out.splitlines() if "2015-11-" in line and "done" in line]
    assert ["as before" in line for line in shown] == [True, False, False]
    assert home.sql("SELECT session, state FROM runs ORDER BY 1") == [(str(day), "done") for day in (MON, TUE, WED)]
    assert "Prefect server ready" in ended.err
