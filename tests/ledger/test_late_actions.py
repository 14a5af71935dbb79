"""Corporate actions that came to be known after their session was settled."""

from datetime import timedelta

import pytest

from grodt.bars.corporate_actions import CorporateAction
from grodt.ledger.actions import apply_actions
from grodt.ledger.breaks import Break, open_breaks, record_breaks, resolve_break
from grodt.ledger.late_actions import applied_at, late_actions
from grodt.ledger.unit import Write
from grodt.money import micros
from tests.ledger.test_actions import AFTER, EX, dividend, hold, market, seven_for_one
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW

LATER = NOW + 2 * MINUTE
DELISTING = CorporateAction("AAPL", EX, "delisting", cash_per_share=micros("13.75"))
CHANGE = CorporateAction("AAPL", EX, "symbol_change", new_symbol="APPL")


def settled_without(tx: Write, quantity: int = 100) -> None:
    """The position, the session of the actions without any, and one more."""
    apply_actions(tx, BOOK, market(NEXT), "run", NOW)
    if quantity:
        hold(tx, quantity)
    apply_actions(tx, BOOK, market(EX), "run", NOW + MINUTE)
    apply_actions(tx, BOOK, market(EX + timedelta(days=1)), "run", NOW + MINUTE)


@pytest.mark.parametrize(
    ("action", "missed"),
    [
        (seven_for_one(), Break("action", f"AAPL split {EX}", 100, 700)),
        (dividend("0.25"), Break("action", f"AAPL dividend {EX}", 0, micros("25"))),
        (DELISTING, Break("action", f"AAPL delisting {EX}", 0, micros("1375"))),
        (CHANGE, Break("action", f"AAPL symbol_change {EX}", 100, 0)),
    ],
)
def test_what_a_book_missed_is_a_break_with_what_it_should_have(tx: Write, action: CorporateAction, missed: Break) -> None:
    settled_without(tx)
    assert late_actions(tx, BOOK, [(action, LATER)]) == (missed,)
    assert missed.in_cash == (action.kind in ("dividend", "delisting"))


def test_an_action_that_is_known_in_time_or_that_nothing_was_held_for_is_none(tx: Write) -> None:
    settled_without(tx)
    other = CorporateAction("MSFT", EX, "split", ratio_new=2, ratio_old=1)
    before = CorporateAction("AAPL", NEXT - timedelta(days=30), "split", ratio_new=2, ratio_old=1)
    coming = CorporateAction("AAPL", AFTER, "split", ratio_new=2, ratio_old=1)
    assert late_actions(tx, BOOK, [(seven_for_one(), NOW + MINUTE), (other, LATER), (before, LATER), (coming, LATER)]) == ()


def test_an_action_that_was_applied_as_it_is_known_now_is_none(tx: Write) -> None:
    hold(tx, 100)
    apply_actions(tx, BOOK, market(EX, seven_for_one(), dividend()), "run", NOW)
    assert late_actions(tx, BOOK, [(seven_for_one(), LATER), (dividend(), LATER)]) == ()


def test_an_action_that_was_corrected_since_is_a_break_of_the_difference(tx: Write) -> None:
    hold(tx, 100)
    apply_actions(tx, BOOK, market(EX, seven_for_one(), dividend("0.25")), "run", NOW)
    two_for_one = CorporateAction("AAPL", EX, "split", ratio_new=2, ratio_old=1)
    assert late_actions(tx, BOOK, [(two_for_one, LATER), (dividend("0.30"), LATER)]) == (
        Break("action", f"AAPL split {EX}", 700, 200),
        Break("action", f"AAPL dividend {EX}", micros("25"), micros("30")),
    )


def test_a_short_owes_what_it_missed(tx: Write) -> None:
    settled_without(tx, -100)
    assert late_actions(tx, BOOK, [(dividend("0.25"), LATER)]) == (Break("action", f"AAPL dividend {EX}", 0, micros("-25")),)


def test_an_ex_date_without_a_session_belongs_to_the_next_one(tx: Write) -> None:
    settled_without(tx)
    sunday = CorporateAction("AAPL", EX - timedelta(days=1), "dividend", cash_per_share=micros("1"))
    assert [found.symbol for found in late_actions(tx, BOOK, [(sunday, LATER)])] == [f"AAPL dividend {EX - timedelta(days=1)}"]
    assert list(applied_at(tx, BOOK)) == [NEXT, EX, EX + timedelta(days=1)]


def test_what_a_person_resolved_is_raised_again_only_when_it_is_corrected_once_more(tx: Write) -> None:
    settled_without(tx)
    found = late_actions(tx, BOOK, [(seven_for_one(), LATER)])
    record_breaks(tx, BOOK, EX, found, "run", LATER)
    assert late_actions(tx, BOOK, [(seven_for_one(), LATER)]) == found
    (opened,) = open_breaks(tx, BOOK)
    resolve_break(tx, opened.break_id, "booked by hand", "ops", LATER + MINUTE)
    assert late_actions(tx, BOOK, [(seven_for_one(), LATER)]) == ()
    assert late_actions(tx, BOOK, [(seven_for_one(), LATER + 2 * MINUTE)]) == found


def test_a_book_that_has_settled_nothing_has_missed_nothing(tx: Write) -> None:
    assert late_actions(tx, BOOK, [(seven_for_one(), LATER)]) == ()
