from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grodt.errors import ConfigError, SessionError
from grodt.sessions import FIRST_DATE, Calendar, parse_session, require_utc
from tests.examples import examples

CALENDARS = Path(__file__).resolve().parents[1] / "../shared/data/calendars"
XNYS, ALWAYS = Calendar("XNYS"), Calendar("24/7")
WED, THANKSGIVING, FRI, MON = date(2015, 11, 25), date(2015, 11, 26), date(2015, 11, 27), date(2015, 11, 30)
SECOND, MICRO = timedelta(seconds=1), timedelta(microseconds=1)


def _file(name: str) -> Path:
    if not (CALENDARS / name).exists():
        pytest.skip(f"shared/data/calendars/{name} is not on this machine")
    return CALENDARS / name


class TestAgainstRecordedCalendars:
    def test_every_session_of_new_york_since_1990_with_its_open_and_close(self) -> None:
        recorded = pl.read_parquet(_file("xnys.parquet"))
        wanted = [(date.fromisoformat(day[:10]), _at(opens), _at(closes)) for day, opens, closes, *_ in recorded.iter_rows()]
        sessions = XNYS.between(wanted[0][0], wanted[-1][0])
        assert len(wanted) > 8_000
        assert [(day, XNYS.opens_at(day), XNYS.closes_at(day)) for day in sessions] == wanted

    def test_no_session_on_a_holiday_of_the_exchange(self) -> None:
        lines = _file("nyse_all_full_day_holidays_since_1928.csv").read_text().split()
        holidays = [date(int(year), int(month), int(day)) for month, day, year in (line.split("/") for line in lines)]
        known = [day for day in holidays if day >= FIRST_DATE]
        assert len(known) > 280
        assert [day for day in known if XNYS.is_session(day)] == []

    def test_every_open_of_new_york_is_inside_its_session_and_no_close_is(self) -> None:
        recorded = pl.read_parquet(_file("xnys.parquet"))
        wanted = [(date.fromisoformat(day[:10]), _at(opens), _at(closes)) for day, opens, closes, *_ in recorded.iter_rows()]
        days = np.array([day for day, _, _ in wanted], "datetime64[D]")
        opens, closes = _stamps([start for _, start, _ in wanted]), _stamps([end for _, _, end in wanted])
        minute = np.timedelta64(1, "m")
        assert np.array_equal(XNYS.sessions_of(opens), days)
        assert np.array_equal(XNYS.sessions_of(closes - minute), days)
        assert np.isnat(XNYS.sessions_of(opens - minute)).all()
        assert np.isnat(XNYS.sessions_of(closes)).all()
        assert [XNYS.trading_hours(day) for day, _, _ in wanted[::40]] == [((start, end),) for _, start, end in wanted[::40]]
        assert {XNYS.minutes_of(day) for day, _, _ in wanted if (day.month, day.day) == (11, 28)} >= {210, 390}

    def test_noon_of_a_recorded_holiday_is_in_no_session(self) -> None:
        lines = _file("nyse_all_full_day_holidays_since_1928.csv").read_text().split()
        holidays = [date(int(year), int(month), int(day)) for month, day, year in (line.split("/") for line in lines)]
        noons = [datetime(day.year, day.month, day.day, 17, tzinfo=UTC) for day in holidays if day >= FIRST_DATE]
        assert np.isnat(XNYS.sessions_of(_stamps(noons))).all()


def _stamps(instants: list[datetime]) -> NDArray[np.datetime64]:
    return np.array([instant.astimezone(UTC).replace(tzinfo=None) for instant in instants], "datetime64[us]")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


