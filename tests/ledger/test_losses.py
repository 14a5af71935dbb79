"""What losses are measured from, before and after people have ended a latch."""

from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from grodt.ledger.halts import halt
from grodt.ledger.losses import loss_marks
from grodt.ledger.marks import Mark, latest_mark, record_mark
from grodt.ledger.slot_marks import record_slot_mark
from grodt.ledger.unit import Ledger, Write
from grodt.ledger.valuation import value_book
from grodt.money import Micros, micros
from tests.examples import examples
from tests.ledger.people import rearmed
from tests.ledger.world import BOOK, MINUTE, NOW, undone

MON, TUE, WED, THU, FRI = (date(2026, 11, day) for day in (16, 17, 18, 19, 20))


def _valued(tx: Write, session: date, equity: int, flows: int = 0) -> Mark:
    """A book of cash, into which flows came since the close before; what a first mark has was brought in."""
    before = latest_mark(tx, BOOK, before=session)
    brought = micros(flows if before else equity)
    place: dict[str, Any] = {"holdings": {}, "closes": {}, "receivable": Micros(0), "previous": before}
    return value_book(BOOK, session, cash=micros(equity), flows=brought, **place)


def _mark(tx: Write, session: date, equity: int, flows: int = 0) -> Mark:
    made = _valued(tx, session, equity, flows)
    record_mark(tx, made, "run", NOW)
    return made


def _slot(tx: Write, slot: str, equity: int, flows: int = 0, minute: int = 0, session: date = TUE) -> Mark:
    made = _valued(tx, session, equity, flows)
    record_slot_mark(tx, made, slot, f"run of {slot}", NOW + minute * MINUTE)
    return made


def _looked_at(tx: Write, minute: int = 1) -> None:
    _latch(tx)
    rearmed(tx, BOOK, NOW + minute * MINUTE)


def _latch(tx: Write, number: int = 0) -> None:
    reason, when = f"drawdown {number}", NOW + number * MINUTE
    halt(tx, scope="book", book=BOOK, side="reduce_only", kind="breach", control=28, reason=reason, author="risk", now=when)


def test_the_mark_before_and_the_highest_one_at_first(tx: Write) -> None:
    assert loss_marks(tx, _mark(tx, MON, 100)) == (micros(100), micros(100))
    assert loss_marks(tx, _mark(tx, TUE, 120)) == (micros(100), micros(120))
    assert loss_marks(tx, _mark(tx, WED, 90)) == (micros(120), micros(120))


def test_a_latch_that_nobody_has_ended_changes_nothing(tx: Write) -> None:
    _mark(tx, MON, 120)
    _latch(tx)
    assert loss_marks(tx, _mark(tx, TUE, 90)) == (micros(120), micros(120))


def test_from_its_end_on_losses_count_from_the_equity_of_then(tx: Write) -> None:
    _mark(tx, MON, 120)
    wednesday = _mark(tx, TUE, 90)
    _latch(tx)
    rearmed(tx, BOOK, NOW + MINUTE)
    assert loss_marks(tx, wednesday) == (micros(90), micros(90))  # the same session again: the loss was looked at
    assert loss_marks(tx, _mark(tx, WED, 85)) == (micros(90), micros(90))
    assert loss_marks(tx, _mark(tx, THU, 95)) == (micros(85), micros(95))
    last = _mark(tx, FRI, 80)
    assert loss_marks(tx, last) == (micros(95), micros(95))
    assert last.high_water_mark == micros(120)


def test_the_latest_end_counts_and_another_book_s_does_not(tx: Write) -> None:
    _mark(tx, MON, 120)
    _mark(tx, TUE, 90)
    _latch(tx)
    rearmed(tx, BOOK, NOW + MINUTE)
    thursday = _mark(tx, THU, 70)
    _latch(tx, 2)
    halt(tx, scope="book", book="us", side="reduce_only", kind="breach", control=28, reason="theirs", author="risk", now=NOW)
    rearmed(tx, "us", NOW + 9 * MINUTE)
    rearmed(tx, BOOK, NOW + 3 * MINUTE)
    assert loss_marks(tx, thursday) == (micros(70), micros(70))
    assert loss_marks(tx, _mark(tx, FRI, 75)) == (micros(70), micros(75))


def test_a_person_s_halt_to_reductions_is_no_latch(tx: Write) -> None:
    monday = _mark(tx, MON, 120)
    halt(tx, scope="book", book=BOOK, side="reduce_only", reason="storm", author="ann", now=NOW)
    rearmed(tx, BOOK, NOW + MINUTE)
    assert loss_marks(tx, monday) == (micros(120), micros(120))


def test_what_was_brought_in_since_is_no_gain_that_hides_a_loss(tx: Write) -> None:
    """100 are put at risk; 15 are lost, 40 come in, 15 are lost again: 30 of 140."""
    _mark(tx, MON, 100)
    _looked_at(tx)
    _mark(tx, TUE, 85)
    assert loss_marks(tx, _mark(tx, WED, 125, flows=40)) == (micros(125), micros(140))
    last = _mark(tx, THU, 110)
    assert loss_marks(tx, last) == (micros(125), micros(140))
    assert last.high_water_mark == micros(140), "as of a book that was never halted"


def test_what_was_taken_out_since_is_no_loss(tx: Write) -> None:
    _mark(tx, MON, 100)
    _looked_at(tx)
    _mark(tx, TUE, 110)
    assert loss_marks(tx, _mark(tx, WED, 80, flows=-30)) == (micros(80), micros(80))
    assert loss_marks(tx, _mark(tx, THU, 75)) == (micros(80), micros(80))


def test_money_that_moves_within_the_session_of_a_slot_that_was_looked_at_is_no_profit(tx: Write) -> None:
    _mark(tx, MON, 100)
    assert loss_marks(tx, _slot(tx, "1030", 80)) == (micros(100), micros(100))
    _looked_at(tx)
    assert loss_marks(tx, _slot(tx, "1100", 115, flows=40, minute=2)) == (micros(120), micros(120)), "5 lost since"
    assert loss_marks(tx, _slot(tx, "1130", 95, flows=10, minute=3)) == (micros(90), micros(95)), "20 won since"
    assert loss_marks(tx, _mark(tx, TUE, 85, flows=10)) == (micros(90), micros(95))
    assert loss_marks(tx, _mark(tx, WED, 55, flows=-20)) == (micros(65), micros(75))


def test_the_close_of_the_session_that_a_slot_of_was_looked_at_counts_as_a_high(tx: Write) -> None:
    _mark(tx, MON, 100)
    _slot(tx, "1030", 80)
    _looked_at(tx)
    _mark(tx, TUE, 98)
    assert loss_marks(tx, _mark(tx, WED, 90)) == (micros(98), micros(98))


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    days=st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=1, max_size=8),
    looked_at=st.integers(0, 7),
)
def test_losses_count_from_where_a_book_stood_that_begins_then(ledger: Ledger, days: list[tuple[int, int]], looked_at: int) -> None:
    """As of a book whose first day is that of the halt's end: its high is the highest equity since, moved by each flow."""
    with undone(ledger) as tx:
        equity = 1_000
        found = _mark(tx, MON, equity)
        high = start = equity
        for number, (earned, flow) in enumerate(days):
            if number == looked_at:
                _looked_at(tx)
                high = equity
            start = equity + flow
            equity += earned + flow
            found = _mark(tx, MON + timedelta(number + 1), equity, flow)
            high = max(high + flow, equity)
        assert loss_marks(tx, found) == (micros(start), micros(high))
