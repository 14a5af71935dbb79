"""Every known flaw of the real daily data (../shared/data/README.md) is caught, or shown to do no harm.

| data | flaw | test |
|---|---|---|
| us-daily | AAPL split 7:1 on 2014-06-09 | test_the_split_of_apple_is_explained_by_the_file_of_splits |
| us-daily | the same without the file of splits | test_without_it_the_leap_is_named_as_that_split |
| us-daily | volume is split-adjusted, prices are raw | test_volume_is_turned_back_into_shares_of_its_day |
| us-daily | dividends before a split are split-adjusted | test_a_dividend_is_turned_back_into_what_a_share_was_paid |
| us-daily | prices are cut to 0.001, not rounded | test_prices_cut_to_a_thousandth_break_no_rule |
| us-daily | DELL has 20 bars on days when the exchange was shut | test_bars_of_dell_on_days_without_session_are_quarantined |
| us-daily | the same, taken for a shift of dates | test_they_are_no_shift_of_dates |
| us-daily | DELL stops in October 2013 | test_that_dell_stops_is_a_delisting_or_an_incomplete_session |
| crypto-bars | the daily low of 2017-04-15 is 0.06 | test_the_low_of_six_cents_is_a_spike |
| crypto-bars | thin trading before the venue opened leaps | test_a_leap_of_a_thin_market_is_refused_once |
| indicator-values | msft and spx have no volume in early years | test_volume_that_was_lost_is_told_from_a_session_without_a_trade |
| bad-quotes | malformed cells, zeros, other columns, absurd numbers | tests/bars/test_bad_quotes.py |
| calendars | holidays, early closes | tests/test_sessions.py |
| minute-bars, crypto minutes | stamp conventions, short sessions, files that stop | the tests of minute bars |
"""

import asyncio
from datetime import date
from decimal import Decimal
from functools import cache

import polars as pl
import pytest

from grodt.bars.files import FilesSettings, FilesSource
from grodt.bars.jumps import Tail
from grodt.bars.quality import GateResult, Thresholds, gate
from grodt.bars.row_rules import JUMP, SPLIT
from grodt.bars.simulated import SimulatedSource
from grodt.bars.source import RAW_ACTIONS, Fetched
from grodt.bars.whole_answer import shifted_dates
from grodt.sessions import Calendar
from tests.bars.test_files import SHARED, US_DAILY, US_SETTINGS, needs_us_daily, us_daily

XNYS = Calendar("XNYS")
START, END = date(2004, 1, 1), date(2014, 12, 31)
NINE = ("AAPL", "AMD", "CERN", "COST", "DELL", "GPS", "INTC", "MMM", "MSFT")
NO_ACTIONS = pl.DataFrame(schema=RAW_ACTIONS)
CRYPTO, QUOTES = SHARED / "crypto-bars/trades_hour_daily.parquet", SHARED / "indicator-values/quotes.parquet"
needs_crypto = pytest.mark.skipif(not CRYPTO.is_file(), reason="../shared/data/crypto-bars is absent")
needs_quotes = pytest.mark.skipif(not QUOTES.is_file(), reason="../shared/data/indicator-values is absent")


def judge(
    fetched: Fetched, asked: tuple[str, ...] = NINE, *, calendar: Calendar = XNYS, listed: tuple[str, ...] | None = None
) -> GateResult:
    start, end = min(fetched.bars["session"]), max(fetched.bars["session"])
    return gate(
        fetched, calendar=calendar, asked=asked, start=start, end=end, previous=Tail.empty(), thresholds=Thresholds(), listed=listed
    )


@cache
def nine() -> Fetched:
    return asyncio.run(us_daily().fetch(NINE, START, END))


