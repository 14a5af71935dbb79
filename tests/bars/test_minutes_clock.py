"""The clock of minute bars: the time zone of their stamps, and which end of the minute they are of."""

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from grodt.bars.minute_gate import MinuteThresholds, gate_minutes
from grodt.bars.source import RAW_BARS, RAW_MINUTES
from grodt.sessions import Calendar
from tests.bars.minute_world import ALWAYS, EARLY, MINUTE, MON, TUE, WED, XNYS, XTKS, at, frame, row, walk

NO_DAILY = pl.DataFrame(schema=RAW_BARS)
WEEK = (MON, TUE, WED)


def halts(answer: pl.DataFrame, start: date = MON, end: date = WED, calendar: Calendar = XNYS, asked: str = "ABC") -> tuple[str, ...]:
    """Why the gate would not take the answer of a source that sends extended hours."""
    thresholds = MinuteThresholds(extended_hours="drop")
    return gate_minutes(answer, calendar=calendar, asked=asked, start=start, end=end, daily=NO_DAILY, thresholds=thresholds).halts


def moved(bars: pl.DataFrame, by: timedelta, since: datetime | None = None) -> pl.DataFrame:
    start = pl.col("start") if since is None else pl.when(pl.col("start") >= since).then(pl.col("start") + by).otherwise("start")
    return bars.with_columns(start=start + (by if since is None else timedelta(0)))


def extended(symbols: str = "ABC", sessions: tuple[date, ...] = WEEK) -> pl.DataFrame:
    """With four quiet hours before the open, and two after the close."""
    around = [
        row(symbol, at(session, minute), 20.0, 40.0)
        for symbol in symbols
        for session in sessions
        for minute in (*range(-240, 0, 3), *range(XNYS.minutes_of(session), XNYS.minutes_of(session) + 120, 5))
    ]
    return pl.concat([walk(symbols, sessions), frame(around)]).sort("symbol", "start")


class TestZone:
    @pytest.mark.parametrize("bars", [walk("ABC", WEEK), extended()], ids=["regular", "extended"])
    @pytest.mark.parametrize("hours", [-5, -1.5, -1, 1, 2, 5.5, 9])
    def test_a_shift_by_hours_is_named_with_the_move_that_would_fit(self, bars: pl.DataFrame, hours: float) -> None:
        found = halts(moved(bars, timedelta(hours=hours)))
        assert len(found) == 1
        assert found[0].startswith(f"the stamps are {abs(hours):g} h {'late' if hours > 0 else 'early'} from session 2015-11-23 on")
        assert f"moved by {-hours:+g} h, 3 of 3 sessions have their trading in the hours of XNYS" in found[0]
        assert "set the time zone of the source's stamps" in found[0]

    @pytest.mark.parametrize("hours", [-14, 13])
    def test_beyond_half_a_day_it_may_be_named_as_what_is_left_to_a_day(self, hours: int) -> None:
        found = halts(moved(walk("ABC", WEEK), timedelta(hours=hours)))
        assert any(f"the stamps are {abs(each)} h" in found[0] for each in (hours, 24 - abs(hours)))

    @pytest.mark.parametrize("bars", [walk("ABC", WEEK), extended(), walk("A", [MON]), walk("AB", [MON, EARLY])])
    def test_right_stamps_are_taken(self, bars: pl.DataFrame) -> None:
        assert halts(bars, end=EARLY) == ()

    def test_a_single_session_of_many_symbols_is_enough(self) -> None:
        assert "5 h early from session 2015-11-23" in halts(moved(walk("ABC", [MON]), -timedelta(hours=5)), MON, MON)[0]

    def test_daylight_saving_that_was_ignored_is_named_from_the_session_on_at_which_the_clocks_changed(self) -> None:
        sessions = XNYS.between(date(2015, 10, 26), date(2015, 11, 6))
        changed = XNYS.opens_at(date(2015, 11, 2)) - timedelta(hours=6)
        found = halts(moved(walk("AB", sessions), -timedelta(hours=1), changed), sessions[0], sessions[-1])
        assert "the stamps are 1 h early from session 2015-11-02 on: moved by +1 h, 5 of 10 sessions" in found[0]
        assert "daylight saving ignored" in found[0]

    def test_an_instrument_without_volume_tells_by_its_bars(self) -> None:
        bars = walk("AB", WEEK).with_columns(volume=pl.lit(0.0))
        assert "1 h late" in halts(moved(bars, timedelta(hours=1)))[0]
        assert halts(bars) == ()

    def test_a_few_bars_say_nothing(self) -> None:
        few = frame([row("A", at(MON, minute) - timedelta(hours=5), 20.0) for minute in range(0, 390, 10)])
        assert halts(few, MON, MON) == ()

    def test_one_strange_session_among_many_is_not_the_clock(self) -> None:
        sessions = XNYS.between(date(2015, 10, 1), date(2015, 10, 16))
        quiet = walk("A", sessions[:-1])
        strange = moved(walk("A", sessions[-1:]), timedelta(hours=2))
        assert halts(pl.concat([quiet, strange]), sessions[0], sessions[-1]) == ()

    def test_a_session_with_a_lunch_break_is_told_as_well(self) -> None:
        days = XTKS.between(date(2024, 6, 10), date(2024, 6, 12))
        bars = walk("AB", days, XTKS)
        assert halts(bars, days[0], days[-1], XTKS) == ()
        assert "9 h late" in halts(moved(bars, timedelta(hours=9)), days[0], days[-1], XTKS)[0]

    def test_a_market_that_never_closes_has_no_hours_to_tell_by(self) -> None:
        days = (date(2024, 3, 9), date(2024, 3, 10), date(2024, 3, 11))
        bars = moved(walk("A", days[1:2], ALWAYS), timedelta(hours=3))
        assert halts(bars, days[0], days[-1], ALWAYS) == ()