class TestSessions:
    def test_weekends_and_holidays_are_none(self) -> None:
        assert [XNYS.is_session(day) for day in (WED, THANKSGIVING, FRI, date(2015, 11, 28), date(2015, 11, 29), MON)] == [
            True,
            False,
            True,
            False,
            False,
            True,
        ]

    @pytest.mark.parametrize(
        ("day", "before", "after"), [(THANKSGIVING, WED, FRI), (WED, date(2015, 11, 24), FRI), (date(2015, 11, 28), FRI, MON)]
    )
    def test_the_sessions_on_either_side(self, day: date, before: date, after: date) -> None:
        assert (XNYS.previous(day), XNYS.next(day)) == (before, after)

    @given(st.dates(date(1991, 1, 1), date(2026, 1, 1)))
    @examples(60)
    def test_next_and_previous_leave_no_session_out(self, day: date) -> None:
        before, after = XNYS.previous(day), XNYS.next(day)
        assert before < day < after
        assert XNYS.between(before, after) == ((before, day, after) if XNYS.is_session(day) else (before, after))

    def test_a_range_includes_both_ends(self) -> None:
        assert XNYS.between(WED, MON) == (WED, FRI, MON)
        assert XNYS.between(THANKSGIVING, THANKSGIVING) == ()
        assert XNYS.between(WED, WED) == (WED,)
        assert XNYS.between(MON, WED) == ()

    def test_the_last_few_end_with_the_day_or_the_session_before_it(self) -> None:
        assert XNYS.latest(FRI, 2) == (WED, FRI)
        assert XNYS.latest(THANKSGIVING, 1) == (WED,)
        assert XNYS.latest(date(1990, 1, 3), 5) == (date(1990, 1, 2), date(1990, 1, 3))
        assert XNYS.latest(date(1980, 1, 1), 5) == ()

    @pytest.mark.parametrize("count", [0, -1])
    def test_fewer_than_one_session_is_refused(self, count: int) -> None:
        with pytest.raises(SessionError, match=f"{count} sessions asked for"):
            XNYS.latest(FRI, count)

    def test_a_holiday_is_refused_with_the_sessions_on_either_side(self) -> None:
        with pytest.raises(SessionError, match=rf"{THANKSGIVING} is not a session of XNYS .*nearest are {WED} and {FRI}"):
            XNYS.require_session(THANKSGIVING)
        assert XNYS.require_session(FRI) == FRI

    @pytest.mark.parametrize("read", [XNYS.opens_at, XNYS.closes_at, XNYS.trading_hours, XNYS.minutes_of])
    def test_a_holiday_has_no_open_no_close_and_no_hours(self, read: Callable[[date], object]) -> None:
        with pytest.raises(SessionError, match=f"{THANKSGIVING} is not a session"):
            read(THANKSGIVING)


