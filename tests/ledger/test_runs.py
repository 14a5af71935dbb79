"""Runs, attempts and stages."""

from datetime import timedelta

import pytest

from grodt.errors import ConfigError
from grodt.lake.manifest import Snapshot
from grodt.ledger.baskets import record_basket
from grodt.ledger.runs import (
    abandoned_before,
    attempts_of,
    close_run,
    done_before,
    end_attempt,
    find_run,
    latest_done,
    open_run,
    pin_snapshot,
    run_id,
    runs_of,
    stage_ended,
    stage_started,
    stages_of,
    unfinished,
)
from grodt.ledger.stages import end_running_stages
from grodt.ledger.unit import Write
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION, basket, order, started

SNAPSHOT = Snapshot(3, "d" * 64, ())


def test_a_run_id_is_a_pure_function_of_the_cycle() -> None:
    assert run_id("demo", "eod", SESSION) == "demo-eod-2026-11-19"
    assert run_id("demo", "intraday", SESSION, "1030") == "demo-intraday-2026-11-19-1030"


def test_a_new_run_is_open_in_its_first_attempt(tx: Write) -> None:
    run = started(tx)
    assert (run.run_id, run.state, run.attempts, run.snapshot_version, run.closed_at) == ("demo-eod-2026-11-19", "open", 1, None, None)
    assert run.opened_at == NOW
    assert find_run(tx, run.run_id) == run
    assert find_run(tx, "other") is None


def test_a_done_run_is_returned_untouched(tx: Write) -> None:
    run = started(tx)
    end_attempt(tx, run.run_id, "done", NOW)
    close_run(tx, run.run_id, "done", NOW)
    done = find_run(tx, run.run_id)
    assert started(tx, config_hash="c2") == done
    assert len(attempts_of(tx, run.run_id)) == 1


def test_an_abandoned_run_is_returned_untouched(tx: Write) -> None:
    run = started(tx)
    close_run(tx, run.run_id, "abandoned", NOW)
    assert started(tx).state == "abandoned"


def test_a_killed_run_is_taken_up_again_and_its_lost_attempt_is_closed(tx: Write) -> None:
    run = started(tx)
    stage_started(tx, run.run_id, 1, "bars", 1, NOW)
    pin_snapshot(tx, run.run_id, SNAPSHOT)
    again = started(tx)
    assert (again.state, again.attempts, again.snapshot_version) == ("open", 2, 3)
    assert [(a.attempt, a.outcome) for a in attempts_of(tx, run.run_id)] == [(1, "lost"), (2, "running")]
    assert [s.outcome for s in stages_of(tx, run.run_id)] == ["lost"]


def test_a_halted_run_opens_again_and_without_a_basket_reads_fresh_data(tx: Write) -> None:
    run = started(tx)
    pin_snapshot(tx, run.run_id, SNAPSHOT)
    end_attempt(tx, run.run_id, "halted", NOW, "control 24")
    close_run(tx, run.run_id, "halted", NOW)
    again = started(tx)
    assert (again.state, again.closed_at, again.attempts, again.snapshot_version) == ("open", None, 2, None)
    assert [(a.outcome, a.error) for a in attempts_of(tx, run.run_id)] == [("halted", "control 24"), ("running", "")]


def test_a_halted_run_with_a_basket_keeps_its_data(tx: Write) -> None:
    run = started(tx)
    pin_snapshot(tx, run.run_id, SNAPSHOT)
    record_basket(tx, basket([order()], run.run_id), run.run_id, NOW)
    close_run(tx, run.run_id, "halted", NOW)
    assert started(tx).snapshot_version == 3


def test_a_changed_configuration_is_taken_on_before_the_basket(tx: Write) -> None:
    pin_snapshot(tx, started(tx).run_id, SNAPSHOT)
    again = started(tx, config_hash="c2", code_version="0.2.0")
    assert (again.config_hash, again.code_version, again.snapshot_version) == ("c2", "0.2.0", None)


@pytest.mark.parametrize(("config_hash", "code_version"), [("c2", "0.1.0"), ("c1", "0.2.0")])
def test_a_changed_configuration_after_the_basket_is_refused_naming_both(tx: Write, config_hash: str, code_version: str) -> None:
    run = started(tx)
    record_basket(tx, basket([order()], run.run_id), run.run_id, NOW)
    with pytest.raises(ConfigError, match=f"configuration c1 and code 0.1.0, and now they are {config_hash} and {code_version}"):
        started(tx, config_hash=config_hash, code_version=code_version)
    assert started(tx).attempts == 2


def test_ending_an_attempt_twice_keeps_the_first_word(tx: Write) -> None:
    run = started(tx)
    end_attempt(tx, run.run_id, "failed", NOW, "vendor away")
    end_attempt(tx, run.run_id, "done", NOW + MINUTE)
    (attempt,) = attempts_of(tx, run.run_id)
    assert (attempt.outcome, attempt.ended_at, attempt.error, attempt.fence, attempt.flow_run_id) == (
        "failed",
        NOW,
        "vendor away",
        1,
        "flow",
    )


def test_closing_twice_is_fine_and_closing_otherwise_is_not(tx: Write) -> None:
    run = started(tx)
    close_run(tx, run.run_id, "done", NOW)
    close_run(tx, run.run_id, "done", NOW + MINUTE)
    found = find_run(tx, run.run_id)
    assert found is not None
    assert found.closed_at == NOW
    with pytest.raises(ValueError, match="is done and cannot become halted"):
        close_run(tx, run.run_id, "halted", NOW)
    with pytest.raises(ValueError, match="there is no run other"):
        close_run(tx, "other", "done", NOW)


