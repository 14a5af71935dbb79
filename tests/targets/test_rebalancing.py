"""In which sessions a book trades to its targets."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.targets.construction import REBALANCES, Rebalance
from grodt.targets.rebalancing import rebalances, rebalancing_rows

FRIDAY, MONDAY, TUESDAY = date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 1)


def test_every_session_is_one_to_rebalance_in_unless_another_rule_is_given() -> None:
    assert rebalances("session", MONDAY, FRIDAY)
    assert rebalances("session", TUESDAY, MONDAY)


def test_a_week_begins_with_its_first_session() -> None:
    assert rebalances("week", MONDAY, FRIDAY)
    assert not rebalances("week", TUESDAY, MONDAY)
    assert rebalances("week", TUESDAY, FRIDAY), "the Monday was a holiday, or its cycle was missed"


def test_a_week_over_the_turn_of_the_year_is_one_week() -> None:
    assert not rebalances("week", date(2026, 1, 2), date(2025, 12, 31))  # Friday after Wednesday
    assert rebalances("week", date(2026, 1, 5), date(2026, 1, 2))
    assert rebalances("week", date(2026, 1, 5), date(2025, 1, 6)), "the same week of another year"


def test_a_month_begins_with_its_first_session() -> None:
    assert rebalances("month", TUESDAY, MONDAY)
    assert not rebalances("month", MONDAY, FRIDAY)
    assert rebalances("month", date(2026, 12, 1), date(2025, 12, 1)), "the same month of another year"


@pytest.mark.parametrize("rule", REBALANCES)
def test_a_book_that_never_decided_rebalances(rule: Rebalance) -> None:
    assert rebalances(rule, TUESDAY, None)


def test_the_previous_session_must_lie_before() -> None:
    with pytest.raises(ValueError, match="previous session 2026-11-30 does not lie before 2026-11-30"):
        rebalances("week", MONDAY, MONDAY)


@given(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(0, 400), st.sampled_from(["week", "month"]))
def test_of_sessions_in_a_row_each_week_or_month_has_exactly_one(first: date, days: int, rule: Rebalance) -> None:
    sessions = [first + timedelta(days=day) for day in range(days) if (day * 7919) % 3]
    chosen = [session for previous, session in zip([None, *sessions], sessions, strict=False) if rebalances(rule, session, previous)]
    assert [sessions[row] for row in rebalancing_rows(rule, sessions)] == chosen
    period = (lambda day: day - timedelta(days=day.weekday())) if rule == "week" else (lambda day: day.replace(day=1))
    assert [period(day) for day in chosen] == sorted({period(day) for day in sessions})
