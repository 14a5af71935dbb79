"""Two processes on one book: one works, the other ends and says who does; one that was shut out writes nothing more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from grodt.errors import LeaseHeld
from tasks.wiring import process_name
from tests.cycles.driver import Home
from tests.cycles.processes import Processes
from tests.cycles.small_world import MON, TUE

#: When the lease of a cycle that is stuck has run out.
LATER = "2015-12-05T13:00:00Z"


def test_the_second_of_two_processes_ends_and_names_the_first(processes: Processes, home: Home) -> None:
    reached, go_on = processes.event(), processes.event()
    process = processes.start(home, [MON], waits=(MON, "signals", reached, go_on))
    assert reached.wait(60)
    try:
        with pytest.raises(LeaseHeld, match=rf"book:small is being worked on by [^ ]+:{process.pid}:[0-9.]+ until 2015-12-05 12:30:00 UTC"):
            home.run(MON)
    finally:
        go_on.set()
        process.join(60)
    assert process.exitcode == 0
    assert home.sql("SELECT attempt, outcome FROM run_attempts") == [(1, "done")]
    home.run(MON, TUE)


def test_the_book_of_a_process_that_was_killed_is_free_at_once(processes: Processes, home: Home) -> None:
    assert processes.run(home, [MON], stage=(MON, "signals")) == -9
    assert len(home.sql("SELECT name FROM leases WHERE holder IS NOT NULL")) == 1
    home.run(MON)
    assert home.sql("SELECT outcome FROM run_attempts ORDER BY attempt") == [("lost",), ("done",)]


@pytest.mark.parametrize(
    "stage", ["settle", "send", *(pytest.param(stage, marks=pytest.mark.long) for stage in ("bars", "orders", "report"))]
)
def test_one_that_was_stuck_before_a_stage_and_lost_its_lease_writes_nothing_more(home: Home, stage: str) -> None:
    _overtaken(home, lambda at, text: at == stage and not text)


def test_one_that_was_stuck_between_two_orders_and_lost_its_lease_sends_no_more(home: Home) -> None:
    _overtaken(home, lambda at, text: at == "send" and text == "2 of 5 orders")
    assert home.broker("SELECT count(*), count(DISTINCT client_order_id) FROM orders") == [(5, 5)]


def _overtaken(home: Home, stuck: Callable[[str, str], bool]) -> None:
    """While the cycle is stuck there, another does it to its end; then it goes on."""
    after: list[dict[str, str]] = []

    def watch(_session: date, stage: str, text: str) -> None:
        if not after and stuck(stage, text):
            replace(home, now=LATER).run(MON)
            after.append(home.everything())

    with pytest.raises(LeaseHeld, match="book:small"):
        home.run(MON, watch=watch)
    assert [home.everything()] == after
    assert home.sql("SELECT outcome FROM run_attempts ORDER BY attempt") == [("lost",), ("done",)]


def test_a_cycle_gives_its_lease_back_however_it_ends(home: Home) -> None:
    with pytest.raises(ZeroDivisionError):
        home.run(MON, watch=lambda _session, stage, _text: stage == "mark" and 1 // 0)
    assert home.sql("SELECT name FROM leases WHERE holder IS NOT NULL") == []
    assert process_name() not in str(home.sql("SELECT * FROM leases"))
