"""Faults of a vendor that hit many symbols at once: the whole answer halts."""

import math
from datetime import date, timedelta

import polars as pl
import pytest

from grodt.bars.jumps import Tail
from grodt.bars.quality import Thresholds
from grodt.bars.whole_answer import shifted_dates
from tests.bars.test_quality import DAYS, XNYS, bars_of, judge, remember

SYMBOLS = [f"S{number:02d}" for number in range(20)]
DAY = timedelta(days=1)


def steady(sessions: int = 3, symbols: list[str] = SYMBOLS) -> pl.DataFrame:
    return bars_of({symbol: [10.0 + at] * sessions for at, symbol in enumerate(symbols)})


def scaled(bars: pl.DataFrame, factor: float, where: pl.Expr) -> pl.DataFrame:
    return bars.with_columns(pl.when(where).then(pl.col(name) * factor).otherwise(name) for name in ("open", "high", "low", "close"))


def dated(bars: pl.DataFrame, days: int) -> pl.DataFrame:
    return bars.with_columns(pl.col("session") + timedelta(days=days))


@pytest.mark.parametrize(("factor", "words"), [(100.0, "100 times"), (0.01, "1/100 of"), (3.7, "3.7 times")])
def test_many_symbols_that_leap_by_one_factor_halt_with_it(factor, words):
    bars = scaled(steady(), factor, (pl.col("session") == DAYS[1]) & (pl.col("symbol") < "S05"))
    result = judge(bars, thresholds=Thresholds())
    assert result.outcome == "halt"
    assert f"session 2013-06-04 opens at {words} the last good close for 5 of 20 symbols (25.0%), such as S00" in result.reasons[0]
    assert "above the share of 20.0%: the source has changed its unit or its adjustment" in result.reasons[0]
    few = scaled(steady(), factor, (pl.col("session") == DAYS[1]) & (pl.col("symbol") < "S04"))
    assert judge(few, thresholds=Thresholds()).outcome == "quarantine"
    assert judge(bars, thresholds=Thresholds(same_leap_share=0.25)).outcome == "quarantine"


def test_many_symbols_that_leap_by_factors_of_their_own_do_not_halt_by_one():
    bars = steady()
    for at, symbol in enumerate(SYMBOLS):
        bars = scaled(bars, 2.0 * 1.2**at, (pl.col("session") == DAYS[1]) & (pl.col("symbol") == symbol))
    result = judge(bars, thresholds=Thresholds(quarantined_share=1.0))
    assert (result.outcome, result.quarantined.height) == ("quarantine", 20)


def test_a_night_in_another_unit_halts_by_its_memory():
    bars = scaled(steady(2), 100.0, pl.col("session") == DAYS[1])
    first = judge(bars.filter(pl.col("session") == DAYS[0]), end=DAYS[0])
    tail = remember(Tail.empty(), first, Tail.empty().actions, DAYS[0])
    own = bars.filter(pl.col("session") == DAYS[1])
    result = judge(own, start=DAYS[1], end=DAYS[1], previous=tail, thresholds=Thresholds(quarantined_share=1.0))
    assert "opens at 100 times the last good close for 20 of 20 symbols (100.0%)" in result.reasons[0]


def test_a_session_without_volume_halts_and_a_few_silent_symbols_do_not():
    silent = pl.col("session") == DAYS[1]
    bars = steady().with_columns(volume=pl.when(silent & (pl.col("symbol") < "S17")).then(0.0).otherwise("volume"))
    result = judge(bars, thresholds=Thresholds())
    assert result.outcome == "halt"
    assert result.reasons == ("session 2013-06-04 has no volume for 17 of 20 symbols (85.0%), above the share of 80.0%",)
    assert judge(bars.with_columns(volume=pl.col("volume") + (pl.col("symbol") == "S01")), thresholds=Thresholds()).outcome == "pass"
    assert judge(bars.filter(pl.col("symbol") < "S04"), thresholds=Thresholds()).outcome == "pass"
    assert judge(bars, thresholds=Thresholds(no_volume_share=1.0)).outcome == "pass"


def test_a_holiday_that_the_vendor_fills_for_all_is_refused_row_by_row():
    filled = [bars_of({symbol: [10.0 + at]}, (date(2013, 7, 4),)) for at, symbol in enumerate(SYMBOLS)]
    result = judge(pl.concat([steady(28), pl.concat(filled).with_columns(volume=pl.lit(0.0))]), thresholds=Thresholds())
    assert result.outcome == "quarantine"
    assert set(result.quarantined.select("session", "rule").rows()) == {(date(2013, 7, 4), "not a session")}


def test_an_answer_to_a_gap_is_not_judged_by_shares():
    closes = {symbol: [10.0 + at, 1000.0 + 100 * at] for at, symbol in enumerate(SYMBOLS)}
    leap = bars_of(closes)
    silent = leap.filter(pl.col("session") == DAYS[0]).with_columns(volume=pl.lit(0.0))
    for bars in (leap, silent):
        assert judge(bars, thresholds=Thresholds()).outcome == "halt"
        assert judge(bars, thresholds=Thresholds().of_a_gap()).outcome != "halt"
    one_price = bars_of({symbol: [123.47] for symbol in SYMBOLS})
    assert judge(one_price, thresholds=Thresholds().of_a_gap()).outcome == "halt"


