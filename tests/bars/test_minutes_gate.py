"""The quality gate of minute bars: rows, whole answers, and what it merely tells."""

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from grodt.bars.minute_gate import MinuteThresholds, MinuteVerdict, gate_minutes
from grodt.bars.minute_rules import MINUTE_RULES, MINUTES, MINUTES_QUARANTINED
from grodt.bars.source import RAW_BARS, RAW_MINUTES
from grodt.errors import ConfigError, DataError
from grodt.sessions import Calendar
from tests.bars.minute_world import ALWAYS, EARLY, MINUTE, MON, TUE, WED, XNYS, XTKS, at, frame, row, utc, walk

NO_DAILY = pl.DataFrame(schema=RAW_BARS)
WEEK = (MON, TUE, WED)


def judge(
    answer: pl.DataFrame,
    start: date = MON,
    end: date = WED,
    *,
    calendar: Calendar = XNYS,
    daily: pl.DataFrame = NO_DAILY,
    asked: str = "ABCD",
    **thresholds: Any,
) -> MinuteVerdict:
    return gate_minutes(
        answer, calendar=calendar, asked=asked, start=start, end=end, daily=daily, thresholds=MinuteThresholds(**thresholds)
    )


def changed(bars: pl.DataFrame, symbol: str, start: datetime, **values: float | None) -> pl.DataFrame:
    """The bars with those numbers in one of them."""
    here = (pl.col("symbol") == symbol) & (pl.col("start") == start)
    return bars.with_columns(pl.when(here).then(pl.lit(value, pl.Float64)).otherwise(name).alias(name) for name, value in values.items())


GOOD = walk("AB", WEEK)


def test_good_minutes_pass_with_the_session_of_each() -> None:
    verdict = judge(GOOD)
    assert (verdict.halts, verdict.reasons, verdict.extended, verdict.filled) == ((), (), 0, 0)
    assert verdict.bars.schema == MINUTES
    assert verdict.bars.drop("session").equals(GOOD)
    assert verdict.quarantined.schema == MINUTES_QUARANTINED
    assert verdict.quarantined.is_empty()
    assert verdict.bars["session"].unique().sort().to_list() == list(WEEK)


def test_an_empty_answer_is_no_data_and_no_fault() -> None:
    verdict = judge(pl.DataFrame(schema=RAW_MINUTES))
    assert (verdict.halts, verdict.reasons, verdict.bars.height, verdict.sessions.height) == ((), (), 0, 0)


