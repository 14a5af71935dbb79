"""`grodt` with a clock around its parts: a child process of the benchmark.

Arguments: the file to leave the measurements in, the monotonic instant at which the parent started us, and then those of `grodt`.

Every second of the main thread belongs to one span: interpreter, imports, prefect, calendar, set-up (looking at books file, ledger and
source; recording stages; the table at the end), or a stage. What Prefect's API takes inside the report stage belongs to Prefect. The
simulated exchange stands in for a vendor; what it takes is measured beside the spans, because it works on another thread.
"""

import importlib
import sys
import time

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
    start = run.start_server

    def start_and_watch(*args: object) -> PrefectServer:
        with spans.span("prefect"):
            server = start(*args)  # type: ignore[arg-type]
        with spans.span("imports"):
            importlib.import_module("flows.cycles")
        _watch(spans)
        return server

    run.start_server = start_and_watch  # type: ignore[assignment]
    for method in ("wait_ready", "stop"):
        setattr(PrefectServer, method, spans.around("prefect", getattr(PrefectServer, method)))
    sys.argv = ["grodt", *arguments]
    status = 0
    try:
        cli.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    spans.switch("interpreter")
    _leave(spans, target)
    sys.exit(status)


def _watch(spans: Spans) -> None:
    import flows.cycles
    import flows.end_of_day
    import grodt.sessions
    import tasks.cycle
    import tasks.report
    from grodt.bars.simulated import SimulatedSource
    from tasks.stage import Stage

    for stage in [each for each in vars(flows.end_of_day).values() if isinstance(each, Stage)]:
        stage.fn = spans.around(f"stage {stage.name}", stage.fn)
    # Prefect calls back into these; the time between them is its own.
    flows.cycles.end_of_day = spans.around("prefect", flows.cycles.end_of_day)  # type: ignore[assignment]
    tasks.report.publish = spans.around("prefect", tasks.report.publish)
    tasks.cycle.parts = spans.around("set-up", tasks.cycle.parts)
    for method in ("stage_started", "stage_ended"):
        setattr(tasks.cycle.Cycle, method, spans.around("set-up", getattr(tasks.cycle.Cycle, method)))
    grodt.sessions._exchange_calendar = spans.around("calendar", grodt.sessions._exchange_calendar)  # type: ignore[assignment]
    for method in ("_answer", "instruments"):
        setattr(SimulatedSource, method, _beside(spans, getattr(SimulatedSource, method)))


def _beside(spans: Spans, function):  # type: ignore[no-untyped-def]
    """Adds to the vendor's seconds without leaving the span it is in."""

    def timed(*args: object, **kwargs: object) -> object:
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
