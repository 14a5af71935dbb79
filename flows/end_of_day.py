"""The end of day of one book: from market data to reconciled positions, and orders for the next open."""

from datetime import date
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from flows.due import latest_due, refusal
from flows.halting import halts_visibly
from flows.waiting import resumed, wait
from grodt.execution.approving import Answer
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
    before = resumed()
    if before is None and (reason := refusal(book)):
        return reason
    answer = _cycle(book, before.session if before is not None else session or latest_due(book))
    return wait(answer, before) if answer.state == "waiting" else None


def _cycle(book: str, session: date) -> Answer:
    """The stages; what has been said of the basket, which a cycle that is done has got."""
    with cycle(book, session) as this:
        if not open_run(this):
            return Answer("approved")
        fetch_bars(this)
        settle(this)
        marked = mark(this)
        opinion = compute_signals(this, marked)
        targets = compute_targets(this, opinion)
        judged = check_risk(this, opinion, targets)
        ordered = make_orders(this, judged, opinion)
        answer = approve(this, judged, ordered)
        if answer.state == "waiting":
            this.wait(str(answer))
            return answer
        if answer.state == "approved":
            send_orders(this)
        report(this, marked, opinion, targets, answer)
        return answer
