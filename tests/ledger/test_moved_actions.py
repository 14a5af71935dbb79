"""Corporate actions that come once more under another ex date are held back, and are a break."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from grodt.bars.corporate_actions import CorporateAction, may_be_same
from grodt.ledger.actions import apply_actions
from grodt.ledger.breaks import Break, open_breaks, resolve_break
from grodt.ledger.late_actions import late_actions
from grodt.ledger.moved_actions import Moved, in_words, is_moved, open_moved, record_moved, without_moved
from grodt.ledger.postings import holding
from grodt.ledger.unit import Write
from grodt.money import micros
from tests.ledger.test_actions import EX, PAY, dividend, hold, market, seven_for_one
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW


def on(action: CorporateAction, days: int) -> CorporateAction:
    """The same, as many days later."""
    return replace(action, ex_date=action.ex_date + timedelta(days=days))


def held_back(tx: Write, *actions: CorporateAction) -> tuple[Moved, ...]:
    """Of those of one session."""
    whole = market(max(action.ex_date for action in actions), *actions)
    left, moved = without_moved(tx, BOOK, whole)
    assert {*left.actions, *(each.action for each in moved)} == {*actions}
    return moved


def booked(tx: Write, *actions: CorporateAction, shares: int = 100) -> None:
    """Shares, and those actions on them."""
    hold(tx, shares)
    apply_actions(tx, BOOK, market(EX, *actions), "run", NOW)


AT_ONCE = dividend("0.25", None)


@pytest.mark.parametrize(
    ("first", "again", "is_same"),
    [
        (AT_ONCE, on(AT_ONCE, 1), True),
        (AT_ONCE, on(AT_ONCE, 4), True),
        (AT_ONCE, on(AT_ONCE, 5), False),  # a weekly one about a holiday
        (AT_ONCE, on(AT_ONCE, 7), False),
        (AT_ONCE, on(dividend("0.26", None), 1), False),
        (AT_ONCE, replace(on(AT_ONCE, 1), symbol="MSFT"), False),
        (dividend("0.25", PAY), on(dividend("0.25", PAY), 7), True),  # one payment
        (dividend("0.25", PAY), on(dividend("0.25", PAY + timedelta(days=7)), 7), False),
        (dividend("0.25", PAY), on(dividend("0.25", PAY + timedelta(days=1)), 1), True),
        (seven_for_one(), on(seven_for_one(), 1), True),
        (seven_for_one(), on(seven_for_one(), 30), True),
        (seven_for_one(), on(seven_for_one(), 31), False),
        (seven_for_one(), replace(on(seven_for_one(), 1), ratio_new=2), False),
    ],
)
def test_one_of_the_same_terms_near_one_that_is_booked_is_held_back(
    tx: Write, first: CorporateAction, again: CorporateAction, is_same: bool
) -> None:
    booked(tx, first)
    assert held_back(tx, again) == ((Moved(again, EX),) if is_same else ())


def test_what_the_book_did_not_hold_it_for_is_not_held_back(tx: Write) -> None:
    apply_actions(tx, BOOK, market(EX, AT_ONCE, seven_for_one()), "run", NOW)
    assert held_back(tx, on(AT_ONCE, 1), on(seven_for_one(), 1)) == ()


def test_what_has_no_money_to_book_twice_is_not_held_back(tx: Write) -> None:
    gone = CorporateAction("AAPL", EX, "delisting", cash_per_share=micros("13.75"))
    booked(tx, gone)
    assert held_back(tx, on(gone, 1)) == ()
    assert not may_be_same(on(gone, 1), EX, None)


def test_of_two_ex_dates_in_one_session_the_later_one_is_held_back(tx: Write) -> None:
    hold(tx, 100)
    sunday = on(AT_ONCE, -1)
    assert held_back(tx, AT_ONCE, sunday) == (Moved(AT_ONCE, sunday.ex_date),)


def _cycle(tx: Write, session: date, *actions: CorporateAction, now: int = 1) -> None:
    """As `settle` does it."""
    whole, moved = without_moved(tx, BOOK, market(session, *actions))
    apply_actions(tx, BOOK, whole, "run", NOW + now * MINUTE)
    record_moved(tx, BOOK, session, moved, "run", NOW + now * MINUTE)


def test_it_is_a_break_with_both_dates_until_a_person_resolves_it(tx: Write) -> None:
    booked(tx, AT_ONCE, seven_for_one())
    next_day = EX + timedelta(days=1)
    _cycle(tx, next_day, on(AT_ONCE, 1), on(seven_for_one(), 1))
    found = (
        Break("action", f"AAPL dividend {next_day}, booked as of {EX}", 0, micros("175")),
        Break("action", f"AAPL split {next_day}, booked as of {EX}", 700, 4900),
    )
    assert holding(tx, BOOK, "AAPL").quantity == 700
    assert [each.in_cash for each in found] == [True, False]
    assert set(open_moved(tx, BOOK)) == set(found)
    assert set(late_actions(tx, BOOK, ())) == set(found)
    for each in open_breaks(tx, BOOK):
        assert f"{EX}" in in_words(each.difference, each.break_id)
        assert f"`grodt breaks resolve {each.break_id} --reason WHY`" in in_words(each.difference, each.break_id)
        resolve_break(tx, each.break_id, "the source has corrected the date", "ops", NOW + 2 * MINUTE)
    assert late_actions(tx, BOOK, ()) == ()


@pytest.mark.parametrize("days", [-1, 1])
def test_one_that_is_learned_late_says_under_which_date_it_is_booked(tx: Write, days: int) -> None:
    apply_actions(tx, BOOK, market(NEXT), "run", NOW - MINUTE)
    hold(tx, 100)
    moved = on(AT_ONCE, days)
    for session in sorted((EX, moved.ex_date)):
        apply_actions(tx, BOOK, market(session, *([AT_ONCE] if session == EX else [])), "run", NOW)
    (found,) = late_actions(tx, BOOK, [(moved, NOW + MINUTE)])
    assert found == Break("action", f"AAPL dividend {moved.ex_date}, booked as of {EX}", 0, micros("25"))
    assert is_moved(found)