class TestRows:
    @pytest.mark.parametrize(
        ("rule", "values", "value", "bound"),
        [
            ("not a number", {"close": None}, "close none", "finite numbers"),
            ("not a number", {"volume": float("nan")}, "volume NaN", "finite numbers"),
            ("not a number", {"high": float("inf")}, "high inf", "finite numbers"),
            ("price not above zero", {"low": 0.0}, "0.0", "above 0"),
            ("price not above zero", {"open": -20.0, "low": -20.0}, "-20.0", "above 0"),
            ("price too large", {"high": 1e9}, "1000000000.0", "below 1000000000"),
            ("high too low", {"high": 19.0}, "19.0", "at least 20"),
            ("low too high", {"low": 20.9, "high": 21.0}, "20.9", "at most 20"),
            ("negative volume", {"volume": -1.0}, "-1.0", "at least 0"),
            ("spike", {"high": 30.0}, "a factor of 1.", "within a factor of 1."),
            ("spike", {"low": 0.2}, "a factor of 10", "within a factor of 1.1"),
        ],
    )
    def test_a_number_that_cannot_be_is_refused_with_value_and_bound(
        self, rule: str, values: dict[str, float | None], value: str, bound: str
    ) -> None:
        verdict = judge(changed(GOOD, "A", at(TUE, 30), **values))
        refused = verdict.quarantined.row(0, named=True)
        assert (verdict.quarantined.height, refused["symbol"], refused["start"], refused["session"]) == (1, "A", at(TUE, 30), TUE)
        assert refused["rule"] == rule
        assert value in refused["value"]
        assert bound in refused["bound"]
        assert verdict.bars.height == GOOD.height - 1
        assert verdict.halts == ()
        assert verdict.reasons[0].startswith(f"1 row quarantined as {rule!r}: A 2015-11-24 15:00 (")

    def test_a_price_that_is_no_number_is_null_in_quarantine_and_the_others_are_kept(self) -> None:
        refused = judge(changed(GOOD, "A", at(TUE, 30), close=float("nan"))).quarantined.row(0, named=True)
        assert refused["close"] is None
        assert refused["volume"] > 0

    def test_the_same_minute_twice_is_refused_whole_and_stands_in_quarantine_once(self) -> None:
        verdict = judge(pl.concat([GOOD, frame([row("A", at(MON, 7), 20.5)])]))
        assert verdict.quarantined.select("symbol", "start", "rule", "value").rows() == [("A", at(MON, 7), "duplicate key", "2 rows")]
        assert verdict.bars.height == GOOD.height - 1

    def test_a_stamp_within_a_minute_is_refused(self) -> None:
        stamp = at(MON, 5) + timedelta(seconds=30)
        verdict = judge(pl.concat([GOOD, frame([row("A", stamp, 20.0)])]))
        assert verdict.quarantined.select("start", "rule", "value").rows() == [(stamp, "not a whole minute", "2015-11-23 14:35:30 UTC")]

    @pytest.mark.parametrize(
        ("symbol", "start"), [("Z", at(MON, 5)), ("A", at(EARLY, 5)), ("A", at(date(2015, 11, 20), 5)), ("A", utc(1999, 1, 4, 15))]
    )
    def test_what_was_not_asked_for_is_refused(self, symbol: str, start: datetime) -> None:
        verdict = judge(pl.concat([GOOD, frame([row(symbol, start, 20.0)])]))
        assert verdict.quarantined.select("symbol", "start", "rule").rows() == [(symbol, start, "not asked for")]

    def test_a_bar_before_the_open_at_the_close_or_on_a_holiday_is_outside_the_session(self) -> None:
        thanksgiving = datetime(2015, 11, 26, 15, tzinfo=at(MON, 0).tzinfo)
        strange = [at(MON, -1), XNYS.closes_at(MON), thanksgiving, XNYS.closes_at(EARLY)]
        answer = pl.concat([walk("AB", (*WEEK, EARLY)), frame([row("A", start, 20.0) for start in strange])])
        verdict = judge(answer, end=EARLY)
        assert verdict.quarantined.select("start", "rule").rows() == [(start, "outside the session") for start in strange]
        assert verdict.quarantined["session"].to_list() == [MON, MON, date(2015, 11, 26), EARLY]
        assert verdict.quarantined["bound"][0] == "trading hours of XNYS"

    def test_a_bar_of_the_lunch_break_is_outside_the_session(self) -> None:
        day = date(2024, 6, 12)
        (_, noon), _ = XTKS.trading_hours(day)
        answer = pl.concat([walk("A", [day], XTKS), frame([row("A", noon, 20.0)])])
        verdict = judge(answer, day, day, calendar=XTKS)
        assert verdict.quarantined.select("start", "rule").rows() == [(noon, "outside the session")]

    def test_extended_hours_that_are_known_of_are_left_out_without_a_word(self) -> None:
        early = frame([row("A", at(MON, -minute), 20.0) for minute in range(2, 30)])
        verdict = judge(pl.concat([GOOD, early]), extended_hours="drop")
        assert (verdict.extended, verdict.quarantined.height, verdict.reasons) == (28, 0, ())
        assert verdict.bars.drop("session").equals(GOOD)

    def test_a_minute_filled_by_the_vendor_is_left_out_and_no_bad_row(self) -> None:
        filled = changed(GOOD, "A", at(TUE, 30), open=20.0, high=20.0, low=20.0, close=20.0, volume=0.0)
        verdict = judge(filled)
        assert (verdict.filled, verdict.quarantined.height, verdict.bars.height) == (1, 0, GOOD.height - 1)

    def test_an_index_has_no_volume_and_keeps_its_minutes(self) -> None:
        verdict = judge(GOOD.with_columns(volume=pl.lit(0.0)))
        assert (verdict.filled, verdict.halts, verdict.bars.height) == (0, (), GOOD.height)

    def test_a_minute_without_volume_whose_price_moved_is_kept(self) -> None:
        assert judge(changed(GOOD, "A", at(TUE, 30), volume=0.0)).bars.height == GOOD.height

    def test_every_rule_is_named_once(self) -> None:
        assert len(set(MINUTE_RULES)) == len(MINUTE_RULES) == 12


