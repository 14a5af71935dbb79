"""Risk's word, committed before anything follows from it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from grodt.errors import HaltActive, LeaseHeld
from grodt.execution.judging import Judged, judge
from grodt.ledger.baskets import basket_of, record_basket
from grodt.ledger.evidence import checks_of
from grodt.ledger.halts import Halt, active, halt
from grodt.ledger.leases import acquire, release
from grodt.ledger.unit import Ledger
from grodt.risk.assess import assess
from tests.execution.desk import Desk
from tests.risk.proposals import SESSION, limits, proposal

BOOK = "demo"
NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
RUN = "demo-eod-2026-11-20"


@pytest.fixture
def ledger(desk: Desk) -> Ledger:
    """One with the run that the proposals are of."""
    desk.open(SESSION)
    return desk.real_ledger


def ask(ledger: Ledger, asked: Any, attempt: int = 1, lease: Any = None, **changed: Any) -> Judged:
    return judge(ledger, lease, asked, limits(**changed), kind="eod", attempt=attempt, now=NOW)


def halts(ledger: Ledger) -> tuple[Halt, ...]:
    with ledger.read() as tx:
        return active(tx, BOOK, NOW)


def evidence(ledger: Ledger) -> list[tuple[int, str]]:
    with ledger.read() as tx:
        return checks_of(tx, RUN).select("control", "verdict").rows()


def test_what_passed_becomes_a_basket_and_every_question_has_its_row(ledger):
    judged = ask(ledger, proposal([100, -0, 50]))
    assert [(each.symbol, each.quantity) for each in judged.basket.orders] == [("S0", 100), ("S2", 50)]
    assert judged.basket.run_id == RUN
    assert judged.rows == judged.evidence.height == len(evidence(ledger))
    assert {verdict for _, verdict in evidence(ledger)} == {"pass"}
    assert halts(ledger) == ()


def test_the_evidence_is_committed_while_there_is_no_basket_yet(ledger):
    ask(ledger, proposal([100]))
    with ledger.read() as tx:
        assert checks_of(tx, RUN).height > 0
        assert basket_of(tx, RUN) is None


def test_judging_again_in_the_same_attempt_changes_nothing(ledger):
    first, second = ask(ledger, proposal([100])), ask(ledger, proposal([100]))
    assert first.basket == second.basket
    assert first.evidence.equals(second.evidence)


def test_a_recorded_basket_and_its_evidence_stand_whatever_would_be_said_now(ledger):
    first = ask(ledger, proposal([100, 50]))
    with ledger.write() as tx:
        record_basket(tx, first.basket, RUN, NOW)
    again = ask(ledger, proposal([7, 7], active_halts=1, bars_present=1), attempt=2, order_quantity=1)
    assert again.basket == first.basket
    assert again.evidence.rows() == first.evidence.sort("control", "scope", "symbol").rows()
    assert halts(ledger) == ()


def test_a_denial_is_no_halt(ledger):
    judged = ask(ledger, proposal([100, 50]), order_quantity=60)
    assert [each.symbol for each in judged.basket.orders] == ["S1"]
    assert (2, "reject") in evidence(ledger)


@pytest.mark.parametrize(
    ("changed", "bounds", "control", "words"),
    [
        ({"bars_present": 50}, {}, 24, "data_incomplete"),
        ({"last_session_fresh": False, "bars_present": 0}, {}, 24, "data_stale"),
        ({}, {"basket_value": 0.001}, 13, "basket_above_limit"),
    ],
)
def test_a_control_that_halts_leaves_evidence_and_one_halt_and_no_basket(ledger, changed, bounds, control, words):
    with pytest.raises(HaltActive, match=f"book demo session 2026-11-20: {words}: .*the book is now halted; .*`grodt rearm --book demo"):
        ask(ledger, proposal([100], **changed), **bounds)
    assert (control, "halt") in evidence(ledger)
    (found,) = halts(ledger)
    assert (found.scope, found.author) == ("book", "risk")
    assert found.reason.startswith(words)
    with ledger.read() as tx:
        assert basket_of(tx, RUN) is None


def test_a_book_that_is_halted_gets_no_second_halt(ledger):
    with ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, reason="a look", author="ops", now=NOW)
    before = halts(ledger)
    with pytest.raises(HaltActive, match=r"halt_active: .*Nothing was ordered and the book was halted"):
        ask(ledger, proposal([100], active_halts=1))
    assert halts(ledger) == before
    assert (29, "halt") in evidence(ledger)


@pytest.mark.parametrize("active_halts", [0, 1])
def test_open_breaks_stop_without_a_halt_of_their_own(ledger, active_halts):
    with pytest.raises(HaltActive, match="breaks_open"):
        ask(ledger, proposal([100], open_breaks=2, active_halts=active_halts))
    assert halts(ledger) == ()
    assert (31, "halt") in evidence(ledger)


def test_a_halt_that_holds_does_not_hide_a_new_cause(ledger):
    with pytest.raises(HaltActive, match=r"data_incomplete: .*; halt_active: "):
        ask(ledger, proposal([100], active_halts=1, bars_present=10))
    assert [found.author for found in halts(ledger)] == ["risk"]


def test_the_same_halt_found_by_two_attempts_is_one_halt(ledger):
    for attempt in (1, 2):
        with pytest.raises(HaltActive):
            ask(ledger, proposal([100], bars_present=50), attempt=attempt)
    assert len(halts(ledger)) == 1


def test_a_long_reason_is_cut_in_the_halt(ledger):
    worst = proposal([10**9] * 3, bars_present=50, open_breaks=1, active_halts=1)
    assert assess(worst, limits()).halt
    with pytest.raises(HaltActive):
        ask(ledger, worst)
    assert len(halts(ledger)[0].reason) <= 500


def test_a_lost_lease_leaves_no_evidence(ledger):
    with ledger.write() as tx:
        lease = acquire(tx, "book:demo", "us", NOW, NOW - datetime(2026, 11, 20, 21, tzinfo=UTC))
    with ledger.write() as tx:
        release(tx, lease)
    with pytest.raises(LeaseHeld):
        ask(ledger, proposal([100]), lease=lease)
    assert evidence(ledger) == []
