"""What is known of the real minute bars in ../shared/data, each caught or shown harmless."""

import asyncio
from datetime import date, time

import polars as pl
import pytest

from grodt.bars.aggregation import BarWidth, aggregate
from grodt.bars.jumps import Tail
from grodt.bars.minute_gate import MinuteThresholds, MinuteVerdict, gate_minutes
from grodt.bars.quality import Thresholds, gate
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, Fetched
from tests.bars.minute_world import (
    ALWAYS,
    CRYPTO_BARS,
    XNYS,
    crypto_minutes,
    needs_crypto_bars,
    needs_minute_bars,
    real_minutes,
)

NO_DAILY = pl.DataFrame(schema=RAW_BARS)
MSFT, SPY = "alpha_vantage_extended_1m.parquet", "spy_1m_2020-12.parquet"
FIRST, LAST = date(2020, 11, 23), date(2020, 12, 18)
SPY_FIRST = date(2020, 12, 15)


def judged(path: str, symbol: str, stamps: str, start: date, zone: str = "America/New_York", **thresholds: str) -> MinuteVerdict:
    answer = asyncio.run(real_minutes(path, stamps, zone).fetch_minutes([symbol], start, LAST))
    return gate_minutes(
        answer,
        calendar=XNYS,
        asked=[symbol],
        start=start,
        end=LAST,
        daily=NO_DAILY,
        thresholds=MinuteThresholds(**thresholds),  # type: ignore[arg-type]
    )


@needs_minute_bars
class TestTwoStampConventions:
    def test_msft_is_stamped_at_the_end_and_is_taken_when_declared_so(self) -> None:
        verdict = judged(MSFT, "MSFT", "end", FIRST, extended_hours="drop")
        assert (verdict.halts, verdict.reasons, verdict.extended) == ((), (), 3_960)
        assert verdict.bars.height == 18 * 390 + 210

    def test_and_refused_when_declared_as_start(self) -> None:
        assert judged(MSFT, "MSFT", "start", FIRST).halts == (
            "trading begins a minute after the open in 19 of 19 sessions of liquid symbols: the bars are stamped at the END of the minute "
            "and were taken for START; declare `stamps: end` of the source",
        )

    def test_spy_is_stamped_at_the_start_and_is_taken_when_declared_so(self) -> None:
        verdict = judged(SPY, "SPY", "start", SPY_FIRST)
        assert verdict.halts == ()
        assert verdict.bars.height == 4 * 390
        # the closing auction is printed at 16:00, which is outside the session
        assert verdict.quarantined["rule"].to_list() == ["outside the session"] * 4
        assert {start.time() for start in verdict.quarantined["start"]} == {time(21)}

    def test_and_refused_when_declared_as_end(self) -> None:
        found = judged(SPY, "SPY", "end", SPY_FIRST).halts
        assert len(found) == 1
        assert "a minute before the open in 4 of 4 sessions of liquid symbols: the bars are stamped at the START" in found[0]

    def test_in_the_right_convention_the_minute_of_the_open_bears_the_opening_auction(self) -> None:
        bars = judged(MSFT, "MSFT", "end", FIRST, extended_hours="drop").bars
        for (session,), own in bars.group_by("session", maintain_order=True):
            assert own["start"][0] == XNYS.opens_at(session)  # type: ignore[arg-type]
            assert own["volume"][0] == own["volume"].head(5).max()