class TestInstants:
    @pytest.mark.parametrize(
        ("session", "opens", "closes"),
        [
            (WED, "2015-11-25T14:30Z", "2015-11-25T21:00Z"),
            (FRI, "2015-11-27T14:30Z", "2015-11-27T18:00Z"),
            (date(2015, 3, 6), "2015-03-06T14:30Z", "2015-03-06T21:00Z"),
            (date(2015, 3, 9), "2015-03-09T13:30Z", "2015-03-09T20:00Z"),
        ],
        ids=["a whole day", "an early close", "before summer time", "in summer time"],
    )
    def test_a_session_opens_and_closes_by_the_clock_of_its_exchange(self, session: date, opens: str, closes: str) -> None:
        assert (XNYS.opens_at(session), XNYS.closes_at(session)) == (_at(opens), _at(closes))
        assert XNYS.closes_at(session).tzinfo is UTC

    def test_the_zone_is_the_exchanges(self) -> None:
        assert XNYS.zone.key == "America/New_York"
        assert ALWAYS.zone.key == "UTC"

    @pytest.mark.parametrize("session", [WED, FRI], ids=["a whole day", "an early close"])
    def test_a_session_is_over_at_the_instant_of_its_close_and_not_before(self, session: date) -> None:
        close, before = XNYS.closes_at(session), XNYS.previous(session)
        assert XNYS.latest_complete(close) == session
        assert XNYS.latest_complete(close - timedelta(microseconds=1)) == before
        assert XNYS.require_complete(session, close) == session
        with pytest.raises(SessionError, match=rf"it closes at {close:%Y-%m-%d %H:%M} UTC .* latest complete session is {before}"):
            XNYS.require_complete(session, close - SECOND)

    @pytest.mark.parametrize("now", ["2015-11-28T00:00Z", "2015-11-29T23:59Z", "2015-11-30T20:59:59Z"])
    def test_over_a_weekend_fridays_session_is_the_latest(self, now: str) -> None:
        assert XNYS.latest_complete(_at(now)) == FRI

    def test_on_a_holiday_the_session_before_it_is_the_latest(self) -> None:
        assert XNYS.latest_complete(datetime(2015, 11, 26, 23, tzinfo=UTC)) == WED

    def test_an_instant_of_any_zone_is_the_same_instant(self) -> None:
        tokyo = timezone(timedelta(hours=9))
        assert XNYS.latest_complete(datetime(2015, 11, 28, 3, 0, tzinfo=tokyo)) == FRI
        assert XNYS.latest_complete(datetime(2015, 11, 28, 2, 59, tzinfo=tokyo)) == WED
        assert require_utc(datetime(2015, 11, 28, 3, tzinfo=tokyo)) == datetime(2015, 11, 27, 18, tzinfo=UTC)

    def test_a_session_to_come_is_refused(self) -> None:
        with pytest.raises(SessionError, match="is not over"):
            XNYS.require_complete(MON, XNYS.closes_at(FRI))

    @pytest.mark.parametrize("read", [XNYS.latest_complete, XNYS.session_at, lambda now: XNYS.require_complete(FRI, now), require_utc])
    def test_an_instant_without_a_zone_is_refused(self, read: Callable[[datetime], object]) -> None:
        with pytest.raises(ValueError, match=r"2015-11-30T12:00:00 has no time zone"):
            read(datetime(2015, 11, 30, 12))

    def test_a_market_that_never_closes_ends_its_session_at_midnight(self) -> None:
        saturday = date(2015, 11, 28)
        assert ALWAYS.is_session(saturday)
        assert ALWAYS.closes_at(saturday) == datetime(2015, 11, 29, tzinfo=UTC)
        assert ALWAYS.latest_complete(datetime(2015, 11, 29, tzinfo=UTC)) == saturday
        assert ALWAYS.latest_complete(datetime(2015, 11, 29, tzinfo=UTC) - SECOND) == date(2015, 11, 27)
        assert ALWAYS.next(saturday) - ALWAYS.previous(saturday) == timedelta(days=2)


