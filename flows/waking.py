"""The flow run that waits in the Prefect UI for a basket: finding it, and letting it go on when the basket is decided elsewhere.

`python -m flows.waking ID` does it in a process of its own, for one that stays and must not take up Prefect.
"""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from flows.server import is_healthy, reachable_server, shared_server
from grodt.errors import GrodtError
from grodt.ledger import basket_requests
from grodt.ledger.requests import Request, find_request
from grodt.ledger.runs import attempts_of
from grodt.ledger.unit import Read
from grodt.telemetry.logs import get_logger
from tasks.environment import clock, environment

_PATIENCE_SECONDS = 120.0
_log = get_logger("grodt.waking")


def suspended_run(tx: Read, request: Request, now: datetime) -> str | None:
    """Id of the flow run that waits for a basket's request, where the request waits no more; None where there is none."""
    if request.kind != basket_requests.KIND or request.state(now) == "waiting":
        return None
    asked = [each.flow_run_id for each in attempts_of(tx, request.subject["run_id"]) if each.outcome == "waiting" and each.flow_run_id]
    return asked[-1] if asked else None


def server_answers(home: Path) -> bool:
    """Whether a Prefect server answers that the run may be suspended on."""
    given = os.environ.get("PREFECT_API_URL")
    return is_healthy(given) if given else shared_server(home) is not None


def let_go_on(flow_run_id: str | None, request: Request) -> bool:
    """Resume that flow run; False where there is none, or no server of this home answers.

    Raises:
        PrefectServerError: the server refused; the decision stands.
    """
    if flow_run_id is None or reachable_server(environment().home) is None:
        return False
    from flows.waiting import wake  # loads Prefect: only where its server is there

    return wake(flow_run_id, request)


def let_go_on_elsewhere(request: Request) -> None:
    """The same, waiting for a process of its own. What comes of it is logged."""
    command = [sys.executable, "-m", "flows.waking", request.request_id]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        told, failed = f"no answer in {_PATIENCE_SECONDS:g} s", True
    else:
        told, failed = (done.stderr or done.stdout).strip(), done.returncode != 0
    if failed:
        advice = f"basket {request.short} is decided; `{basket_requests.command(request)}` goes on with it"
        _log.error("the run that waits could not be woken", request=request.short, book=request.book, why=told[-2000:], advice=advice)
    else:
        _log.info("the run that waited was asked to go on", request=request.short, book=request.book, answer=told)


def main(request_id: str) -> int:
    """Wake whoever waits for that request; returns the exit status."""
    from flows.at_home import ledger_at_home

    try:
        with ledger_at_home() as ledger, ledger.read() as tx:
            request = find_request(tx, request_id)
            waits = suspended_run(tx, request, clock(environment())())
        woken = let_go_on(waits, request)
    except GrodtError as error:
        print(error, file=sys.stderr)  # noqa: T201  # for the process that waits for this one
        return error.exit_status
    print("resumed" if woken else "nothing was suspended")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
