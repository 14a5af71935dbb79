"""Bars that repeat the bar of the session before. `test_quality` proves that nights and years say the same of them."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from grodt.bars.jumps import Tail
from grodt.bars.quality import Thresholds
from grodt.bars.row_rules import JUMP, STALE
from grodt.bars.source import RAW_BARS
from grodt.bars.staleness import MEMORY, repeated_rows
from tests.bars.test_quality import DAYS, bars_of, judge, refused, remember, split_of

NIGHTS = DAYS[:14]


def bar(day: date, price: float = 10.0, *, high: float = 1.01, volume: float = 500.0, symbol: str = "A") -> tuple[object, ...]:
    return (symbol, day, price, price * high, price, price, volume)


def frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=RAW_BARS, orient="row")


def test_a_bar_that_moved_and_comes_again_is_refused_at_once_and_as_long_as_it_does():
    result = judge(frame([bar(DAYS[0]), bar(DAYS[1]), bar(DAYS[2]), bar(DAYS[3], volume=501.0)]))
    assert refused(result) == [("A", DAYS[1]), ("A", DAYS[2])]
    row = result.quarantined.row(0, named=True)
    assert (row["rule"], row["value"], row["bound"]) == (
        STALE,
        "the bar of the session before to the last share, 500.0",
        "a bar of its own",
    )
    assert "2 rows quarantined as 'stale repeat': A 2013-06-04" in result.reasons[0]


@pytest.mark.parametrize("change", [{"price": 10.001}, {"high": 1.0101}, {"volume": 501.0}])
def test_a_bar_that_differs_in_one_number_is_its_own(change):
    assert judge(frame([bar(DAYS[0]), bar(DAYS[1], **change)])).outcome == "pass"


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_bar_that_differs_in_one_price_is_its_own(column):
    other = {"symbol": "A", "session": DAYS[1], "open": 10.0, "high": 10.5, "low": 9.5, "close": 10.0, "volume": 5.0}
    rows = [other | {"session": DAYS[0]}, other | {column: other[column] + {"high": 0.001}.get(column, -0.001)}]
    assert judge(pl.DataFrame(rows, schema=RAW_BARS)).outcome == "pass"
    assert refused(judge(pl.DataFrame([rows[0], other], schema=RAW_BARS))) == [("A", DAYS[1])]


def test_a_flat_bar_of_a_symbol_that_hardly_trades_may_come_again_a_few_times():
    result = judge(frame([bar(day, high=1.0, volume=100.0) for day in DAYS[:8]]))
    assert refused(result) == [("A", DAYS[5]), ("A", DAYS[6]), ("A", DAYS[7])]
    assert result.quarantined["bound"][0] == "fewer than 5 such repeats in a row"


def test_a_bar_without_volume_repeats_nothing():
    assert judge(frame([bar(day, high=1.0, volume=0.0) for day in DAYS[:30]])).outcome == "pass"


def test_only_the_session_before_counts():
    assert judge(frame([bar(DAYS[0]), bar(DAYS[2])])).outcome == "pass"
    over_a_weekend = next(at for at in range(10) if (DAYS[at + 1] - DAYS[at]).days == 3)
    assert refused(judge(frame([bar(DAYS[over_a_weekend]), bar(DAYS[over_a_weekend + 1])]))) == [("A", DAYS[over_a_weekend + 1])]


def test_the_same_bar_of_another_symbol_is_no_repeat():
    assert judge(frame([bar(DAYS[0], symbol="A"), bar(DAYS[1], symbol="B")])).outcome == "pass"


def test_the_repeats_allowed_are_the_books():
    rows = frame([bar(day) for day in DAYS[:5]])
    later = Thresholds(stale_repeats=3, quarantined_share=1.0)
    assert refused(judge(rows, thresholds=later)) == [("A", DAYS[3]), ("A", DAYS[4])]
    flat = frame([bar(day, high=1.0) for day in DAYS[:5]])
    assert refused(judge(flat, thresholds=Thresholds(stale_flat_repeats=2, quarantined_share=1.0))) == [("A", day) for day in DAYS[2:5]]


def test_a_repeat_neither_hides_a_leap_nor_makes_it_last():
    rows = [bar(DAYS[0]), bar(DAYS[1], 120.0), bar(DAYS[2], 120.0), bar(DAYS[3], 120.5, volume=7.0), bar(DAYS[4], 121.0, volume=8.0)]
    result = judge(frame(rows))
    assert result.quarantined.select("session", "rule").rows() == [(DAYS[1], JUMP), (DAYS[2], STALE)]
    assert result.bars["session"].to_list() == [DAYS[0], DAYS[3], DAYS[4]]


def test_a_raw_price_that_a_split_should_have_changed_is_stale():
    result = judge(frame([bar(DAYS[0]), bar(DAYS[1]), bar(DAYS[2], 5.0)]), actions=split_of("A", DAYS[1], 2, 1))
    assert result.quarantined.select("session", "rule").rows() == [(DAYS[1], STALE)]


@pytest.mark.parametrize("allowed", [1, 2, MEMORY])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_night_after_night_a_feed_that_stands_still_is_refused_as_over_the_whole_time(allowed, flat, at_once):
    rows = frame([bar(day, high=1.0 if flat else 1.01) for day in NIGHTS])
    thresholds = Thresholds(stale_repeats=allowed, stale_flat_repeats=allowed, quarantined_share=1.0)
    whole = judge(rows, end=NIGHTS[-1], thresholds=thresholds)
    assert refused(whole) == [("A", day) for day in NIGHTS[allowed:]]
    tail, nights = Tail.empty(), []
    for start, end in [(NIGHTS[at], NIGHTS[min(at + at_once, len(NIGHTS)) - 1]) for at in range(0, len(NIGHTS), at_once)]:
        own = rows.filter(pl.col("session").is_between(start, end))
        night = judge(own, start=start, end=end, previous=tail, thresholds=thresholds)
        nights.append(night.quarantined)
        tail = remember(tail, night, tail.actions.clear(), end)
    assert pl.concat(nights).equals(whole.quarantined)


def test_the_memory_is_of_the_sessions_before_and_no_others():
    ordered = frame([bar(DAYS[0]), bar(DAYS[1])])
    before = DAYS[:1]
    assert repeated_rows(ordered[1:], ordered[:1], before, DAYS[1:3]).select("symbol", "session", "run", "flat").rows() == [
        ("A", DAYS[1], 1, False)
    ]
    assert repeated_rows(ordered[1:], ordered[:0], before, DAYS[1:3]).is_empty()
    assert repeated_rows(ordered[:0], ordered, before, ()).is_empty()
    assert repeated_rows(ordered, ordered[:0], (), DAYS[:3])["run"].to_list() == [1]


def test_symbols_in_any_number_are_each_judged_by_their_own_bars():
    rng = np.random.default_rng(3)
    rows, expected = [], []
    for number in range(200):
        symbol, held = f"S{number:03d}", int(rng.integers(1, 12))
        for at, day in enumerate(DAYS[:12]):
            rows.append(bar(day, symbol=symbol, volume=500.0 if at >= held - 1 and at <= held else 1000.0 + at))
        if held < 12:
            expected.append((symbol, DAYS[held]))
    assert refused(judge(frame(rows))) == expected


def test_a_session_that_is_the_one_before_once_more_halts():
    closes = {f"S{number:02d}": [10.0 + number] * 3 for number in range(20)}
    bars = bars_of(closes)
    copied = bars.filter(pl.col("session") == DAYS[1], pl.col("symbol") < "S05").with_columns(session=pl.lit(DAYS[2]))
    mixed = pl.concat([bars.join(copied, on=["symbol", "session"], how="anti"), copied])
    result = judge(mixed, thresholds=Thresholds())
    assert result.outcome == "halt"
    assert result.reasons[0] == (
        "session 2013-06-05 repeats the bar of the session before, volume included, for 5 of 20 symbols (25.0%), above the share of 20.0%"
    )
    assert judge(mixed, thresholds=Thresholds(same_bar_share=0.25)).outcome == "pass"
    assert judge(mixed.filter(pl.col("symbol") != "S00"), thresholds=Thresholds()).outcome == "pass"


def test_a_night_that_repeats_the_night_before_halts_by_its_memory():
    closes = {f"S{number:02d}": [10.0 + number, 10.5 + number] for number in range(8)}
    first = judge(bars_of(closes).filter(pl.col("session") == DAYS[0]), end=DAYS[0])
    tail = remember(Tail.empty(), first, Tail.empty().actions, DAYS[0])
    copy = first.bars.with_columns(session=pl.lit(DAYS[1]))
    result = judge(copy, start=DAYS[1], end=DAYS[1], previous=tail, thresholds=Thresholds())
    assert result.outcome == "halt"
    assert "session 2013-06-04 repeats the bar of the session before, volume included, for 8 of 8 symbols (100.0%)" in result.reasons[0]
