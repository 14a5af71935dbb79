"""The end of day of one book: from market data to reconciled positions, and orders for the next open."""

from datetime import date
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from flows.due import latest_due, refusal
from flows.halting import halts_visibly
from tasks.bars import fetch_bars
from tasks.cycle import cycle
from tasks.mark import mark
from tasks.open import open_run
from tasks.orders import approve, make_orders
from tasks.report import report
from tasks.risk import check_risk
from tasks.send import send_orders
from tasks.settle import settle
from tasks.signals import compute_signals
from tasks.targets import compute_targets


def _name() -> str:
    parameters = runtime.flow_run.parameters
    return f"{parameters['book']} · {parameters['session'] or 'latest session'}"


@flow(name="end-of-day", flow_run_name=_name)
@halts_visibly
def end_of_day(book: str, session: date | None = None) -> State[Any] | None:
    """Take a book through one session's cycle; the latest complete session if none is named. A cycle that is done stays as it is."""
    if reason := refusal(book):
        return reason
    with cycle(book, session or latest_due(book)) as this:
        if open_run(this):
            fetch_bars(this)
            settle(this)
            marked = mark(this)
            opinion = compute_signals(this, marked)
            targets = compute_targets(this, opinion)
            judged = check_risk(this, opinion, targets)
            make_orders(this, judged)
            approve(this, judged)
            send_orders(this)
            report(this, marked, opinion, targets)
    return None
