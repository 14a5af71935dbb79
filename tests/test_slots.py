"""Slots of a session: early closes, daylight saving, holidays, lunch breaks, lateness."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from grodt.errors import ConfigError, SessionError
from grodt.sessions import Calendar
from grodt.signals.minute_panel import bar_grid
from grodt.slots import (
    Slot,
    SlotRule,
    latest_slot,
    minutes_traded,
    require_ends_of_bars,
    require_in_hours,
    slot_named,
    slots_of,
    times_of_day,
    times_within,
    too_late,
)

XNYS = Calendar("XNYS")
RULE = SlotRule(every=60, first=time(10), last=time(15), flat_by=time(15, 50), latest_start=5)


def names(rule: SlotRule, calendar: Calendar, session: date) -> list[str]:
    return [slot.name for slot in slots_of(rule, calendar, session)]


def test_a_session_has_its_slots_then_one_that_gives_up_what_is_held_then_its_close() -> None:
    slots = slots_of(RULE, XNYS, date(2026, 11, 25))
    assert [slot.name for slot in slots] == ["1000", "1100", "1200", "1300", "1400", "1500", "1550", "close"]
    assert [slot.role for slot in slots[-3:]] == ["trade", "flat", "close"]
    assert slots[0].at == datetime(2026, 11, 25, 15, tzinfo=UTC)
    assert [slot.ends_at for slot in slots[:-1]] == [slot.at for slot in slots[1:]]
    assert slots[-1].at == slots[-1].ends_at == XNYS.closes_at(date(2026, 11, 25))


def test_names_sort_as_the_day_goes() -> None:
    found = names(RULE, XNYS, date(2026, 11, 25))
    assert sorted(found) == found


def test_an_early_close_moves_the_last_slots_and_not_the_first() -> None:
    assert names(RULE, XNYS, date(2026, 11, 27)) == ["1000", "1100", "1200", "1250", "close"]


def test_slots_keep_the_time_of_the_exchange_when_clocks_change() -> None:
    before, after = (slot_named(RULE, XNYS, day, "10:00").at for day in (date(2026, 3, 6), date(2026, 3, 9)))
    assert (before.hour, after.hour) == (15, 14)


def test_no_slot_lies_in_a_lunch_break() -> None:
    assert names(SlotRule(30, time(11), time(13, 30), None, 5), Calendar("XHKG"), date(2026, 11, 24)) == [
        "1100", "1130", "1300", "1330", "close",
    ]  # fmt: skip


def test_an_early_close_never_takes_the_slot_by_which_the_book_is_flat() -> None:
    """Hong Kong closes at 12:00 instead of 16:00, so that 13:10 would be 09:10, before the open at 09:30."""
    half_day, calendar = date(2026, 12, 24), Calendar("XHKG")
    assert names(SlotRule(30, time(10), time(13), time(13, 10), 5), calendar, half_day) == ["1000", "close"]
    assert [slot.role for slot in slots_of(SlotRule(30, time(13), time(13), time(13, 10), 5), calendar, half_day)] == ["flat", "close"]
    assert names(SlotRule(30, time(13), time(13), time(13, 10), 5), calendar, half_day) == ["0931", "close"]


def test_a_holiday_has_no_slots() -> None:
    with pytest.raises(SessionError, match="2026-11-26 is not a session of XNYS"):
        slots_of(RULE, XNYS, date(2026, 11, 26))


def test_a_slot_that_a_session_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(SessionError, match="session 2026-11-27 of XNYS has no slot 15:00; it has 1000, 1100, 1200, 1250, close"):
        slot_named(RULE, XNYS, date(2026, 11, 27), "15:00")


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (datetime(2026, 11, 25, 16, tzinfo=UTC), "2026-11-25 1100"),
        (datetime(2026, 11, 25, 16, 59, tzinfo=UTC), "2026-11-25 1100"),
        (datetime(2026, 11, 25, 20, 50, tzinfo=UTC), "2026-11-25 1550"),
        (datetime(2026, 11, 25, 21, tzinfo=UTC), "2026-11-25 close"),
        (datetime(2026, 11, 26, 16, tzinfo=UTC), "2026-11-25 close"),  # a holiday
        (datetime(2026, 11, 27, 14, 45, tzinfo=UTC), "2026-11-25 close"),  # open, and before the first slot
        (datetime(2026, 11, 29, 12, tzinfo=UTC), "2026-11-27 close"),
    ],
)
def test_the_latest_slot_is_the_last_whose_instant_has_come(now: datetime, slot: str) -> None:
    assert str(latest_slot(RULE, XNYS, now)) == slot


def test_a_slot_may_begin_for_some_minutes_and_the_close_until_the_next_session_decides() -> None:
    def late(slot: Slot, minutes: float) -> bool:
        return bool(too_late(slot, slot.at + timedelta(minutes=minutes)))

    session = date(2026, 11, 25)
    slot, close = slot_named(RULE, XNYS, session, "1100"), slot_named(RULE, XNYS, session, "close")
    assert [late(slot, 0), late(slot, 4.9), late(slot, 5)] == [False, False, True]
    assert not too_late(close, datetime(2026, 11, 27, 14, 59, tzinfo=UTC))
    assert "slot 2026-11-25 close" in too_late(close, datetime(2026, 11, 27, 15, tzinfo=UTC))


def test_a_slot_never_begins_after_the_next_one() -> None:
    last = slot_named(SlotRule(60, time(10), time(15, 45), time(15, 50), 60), XNYS, date(2026, 11, 25), "1500")
    assert last.starts_by == last.ends_at == last.at + timedelta(minutes=50)


def test_a_schedule_has_the_times_of_early_closes_too() -> None:
    found = times_of_day(RULE, XNYS, XNYS.between(date(2026, 11, 23), date(2026, 11, 27)))
    assert time(12, 50) in found
    assert time(15, 50) in found
    assert len(found) == 8


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"last": time(9)}, "last 09:00 comes before first 10:00"),
        ({"flat_by": time(15)}, "flat_by 15:00 must come after last 15:00"),
        ({"latest_start": 61}, "latest_start_minutes is 61; it must be from 1 to 60"),
        ({"every": 0}, "every is 0 minutes"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(given: dict[str, object], said: str) -> None:
    usual: dict[str, object] = {"every": 60, "first": time(10), "last": time(15), "flat_by": time(15, 50), "latest_start": 5}
    with pytest.raises(ConfigError, match=said):
        SlotRule(**(usual | given))  # type: ignore[arg-type]


def test_times_outside_the_hours_of_a_calendar_are_refused() -> None:
    with pytest.raises(ConfigError, match="flat_by is 15:50, and a session of XTKS trades from 09:00 to 11:30 and from 12:30 to 15:30"):
        require_in_hours(RULE, Calendar("XTKS"))
    with pytest.raises(ConfigError, match="flat_by is 12:30, and a session of XHKG trades from 09:30 to 12:00 and from 13:00 to 16:00"):
        require_in_hours(replace(RULE, last=time(11), flat_by=time(12, 30)), Calendar("XHKG"))
    require_in_hours(RULE, XNYS)


def _rule(every: int, first: time, last: time) -> SlotRule:
    return SlotRule(every, first, last, None, 5)


@pytest.mark.parametrize(
    ("calendar", "width", "rule", "said"),
    [
        ("XNYS", 60, _rule(60, time(10), time(15)), "slot 10:00 of XNYS ends no bar of 60 minutes.* begin at 09:30 .*would do is 10:30$"),
        ("XNYS", 30, _rule(30, time(9, 45), time(15)), "slot 09:45 of XNYS .*would do is 10:00$"),  # 09:30 is the open
        ("XNYS", 5, _rule(30, time(10, 2), time(15)), "slot 10:02 of XNYS .*would do is 10:00$"),
        ("XNYS", 60, _rule(60, time(15, 20), time(15, 25)), "slot 15:20 of XNYS .*would do is 14:30$"),
        (
            "XHKG",
            60,
            _rule(60, time(10, 30), time(15)),
            "slot 13:30 of XHKG .* begin at 09:30 and 13:00 .*no other first does: use narrower bars",
        ),
    ],
)
def test_a_slot_within_a_bar_is_refused_with_the_nearest_that_would_do(calendar: str, width: int, rule: SlotRule, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        require_ends_of_bars(rule, Calendar(calendar), width)


@pytest.mark.parametrize(
    ("name", "width", "rule"),
    [
        ("XNYS", 60, _rule(60, time(10, 30), time(15, 30))),
        ("XNYS", 5, _rule(90, time(10, 5), time(15))),
        ("XHKG", 30, _rule(60, time(10), time(15, 30))),
        ("XTKS", 30, _rule(30, time(9, 30), time(15))),  # 11:30 is in its break, and at 12:30 trading begins anew
    ],
)
def test_no_bar_is_running_at_a_slot_on_any_day(name: str, width: int, rule: SlotRule) -> None:
    """As the panel of bars has them; early closes do not move what decides."""
    calendar = Calendar(name)
    require_ends_of_bars(rule, calendar, width)
    for day in calendar.between(date(2026, 11, 20), date(2026, 12, 31)):
        grid = bar_grid(calendar, day, day, f"{width}m")
        bars = list(zip(grid.starts.tolist(), grid.ends.tolist(), strict=True))
        slots = [slot.at.replace(tzinfo=None) for slot in slots_of(rule, calendar, day) if slot.role == "trade"]
        assert slots
        assert [(day, at) for at in slots if any(start < at < end for start, end in bars)] == []


def test_a_lunch_break_is_no_time() -> None:
    """Hong Kong trades from 09:30 to 12:00 and from 13:00 to 16:00, eight hours from UTC."""
    calendar, day = Calendar("XHKG"), date(2026, 11, 25)
    rule = SlotRule(60, time(11, 30), time(15), None, 5)
    before, after = (slot_named(rule, calendar, day, name) for name in ("11:30", "13:30"))
    at = [f"{each.astimezone(calendar.zone):%H:%M}" for each in times_within(before, 3, calendar)]
    assert at == ["11:30", "11:50", "13:10"]  # an hour of trading up to 13:30
    assert [minutes_traded(calendar, after, before.at + timedelta(minutes=by)) for by in (-120, 0, 29, 30, 60, 91, 120, 130)] == [
        180, 60, 31, 30, 30, 29, 0, 0,
    ]  # fmt: skip