def test_a_halted_run_may_be_abandoned(tx: Write) -> None:
    run = started(tx)
    close_run(tx, run.run_id, "halted", NOW)
    close_run(tx, run.run_id, "abandoned", NOW + MINUTE)
    assert unfinished(tx, BOOK, "eod") == ()


def test_a_snapshot_is_pinned_once(tx: Write) -> None:
    run = started(tx)
    pin_snapshot(tx, run.run_id, SNAPSHOT)
    pin_snapshot(tx, run.run_id, SNAPSHOT)
    with pytest.raises(ValueError, match="reads snapshot v3 and cannot be tied to v4-eeeeeeeeeeee"):
        pin_snapshot(tx, run.run_id, Snapshot(4, "e" * 64, ()))
    with pytest.raises(ValueError, match="no run"):
        pin_snapshot(tx, "other", SNAPSHOT)


def test_runs_are_found_by_state_and_session(tx: Write) -> None:
    sessions = [SESSION + timedelta(days=n) for n in range(4)]
    for session, state in zip(sessions, ("done", "done", "halted", None), strict=True):
        run = started(tx, session)
        if state is not None:
            close_run(tx, run.run_id, state, NOW)  # type: ignore[arg-type]
    done = latest_done(tx, BOOK, "eod")
    assert done is not None
    assert done.session == sessions[1]
    assert [run.session for run in unfinished(tx, BOOK, "eod")] == sessions[2:]
    assert [run.session for run in runs_of(tx, BOOK, 3)] == sessions[:0:-1]
    assert latest_done(tx, "other", "eod") is None


def test_two_slots_of_a_session_are_two_runs(tx: Write) -> None:
    for slot in ("1030", "1130"):
        open_run(
            tx, book=BOOK, kind="intraday", session=NEXT, slot=slot, config_hash="c", code_version="v", flow_run_id="f", fence=1, now=NOW
        )
    assert [run.slot for run in runs_of(tx, BOOK, 9)] == ["1130", "1030"]


def test_stages_keep_every_try(tx: Write) -> None:
    run = started(tx)
    stage_started(tx, run.run_id, 1, "bars", 1, NOW)
    stage_started(tx, run.run_id, 1, "bars", 1, NOW + MINUTE)
    stage_ended(tx, run.run_id, 1, "bars", 1, "failed", 0, "vendor away", NOW + MINUTE)
    stage_ended(tx, run.run_id, 1, "bars", 1, "done", 9, "", NOW + MINUTE)
    stage_started(tx, run.run_id, 1, "bars", 2, NOW + 2 * MINUTE)
    stage_ended(tx, run.run_id, 1, "bars", 2, "done", 50, "", NOW + 3 * MINUTE)
    stage_started(tx, run.run_id, 1, "settle", 1, NOW + 4 * MINUTE)
    assert [(s.stage, s.try_number, s.outcome, s.rows, s.error) for s in stages_of(tx, run.run_id)] == [
        ("bars", 1, "failed", 0, "vendor away"),
        ("bars", 2, "done", 50, ""),
        ("settle", 1, "running", 0, ""),
    ]


def test_a_stage_that_never_started_cannot_end(tx: Write) -> None:
    run = started(tx)
    with pytest.raises(ValueError, match="never started"):
        stage_ended(tx, run.run_id, 1, "bars", 1, "done", 0, "", NOW)


def test_runs_abandoned_since_the_last_done_one_are_found(tx: Write) -> None:
    days = [SESSION + timedelta(days=day) for day in range(6)]
    states = ("abandoned", "done", "abandoned", "halted", "abandoned", "open")
    for day, state in zip(days, states, strict=True):
        run = started(tx, session=day)
        if state != "open":
            close_run(tx, run.run_id, state, NOW)  # type: ignore[arg-type]
    last, second = (found for day in (days[5], days[1]) if (found := find_run(tx, run_id(BOOK, "eod", day))) is not None)
    assert [each.session for each in abandoned_before(tx, last)] == [days[2], days[4]]
    assert [each.session for each in abandoned_before(tx, second)] == [days[0]]


def test_the_stage_that_closes_a_run_is_done_with_it_and_what_it_says_afterwards_changes_nothing(tx: Write) -> None:
    run = started(tx)
    stage_started(tx, run.run_id, 1, "send", 1, NOW)
    stage_ended(tx, run.run_id, 1, "send", 1, "failed", 0, "no answer", NOW)
    stage_started(tx, run.run_id, 1, "report", 1, NOW)
    end_running_stages(tx, run.run_id, 7, NOW + MINUTE)
    stage_ended(tx, run.run_id, 1, "report", 1, "failed", 0, "too late", NOW + MINUTE)
    assert {(each.stage, each.outcome, each.rows) for each in stages_of(tx, run.run_id)} == {("send", "failed", 0), ("report", "done", 7)}


def test_the_session_in_which_a_book_was_done_last_before_a_run(tx: Write) -> None:
    first, second = started(tx), started(tx, session=NEXT)
    assert done_before(tx, second) is None
    close_run(tx, first.run_id, "done", NOW)
    assert done_before(tx, second) == SESSION
    assert done_before(tx, first) is None


@pytest.mark.parametrize("state", ["halted", "abandoned"])
def test_a_run_that_was_not_done_is_not_the_last_one(tx: Write, state: str) -> None:
    first, second = started(tx), started(tx, session=NEXT)
    close_run(tx, first.run_id, state, NOW)
    assert done_before(tx, second) is None
