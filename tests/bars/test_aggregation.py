"""Minutes as bars of other widths, and as daily bars."""

import math
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from grodt.bars.aggregation import BarWidth, aggregate
from grodt.bars.exact_sums import exact_sums
from tests.bars.minute_world import (
    ALWAYS,
    CRYPTO_BARS,
    EARLY,
    MINUTE,
    MON,
    TUE,
    WED,
    XNYS,
    XTKS,
    at,
    crypto_minutes,
    frame,
    in_sessions,
    needs_crypto_bars,
    row,
    utc,
    walk,
)
from tests.examples import examples

FIELDS = ["open", "high", "low", "close", "volume"]
TOKYO = date(2024, 6, 12)


class TestExactSums:
    def test_decimals_add_up_as_they_are_written(self) -> None:
        assert sum([0.1] * 3) != 0.3
        assert exact_sums(np.array([0.1] * 3), np.array([0])).tolist() == [0.3]
        values = np.array([0.1, 0.2, 0.00012345, 100.0, 0.3, 1e9])
        assert exact_sums(values, np.array([0, 2, 5])).tolist() == [0.3, 100.30012345, 1e9]

    def test_nothing_has_no_sums(self) -> None:
        assert exact_sums(np.empty(0), np.empty(0, dtype=np.int64)).tolist() == []

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_what_is_not_finite_has_none(self, value: float) -> None:
        with pytest.raises(ValueError, match="not finite"):
            exact_sums(np.array([1.0, value]), np.array([0]))

    @given(
        st.lists(
            st.lists(st.decimals(min_value=0, max_value=10**9, places=8, allow_nan=False), min_size=1, max_size=30), min_size=1, max_size=8
        )
    )
    def test_each_is_the_float_nearest_to_the_sum_of_the_decimals(self, groups: list[list[object]]) -> None:
        floats = [[float(str(value)) for value in group] for group in groups]
        firsts = np.cumsum([0, *(len(group) for group in floats[:-1])])
        got = exact_sums(np.array([value for group in floats for value in group]), firsts)
        for group, found in zip(floats, got.tolist(), strict=True):
            if all(len(repr(value).replace(".", "").strip("0")) <= 15 and "e" not in repr(value) for value in group):
                assert found == float(sum(Fraction(repr(value)) for value in group))
            else:
                assert found == pytest.approx(math.fsum(group), rel=1e-15)

    @given(st.lists(st.floats(min_value=0, max_value=1e15, allow_nan=False), min_size=1, max_size=40), st.randoms())
    def test_any_floats_have_a_sum_that_is_the_same_in_any_order(self, values: list[float], random: object) -> None:
        shuffled = list(values)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        one, other = (exact_sums(np.array(each), np.array([0]))[0] for each in (values, shuffled))
        assert one == other
        assert one == pytest.approx(math.fsum(values), rel=1e-15)

    def test_volumes_that_some_vendor_divided_are_the_rounded_sum_of_their_floats(self) -> None:
        values = np.array([1 / 7, 2 / 7, 3 / 7, 1e8 / 7])
        assert exact_sums(values, np.array([0, 3])).tolist() == [math.fsum(values[:3].tolist()), values[3]]

    def test_sums_beyond_what_integers_hold_are_rounded_once_as_well(self) -> None:
        large, small = 123_456_789_012_345.0, 0.00000001
        values = np.array([large, small, 9_007_199.254_740_99, 9_007_199_254.740_99])
        got = exact_sums(values, np.array([0, 2]))
        assert got[0] == math.fsum([large, small])
        assert got[1] == float(Fraction("9007199.25474099") + Fraction("9007199254.74099"))
        many = np.full(20, 999_999_999_999.999)
        assert exact_sums(many, np.array([0]))[0] == float(20 * Fraction("999999999999.999"))


