"""What losses are measured from, before and after people have ended a latch."""

from datetime import date

from grodt.ledger.halts import halt
from grodt.ledger.losses import loss_marks
from grodt.ledger.marks import Mark, latest_mark, record_mark
from grodt.ledger.unit import Write
from grodt.money import Micros, micros
from tests.ledger.people import rearmed
from tests.ledger.world import BOOK, MINUTE, NOW

MON, TUE, WED, THU, FRI = (date(2026, 11, day) for day in (16, 17, 18, 19, 20))


def _mark(tx: Write, session: date, equity: int) -> Mark:
    before = latest_mark(tx, BOOK, before=session)
    amount = micros(equity)
    high = max(amount, before.high_water_mark) if before else amount
    profit = Micros(amount - before.equity) if before else Micros(0)
    made = Mark(BOOK, session, amount, Micros(0), Micros(0), amount, 0.0, 0.0, high, amount / high - 1, profit)
    record_mark(tx, made, "run", NOW)
    return made


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