class TestSpikes:
    def test_a_leap_that_lasts_is_none(self) -> None:
        higher = pl.when((pl.col("start") >= at(TUE, 200)) & (pl.col("session") == TUE)).then(1.5).otherwise(1.0)
        leapt = GOOD.with_columns(session=pl.col("start").dt.date())
        leapt = leapt.with_columns((pl.col(name) * higher).alias(name) for name in ("open", "high", "low", "close"))
        assert judge(leapt.drop("session")).quarantined.is_empty()

    def test_nor_is_the_minute_in_which_it_happens(self) -> None:
        leapt = GOOD.with_columns(session=pl.col("start").dt.date()).with_columns(
            (pl.col(name) * pl.when((pl.col("start") >= at(TUE, 200)) & (pl.col("session") == TUE)).then(1.5).otherwise(1.0)).alias(name)
            for name in ("open", "high", "low", "close")
        )
        bridge = changed(leapt.drop("session"), "A", at(TUE, 200), open=20.0, low=20.0)
        assert judge(bridge).quarantined.is_empty()

    def test_two_bad_minutes_in_a_row_are_both_found(self) -> None:
        bad = GOOD
        for minute in (100, 101):
            bad = changed(bad, "B", at(WED, minute), open=300.0, high=301.0, low=299.0, close=300.0)
        verdict = judge(bad)
        assert verdict.quarantined.select("symbol", "start", "rule").rows() == [("B", at(WED, m), "spike") for m in (100, 101)]

    @pytest.mark.parametrize("minute", [0, 389])
    def test_the_first_and_the_last_minute_are_compared_with_those_on_their_one_side(self, minute: int) -> None:
        verdict = judge(changed(GOOD, "A", at(TUE, minute), high=40.0))
        assert verdict.quarantined["start"].to_list() == [at(TUE, minute)]

    def test_a_wild_session_widens_the_bound(self) -> None:
        wild = walk("A", [MON]).with_row_index("at").with_columns(factor=1.0 + 0.02 * (pl.col("at") % 2))
        wild = wild.select("symbol", "start", *(pl.col(n) * pl.col("factor") for n in ("open", "high", "low", "close")), "volume")
        assert judge(changed(wild, "A", at(MON, 100), high=25.0), end=MON).quarantined.is_empty()
        assert judge(changed(wild, "A", at(MON, 100), high=25.0), end=MON, spike_sigmas=5.0).quarantined.height == 1

    def test_what_is_found_does_not_depend_on_what_was_asked_together(self) -> None:
        bad = changed(changed(GOOD, "A", at(TUE, 0), high=40.0), "B", at(WED, 389), low=1.0)
        whole = judge(bad).quarantined
        days = [judge(bad.filter(pl.col("start").dt.date() == day), day, day).quarantined for day in WEEK]
        assert pl.concat(days).sort("symbol", "start").equals(whole)


class TestStaleRepeats:
    def _frozen(self, count: int) -> pl.DataFrame:
        bars = GOOD
        for minute in range(100, 101 + count):
            bars = changed(bars, "A", at(TUE, minute), open=20.0, high=20.01, low=19.99, close=20.0, volume=300.0)
        return bars

    def test_a_feed_that_stands_still_is_refused_but_for_its_first_bar(self) -> None:
        verdict = judge(self._frozen(15))
        assert verdict.quarantined["rule"].unique().to_list() == ["stale repeat"]
        assert verdict.quarantined["start"].to_list() == [at(TUE, minute) for minute in range(101, 116)]

    def test_a_few_repeats_are_trading(self) -> None:
        assert judge(self._frozen(14)).quarantined.is_empty()
        assert judge(self._frozen(14), stale_minutes=14).quarantined.height == 14


class TestWholeAnswers:
    def test_rows_of_many_symbols_refused_halt_and_extended_hours_are_named_as_what_it_may_be(self) -> None:
        early = walk("ABCD", WEEK).with_columns(start=pl.col("start") - timedelta(hours=6, minutes=30), volume=pl.lit(5.0))
        verdict = judge(pl.concat([walk("ABCD", WEEK), early]))
        assert verdict.halts == (
            "4680 of 9360 rows (50.0%), of 4 symbols, break a rule, 4680 of them by lying outside the session; that is above the share of "
            "10.0%; if the vendor sends extended hours as a rule, set minute_quality.extended_hours: drop",
        )
        assert judge(pl.concat([walk("ABCD", WEEK), early]), extended_hours="drop").halts == ()

    def test_bad_prices_of_many_symbols_halt_without_that_hint(self) -> None:
        verdict = judge(walk("ABCD", WEEK).with_columns(low=pl.lit(-1.0)))
        assert len(verdict.halts) == 1
        assert "break a rule, 0 of them by lying outside the session" in verdict.halts[0]
        assert "extended_hours" not in verdict.halts[0]

    def test_an_answer_of_other_columns_or_without_a_stamp_is_none(self) -> None:
        with pytest.raises(DataError, match="minute bars have columns"):
            judge(GOOD.rename({"start": "time"}))
        with pytest.raises(DataError, match="1 minute bars have no symbol or no stamp"):
            judge(pl.concat([GOOD, GOOD.head(1).with_columns(start=pl.lit(None, RAW_MINUTES["start"]))]))


