"""Overrides in the ledger: two people, a term, and which cycles one is handed to."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from grodt.errors import ConfigError
from grodt.ledger.acts import act
from grodt.ledger.overrides import CYCLES_TERM, LONGEST, TERM, ask_override, overrides_in_force, take_overrides
from grodt.ledger.requests import Request
from grodt.ledger.unit import Write
from grodt.risk.overriding import NOT_LIFTED
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, started

LATER = NOW + 2 * MINUTE


def asked(tx: Write, **changed: Any) -> Request:
    terms: dict[str, Any] = {"control": 9, "symbol": "AAPL", "cycles": 1, "until": None, "by": "ann", "reason": "spin-off"}
    return ask_override(tx, book=BOOK, now=NOW, **terms | changed)


def agreed(tx: Write, **changed: Any) -> Request:
    return act(tx, asked(tx, **changed).short, "approve", by="bob", reason="seen", now=NOW + MINUTE).request


def controls(tx: Write, run_id: str | None = None, now: datetime = LATER) -> list[int]:
    return [each.control for _, each in overrides_in_force(tx, BOOK, run_id, now)]


def test_it_holds_when_two_people_have_agreed_and_names_them(tx: Write) -> None:
    request = asked(tx)
    assert controls(tx) == []
    with pytest.raises(ConfigError, match="another person must decide"):
        act(tx, request.short, "approve", by="ANN", reason="again", now=NOW)
    acted = act(tx, request.short, "approve", by="bob", reason="seen", now=NOW + MINUTE)
    assert acted.then.startswith("from now on: lift control 9 of AAPL for 1 cycle, until 2026-11-27 21:30 UTC")
    ((_, found),) = overrides_in_force(tx, BOOK, None, LATER)
    assert (found.control, found.symbol, found.people, found.reason) == (9, "AAPL", ("ann", "bob"), "spin-off")
    assert found.seconds_left == (CYCLES_TERM - 2 * MINUTE).total_seconds()
    assert overrides_in_force(tx, "us", None, LATER) == ()


def test_one_of_a_cycle_is_of_the_first_run_that_is_judged_and_of_its_reruns_alone(tx: Write) -> None:
    agreed(tx)
    first, second = started(tx), started(tx, NEXT)
    assert [each.control for each in take_overrides(tx, BOOK, first.run_id, LATER)] == [9]
    assert [each.control for each in take_overrides(tx, BOOK, first.run_id, LATER + MINUTE)] == [9]
    assert take_overrides(tx, BOOK, second.run_id, LATER) == ()
    assert controls(tx) == []
    assert tx.connection.execute(text("SELECT count(*) FROM override_uses")).scalar_one() == 1


def test_one_of_two_cycles_is_of_two_runs(tx: Write) -> None:
    agreed(tx, cycles=2)
    runs = [started(tx, NEXT + timedelta(days=day)) for day in range(3)]
    assert [len(take_overrides(tx, BOOK, run.run_id, LATER)) for run in runs] == [1, 1, 0]


def test_one_until_an_instant_is_of_every_run_before_it_and_of_none_from_then_on(tx: Write) -> None:
    end = NOW + timedelta(hours=5)
    agreed(tx, cycles=None, until=end)
    run = started(tx)
    assert len(take_overrides(tx, BOOK, run.run_id, end - MINUTE)) == 1
    assert len(take_overrides(tx, BOOK, started(tx, NEXT).run_id, end - MINUTE)) == 1
    assert take_overrides(tx, BOOK, run.run_id, end) == ()
    assert tx.connection.execute(text("SELECT count(*) FROM override_uses")).scalar_one() == 0


def test_one_of_cycles_expires_too(tx: Write) -> None:
    agreed(tx)
    run = started(tx)
    assert controls(tx, run.run_id, NOW + CYCLES_TERM - MINUTE) == [9]
    assert take_overrides(tx, BOOK, run.run_id, NOW + CYCLES_TERM) == ()


def test_what_is_rejected_or_not_agreed_in_time_lifts_nothing(tx: Write) -> None:
    act(tx, asked(tx).short, "reject", by="bob", reason="no", now=NOW)
    late = asked(tx, control=2)
    with pytest.raises(ConfigError, match="expired"):
        act(tx, late.short, "approve", by="bob", reason="late", now=NOW + TERM)
    assert controls(tx) == []
    soon = asked(tx, control=3, cycles=None, until=NOW + timedelta(hours=1))
    assert soon.expires_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        *(({"control": control, "symbol": ""}, f"control {control} cannot be overridden: ") for control in NOT_LIFTED),
        ({"control": 1}, "cannot be overridden: nobody may lift it: set the limit"),
        ({"control": 13, "symbol": ""}, "nobody may lift it: set limit basket_value"),
        ({"control": 29, "symbol": ""}, "nobody may lift it: end the halt"),
        ({"control": 99}, "there is no control 99"),
        ({"control": 14}, "control 14 is lifted for the whole book; leave --symbol away"),
        ({"control": 11}, "control 11 is lifted for the whole book; leave --symbol away"),
        ({"cycles": 0}, "an override holds for 1 to 10 cycles"),
        ({"cycles": 11}, "an override holds for 1 to 10 cycles"),
        ({"cycles": None}, "give either --cycles or --until"),
        ({"until": NOW + MINUTE}, "give either --cycles or --until"),
        ({"cycles": None, "until": NOW}, "it must be ahead, and within 31 days"),
        ({"cycles": None, "until": NOW + LONGEST + MINUTE}, "it must be ahead, and within 31 days"),
        ({"by": "risk"}, "is no person"),
        ({"reason": " "}, "needs a reason"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(tx: Write, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        asked(tx, **changed)


def test_a_use_is_never_taken_back(tx: Write) -> None:
    agreed(tx)
    take_overrides(tx, BOOK, started(tx).run_id, LATER)
    with pytest.raises(IntegrityError, match="override_uses is append-only"), tx.connection.begin_nested():
        tx.connection.execute(text("DELETE FROM override_uses"))
