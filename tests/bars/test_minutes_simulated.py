"""Minutes of the simulated exchange."""

import asyncio
from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from grodt.bars.aggregation import BarWidth, aggregate
from grodt.bars.minute_gate import MinuteThresholds, gate_minutes
from grodt.bars.simulated import SimulatedSource
from grodt.bars.source import RAW_BARS, RAW_MINUTES, MinuteSource
from grodt.sessions import Calendar
from tests.bars.minute_world import ALWAYS, XNYS, XTKS, in_sessions

OPENED = date(2024, 1, 2)
#: Thanksgiving and the early close after it lie in it.
START, END = date(2024, 11, 18), date(2024, 12, 3)
SYMBOLS = tuple(f"SIM{number:04d}" for number in (1, 2, 3, 64, 65, 200))


def exchange(seed: int = 7, calendar: Calendar = XNYS) -> SimulatedSource:
    return SimulatedSource("demo", seed, calendar, 300, OPENED)


def minutes(source: SimulatedSource, symbols: Sequence[str] = SYMBOLS, start: date = START, end: date = END) -> pl.DataFrame:
    return asyncio.run(source.fetch_minutes(symbols, start, end))


@pytest.fixture(scope="module")
def everything() -> pl.DataFrame:
    return minutes(exchange())


@pytest.mark.parametrize("calendar", [XNYS, XTKS, ALWAYS], ids=["New York", "Tokyo", "always"])
def test_they_add_up_to_the_true_daily_bar_to_the_cent_and_the_share(calendar: Calendar) -> None:
    source = exchange(calendar=calendar)
    bars = in_sessions(minutes(source), calendar)
    daily = source.truth(SYMBOLS, START, END).bars
    assert daily.height > 50
    assert_frame_equal(aggregate(bars, BarWidth(None), calendar), daily, check_exact=True)


def test_rows_are_those_of_the_protocol_sorted_and_each_once(everything: pl.DataFrame) -> None:
    assert isinstance(exchange(), MinuteSource)
    assert everything.schema == RAW_MINUTES
    keys = everything.select("symbol", "start").rows()
    assert keys == sorted(set(keys))


def test_a_minute_is_a_bar_of_whole_cents_and_shares(everything: pl.DataFrame) -> None:
    assert everything.filter(pl.col("high") < pl.max_horizontal("open", "close", "low")).is_empty()
    assert everything.filter(pl.col("low") > pl.min_horizontal("open", "close")).is_empty()
    assert (everything["volume"] >= 1).all()
    assert (everything["volume"] % 1 == 0).all()
    for name in ("open", "high", "low", "close"):
        prices = everything[name].to_numpy()
        assert (prices == np.rint(prices * 100) / 100).all()


def test_an_early_close_ends_early_and_a_holiday_has_none(everything: pl.DataFrame) -> None:
    local = pl.col("start").dt.convert_time_zone("America/New_York")
    by_day = everything.group_by(local.dt.date().alias("day")).agg(local.max().dt.hour().alias("hour"))
    hours = dict(by_day.rows())
    assert date(2024, 11, 28) not in hours
    assert hours[date(2024, 11, 29)] == 12
    assert hours[date(2024, 11, 27)] == 15


def test_what_hardly_trades_has_minutes_without_a_bar_and_what_trades_much_has_every_one() -> None:
    source = exchange()
    symbols = [f"SIM{number:04d}" for number in range(1, 65)]
    counted = minutes(source, symbols, START, START).group_by("symbol").agg(pl.len().alias("minutes"), pl.col("volume").sum())
    assert counted["minutes"].max() == 390
    thin = counted.sort("volume").row(0, named=True)
    assert 0 < thin["minutes"] < 300


def test_the_same_question_has_the_same_answer_and_another_seed_another(everything: pl.DataFrame) -> None:
    assert minutes(exchange()).equals(everything)
    assert not minutes(exchange(8)).equals(everything)


def test_neither_chunks_nor_the_order_of_asking_change_a_bit(everything: pl.DataFrame) -> None:
    source = exchange()
    for symbols, start, end in (
        (SYMBOLS[3:], date(2024, 11, 25), END),
        (SYMBOLS[:1], START, END),
        (SYMBOLS[::-1], date(2024, 11, 29), date(2024, 11, 29)),
        (SYMBOLS, date(2024, 11, 22), date(2024, 12, 2)),
    ):
        own = pl.col("symbol").is_in(symbols) & pl.col("start").dt.date().is_between(start, end)
        assert minutes(source, symbols, start, end).equals(everything.filter(own))


def test_long_answers_are_made_in_batches_that_do_not_show(everything: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grodt.bars.simulated_minutes._BATCH", 1_000)
    assert minutes(exchange()).equals(everything)


@pytest.mark.parametrize(
    ("symbols", "start", "end"),
    [((), START, END), (("NOBODY",), START, END), (SYMBOLS, END, START), (SYMBOLS, date(2024, 11, 28), date(2024, 11, 28))],
)
def test_what_has_no_daily_bar_has_no_minutes(symbols: tuple[str, ...], start: date, end: date) -> None:
    answer = minutes(exchange(), symbols, start, end)
    assert (answer.height, answer.schema) == (0, RAW_MINUTES)


def test_the_gate_takes_them_without_a_word() -> None:
    source = exchange()
    symbols = [f"SIM{number:04d}" for number in range(1, 41)]
    answer = minutes(source, symbols)
    daily = source.truth(symbols, START, END).bars
    verdict = gate_minutes(answer, calendar=XNYS, asked=symbols, start=START, end=END, daily=daily, thresholds=MinuteThresholds())
    assert (verdict.halts, verdict.reasons, verdict.quarantined.height) == ((), (), 0)
    assert verdict.agreement.compared == verdict.agreement.identical == daily.height
    assert daily.schema == RAW_BARS