class TestWidths:
    @pytest.mark.parametrize(("text", "minutes"), [("1m", 1), ("5m", 5), ("65m", 65), ("390m", 390), ("1h", 60), ("4h", 240), ("1d", None)])
    def test_a_width_is_minutes_or_hours_below_a_day_or_a_session(self, text: str, minutes: int | None) -> None:
        assert BarWidth.of(text).minutes == minutes

    @pytest.mark.parametrize("text", ["", "5", "0m", "05m", "2d", "24h", "1440m", "-5m", "5 m", "1w", "five"])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"is none of a bar; write minutes or hours below a day, or 1d"):
            BarWidth.of(text)


class TestBars:
    def test_first_open_highest_high_lowest_low_last_close_and_all_the_volume(self) -> None:
        minutes = frame(
            [
                ("A", at(MON, 0), 10.0, 11.0, 9.5, 10.5, 0.1),
                ("A", at(MON, 3), 10.4, 12.0, 10.1, 11.0, 0.2),
                ("A", at(MON, 4), 11.0, 11.1, 9.0, 9.9, 0.3),
                ("A", at(MON, 5), 9.9, 9.9, 9.9, 9.9, 7.0),
                ("B", at(MON, 4), 50.0, 50.0, 50.0, 50.0, 1.0),
            ]
        )
        bars = aggregate(in_sessions(minutes), BarWidth(5), XNYS)
        assert bars.rows() == [
            ("A", at(MON, 0), MON, 10.0, 12.0, 9.0, 9.9, 0.6),
            ("A", at(MON, 5), MON, 9.9, 9.9, 9.9, 9.9, 7.0),
            ("B", at(MON, 0), MON, 50.0, 50.0, 50.0, 50.0, 1.0),
        ]

    def test_a_day_has_the_columns_of_a_daily_bar(self) -> None:
        daily = aggregate(in_sessions(walk("AB", [MON, EARLY])), BarWidth(None), XNYS)
        assert daily.columns == ["symbol", "session", *FIELDS]
        assert daily.select("symbol", "session").rows() == [("A", MON), ("A", EARLY), ("B", MON), ("B", EARLY)]

    def test_bars_begin_at_the_open_and_the_last_one_is_as_short_as_the_session(self) -> None:
        bars = aggregate(in_sessions(walk("A", [MON, EARLY])), BarWidth(60), XNYS)
        usual, early = (bars.filter(session=day)["start"].to_list() for day in (MON, EARLY))
        assert usual == [XNYS.opens_at(MON) + hour * timedelta(hours=1) for hour in range(7)]
        assert early == [XNYS.opens_at(EARLY) + hour * timedelta(hours=1) for hour in range(4)]
        counted = in_sessions(walk("A", [MON])).with_columns(volume=pl.lit(1.0))
        assert aggregate(counted, BarWidth(60), XNYS)["volume"].to_list() == [60.0] * 6 + [30.0]

    def test_no_bar_reaches_over_a_lunch_break(self) -> None:
        counted = in_sessions(walk("A", [TOKYO], XTKS), XTKS).with_columns(volume=pl.lit(1.0))
        bars = aggregate(counted, BarWidth(60), XTKS)
        assert bars["volume"].to_list() == [60.0, 60.0, 30.0, 60.0, 60.0, 30.0]
        (_, noon), (afternoon, _) = XTKS.trading_hours(TOKYO)
        assert bars["start"].to_list()[2:4] == [noon - timedelta(minutes=30), afternoon]
        assert aggregate(counted, BarWidth(None), XTKS)["volume"].to_list() == [300.0]

    def test_a_day_that_never_closes_is_cut_by_the_clock(self) -> None:
        minutes = frame([row("A", utc(2024, 3, 10, hour, 59), 10.0 + hour, 1.0) for hour in range(24)])
        bars = aggregate(in_sessions(minutes, ALWAYS), BarWidth(240), ALWAYS)
        assert bars["start"].dt.hour().to_list() == [0, 4, 8, 12, 16, 20]
        assert bars["volume"].to_list() == [4.0] * 6

    def test_a_minute_in_which_nobody_traded_sets_no_price_of_a_bar_in_which_somebody_did(self) -> None:
        minutes = frame(
            [
                ("A", at(MON, 0), 8.0, 8.0, 8.0, 8.0, 0.0),
                ("A", at(MON, 1), 10.0, 10.2, 9.9, 10.1, 5.0),
                ("A", at(MON, 2), 12.0, 12.0, 12.0, 12.0, 0.0),
                ("A", at(MON, 5), 12.0, 12.0, 12.0, 12.0, 0.0),
            ]
        )
        bars = aggregate(in_sessions(minutes), BarWidth(5), XNYS)
        assert bars.select(FIELDS).rows() == [(10.0, 10.2, 9.9, 10.1, 5.0), (12.0, 12.0, 12.0, 12.0, 0.0)]
        # a minute whose price moved had trades, whatever its volume says
        moved = minutes.with_columns(high=pl.when(pl.col("start") == at(MON, 0)).then(8.5).otherwise("high"))
        assert aggregate(in_sessions(moved), BarWidth(5), XNYS).row(0)[3:5] == (8.0, 12.0 - 1.8)

    def test_the_volume_weighted_price_is_that_of_the_typical_prices_and_null_without_volume(self) -> None:
        minutes = frame([("A", at(MON, 0), 1.0, 3.0, 1.0, 2.0, 30.0), ("A", at(MON, 1), 4.0, 6.0, 4.0, 5.0, 10.0)])
        still = frame([("B", at(MON, 0), 1.0, 1.0, 1.0, 1.0, 0.0)])
        bars = aggregate(in_sessions(pl.concat([minutes, still])), BarWidth(5), XNYS, vwap=True)
        assert bars.columns[-1] == "vwap"
        assert bars["vwap"].to_list() == [(2.0 * 30 + 5.0 * 10) / 40, None]

    def test_the_bar_was_known_when_its_last_minute_was_and_sources_stay_apart(self) -> None:
        minutes = in_sessions(walk("A", [MON]).head(3)).with_columns(
            known_at=pl.Series([utc(2015, 11, 24), utc(2015, 11, 26), utc(2015, 11, 25)]).cast(pl.Datetime("us", "UTC"))
        )
        both = pl.concat([minutes.with_columns(source=pl.lit(name)) for name in ("two", "one")])
        bars = aggregate(both, BarWidth(None), XNYS)
        assert bars.select("source", "known_at").rows() == [("one", utc(2015, 11, 26)), ("two", utc(2015, 11, 26))]
        assert bars.columns == ["source", "symbol", "session", *FIELDS, "known_at"]

    def test_no_minutes_make_no_bars_of_the_right_columns(self) -> None:
        empty = in_sessions(walk("A", [MON])).clear()
        assert aggregate(empty, BarWidth(5), XNYS).columns == ["symbol", "start", "session", *FIELDS]
        assert aggregate(empty, BarWidth(None), XNYS, vwap=True).columns == ["symbol", "session", *FIELDS, "vwap"]
        assert dict(aggregate(empty, BarWidth(5), XNYS).schema) == dict(empty.schema)

    def test_a_minute_outside_its_session_is_refused(self) -> None:
        minutes = in_sessions(walk("A", [MON]))
        late = minutes.with_columns(start=pl.col("start") + timedelta(hours=1))
        with pytest.raises(
            ValueError, match=r"2015-11-23T21:00:00.000000 UTC lies outside the trading hours of session 2015-11-23 of XNYS"
        ):
            aggregate(late, BarWidth(5), XNYS)
        with pytest.raises(ValueError, match="lies outside the trading hours of session 2015-11-24"):
            aggregate(minutes.with_columns(session=pl.lit(TUE)), BarWidth(None), XNYS)

    @examples(30)
    @given(st.integers(1, 390), st.randoms(), st.lists(st.integers(0, 389), max_size=60))
    def test_neither_the_order_of_rows_nor_the_chunks_they_come_in_change_a_bit(self, width: int, random: object, less: list[int]) -> None:
        minutes = in_sessions(walk("AB", [MON, EARLY], less=less)).with_columns(volume=(pl.col("volume") / 1e5).round(8))
        bars = aggregate(minutes, BarWidth(width), XNYS)
        order = list(range(minutes.height))
        random.shuffle(order)  # type: ignore[attr-defined]
        assert_frame_equal(aggregate(minutes[order], BarWidth(width), XNYS), bars, check_exact=True)
        apart = [aggregate(minutes.filter(symbol=s, session=d), BarWidth(width), XNYS) for s in "AB" for d in (MON, EARLY)]
        assert_frame_equal(pl.concat(apart), bars, check_exact=True)

    @given(st.sampled_from([5, 13, 30, 65, 195]), st.lists(st.integers(0, 389), max_size=200, unique=True))
    @examples(30)
    def test_bars_of_bars_are_the_bars_of_the_minutes(self, width: int, less: list[int]) -> None:
        minutes = in_sessions(walk("AB", [MON], less=less))
        once = aggregate(minutes, BarWidth(width), XNYS)
        assert_frame_equal(aggregate(once, BarWidth(None), XNYS), aggregate(minutes, BarWidth(None), XNYS), check_exact=True)