class TestBesideDailyBars:
    def _daily(self, factor: float = 1.0) -> pl.DataFrame:
        return (
            GOOD.group_by("symbol", pl.col("start").dt.date().alias("session"), maintain_order=True)
            .agg(pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume").sum())
            .with_columns(pl.col("open", "high", "low", "close") * factor)
        )

    def test_minutes_that_add_up_are_counted(self) -> None:
        verdict = judge(GOOD, daily=self._daily())
        assert (verdict.agreement.compared, verdict.agreement.identical, verdict.reasons) == (6, 6, ())

    def test_a_little_difference_is_an_auction_and_no_reason(self) -> None:
        verdict = judge(GOOD, daily=self._daily(1.01))
        assert (verdict.agreement.compared, verdict.agreement.identical, verdict.reasons, verdict.halts) == (6, 0, (), ())

    def test_one_that_is_far_apart_is_told(self) -> None:
        daily = self._daily().with_columns(
            close=pl.when((pl.col("symbol") == "B") & (pl.col("session") == TUE)).then(3.0).otherwise("close")
        )
        verdict = judge(GOOD, daily=daily)
        assert verdict.halts == ()
        assert verdict.reasons == (
            "1 of 6 sessions close further than a factor of 1.22 from their daily bar: B 2015-11-24 (30.07 against 3)",
        )

    def test_most_of_them_far_apart_are_adjusted_or_in_another_unit_and_halt(self) -> None:
        verdict = judge(GOOD, daily=self._daily(7.0))
        assert len(verdict.halts) == 1
        assert "is further than a factor of 1.22 from the daily close in 6 of 6 sessions, such as A on 2015-11-23" in verdict.halts[0]
        assert "ask the source for raw prices of both" in verdict.halts[0]


class TestCompleteness:
    def test_a_thin_symbol_is_never_incomplete(self) -> None:
        thin = walk("A", [MON], less=[minute for minute in range(390) if minute % 3])
        verdict = judge(thin, end=MON)
        assert verdict.sessions.select("minutes", "expected", "liquid", "incomplete").rows() == [(130, 390, False, False)]
        assert verdict.reasons == ()

    @pytest.mark.parametrize(
        ("less", "silent", "since", "incomplete"),
        [
            (range(300, 390), 90, 300, True),
            (range(60), 60, 0, True),
            (range(100, 130), 30, 100, True),
            (range(100, 129), 29, 100, False),
            ([*range(10, 20), *range(200, 240)], 40, 200, True),
        ],
    )
    def test_a_liquid_one_that_goes_silent_is_cut_off(self, less: range | list[int], silent: int, since: int, incomplete: bool) -> None:
        verdict = judge(walk("AB", [MON], less=list(less)), end=MON)
        for found in verdict.sessions.iter_rows(named=True):
            assert (found["minutes"], found["expected"], found["liquid"]) == (390 - len(less), 390, True)
            assert (found["silent"], found["silent_from"], found["incomplete"]) == (silent, at(MON, since), incomplete)
        assert bool(verdict.reasons) is incomplete

    def test_it_is_told_by_session_with_the_first_symbols(self) -> None:
        verdict = judge(walk("ABCD", [MON], less=list(range(300, 390))), end=MON)
        assert verdict.reasons == (
            "session 2015-11-23 is incomplete for 4 of 4 liquid symbols: A (300 of 390 minutes, none for 90 from 19:30 UTC), "
            "B (300 of 390 minutes, none for 90 from 19:30 UTC), C (300 of 390 minutes, none for 90 from 19:30 UTC) and 1 more",
        )
        assert verdict.halts == ()

    def test_an_early_close_is_whole_after_half_a_day_and_a_lunch_break_is_no_silence(self) -> None:
        assert judge(walk("A", [EARLY]), EARLY, EARLY).sessions.select("minutes", "expected", "silent").rows() == [(210, 210, 0)]
        day = date(2024, 6, 12)
        lunch = judge(walk("A", [day], XTKS, less=range(140, 160)), day, day, calendar=XTKS).sessions
        (_, noon), _ = XTKS.trading_hours(day)
        assert lunch.select("minutes", "expected", "silent", "silent_from", "incomplete").rows() == [
            (280, 300, 20, noon - 10 * MINUTE, False)
        ]

    def test_a_day_that_never_closes_is_measured_too(self) -> None:
        day = date(2024, 3, 10)
        verdict = judge(walk("A", [day], ALWAYS, less=range(1008, 1440)), day, day, calendar=ALWAYS)
        assert verdict.sessions.select("minutes", "expected", "silent", "incomplete").rows() == [(1008, 1440, 432, True)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"extended_hours": "keep"}, "extended_hours is 'keep'; it must be quarantine or drop"),
        ({"spike_floor": 0.0}, "spike_floor is 0.0; it must be a finite number above 0"),
        ({"quarantined_share": 1.5}, "quarantined_share is 1.5; it must be a finite number above 0 and at most 1"),
        ({"stale_minutes": 1}, "stale_minutes is 1; it must be a whole number from 2 on"),
        ({"silent_minutes": 2.5}, "silent_minutes is 2.5; it must be a whole number"),
        ({"daily_floor": True}, "daily_floor is True"),
    ],
)
def test_a_threshold_out_of_range_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MinuteThresholds(**changes)
