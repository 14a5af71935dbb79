"""The backfill flow on a Prefect server: what ops find there, and what is tried again."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import State

from flows.backfill import backfill
from flows.server import PrefectServer, drain
from grodt.errors import VendorUnavailable
from tests.commands.minutes_file import add_minutes
from tests.cycles.driver import Home
from tests.cycles.small_world import MON, SYMBOLS, XNYS, small_home
from tests.flows.test_end_of_day import _ended, _eventually, _failing, _id

START, END = date(2015, 8, 3), date(2015, 11, 20)
ROWS = len(SYMBOLS) * len(XNYS.between(START, END))


@pytest.fixture
def home(tmp_path: Path, prefect_server: PrefectServer) -> Home:
    return small_home(tmp_path)


@pytest.fixture
def client(prefect_server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def _flow(home: Home) -> State[Any]:
    with home.environment():
        state = backfill("small", START, END, return_state=True)
    drain()
    return state


def test_a_backfill_can_be_read_in_prefect_and_a_cycle_goes_on_from_it(home: Home, client: SyncPrefectClient) -> None:
    state = _flow(home)
    assert state.is_completed()
    assert state.result().rows == ROWS
    run = client.read_flow_run(_id(state))
    assert run.name == f"small · {START} to {END}"
    assert run.parameters == {"book": "small", "start": str(START), "end": str(END), "bars": "1d", "again": False}
    task_runs = _eventually(lambda: _ended(client, FlowRunFilter(id=FlowRunFilterId(any_=[_id(state)]))), 1)
    assert [(each.name, set(each.tags)) for each in task_runs] == [
        (f"backfill · small · {END}", {"book:small", "stage:backfill", f"session:{END}"})
    ]
    lines = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[_id(state)])))
    assert any(f'"rows": {ROWS}' in line.message and '"outcome": "done"' in line.message for line in lines)

    assert home.table("bars_1d").height == ROWS
    assert home.sql("SELECT count(*) FROM runs") == [(0,)]
    assert not (home.folder / "brokers").exists()
    home.run(MON)
    assert home.sql("SELECT DISTINCT run_id FROM lake_files WHERE table_name = 'bars_1d' ORDER BY 1") == [
        (f"small-backfill-{START}-{END}",),
        (f"small-eod-{MON}",),
    ]


def test_a_source_that_does_not_answer_once_is_asked_again(home: Home) -> None:
    with _failing(VendorUnavailable("files: no answer"), 1) as made:
        assert _flow(home).is_completed()
    assert made[0].left == 0
    assert home.table("bars_1d").height == ROWS


def test_minutes_are_a_run_of_the_same_flow_that_names_them(home: Home, client: SyncPrefectClient) -> None:
    add_minutes(home, MON, MON)
    with home.environment():
        state = backfill("small", MON, MON, "1m", return_state=True)
    drain()
    assert state.result().rows == len(SYMBOLS) * 390
    run = client.read_flow_run(_id(state))
    assert run.name == f"small · 1m · {MON} to {MON}"
    assert run.parameters == {"book": "small", "start": str(MON), "end": str(MON), "bars": "1m", "again": False}
    assert home.sql("SELECT DISTINCT run_id FROM lake_files") == [(f"small-backfill-1m-{MON}-{MON}",)]