class TestEndOfTheMinute:
    @pytest.mark.parametrize("bars", [walk("ABC", WEEK), extended(), walk("A", (*WEEK, EARLY))], ids=["regular", "extended", "one"])
    @pytest.mark.parametrize(
        ("by", "words"),
        [
            (MINUTE, "a minute after the open in {n} of {n} sessions of liquid symbols: the bars are stamped at the END of the minute"),
            (-MINUTE, "a minute before the open in {n} of {n} sessions of liquid symbols: the bars are stamped at the START of the minute"),
        ],
    )
    def test_bars_that_begin_a_minute_off_session_after_session_halt(self, bars: pl.DataFrame, by: timedelta, words: str) -> None:
        found = halts(moved(bars, by), end=EARLY)
        sessions = bars.select("symbol", pl.col("start").dt.date()).n_unique()
        assert len(found) == 1
        assert words.format(n=sessions) in found[0]
        assert f"declare `stamps: {'end' if by > timedelta(0) else 'start'}` of the source" in found[0]
        assert halts(bars, end=EARLY) == ()

    def test_a_bar_at_the_close_is_the_auction_s_and_no_fault_of_the_stamps(self) -> None:
        auction = frame([row(symbol, XNYS.closes_at(session), 20.0, 90_000.0) for symbol in "ABC" for session in WEEK])
        assert halts(pl.concat([walk("ABC", WEEK), auction])) == ()

    def test_an_opening_minute_without_a_trade_now_and_then_is_none_either(self) -> None:
        late = walk("ABC", WEEK).filter(~((pl.col("symbol") == "A") & pl.col("start").is_in([at(MON, 0), at(TUE, 0)])))
        assert halts(late) == ()

    def test_thin_symbols_say_nothing(self) -> None:
        thin = walk("ABC", WEEK, less=[minute for minute in range(390) if minute % 3 != 1])
        assert thin["start"].min() == at(MON, 1)
        assert halts(thin) == ()

    def test_two_sessions_are_chance(self) -> None:
        assert halts(moved(walk("A", WEEK[:2]), MINUTE), end=TUE) == ()

    def test_without_volume_it_is_told_by_the_bars(self) -> None:
        bars = walk("ABC", WEEK).with_columns(volume=pl.lit(0.0))
        assert "stamped at the END" in halts(moved(bars, MINUTE))[0]
        assert halts(bars) == ()

    def test_a_market_that_never_closes_has_no_open_to_tell_by(self) -> None:
        days = (date(2024, 3, 9), date(2024, 3, 10), date(2024, 3, 11), date(2024, 3, 12))
        assert halts(moved(walk("A", days[:3], ALWAYS), MINUTE), days[0], days[-1], ALWAYS) == ()


def test_nothing_says_nothing() -> None:
    assert halts(pl.DataFrame(schema=RAW_MINUTES)) == ()
    assert halts(pl.DataFrame(schema=RAW_MINUTES), date(2015, 11, 28), date(2015, 11, 29)) == ()
