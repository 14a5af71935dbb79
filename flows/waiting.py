"""A basket that waits for people, in the Prefect UI and out of it.

Where the flow runs in a deployment (`grodt serve`), it is suspended: its process ends, and the run's page has a form (Resume) with the
basket's changes, a verdict, a name and a reason, until the latest send time. Resumed, the flow starts from the top in a new process,
takes what the form says as that person's word, and runs the cycle again. Nothing of this is needed: the ledger has the question and
the answers, and `grodt approve` and `grodt run` do the same without a server. Elsewhere the flow ends, in a state named Waiting.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from prefect import runtime, suspend_flow_run
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.input import RunInput
from prefect.states import Completed
from pydantic import Field

from flows.at_home import ledger_at_home
from flows.server import PrefectServerError
from grodt.errors import ConfigError
from grodt.execution.approving import Answer
from grodt.ledger.acts import act
from grodt.ledger.basket_requests import command
from grodt.ledger.requests import Request, find_request
from grodt.reports.baskets import question
from tasks.artifacts import publish_question
from tasks.environment import clock, environment

#: Name of the completed state of a flow whose basket waits for people.
WAITING = "Waiting"
#: A form is open at least this long.
_LEAST_SECONDS = 5
#: Suspensions are counted, and say what was asked: `2-<id of the request>`.
_KEY = re.compile(r"(\d+)-([0-9a-f]{64})")


class Word(RunInput):
    """What the form asks for."""

    verdict: Literal["approve", "reject", "decided elsewhere"] = Field(
        description="Decided elsewhere: people have decided it on the command line; go on with that."
    )
    name: str = Field(min_length=1, description="Who you are. Two people are two names.")
    reason: str = Field(min_length=1, description="Why, for the record.")


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a person answered in the form: about which request, and why that word was not taken; "" where it was."""

    request: Request
    refused: str

    @property
    def session(self) -> date:
        """Of the basket."""
        return date.fromisoformat(self.request.subject["session"])


def resumed() -> Resumed | None:
    """What the form says that this flow run was resumed with, recorded as that person's word; None for a run that was not resumed."""
    number, request_id = _last_form()
    if not number:
        return None
    word = suspend_flow_run(wait_for_input=Word, key=f"{number}-{request_id}")  # has happened: it returns what was answered
    refused = _take(request_id, word)
    with ledger_at_home() as ledger, ledger.read() as tx:
        return Resumed(find_request(tx, request_id), refused)


def wait(answer: Answer, before: Resumed | None) -> State[Any]:
    """End this flow run, or its process, because people must decide first.

    Args:
        answer: waiting.
        before: what this run was resumed with.

    Returns:
        The state named Waiting, outside deployments; in one it does not return.
    """
    request = answer.request
    if request is None:
        raise ValueError("nothing waits")
    text = question(request)
    publish_question(request.book, text)
    if runtime.deployment.id is None:
        return Completed(name=WAITING, message=str(answer))
    said = f"**The last word was not taken:** {before.refused}\n\n" if before is not None and before.refused else ""
    left = (request.expires_at - clock(environment())()).total_seconds()
    number, _ = _last_form()
    suspend_flow_run(
        wait_for_input=Word.with_initial_data(description=said + text),
        key=f"{number + 1}-{request.request_id}",
        timeout=max(int(left), _LEAST_SECONDS),
    )
    raise RuntimeError(
        f"flow run {runtime.flow_run.id} was to be suspended for basket {request.short} and was not; decide with `grodt approve`"
    )


def wake(flow_run_id: str, request: Request) -> bool:
    """Resume the suspended flow run of a request that was decided elsewhere; False where there is none.

    Raises:
        PrefectServerError: the server refused; the decision stands.
    """
    last = request.decisions[-1]
    word = Word(verdict="decided elsewhere", name=last.person, reason=last.reason)
    with get_client(sync_client=True) as client:
        try:
            found = client.read_flow_run(UUID(flow_run_id))
        except ObjectNotFound:
            return False
        if found.state is None or not found.state.is_paused():
            return False
        try:
            answer = client.resume_flow_run(found.id, run_input=word.model_dump())
        except PrefectHTTPStatusError as error:
            raise PrefectServerError(
                f"basket {request.short} is decided, and flow run {flow_run_id} could not be resumed: {error.response.status_code} "
                f"{error.response.text[:200]}; `{command(request)}` goes on with it"
            ) from error
    return answer.status == SetStateStatus.ACCEPT


def _take(request_id: str, word: Word) -> str:
    """Record a person's word; returns why it cannot be taken, as a person reads it."""
    if word.verdict == "decided elsewhere":
        return ""
    try:
        with ledger_at_home() as ledger, ledger.write() as tx:
            act(tx, request_id, word.verdict, by=word.name, reason=word.reason, now=clock(environment())())
    except ConfigError as error:
        return str(error)
    return ""


def _last_form() -> tuple[int, str]:
    """Number of the last form of this flow run, 0 for none, and the request it asked about."""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    keys = (run.empirical_policy.pause_keys if run is not None else None) or set()
    forms = [(int(found[1]), found[2]) for found in map(_KEY.fullmatch, keys) if found is not None]
    return max(forms, default=(0, ""))