@needs_us_daily
class TestElevenYearsOfNineStocks:
    def test_nothing_but_the_bars_on_days_without_session_is_refused(self) -> None:
        result = judge(nine(), listed=tuple(symbol for symbol in NINE if symbol != "DELL"))
        assert (result.outcome, result.expected, result.present) == ("quarantine", 8, 8)
        assert set(result.quarantined["rule"]) == {"not a session"}
        assert result.bars.height == 24_646 - 20

    def test_the_same_is_true_of_each_of_their_years(self) -> None:
        refused = 0
        for year in range(2004, 2015):
            inside = pl.col("session").dt.year() == year
            result = judge(Fetched(nine().bars.filter(inside), nine().actions.filter(pl.col("ex_date").dt.year() == year)))
            assert result.outcome in ("pass", "quarantine")
            assert set(result.quarantined["rule"]) <= {"not a session"}
            refused += result.quarantined.height
        assert refused == 20

    def test_bars_of_dell_on_days_without_session_are_quarantined(self) -> None:
        odd = judge(nine()).quarantined
        assert odd.height == 20
        assert (set(odd["symbol"]), set(odd["volume"])) == ({"DELL"}, {0.0})
        assert (odd["high"] == odd["low"]).all()

    def test_they_are_no_shift_of_dates(self) -> None:
        assert shifted_dates(nine().bars, XNYS.between(date(2004, 1, 2), END)) == []
        dell = nine().bars.filter(pl.col("symbol") == "DELL").with_columns(volume=pl.lit(1.0))
        assert shifted_dates(dell, XNYS.between(date(2004, 1, 2), END)) == []

    @pytest.mark.parametrize(("days", "word"), [(1, "late"), (-1, "early")])
    def test_the_same_bars_dated_a_day_wrongly_are_one(self, days: int, word: str) -> None:
        bars = nine().bars.with_columns(pl.col("session") + pl.duration(days=days))
        result = judge(Fetched(bars, NO_ACTIONS))
        assert result.outcome == "halt"
        assert any(reason.startswith(f"the bars of 9 symbols are dated one day {word}: ") for reason in result.reasons)

    def test_that_dell_stops_is_a_delisting_or_an_incomplete_session(self) -> None:
        last = date(2013, 10, 30)
        assert "DELL" not in [instrument.symbol for instrument in us_daily().instruments(last)]
        bars = nine().bars.filter(pl.col("session") <= last)
        unknown = judge(Fetched(bars, nine().actions.filter(pl.col("ex_date") <= last)), listed=NINE)
        assert unknown.outcome == "halt"
        assert unknown.reasons[0].startswith("session 2013-10-30 has good bars for 8 of 9 listed symbols (88.9%), below the completeness")

    def test_the_split_of_apple_is_explained_by_the_file_of_splits(self) -> None:
        assert ("AAPL", date(2014, 6, 9)) in judge(nine()).bars.select("symbol", "session").rows()

    def test_without_it_the_leap_is_named_as_that_split(self) -> None:
        result = judge(Fetched(nine().bars, nine().actions.filter(pl.col("kind") == "dividend")))
        rows = result.quarantined.filter(pl.col("rule") != "not a session")
        assert rows.height == 5
        assert set(rows["rule"]) == {SPLIT}
        apple = rows.row(by_predicate=(pl.col("symbol") == "AAPL") & (pl.col("session") == date(2014, 6, 9)), named=True)
        assert apple["value"] == "opens at 1/6.964 of the last good close, as after a split 7:1"
        assert apple["bound"] == "within a factor of 1.492, or that split among the corporate actions"

    def test_volume_is_turned_back_into_shares_of_its_day(self) -> None:
        apple = nine().bars.filter(pl.col("symbol") == "AAPL")
        volume = dict(apple.select("session", "volume").rows())
        assert volume[date(2004, 1, 2)] == 36_160_600 / 14
        as_it_is = FilesSource(
            "us",
            FilesSettings.model_validate(US_SETTINGS | {"bars": US_SETTINGS["bars"] | {"volume_adjusted_for_splits": False}}),
            US_DAILY,
        )
        raw = asyncio.run(as_it_is.fetch(["AAPL"], START, END)).bars
        at = pl.col("session").is_between(date(2014, 5, 9), date(2014, 6, 6))
        after = pl.col("session").is_between(date(2014, 6, 9), date(2014, 7, 7))
        turnover = [
            frame.select((pl.col("close") * pl.col("volume")).filter(when).median()).item()
            for frame in (apple, raw)
            for when in (at, after)
        ]
        assert 0.5 < turnover[0] / turnover[1] < 2
        assert turnover[2] / turnover[3] > 4

    def test_a_dividend_is_turned_back_into_what_a_share_was_paid(self) -> None:
        paid = nine().actions.filter((pl.col("symbol") == "AAPL") & (pl.col("ex_date") == date(2012, 8, 9)))
        assert paid["cash_per_share"].to_list() == [Decimal("2.65")]

    def test_prices_cut_to_a_thousandth_break_no_rule(self) -> None:
        thousandths = nine().bars.select(pl.col("open", "high", "low", "close") * 1000)
        assert ((thousandths - thousandths.select(pl.all().round())).select(pl.max_horizontal(pl.all().abs().max())).item()) < 1e-6
        good = judge(nine()).bars
        assert good.select((pl.col("high") >= pl.max_horizontal("open", "low", "close")).all()).item()
        assert good.select((pl.col("low") <= pl.min_horizontal("open", "high", "close")).all()).item()


