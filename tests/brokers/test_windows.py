"""When a broker takes orders."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.brokers.windows import ALPACA, PAPER, SendingHours, Window
from grodt.sessions import Calendar

XNYS = Calendar("XNYS")
FRI, EARLY, SPRING = date(2026, 11, 20), date(2026, 11, 27), date(2026, 3, 6)


def _utc(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "session", "opens", "closes"),
    [
        (PAPER, FRI, _utc(FRI, 21), _utc(date(2026, 11, 23), 14, 28)),  # over a weekend
        (ALPACA, FRI, _utc(date(2026, 11, 21), 0), _utc(date(2026, 11, 23), 14, 28)),
        (PAPER, EARLY, _utc(EARLY, 18), _utc(date(2026, 11, 30), 14, 28)),  # closes at 13:00
        (ALPACA, EARLY, _utc(date(2026, 11, 28), 0), _utc(date(2026, 11, 30), 14, 28)),
        (ALPACA, SPRING, _utc(date(2026, 3, 7), 0), _utc(date(2026, 3, 9), 13, 28)),  # clocks go forward on the Sunday between
    ],
)
def test_an_order_for_the_open_is_taken_until_two_minutes_before(
    hours: SendingHours, session: date, opens: datetime, closes: datetime
) -> None:
    assert hours.window(XNYS, session, "opg") == Window(opens, closes)


def test_a_venue_that_never_closes_takes_it_during_the_next_session() -> None:
    assert PAPER.window(Calendar("24/7"), FRI, "opg") == Window(_utc(date(2026, 11, 21), 0), _utc(date(2026, 11, 21), 23, 58))


def test_what_the_table_does_not_name_has_no_window() -> None:
    assert PAPER.window(XNYS, FRI, "ioc") is None


def test_what_works_in_the_next_session_is_sent_before_it_begins() -> None:
    assert {PAPER.window(XNYS, FRI, each) for each in ("cls", "day", "gtc")} == {PAPER.window(XNYS, FRI, "opg")}


def test_a_simulated_broker_judges_by_the_session_and_a_real_one_by_the_wall() -> None:
    late = _utc(date(2027, 5, 1), 12)
    window = PAPER.window(XNYS, FRI, "opg")
    assert window is not None
    assert (PAPER.sent_at(window, late), ALPACA.sent_at(window, late)) == (window.opens_at, late)


def test_a_basket_waits_until_the_end_of_the_window_and_at_a_simulated_broker_as_long_again_when_that_is_over() -> None:
    window = Window(_utc(FRI, 21), _utc(date(2026, 11, 23), 14, 28))
    before, after = window.closes_at - timedelta(seconds=1), window.closes_at
    assert [hours.latest(window, before) for hours in (PAPER, ALPACA)] == [window.closes_at] * 2
    assert ALPACA.latest(window, after) == window.closes_at
    assert PAPER.latest(window, after) == after + timedelta(hours=65, minutes=28)


@given(st.dates(date(1995, 1, 1), date(2026, 12, 1)))
def test_every_session_has_a_window_that_lies_between_it_and_the_end_of_the_next(day: date) -> None:
    session = XNYS.next(day)
    for hours in (PAPER, ALPACA):
        window = hours.window(XNYS, session, "opg")
        assert window is not None
        assert XNYS.closes_at(session) <= window.opens_at < window.closes_at < XNYS.opens_at(XNYS.next(session))
