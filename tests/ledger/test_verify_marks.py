"""High-water marks: those that GRODT writes are what the marks up to them make, and one that was altered by hand is found and named."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from grodt.ledger.marks import latest_mark, record_mark
from grodt.ledger.slot_marks import record_slot_mark, with_slots_before
from grodt.ledger.unit import Ledger, Write
from grodt.ledger.valuation import value_book
from grodt.ledger.verify_marks import check_marks
from grodt.money import Micros, micros
from tests.examples import examples
from tests.ledger.by_hand import by_hand
from tests.ledger.world import BOOK, MINUTE, NOW, undone

MON, TUE, WED = (date(2026, 11, day) for day in (16, 17, 18))


def _mark(tx: Write, session: date, equity: int, flows: int = 0, slot: str = "", minute: int = 0, book: str = BOOK) -> Micros:
    """Mark a book of cash as a cycle does: flows are those since the close before. Returns its high-water mark."""
    previous = latest_mark(tx, book, before=session)
    place: dict[str, Any] = {"holdings": {}, "closes": {}, "receivable": Micros(0), "previous": previous}
    mark = value_book(book, session, cash=micros(equity), flows=micros(flows), **place)
    mark = with_slots_before(tx, mark, micros(flows), previous, slot or None)
    if slot:
        record_slot_mark(tx, mark, slot, f"run of {session} {slot}", NOW + minute * MINUTE)
    else:
        record_mark(tx, mark, f"run of {session}", NOW + minute * MINUTE)
    return mark.high_water_mark


@pytest.fixture
def marked(ledger: Ledger) -> Ledger:
    """100 on Monday; on Tuesday 150 at 10:30, 140 at 11:00 with 20 brought in, 130 at the close; 90 on Wednesday with 30 taken out."""
    with ledger.write() as tx:
        _mark(tx, MON, 100, 100)
        _mark(tx, TUE, 150, 0, "1030", 1)
        _mark(tx, TUE, 140, 20, "1100", 2)
        _mark(tx, TUE, 130, 20, minute=3)
        _mark(tx, WED, 90, -30, minute=4)
        _mark(tx, TUE, 70, 70, book="us")
    return ledger


def _found(ledger: Ledger, book: str | None = None) -> list[str]:
    with ledger.read() as tx:
        return list(check_marks(tx, book).findings)


def test_marks_of_slots_and_closes_with_money_that_came_and_went_hold(marked: Ledger) -> None:
    with marked.read() as tx:
        found, high = check_marks(tx, None), latest_mark(tx, BOOK)
        assert (found.checked, found.things, list(found.findings)) == ("6 marks", 6, [])
        assert check_marks(tx, "us").things == 1
    assert high is not None
    assert high.high_water_mark == micros(140)  # 150 at 10:30, 20 more, 30 less


_HIGHER = "its high-water mark is 180,000,000 micros, and the marks up to it make it 170,000,000"
_BY_HAND = {
    "a high-water mark of a close that was raised": (
        f"UPDATE marks SET high_water_mark = 180000000 WHERE session = '{TUE}' AND book = '{BOOK}'",
        [
            f"mark of book demo, {TUE}: {_HIGHER}",
            f"mark of book demo, {WED}: its high-water mark is 140,000,000 micros, and the marks up to it make it 150,000,000",
        ],
    ),
    "one of a slot that was lowered": (
        "UPDATE slot_marks SET high_water_mark = 140000000 WHERE slot = '1100'",
        [
            f"mark of book demo, {TUE} 1100: its high-water mark is 140,000,000 micros, and the marks up to it make it 170,000,000",
            f"mark of book demo, {TUE}: its high-water mark is 170,000,000 micros, and the marks up to it make it 140,000,000",
        ],
    ),
    "the last one": (
        f"UPDATE marks SET high_water_mark = 90000000, drawdown = 0 WHERE session = '{WED}'",
        [f"mark of book demo, {WED}: its high-water mark is 90,000,000 micros, and the marks up to it make it 140,000,000"],
    ),
    "a drawdown": (
        f"UPDATE marks SET drawdown = 0 WHERE session = '{WED}'",
        [f"mark of book demo, {WED}: its drawdown is 0.0, and its equity over its high-water mark, less one, is {90 / 140 - 1}"],
    ),
    "a slot that is gone": (
        "DELETE FROM slot_marks WHERE slot = '1030'",
        [f"mark of book demo, {TUE} 1100: its high-water mark is 170,000,000 micros, and the marks up to it make it 140,000,000"],
    ),
    "an equity of nothing": (
        "UPDATE marks SET cash = 0, equity = 0, profit = 0, high_water_mark = 0 WHERE book = 'us'",
        [f"mark of book us, {TUE}: its equity is 0 micros, not above zero"],
    ),
}


@pytest.mark.parametrize(("statement", "findings"), _BY_HAND.values(), ids=_BY_HAND)
def test_what_was_altered_by_hand_is_found_and_named(marked: Ledger, statement: str, findings: list[str]) -> None:
    by_hand(marked, statement)
    assert _found(marked) == findings
    assert _found(marked, "us") == [each for each in findings if " book us" in each]


def test_a_mark_is_not_asked_where_one_that_it_rests_on_was_made_again_after_it(ledger: Ledger) -> None:
    with ledger.write() as tx:
        _mark(tx, MON, 100, 100)
        _mark(tx, TUE, 90, minute=1)
        _mark(tx, MON, 120, 120, minute=2)  # by its own run, on other data
    assert _found(ledger) == []


_STEPS = st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=1, max_size=4)


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(_STEPS, min_size=1, max_size=5))
def test_each_high_water_mark_is_the_highest_equity_moved_by_each_flow(ledger: Ledger, days: list[list[tuple[int, int]]]) -> None:
    """Each day's last mark is its close, those before it are slots."""
    equity = high = 1_000
    with undone(ledger) as tx:
        _mark(tx, MON, equity, equity)
        for number, steps in enumerate(days, 1):
            flowed = 0
            for place, (earned, flow) in enumerate(steps):
                equity, high, flowed = equity + earned + flow, max(high + flow, equity + earned + flow), flowed + flow
                slot = f"{place:04}" if place < len(steps) - 1 else ""
                assert _mark(tx, MON + timedelta(number), equity, flowed, slot, 10 * number + place) == micros(high)
        found = check_marks(tx, None)
        assert found.things == 1 + sum(map(len, days))
        assert list(found.findings) == []