@needs_minute_bars
class TestHours:
    @pytest.mark.parametrize(("path", "symbol", "stamps", "start"), [(MSFT, "MSFT", "end", FIRST), (SPY, "SPY", "start", SPY_FIRST)])
    @pytest.mark.parametrize(("zone", "words"), [("UTC", "5 h early"), ("America/Chicago", "1 h late"), ("Europe/Berlin", "6 h early")])
    def test_the_wrong_zone_is_refused_with_the_shift_that_would_fit(
        self, path: str, symbol: str, stamps: str, start: date, zone: str, words: str
    ) -> None:
        assert f"the stamps are {words} from session {start} on" in judged(path, symbol, stamps, start, zone).halts[0]

    def test_extended_hours_are_quarantined_unless_they_are_known_of(self) -> None:
        verdict = judged(MSFT, "MSFT", "end", FIRST)
        assert (verdict.halts, verdict.quarantined.height, verdict.bars.height) == ((), 3_960, 7_230)
        assert verdict.quarantined["rule"].unique().to_list() == ["outside the session"]

    def test_there_is_nothing_on_thanksgiving_and_the_day_after_closes_at_one(self) -> None:
        sessions = judged(MSFT, "MSFT", "end", FIRST, extended_hours="drop").sessions
        assert date(2020, 11, 26) not in sessions["session"].to_list()
        early = sessions.filter(session=date(2020, 11, 27))
        assert early.select("minutes", "expected", "silent", "incomplete").rows() == [(210, 210, 0, False)]
        assert sessions.filter(pl.col("session") != date(2020, 11, 27))["minutes"].unique().to_list() == [390]

    def test_the_auction_of_the_early_close_lies_a_minute_after_it_and_is_outside(self) -> None:
        refused = judged(MSFT, "MSFT", "end", FIRST).quarantined.filter(session=date(2020, 11, 27))
        closed = XNYS.closes_at(date(2020, 11, 27))
        assert refused.filter(start=closed)["volume"].to_list() == [1_480_168.0]