class TestTradingHours:
    """Of an interval of trading hours the start is inside and the end is not: a bar is stamped at its start."""

    @pytest.mark.parametrize(
        ("name", "session", "hours", "minutes"),
        [
            ("XNYS", WED, ["2015-11-25T14:30Z", "2015-11-25T21:00Z"], 390),
            ("XNYS", FRI, ["2015-11-27T14:30Z", "2015-11-27T18:00Z"], 210),
            ("XHKG", date(2024, 3, 5), ["2024-03-05T01:30Z", "2024-03-05T04:00Z", "2024-03-05T05:00Z", "2024-03-05T08:00Z"], 330),
            ("XHKG", date(2020, 12, 24), ["2020-12-24T01:30Z", "2020-12-24T04:00Z"], 150),
            ("XTKS", date(2024, 3, 5), ["2024-03-05T00:00Z", "2024-03-05T02:30Z", "2024-03-05T03:30Z", "2024-03-05T06:00Z"], 300),
            ("XTKS", date(2024, 11, 6), ["2024-11-06T00:00Z", "2024-11-06T02:30Z", "2024-11-06T03:30Z", "2024-11-06T06:30Z"], 330),
            ("XSHG", date(2024, 3, 5), ["2024-03-05T01:30Z", "2024-03-05T03:30Z", "2024-03-05T05:00Z", "2024-03-05T07:00Z"], 240),
            ("24/7", date(2024, 3, 9), ["2024-03-09T00:00Z", "2024-03-10T00:00Z"], 1440),
            ("CMES", date(2024, 3, 5), ["2024-03-04T23:00Z", "2024-03-05T23:00Z"], 1440),
        ],
    )
    def test_a_session_trades_in_these_intervals_and_in_no_other(self, name: str, session: date, hours: list[str], minutes: int) -> None:
        calendar, edges = Calendar(name), [_at(text) for text in hours]
        assert calendar.trading_hours(session) == tuple(zip(edges[::2], edges[1::2], strict=True))
        assert (calendar.opens_at(session), calendar.closes_at(session)) == (edges[0], edges[-1])
        assert calendar.minutes_of(session) == minutes
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            assert calendar.session_at(start) == calendar.session_at(end - MICRO) == session
            assert calendar.is_open(start)
            assert calendar.session_at(end) != session
            assert calendar.session_at(start - MICRO) != session

    def test_a_lunch_break_is_in_no_session(self) -> None:
        assert Calendar("XHKG").session_at(_at("2024-03-05T04:30Z")) is None
        assert not Calendar("XHKG").is_open(_at("2024-03-05T04:00Z"))

    @pytest.mark.parametrize(
        ("friday", "monday", "before", "after"),
        [
            (date(2024, 3, 8), date(2024, 3, 11), "14:30", "13:30"),
            (date(2024, 11, 1), date(2024, 11, 4), "13:30", "14:30"),
        ],
        ids=["into summer time", "out of it"],
    )
    def test_the_hour_moves_over_a_change_of_the_clocks_and_the_minutes_do_not(
        self, friday: date, monday: date, before: str, after: str
    ) -> None:
        assert (XNYS.opens_at(friday), XNYS.opens_at(monday)) == (_at(f"{friday}T{before}Z"), _at(f"{monday}T{after}Z"))
        assert XNYS.minutes_of(friday) == XNYS.minutes_of(monday) == 390
        early = min(before, after)
        assert [XNYS.session_at(_at(f"{day}T{early}Z")) for day in (friday, monday)] == [
            day if hour == early else None for day, hour in ((friday, before), (monday, after))
        ]

    @pytest.mark.parametrize("day", [date(2024, 3, 31), date(2024, 10, 27)], ids=["23 hours in London", "25 hours in London"])
    def test_a_day_that_never_closes_has_all_its_utc_minutes_whatever_the_clocks_do(self, day: date) -> None:
        assert ALWAYS.minutes_of(day) == 1440
        stamps = np.arange(np.datetime64(day, "m"), np.datetime64(day, "m") + np.timedelta64(1440, "m"))
        assert set(ALWAYS.sessions_of(stamps).tolist()) == {day}

    def test_two_sessions_that_meet_share_no_instant(self) -> None:
        assert ALWAYS.session_at(_at("2024-03-10T00:00Z")) == date(2024, 3, 10)
        assert Calendar("CMES").session_at(_at("2024-03-05T23:00Z")) == date(2024, 3, 6)

    def test_the_instant_of_another_zone_is_the_same_instant(self) -> None:
        assert XNYS.session_at(datetime(2015, 11, 25, 23, 30, tzinfo=timezone(timedelta(hours=9)))) == WED

    @pytest.mark.parametrize("name", ["XNYS", "XHKG", "24/7", "CMES"])
    @given(data=st.data())
    @examples(25)
    def test_arrays_say_what_each_instant_s_own_session_says(self, name: str, data: st.DataObject) -> None:
        calendar = Calendar(name)
        instants = data.draw(
            st.lists(st.datetimes(datetime(1995, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)), min_size=1, max_size=30)
        )
        edges = [edge for instant in instants[:3] for pair in calendar.trading_hours(calendar.next(instant.date())) for edge in pair]
        instants += [edge + timedelta(microseconds=step) for edge in edges for step in (-1, 0, 1)]
        found = calendar.sessions_of(_stamps(instants))
        assert found.tolist() == [_by_hand(calendar, instant) for instant in instants]
        assert [calendar.session_at(instant) for instant in instants] == found.tolist()

    def test_a_minute_grid_of_a_session_has_as_many_minutes_as_the_session(self) -> None:
        for calendar, session in ((XNYS, WED), (XNYS, FRI), (Calendar("XHKG"), date(2024, 3, 5))):
            grid = np.arange(np.datetime64(session, "m"), np.datetime64(session, "m") + np.timedelta64(1440, "m"))
            assert (calendar.sessions_of(grid) == np.datetime64(session)).sum() == calendar.minutes_of(session)

    def test_shape_unit_and_order_of_an_array_are_free(self) -> None:
        stamps = np.array([["2015-11-27T14:30", "2015-11-25T14:29"], ["2015-11-26T15:00", "2015-11-25T14:30"]], "datetime64[ns]")
        assert XNYS.sessions_of(stamps).tolist() == [[FRI, None], [None, WED]]
        assert XNYS.sessions_of(np.array([], "datetime64[us]")).dtype == np.dtype("datetime64[D]")

    def test_an_instant_that_is_none_is_refused_with_their_number(self) -> None:
        with pytest.raises(SessionError, match="2 of 3 instants are NaT"):
            XNYS.sessions_of(np.array(["2015-11-25T14:30", "NaT", "NaT"], "datetime64[us]"))

    def test_hours_before_the_first_open_of_the_calendar_are_outside_and_not_an_error(self) -> None:
        first, last = XNYS.bounds()
        assert XNYS.session_at(datetime(first.year, first.month, first.day, tzinfo=UTC)) is None
        assert XNYS.session_at(XNYS.opens_at(first)) == first
        assert XNYS.session_at(XNYS.closes_at(last) - MICRO) == last
        assert XNYS.session_at(XNYS.closes_at(last)) is None

    @pytest.mark.parametrize("calendar", [XNYS, ALWAYS], ids=lambda calendar: calendar.name)
    def test_the_day_after_the_last_session_is_not_known(self, calendar: Calendar) -> None:
        last = calendar.bounds()[1]
        midnight = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
        assert calendar.session_at(midnight - MICRO) in (None, last)
        with pytest.raises(SessionError, match=f"is outside the hours {calendar.name} knows"):
            calendar.session_at(midnight)

    @pytest.mark.parametrize("day", ["1989-12-29T15:00", "2999-01-04T15:00"])
    def test_an_instant_the_calendar_does_not_reach_is_refused(self, day: str) -> None:
        with pytest.raises(SessionError, match=rf"{day}.* is outside the hours XNYS knows, 1990-01-02"):
            XNYS.sessions_of(np.array(["2015-11-25T14:30", day], "datetime64[us]"))
        with pytest.raises(SessionError, match="is outside the hours XNYS knows"):
            XNYS.is_open(_at(f"{day}Z"))


