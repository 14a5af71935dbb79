"""A slot of one book within a session: from the minutes so far to orders for what is left of it; and the session's close."""

from datetime import date
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from flows.due_slot import asked_slot, refusal, slot_of
from flows.halting import halts_visibly
from flows.waiting import resumed, wait
from grodt.execution.approving import Answer
from grodt.slots import Slot
from tasks.cycle import Cycle, cycle
from tasks.mark import mark
from tasks.open import open_run
from tasks.orders import approve, make_orders
from tasks.risk import check_risk
from tasks.send import send_orders
from tasks.slot_report import report_slot
from tasks.slots import compute_slot_signals, compute_slot_targets, fetch_slot, mark_at_slot, settle_slot


def _name() -> str:
    parameters = runtime.flow_run.parameters
    return f"{parameters['book']} · {parameters['session'] or 'session'} {parameters['slot'] or 'latest slot'}"


@flow(name="intraday", flow_run_name=_name)
@halts_visibly
def intraday(book: str, session: date | None = None, slot: str | None = None) -> State[Any] | None:
    """Take a book through one slot's cycle; the latest one if none is named. A cycle that is done stays as it is."""
    before = resumed()
    if before is not None:
        this = slot_of(before.request)
    else:
        this = asked_slot(book, session, slot)
        if reason := refusal(book, this, closing=slot is not None):
            return reason
    answer = _cycle(book, this)
    return wait(answer, before) if answer.state == "waiting" else None


def _cycle(book: str, slot: Slot) -> Answer:
    """The stages; what has been said of the basket, which a close and a cycle that is done have got."""
    with cycle(book, slot.session, slot) as this:
        if not open_run(this):
            return Answer("approved")
        fetch_slot(this)
        settle_slot(this)
        return _close(this) if slot.role == "close" else _decide(this)


def _decide(this: Cycle) -> Answer:
    marked = mark_at_slot(this)
    opinion = compute_slot_signals(this, marked)
    targets = compute_slot_targets(this, opinion)
    judged = check_risk(this, opinion, targets)
    ordered = make_orders(this, judged, opinion)
    answer = approve(this, judged, ordered)
    if answer.state == "waiting":
        this.wait(str(answer))
        return answer
    if answer.state == "approved":
        send_orders(this)
    report_slot(this, marked, opinion, targets, answer)
    return answer


def _close(this: Cycle) -> Answer:
    report_slot(this, mark(this))
    return Answer("approved")
