import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import Log, State
from prefect.utilities import collections
from prefect.utilities.collections import visit_collection

from flows.halting import halts_visibly
from flows.server import drain
from grodt.errors import BrokerUnavailable, DataError, HaltActive, VendorUnavailable
from grodt.telemetry import logs
from tasks.logs import RunIds, RunLogHandler
from tasks.stage import Stage, StageOutcome, stage

SESSION = date(2026, 11, 20)


@dataclass
class Cycle:
    """A cycle that remembers what was recorded."""

    run_id: str = "demo-eod-2026-11-20"
    book: str = "demo"
    session: date = SESSION
    attempt: int = 1
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    started: list[tuple[str, int]] = field(default_factory=list)
    ended: list[tuple[str, int, StageOutcome, int, str]] = field(default_factory=list)

    def stage_started(self, stage: str, try_number: int) -> None:
        self.started.append((stage, try_number))

    def stage_ended(self, stage: str, try_number: int, outcome: StageOutcome, rows: int, error: str) -> None:
        self.ended.append((stage, try_number, outcome, rows, error))


@dataclass(frozen=True)
class Fetched:
    rows: int


def _in_flow(call: Callable[[], object]) -> State[Any]:
    @flow(name="trial")
    @halts_visibly
    def trial() -> object:
        return call()

    return trial(return_state=True)


def _failing(error: BaseException, times: int, **settings: Any) -> Stage[Cycle, [], int]:
    left = [times]

    @stage("bars", backoff_seconds=0.01, **settings)
    def bars(cycle: Cycle) -> int:
        if left[0]:
            left[0] -= 1
            raise error
        return 50

    return bars


@pytest.mark.usefixtures("prefect_server")
class TestInAFlow:
    def test_it_returns_what_the_function_returns_and_records_one_try(self) -> None:
        @stage("bars")
        def bars(cycle: Cycle, extra: int, *, more: int = 0) -> Fetched:
            return Fetched(extra + more)

        cycle, results = Cycle(), []
        assert _in_flow(lambda: results.append(bars(cycle, 40, more=2))).is_completed()
        assert results == [Fetched(42)]
        assert cycle.started == [("bars", 1)]
        assert cycle.ended == [("bars", 1, "done", 42, "")]

    @pytest.mark.parametrize("error", [VendorUnavailable("no answer"), BrokerUnavailable("no answer")])
    def test_a_transient_error_is_tried_again_and_each_try_has_its_row(self, error: Exception) -> None:
        cycle = Cycle()
        assert _in_flow(lambda: _failing(error, 2)(cycle)).is_completed()
        text = f"{type(error).__name__}: no answer"
        assert cycle.ended == [("bars", 1, "failed", 0, text), ("bars", 2, "failed", 0, text), ("bars", 3, "done", 50, "")]

    def test_it_gives_up_when_its_retries_are_used(self) -> None:
        cycle = Cycle()
        state = _in_flow(lambda: _failing(VendorUnavailable("no answer"), 9, retries=1)(cycle))
        assert state.is_failed()
        assert [number for _, number, *_ in cycle.ended] == [1, 2]

    @pytest.mark.parametrize("error", [DataError("AAPL: close is -1"), ValueError("a bug"), OSError("disk full")])
    def test_nothing_else_is_tried_again(self, error: Exception) -> None:
        cycle = Cycle()
        assert _in_flow(lambda: _failing(error, 1)(cycle)).is_failed()
        assert cycle.ended == [("bars", 1, "failed", 0, f"{type(error).__name__}: {error}")]

    def test_a_halt_ends_task_and_flow_in_a_state_that_says_why(self) -> None:
        cycle = Cycle()

        @flow
        @halts_visibly
        def trial() -> int:
            return _failing(HaltActive("halt 3 holds: drawdown; `grodt rearm --book demo`"), 1)(cycle)

        with pytest.raises(HaltActive, match="halt 3 holds"):
            trial()
        state = _in_flow(lambda: _failing(HaltActive("halt 3"), 1)(cycle))
        assert (state.name, state.message, state.is_failed()) == ("Halted", "halt 3", True)
        assert [outcome for _, _, outcome, _, _ in cycle.ended] == ["halted", "halted"]

    def test_a_try_that_takes_too_long_is_interrupted_and_not_tried_again(self) -> None:
        @stage("signals", timeout_seconds=0.1)
        def signals(cycle: Cycle) -> None:
            time.sleep(5)

        cycle = Cycle()
        assert _in_flow(lambda: signals(cycle)).name == "TimedOut"
        assert cycle.ended == [("signals", 1, "failed", 0, "did not end in its 0.1 s")]

    def test_large_arrays_in_the_cycle_cost_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Prefect looks into each argument, and into what is in it, for results of other tasks."""
        looked = 0

        def visit(*args: Any, **kwargs: Any) -> Any:
            nonlocal looked
            looked += 1
            return visit_collection(*args, **kwargs)

        monkeypatch.setattr(collections, "visit_collection", visit)

        @stage("signals")
        def signals(cycle: Cycle) -> None: ...

        cycle = Cycle(arrays={str(n): np.zeros((1, 2520)) for n in range(5_000)})
        assert _in_flow(lambda: signals(cycle)).is_completed()
        assert looked < 100
        visit({str(n): n for n in range(5_000)}, lambda each: each)
        assert looked > 5_000  # had it looked

    def test_names_tags_and_log_lines_reach_prefects_ui(self, tmp_path: Path) -> None:
        logs.configure(tmp_path, handlers=[RunLogHandler()], filters=[RunIds()])
        try:
            logs.get_logger("grodt.outside").info("no run")
            state = _in_flow(lambda: _failing(VendorUnavailable("x"), 0)(Cycle()))
        finally:
            logs.configure(None)
        drain()
        flow_run_id = state.state_details.flow_run_id
        assert flow_run_id is not None
        with get_client(sync_client=True) as client:
            task_run = _eventually(lambda: client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))))[0]
            of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run_id]))
            lines = _eventually(lambda: _to_its_end(client.read_logs(of_run)))
        assert task_run.name == "bars · demo · 2026-11-20"
        assert set(task_run.tags) == {"book:demo", "stage:bars", "session:2026-11-20"}
        ours = [json.loads(line.message) for line in lines if line.name == "grodt.stages"]
        assert [line["event"] for line in ours] == ["stage started", "stage ended"]
        assert {"outcome": "done", "rows": 50, "try_number": 1}.items() <= ours[1].items()
        expected = {"run": "demo-eod-2026-11-20", "book": "demo", "session": "2026-11-20", "stage": "bars", "attempt": 1}
        assert expected.items() <= ours[0].items()
        assert (ours[0]["flow_run_id"], ours[0]["task_run_id"]) == (str(flow_run_id), str(task_run.id))
        in_file = [json.loads(line) for line in (tmp_path / "logs" / logs.FILE_NAME).read_text().splitlines()]
        assert [line for line in in_file if line["logger"] == "grodt.stages"] == ours


def _to_its_end(lines: list[Log]) -> list[Log]:
    """They come in batches: none of them before the last one is there."""
    return lines if any("stage ended" in line.message for line in lines) else []


def _eventually[T](read: Callable[[], list[T]]) -> list[T]:
    for _ in range(1_200):
        if found := read():
            return found
        time.sleep(0.1)
    raise AssertionError("nothing came")


def test_the_function_itself_can_be_called_without_prefect() -> None:
    @stage("bars")
    def bars(cycle: Cycle) -> int:
        """Fetch what is missing."""
        return 7

    cycle = Cycle()
    assert bars.fn(cycle) == 7
    assert bars.name == "bars"
    assert cycle.started == []