def test_volume_lost_from_prices_that_moved_halts_over_a_year_too():
    lost = pl.col("session") == DAYS[100]
    bars = steady(200).with_columns(high=pl.col("high") * 1.01, volume=pl.when(lost).then(0.0).otherwise("volume"))
    result = judge(bars, thresholds=Thresholds())
    assert result.outcome == "halt"
    assert f"session {DAYS[100]} has no volume for 20 of 20 symbols" in result.reasons[0]
    assert "20 rows quarantined as 'moved without volume'" in result.reasons[1]


def test_more_than_one_such_session_is_counted():
    bars = steady(5).with_columns(volume=pl.lit(0.0))
    assert judge(bars, thresholds=Thresholds()).reasons[0].endswith("above the share of 80.0%, and so on 4 more times")


@pytest.mark.parametrize(("days", "word", "example"), [(1, "late", "2013-06-08 (Saturday)"), (-1, "early", "2013-06-09 (Sunday)")])
def test_bars_dated_a_day_late_or_early_halt_with_which(days, word, example):
    bars = dated(steady(30), days).filter(pl.col("session").is_between(DAYS[0], DAYS[29]))
    result = judge(bars, end=DAYS[29], thresholds=Thresholds())
    assert result.outcome == "halt"
    shut = bars.filter(~pl.col("session").is_in(list(DAYS))).height
    assert result.reasons[0].startswith(
        f"the bars of 20 symbols are dated one day {word}: {shut} of them lie on days on which the exchange was shut, "
        f"such as S00 on {example}, and the sessions beside are empty; set the source's time zone"
    )


@pytest.mark.parametrize("days", [1, -1])
def test_one_symbol_of_many_that_is_dated_wrongly_halts_when_it_shows_often_enough(days):
    wrong = dated(steady(60, SYMBOLS[:1]), days)
    bars = pl.concat([steady(60, SYMBOLS[1:]), wrong]).filter(pl.col("session").is_between(DAYS[0], DAYS[59]))
    found = shifted_dates(bars, DAYS[:60])
    assert len(found) == 1
    assert found[0].startswith("the bars of 1 symbol are dated one day ")
    two_weeks = bars.filter(pl.col("session") <= DAYS[10])
    assert shifted_dates(two_weeks, DAYS[:11]) == []


def test_a_holiday_in_the_middle_of_the_week_tells_late_from_early():
    week = XNYS.between(date(2013, 7, 1), date(2013, 7, 5))
    bars = steady(0)
    for at, symbol in enumerate(SYMBOLS):
        bars = pl.concat([bars, bars_of({symbol: [10.0 + at] * 4}, week)])
    late = dated(bars, 1).filter(pl.col("session") <= week[-1])
    early = dated(bars, -1).filter(pl.col("session") >= week[0])
    assert "dated one day late: 20 of them" in shifted_dates(late, week)[0]
    assert "such as S00 on 2013-07-04 (Thursday)" in shifted_dates(late, week)[0]
    assert "dated one day late or early: 20 of them" in shifted_dates(early, week)[0]
    next_week = pl.concat([bars_of({symbol: [10.0 + at]}, (date(2013, 7, 8),)) for at, symbol in enumerate(SYMBOLS)])
    known = XNYS.between(week[0], date(2013, 7, 8))
    assert "dated one day early: 40 of them" in shifted_dates(pl.concat([early, dated(next_week, -1)]), known)[0]


def test_a_vendor_that_fills_weekends_beside_good_sessions_shifts_nothing():
    weekends = [day for day in (DAYS[0] + n * DAY for n in range(40)) if not XNYS.is_session(day)]
    filled = [bars_of({symbol: [10.0 + at]}, (day,)) for at, symbol in enumerate(SYMBOLS) for day in weekends]
    bars = pl.concat([steady(28), *filled])
    assert shifted_dates(bars, DAYS[:28]) == []
    unfilled = pl.concat([steady(28).filter(pl.col("session").dt.weekday() != 1), *filled])
    assert "late" in shifted_dates(unfilled, DAYS[:28])[0]
    assert shifted_dates(unfilled.with_columns(volume=pl.lit(0.0)), DAYS[:28]) == []


def test_bars_that_nobody_can_place_shift_nothing():
    assert shifted_dates(steady(1), DAYS[:1]) == []
    assert shifted_dates(steady(0), DAYS[:30]) == []


def test_a_common_factor_is_that_of_the_largest_group():
    changes = [math.log(2.0)] * 3 + [math.log(100.0)] * 6 + [math.log(30.0)] * 2
    bars = steady()
    for symbol, change in zip(SYMBOLS, changes, strict=False):
        bars = scaled(bars, math.exp(change), (pl.col("session") == DAYS[1]) & (pl.col("symbol") == symbol))
    assert "opens at 100 times the last good close for 6 of 20 symbols" in judge(bars, thresholds=Thresholds()).reasons[0]
