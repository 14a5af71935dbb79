"""A basket that waits, on a Prefect server: the form of a suspended run, what a person answers in it, and what wakes it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.states import Pending

from flows.end_of_day import end_of_day
from flows.server import PrefectServer
from flows.waiting import WAITING
from tests.cycles.driver import Home
from tests.cycles.small_world import MON, TUE, books_text, small_home
from tests.flows.commands import Command

#: In the night after Monday's close.
NOW = "2015-11-24T03:00:00Z"


@pytest.fixture
def client(prefect_server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def home(tmp_path: Path, prefect_server: PrefectServer) -> Home:
    """A book whose baskets two people approve."""
    home = small_home(tmp_path, now=NOW)
    assert home.books is not None
    home.books.write_text(books_text(approval="two"))
    return home


class Run:
    """A flow run of a deployment, as `grodt serve` starts it: each start in turn, here in this process."""

    def __init__(self, home: Home, client: SyncPrefectClient) -> None:
        self._home = home
        self._client = client
        deployment = client.create_deployment(flow_id=client.create_flow(end_of_day), name=f"small-eod-{home.folder.parent.name}")
        self.id: UUID = client.create_flow_run_from_deployment(deployment, parameters={"book": "small", "session": MON.isoformat()}).id

    def start(self) -> State[Any]:
        """Run it until it ends or is suspended."""
        self._client.set_flow_run_state(self.id, Pending())
        run = self._client.read_flow_run(self.id)
        with self._home.environment(), suppress(Pause):  # that is how a process of a suspended run ends
            run_flow(end_of_day, flow_run=run, parameters={"book": "small", "session": MON}, return_type="state")
        return self.state

    @property
    def state(self) -> State[Any]:
        """What it is in."""
        found = self._client.read_flow_run(self.id).state
        assert found is not None
        return found

    def form(self) -> str:
        """What is asked."""
        keys = self.state.state_details.run_input_keyset
        assert keys is not None
        return str(self._client.read_flow_run_input(self.id, keys["description"]))

    def answer(self, verdict: str, name: str, reason: str = "looked at it") -> SetStateStatus:
        """Send the form."""
        return self._client.resume_flow_run(self.id, run_input={"verdict": verdict, "name": name, "reason": reason}).status


def _sent(home: Home) -> int:
    return int(home.broker("SELECT count(*) FROM orders")[0][0])


def test_a_suspended_run_asks_until_two_people_agree_and_then_sends(
    home: Home, client: SyncPrefectClient, prefect_server: PrefectServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(home, client)
    assert run.start().name == "Suspended"
    ((basket,),) = home.sql("SELECT substr(request_id, 1, 12) FROM requests")
    assert f"Basket {basket} of book small, session 2015-11-23" in run.form()
    assert "2 of 2 people must still agree, before **2015-11-24 14:28 UTC**" in run.form()

    assert run.answer("approve", "") is SetStateStatus.REJECT  # nobody
    assert run.answer("approve", "ann") is SetStateStatus.ACCEPT
    assert run.start().name == "Suspended"
    assert "1 of 2 people must still agree, before **2015-11-24 14:28 UTC**. ann agreed: looked at it." in run.form()

    run.answer("approve", "Ann")
    assert run.start().name == "Suspended"
    assert f"**The last word was not taken:** basket {basket}: ann has decided it (approve); another person must decide" in run.form()
    assert _sent(home) == 0

    said = Command(capsys, prefect_server.api_url)(home, "approve", str(basket), "--reason", "seen", "--author", "bob")
    assert said.out.splitlines()[-1] == "the flow run that waits in the Prefect UI goes on with it by itself"
    assert run.state.name == "Resuming"
    assert run.start().name == "Completed"
    assert home.sql("SELECT approved_by FROM basket_approvals ORDER BY 1") == [("ann",), ("bob",)]
    assert _sent(home) == 5
    assert home.sql("SELECT outcome FROM run_attempts ORDER BY attempt") == [("waiting",), ("waiting",), ("waiting",), ("done",)]


def test_a_rejection_in_the_form_ends_the_run_without_an_order(home: Home, client: SyncPrefectClient) -> None:
    run = Run(home, client)
    run.start()
    run.answer("reject", "ann", "too large")
    assert run.start().name == "Completed"
    assert home.sql("SELECT person, verdict, reason FROM decisions") == [("ann", "reject", "too large")]
    assert (_sent(home), home.sql("SELECT state FROM runs")) == (0, [("done",)])


def test_a_form_that_is_sent_when_everything_is_done_changes_nothing(
    home: Home, client: SyncPrefectClient, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(home, client)
    run.start()
    ((basket,),) = home.sql("SELECT request_id FROM requests")
    for name in ("ann", "bob"):
        Command(capsys)(home, "approve", basket, "--reason", "seen", "--author", name)
    assert run.state.name == "Suspended"  # that command saw no server
    home.run(MON)  # by hand, without the server
    before = home.everything()
    run.answer("approve", "cleo")
    assert run.start().name == "Completed"
    assert home.everything() == before


def test_outside_a_deployment_the_flow_ends_waiting(home: Home) -> None:
    with home.environment():
        state = end_of_day("small", MON, return_state=True)
    assert (state.name, state.is_completed()) == (WAITING, True)
    assert "waits for 2 people until 2015-11-24 14:28 UTC" in (state.message or "")


def test_grodt_run_says_who_must_do_what_by_when_and_runs_no_later_session(
    home: Home, prefect_server: PrefectServer, capsys: pytest.CaptureFixture[str]
) -> None:
    late = replace(home, now="2015-11-25T03:00:00Z")
    grodt = Command(capsys, prefect_server.api_url)
    ended = grodt(late, "run", "--session", str(TUE), "--sessions", "2")
    assert ended.status == 0
    ((basket,),) = home.sql("SELECT substr(request_id, 1, 12) FROM requests")
    assert "waits for people; 1 later session is not run before that" in ended.err
    lines = ended.out.splitlines()
    assert [line.split()[0] for line in lines if line.endswith(" waits for people ")] == [str(MON)]
    assert any(
        line.startswith(f"basket {basket} of book small waits for 2 people until 2015-11-25 20:28 UTC: grodt approve") for line in lines
    )
    assert "899,822.02" in ended.out
    assert "Report" not in ended.out  # there is none yet
    assert home.sql("SELECT session, state FROM runs") == [(str(MON), "open")]
    (row,) = json.loads(grodt(late, "run", "--session", str(MON), "--json").out)
    assert (row["state"], row["waits"]["still_needed"], row["waits"]["until"]) == ("open", 2, "2015-11-25T20:28:00+00:00")