@needs_crypto
class TestCrypto:
    @staticmethod
    def daily() -> Fetched:
        bars = pl.read_parquet(CRYPTO).filter(pl.col("res") == "daily")
        return Fetched(
            bars.select("symbol", pl.col("ts_utc").dt.date().alias("session"), "open", "high", "low", "close", "volume"), NO_ACTIONS
        )

    def test_the_low_of_six_cents_is_a_spike(self) -> None:
        result = judge(self.daily(), ("BTCUSD",), calendar=Calendar("24/7"))
        spikes = result.quarantined.filter(pl.col("rule") == "spike")
        assert spikes.select("session", "low").rows() == [(date(2017, 4, 15), 0.06)]
        assert spikes["value"][0].startswith("a factor of 19552")
        assert date(2017, 4, 16) in result.bars["session"].to_list()

    def test_a_leap_of_a_thin_market_is_refused_once(self) -> None:
        result = judge(self.daily(), ("BTCUSD",), calendar=Calendar("24/7"))
        leaps = result.quarantined.filter(pl.col("rule") != "spike")
        assert leaps.select("session", "rule").rows() == [(date(2015, 1, 14), JUMP)]
        assert result.bars.height == self.daily().bars.height - 2

    def test_a_calendar_of_an_exchange_is_not_a_calendar_of_days(self) -> None:
        result = judge(self.daily(), ("BTCUSD",))
        assert result.quarantined.filter(pl.col("rule") == "not a session").height > 300


@needs_quotes
def test_volume_that_was_lost_is_told_from_a_session_without_a_trade() -> None:
    quotes = pl.read_parquet(QUOTES).filter(pl.col("set") != "intraday")
    bars = quotes.select(
        pl.col("set").alias("symbol"),
        pl.col("ts").dt.date().alias("session"),
        "open",
        "high",
        "low",
        "close",
        pl.col("volume").cast(pl.Float64),
    )
    result = judge(Fetched(bars, NO_ACTIONS), ("default", "msft", "spx"))
    assert set(result.quarantined["rule"]) == {"moved without volume"}
    assert dict(result.quarantined.group_by("symbol").agg(pl.col("session").max()).rows()) == {
        "msft": date(1991, 12, 31),
        "spx": date(1998, 10, 5),
    }
    assert result.bars.filter(pl.col("symbol") == "default").height == 502


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_of_the_simulated_exchange_nothing_but_its_bad_prints_is_refused(seed: int) -> None:
    source = SimulatedSource("demo", seed, XNYS, 300, date(2011, 1, 3))
    start, end = date(2012, 1, 1), date(2013, 12, 31)
    asked = tuple(instrument.symbol for instrument in source.instruments(start))
    fetched = asyncio.run(source.fetch(asked, start, end))
    bad = source.truth(asked, start, end).bad_prints.select("symbol", "session").rows()
    result = judge(fetched, asked)
    assert result.outcome == "quarantine"
    assert sorted(result.quarantined.select("symbol", "session").rows()) == sorted(bad)