def _by_hand(calendar: Calendar, instant: datetime) -> date | None:
    near = calendar.between(instant.date() - timedelta(days=1), instant.date() + timedelta(days=1))
    inside = [day for day in near for start, end in calendar.trading_hours(day) if start <= instant < end]
    assert len(inside) <= 1
    return inside[0] if inside else None


class TestBounds:
    @pytest.mark.parametrize(
        "ask",
        [
            XNYS.is_session,
            XNYS.require_session,
            XNYS.next,
            XNYS.previous,
            XNYS.opens_at,
            XNYS.closes_at,
            XNYS.trading_hours,
            XNYS.minutes_of,
            lambda day: XNYS.between(day, FRI),
            lambda day: XNYS.between(FRI, day),
            lambda day: XNYS.require_complete(day, datetime(2016, 1, 1, tzinfo=UTC)),
        ],
    )
    @pytest.mark.parametrize("day", [date.min, date(1989, 12, 29), date(2999, 1, 4), date.max])
    def test_a_date_outside_what_is_known_is_refused_with_what_is(self, ask: Callable[[date], object], day: date) -> None:
        first, last = XNYS.bounds()
        with pytest.raises(SessionError, match=f"{day} is outside the sessions XNYS knows, {first} to {last}"):
            ask(day)

    @pytest.mark.parametrize("name", ["XNYS", "XLON", "XTKS", "XHKG", "24/7"])
    def test_a_usual_session_is_as_long_wherever_the_calendar_ends(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """exchange_calendars ends a year from today, so on some days at an early close, or at the session after one."""
        calendar, first = Calendar(name), Calendar(name).bounds()[0]
        lengths: dict[int, set[date]] = {}
        for last in calendar.between(date(2024, 6, 3), date(2025, 6, 3)):
            monkeypatch.setattr(Calendar, "bounds", lambda _, last=last: (first, last))
            usual = calendar.usual_session()
            assert usual <= last < usual + timedelta(days=8)
            lengths.setdefault(calendar.minutes_of(usual), set()).add(usual)
        # Tokyo trades half an hour longer since 2024-11-05
        wanted = {"XNYS": {390}, "XLON": {510}, "XTKS": {300, 330}, "XHKG": {330}, "24/7": {1440}}
        assert set(lengths) == wanted[name]

    def test_the_future_has_no_last_few_sessions(self) -> None:
        with pytest.raises(SessionError, match="2999-01-04 is outside"):
            XNYS.latest(date(2999, 1, 4), 2)
        with pytest.raises(SessionError, match="2999-01-04 is outside"):
            XNYS.latest_complete(datetime(2999, 1, 4, tzinfo=UTC))

    def test_nothing_is_before_the_first_and_after_the_last(self) -> None:
        first, last = XNYS.bounds()
        assert first == FIRST_DATE
        with pytest.raises(SessionError, match=f"knows no session before {first}"):
            XNYS.previous(first)
        with pytest.raises(SessionError, match=f"knows no session after {last}"):
            XNYS.next(last)
        with pytest.raises(SessionError, match=f"knows no session before {first}"):
            XNYS.latest_complete(XNYS.closes_at(first) - SECOND)
        assert XNYS.latest_complete(XNYS.closes_at(first)) == first

    def test_a_calendar_that_ends_where_its_holidays_do_says_how_to_know_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Shanghai's are announced year by year; New York's calendar ends a year from today, and no update changes that."""
        shanghai = Calendar("XSHG")
        monkeypatch.setattr(XSHGExchangeCalendar, "bound_max", classmethod(lambda _: pd.Timestamp("2020-12-31")))
        for ask in (lambda calendar: calendar.is_session(date(2999, 1, 4)), lambda calendar: calendar.next(calendar.bounds()[1])):
            with pytest.raises(SessionError, match=r"exchange_calendars [\d.]+ has its holidays no further; update it$"):
                ask(shanghai)
            with pytest.raises(SessionError, match=rf"{XNYS.bounds()[1]}$"):
                ask(XNYS)
        with pytest.raises(SessionError, match=rf"{shanghai.bounds()[1]}$"):
            shanghai.is_session(date(1989, 1, 4))

    @pytest.mark.parametrize("name", ["", "xnys", "NYSEE", "../XNYS"])
    def test_an_unknown_calendar_is_refused(self, name: str) -> None:
        with pytest.raises(ConfigError, match="is unknown; use an exchange_calendars name such as XNYS"):
            Calendar(name).bounds()

    @pytest.mark.parametrize(("name", "year"), [("XTKS", 1997), ("XSHG", 1991), ("XBOM", 1997), ("XSAU", 2021), ("XLON", 1990)])
    def test_an_exchange_whose_holidays_are_known_from_a_later_year_on_starts_there(self, name: str, year: int) -> None:
        first, _ = Calendar(name).bounds()
        assert first.year == year
        assert Calendar(name).is_session(date(2024, 6, 4))

    def test_a_calendar_that_the_library_cannot_compute_is_a_clear_error(self) -> None:
        # Its Easter rules need an older pandas. Where a later exchange_calendars computes it, name another here, or drop the test.
        with pytest.raises(ConfigError, match=r"calendar 'XBSE' cannot be computed by exchange_calendars [\d.]+: .*; use another"):
            Calendar("XBSE").bounds()


class TestText:
    def test_a_session_is_written_year_month_day(self) -> None:
        assert parse_session("2014-06-10") == date(2014, 6, 10)

    @pytest.mark.parametrize(
        "text",
        ["", "today", "2014-6-10", "20140610", "2014-W24-2", "2014-161", "10.06.2014", "2014-06-31", " 2014-06-10", "2014-06-10T00:00"],
    )
    def test_anything_else_is_refused_with_how_to_write_it(self, text: str) -> None:
        with pytest.raises(SessionError, match="is not a date; write it as YYYY-MM-DD"):
            parse_session(text)