@needs_crypto_bars
class TestCrypto:
    def _judged(self, market: str, start: date, end: date) -> MinuteVerdict:
        bars = crypto_minutes(market)
        own = bars.filter(pl.col("start").dt.date().is_between(start, end))
        symbols = own["symbol"].unique().to_list()
        thresholds = MinuteThresholds()
        return gate_minutes(own, calendar=ALWAYS, asked=symbols, start=start, end=end, daily=NO_DAILY, thresholds=thresholds)

    def test_every_coinbase_file_of_4_april_2018_stops_near_16_50_and_is_incomplete(self) -> None:
        verdict = self._judged("coinbase", date(2018, 4, 4), date(2018, 4, 6))
        assert verdict.halts == ()
        cut = verdict.sessions.filter("incomplete")
        assert cut.select("symbol", "session").rows() == [(s, date(2018, 4, 4)) for s in ("BTCEUR", "BTCUSD", "ETHUSD", "LTCUSD")]
        assert all(time(16, 48) <= since.time() <= time(16, 53) for since in cut["silent_from"])
        assert "session 2018-04-04 is incomplete for 4 of 4 liquid symbols: BTCEUR (949 of 1440 minutes" in verdict.reasons[0]

    @pytest.mark.parametrize(("late", "real"), [(1, "END"), (-1, "START")])
    def test_the_wrong_end_of_the_minute_shows_beside_the_daily_bars_though_the_market_never_closes(self, late: int, real: str) -> None:
        daily = pl.read_parquet(CRYPTO_BARS / "trades_hour_daily.parquet").filter(market="coinbase", res="daily", symbol="BTCUSD")
        daily = daily.with_columns(pl.col("ts_utc").dt.date().alias("session")).select(RAW_BARS.names())
        start, end = date(2016, 10, 7), date(2016, 10, 9)
        bars = crypto_minutes("coinbase").filter(symbol="BTCUSD").filter(pl.col("start").dt.date().is_between(start, end))

        def judged(answer: pl.DataFrame) -> MinuteVerdict:
            return gate_minutes(answer, calendar=ALWAYS, asked=["BTCUSD"], start=start, end=end, daily=daily, thresholds=MinuteThresholds())

        right = judged(bars)
        assert (right.halts, right.agreement.identical) == ((), 3)
        found = judged(bars.with_columns(start=pl.col("start") + pl.duration(minutes=late)))
        assert len(found.halts) == 1
        assert "none of 3 sessions adds up to its daily bar as the minutes are stamped" in found.halts[0]
        assert f"the bars are stamped at the {real} of the minute" in found.halts[0]

    def test_minutes_in_which_nobody_traded_are_no_fault(self) -> None:
        verdict = self._judged("coinbase", date(2016, 10, 7), date(2016, 10, 9))
        assert (verdict.halts, verdict.reasons) == ((), ())
        assert verdict.sessions["minutes"].to_list() == [1_419, 1_400, 1_397]
        assert not verdict.sessions["incomplete"].any()

    @pytest.mark.parametrize("market", ["binance", "bybit"])
    def test_the_other_venues_are_whole_and_start_stamped(self, market: str) -> None:
        verdict = self._judged(market, date(2022, 12, 13), date(2022, 12, 13))
        assert (verdict.halts, verdict.reasons, verdict.sessions["minutes"].to_list()) == ((), (), [1_440])

    def test_no_minute_is_taken_for_a_spike(self) -> None:
        for start, end in (
            (date(2016, 10, 7), date(2016, 10, 9)),
            (date(2017, 9, 3), date(2017, 12, 17)),
            (date(2018, 4, 4), date(2018, 4, 6)),
        ):
            assert self._judged("coinbase", start, end).quarantined.is_empty()

    def test_a_minute_as_low_as_the_daily_low_of_15_april_2017_would_be_one(self) -> None:
        bars = crypto_minutes("coinbase").filter(symbol="BTCUSD").filter(pl.col("start").dt.date() == date(2017, 9, 3))
        flash = bars.with_columns(low=pl.when(pl.col("start").dt.hour() == 12).then(0.06).otherwise("low"))
        one = flash.filter((pl.col("start").dt.hour() != 12) | (pl.col("start").dt.minute() == 30))
        day = date(2017, 9, 3)
        verdict = gate_minutes(one, calendar=ALWAYS, asked=["BTCUSD"], start=day, end=day, daily=NO_DAILY, thresholds=MinuteThresholds())
        assert verdict.quarantined.select("rule", "low").rows() == [("spike", 0.06)]

    def test_the_daily_low_itself_is_quarantined_by_the_daily_gate(self) -> None:
        daily = pl.read_parquet(CRYPTO_BARS / "trades_hour_daily.parquet").filter(market="coinbase", res="daily")
        bars = daily.with_columns(session=pl.col("ts_utc").dt.date()).select(RAW_BARS.names()).cast(RAW_BARS).sort("symbol", "session")  # type: ignore[arg-type]
        start, end = date(2017, 1, 1), date(2017, 12, 31)
        year = bars.filter(pl.col("session").is_between(start, end))
        fetched = Fetched(year, pl.DataFrame(schema=RAW_ACTIONS))
        result = gate(fetched, calendar=ALWAYS, asked=["BTCUSD"], start=start, end=end, previous=Tail.empty(), thresholds=Thresholds())
        assert result.quarantined.filter(session=date(2017, 4, 15)).select("rule", "low").rows() == [("spike", 0.06)]

    def test_cut_off_or_not_a_day_s_minutes_add_up_to_the_daily_bar_of_the_same_file(self) -> None:
        """The published day of 4 April was made of the same cut minutes, so only completeness shows that it is none."""
        verdict = self._judged("coinbase", date(2018, 4, 4), date(2018, 4, 4))
        daily = pl.read_parquet(CRYPTO_BARS / "trades_hour_daily.parquet").filter(market="coinbase", res="daily", symbol="BTCUSD")
        published = daily.filter(pl.col("ts_utc").dt.date() == date(2018, 4, 4))["volume"][0]
        summed = aggregate(verdict.bars.filter(symbol="BTCUSD"), BarWidth(None), ALWAYS)
        assert summed["volume"].to_list() == [published]
