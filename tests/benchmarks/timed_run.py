"""`grodt` with a clock around its parts: a child process of the benchmark.

Arguments: the file to leave the measurements in, the monotonic instant at which the parent started us, and then those of `grodt`.

Every second of the main thread belongs to one span: interpreter, imports, prefect, calendar, set-up (looking at books file, ledger and
source; recording stages; the table at the end), or a stage. What Prefect's API takes inside the report stage belongs to Prefect. The
simulated exchange stands in for a vendor; what it takes is measured beside the spans, because it works on another thread.
"""

import importlib
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.benchmarks.spans import Spans


def main() -> None:
    """Run the command, then write what was measured."""
    target, began, *arguments = sys.argv[1:]
    spans = Spans("interpreter", float(began))
    with spans.span("imports"):
        from flows import cli
        from flows.commands import run
        from flows.server import PrefectServer
    spans.switch("set-up")
    start = vars(run)["start_server"]

    def start_and_watch(*args: object) -> PrefectServer:
        with spans.span("prefect"):
            server: PrefectServer = start(*args)
        with spans.span("imports"):
            cycles = importlib.import_module("flows.cycles")
        _watch(spans, cycles)
        return server

    _replace(run, "start_server", start_and_watch)
    for method in ("wait_ready", "stop"):
        _replace(PrefectServer, method, spans.around("prefect", getattr(PrefectServer, method)))
    sys.argv = ["grodt", *arguments]
    status = 0
    try:
        cli.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    spans.switch("interpreter")
    _leave(spans, target)
    sys.exit(status)


def _watch(spans: Spans, cycles: ModuleType) -> None:
    """What works without Prefect."""
    import grodt.sessions
    from grodt.bars.simulated import SimulatedSource

    load_flow = spans.around("imports", cycles.load_flow)

    def load_and_watch() -> None:
        load_flow()
        _watch_flow(spans)

    _replace(cycles, "load_flow", load_and_watch)
    _replace(grodt.sessions, "_exchange_calendar", spans.around("calendar", vars(grodt.sessions)["_exchange_calendar"]))
    for method in ("_answer", "instruments"):
        _replace(SimulatedSource, method, _beside(spans, getattr(SimulatedSource, method)))


def _watch_flow(spans: Spans) -> None:
    """The flow and its stages. Prefect calls back into them; the time between them is its own."""
    import tasks.cycle
    import tasks.report
    from tasks.stage import Stage

    flow = importlib.import_module("flows.end_of_day")
    for stage in [each for each in vars(flow).values() if isinstance(each, Stage)]:
        _replace(stage, "fn", spans.around(f"stage {stage.name}", stage.fn))
    _replace(flow, "end_of_day", spans.around("prefect", flow.end_of_day))
    _replace(tasks.report, "publish", spans.around("prefect", vars(tasks.report)["publish"]))
    _replace(tasks.cycle, "parts", spans.around("set-up", vars(tasks.cycle)["parts"]))
    for method in ("stage_started", "stage_ended"):
        _replace(tasks.cycle.Cycle, method, spans.around("set-up", getattr(tasks.cycle.Cycle, method)))


def _replace(owner: object, name: str, value: object) -> None:
    setattr(owner, name, value)


def _beside(spans: Spans, function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds to the vendor's seconds without leaving the span it is in."""

    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        try:
            return function(*args, **kwargs)
        finally:
            spans.beside["vendor"] += time.monotonic() - began

    return timed


def _leave(spans: Spans, target: str) -> None:
    import json
    import re
    from pathlib import Path

    spans.mark()
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    content = {
        "wall": spans.wall,
        "cpu": spans.cpu,
        "beside": spans.beside,
        "peak_mb": int(peak.group(1)) / 1024 if peak else 0.0,
        "left_at": time.monotonic(),
    }
    Path(target).write_text(json.dumps(content))


if __name__ == "__main__":
    main()