@needs_crypto_bars
class TestRealMinutes:
    """Coinbase: minutes beside the daily bars that were published."""

    #: Every day of which there are both.
    DAYS = tuple(date(*day) for day in ((2016, 10, 7), (2016, 10, 8), (2016, 10, 9), (2017, 9, 3), (2017, 9, 4), (2017, 12, 17)))
    DAYS += tuple(date(2018, 4, day) for day in (4, 5, 6))

    def test_they_add_up_to_the_daily_bar_identically_on_all_nine_days(self) -> None:
        daily = pl.read_parquet(CRYPTO_BARS / "trades_hour_daily.parquet").filter(market="coinbase", res="daily")
        daily = daily.select("symbol", pl.col("ts_utc").dt.date().alias("session"), *FIELDS)
        minutes = in_sessions(crypto_minutes("coinbase").filter(symbol="BTCUSD"), ALWAYS)
        summed = aggregate(minutes, BarWidth(None), ALWAYS)
        both = daily.join(summed, on=["symbol", "session"], how="semi").sort("symbol", "session")
        assert tuple(summed["session"]) == tuple(both["session"]) == self.DAYS
        assert_frame_equal(summed, both, check_exact=True)

    def test_floats_added_one_after_the_other_do_not(self) -> None:
        minutes = crypto_minutes("coinbase").filter(symbol="BTCUSD").with_columns(session=pl.col("start").dt.date())
        exact = aggregate(minutes, BarWidth(None), ALWAYS).select("session", "volume")
        apart = 0
        for session, volume in exact.rows():
            own = minutes.filter(session=session)["volume"].to_list()
            total = 0.0
            for each in own:
                total += each
            apart += total != volume
            assert volume == float(sum(Fraction(repr(each)) for each in own))
        assert apart > 0

    def test_hours_of_minutes_add_up_to_the_same_days(self) -> None:
        minutes = in_sessions(crypto_minutes("coinbase"), ALWAYS)
        hours = aggregate(minutes, BarWidth(60), ALWAYS)
        assert hours.filter(symbol="BTCUSD", session=date(2018, 4, 4))["start"].dt.hour().to_list() == list(range(17))
        assert_frame_equal(aggregate(hours, BarWidth(None), ALWAYS), aggregate(minutes, BarWidth(None), ALWAYS), check_exact=True)


def test_the_sessions_of_this_file_are_what_they_are_said_to_be() -> None:
    assert [XNYS.minutes_of(day) for day in (MON, TUE, WED, EARLY)] == [390, 390, 390, 210]
    assert XTKS.minutes_of(TOKYO) == 300
    assert at(MON, 1) - at(MON, 0) == MINUTE
