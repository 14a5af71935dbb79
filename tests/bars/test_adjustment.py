"""Adjusted series: what splits and dividends do to them, what gaps and delistings do, and that the past stays as it was."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.adjustment import Adjustment, adjusted
from grodt.signals.panel import FloatArray, build_panel
from tests.examples import examples
from tests.signals.worlds import SHARED, actions, closes, long_bars, tickers, weekdays

DAYS = weekdays(6)
Row = tuple[str, date, str, int | None, int | None, str | None]


def _bars(close: FloatArray, symbols: tuple[str, ...], source: str = "demo") -> pl.DataFrame:
    """Whole bars around those closes; NaN is no bar."""
    price = pl.col("close")
    frame = long_bars(close, weekdays(close.shape[0]), symbols)
    return frame.with_columns(
        source=pl.lit(source), open=price * 0.99, high=price * 1.02, low=price * 0.98, volume=pl.lit(700.0)
    ).with_row_index("row")


def _actions(*rows: Row, source: str = "demo") -> pl.DataFrame:
    return actions(*rows).with_columns(source=pl.lit(source))


def _one(adjust: Adjustment, close: list[float], *rows: Row, column: str = "close") -> list[float]:
    return adjusted(_bars(np.array(close)[:, None], ("A",)), _actions(*rows), adjust).get_column(column).to_list()


def _split(day: int, new: int, old: int) -> Row:
    return ("A", DAYS[day], "split", new, old, None)


def _dividend(day: int, cash: str) -> Row:
    return ("A", DAYS[day], "dividend", None, None, cash)


def _delisting(day: int) -> Row:
    return ("A", DAYS[day], "delisting", None, None, "1")


def test_unadjusted_bars_are_the_bars_sorted_by_source_symbol_and_session() -> None:
    bars = pl.concat([_bars(np.full((3, 2), 5.0), ("B", "A")), _bars(np.full((3, 1), 6.0), ("A",), "alt")])
    got = adjusted(bars.sample(fraction=1.0, shuffle=True, seed=1), _actions(_split(1, 2, 1)), "none")
    assert got.equals(bars.sort("source", "symbol", "session"))


def test_a_split_multiplies_prices_and_divides_volume_from_its_ex_date_on() -> None:
    split = _split(2, 7, 1)
    assert _one("split", [700, 707, 101, 102], split) == [700, 707, 707, 714]
    assert _one("split", [700, 707, 101, 102], split, column="high")[2] == pytest.approx(7 * 101 * 1.02, rel=1e-15)
    for adjust in ("split", "total"):
        assert _one(adjust, [700, 707, 101, 102], split, column="volume") == [700, 700, 100, 100]


def test_a_reverse_split_divides_prices_and_multiplies_volume() -> None:
    assert _one("split", [1, 10], _split(1, 1, 10)) == [1, 1]
    assert _one("split", [1, 10], _split(1, 1, 10), column="volume") == [700, 7000]


def test_splits_that_undo_each_other_leave_the_very_same_price() -> None:
    there_and_back = _one("split", [30, 90, 30, 210, 30], _split(1, 1, 3), _split(2, 3, 1), _split(3, 1, 7), _split(4, 7, 1))
    assert there_and_back == pytest.approx([30] * 5, rel=1e-15)
    assert (there_and_back[2], there_and_back[4]) == (30, 30)


def test_a_dividend_is_reinvested_at_the_close_of_its_ex_date() -> None:
    got = _one("total", [100, 98, 99], _dividend(1, "2"))
    assert got == pytest.approx([100, 100, 99 * (1 + 2 / 98)], rel=1e-15)
    assert _one("total", [100, 98, 99], _dividend(1, "2"), column="open")[1] == pytest.approx(98 * 0.99 * (1 + 2 / 98), rel=1e-15)


def test_a_dividend_leaves_split_adjusted_prices_and_volume_alone() -> None:
    assert _one("split", [100, 98], _dividend(1, "2")) == [100, 98]
    assert _one("total", [100, 98], _dividend(1, "2"), column="volume") == [700, 700]


def test_a_dividend_is_per_share_before_a_split_of_the_same_day_and_after_an_earlier_one_in_the_gap() -> None:
    assert _one("total", [100, 49], _split(1, 2, 1), _dividend(1, "2"))[1] == pytest.approx(2 * 49 + 2, rel=1e-15)
    assert _one("total", [100, np.nan, np.nan, 48], _split(1, 2, 1), _dividend(2, "2"))[1] == pytest.approx(2 * 48 + 4, rel=1e-15)


def test_a_gap_changes_nothing_and_what_happens_in_it_takes_effect_at_the_next_bar() -> None:
    assert _one("split", [60, np.nan, np.nan, 10], _split(1, 2, 1), _split(2, 3, 1)) == [60, 60]
    assert _one("total", [60, np.nan, 61]) == [60, 61]


def test_an_action_at_the_first_bar_or_before_or_after_the_last_or_of_another_has_no_effect() -> None:
    rows = [_split(0, 2, 1), _dividend(1, "3"), _split(5, 2, 1), ("Z", DAYS[2], "split", 2, 1, None)]
    for adjust in ("split", "total"):
        assert _one(adjust, [np.nan, 10, 11, 12], *rows) == [10, 11, 12]
    bars, other = _bars(np.array([[10.0], [11.0]]), ("A",)), _actions(_split(1, 2, 1), source="alt")
    assert adjusted(bars, other, "split").get_column("close").to_list() == [10, 11]


def test_a_bar_after_a_delisting_starts_another_series_at_its_own_price() -> None:
    rows = [_split(1, 2, 1), _split(2, 2, 1), _delisting(2), _dividend(3, "1"), _split(4, 2, 1)]
    for adjust in ("split", "total"):
        assert _one(adjust, [10, 5, np.nan, 50, 25], *rows) == [10, 10, 50, 50]


def test_each_source_has_its_own_series_of_a_symbol() -> None:
    bars = pl.concat([_bars(np.array([[10.0], [5.0]]), ("A",), source) for source in ("demo", "alt")])
    got = adjusted(bars, _actions(_split(1, 2, 1)), "split")
    assert got.select("source", "close").rows() == [("alt", 10.0), ("alt", 5.0), ("demo", 10.0), ("demo", 10.0)]


def test_only_the_columns_that_are_there_are_adjusted_and_kept_in_their_order() -> None:
    bars = _bars(np.array([[10.0], [5.0]]), ("A",)).select("low", "symbol", "source", "session")
    got = adjusted(bars, _actions(_split(1, 2, 1)), "split")
    assert got.columns == bars.columns
    assert got.get_column("low").to_list() == pytest.approx([9.8, 9.8])


def test_no_bars_stay_no_bars() -> None:
    none = _bars(np.empty((1, 0)), ())
    assert adjusted(none, _actions(_split(1, 2, 1)), "total").equals(none)


def _drawn_actions(data: Any, sessions: tuple[date, ...], symbols: tuple[str, ...]) -> pl.DataFrame:
    """Up to a dozen actions, one of a kind per symbol and day; some days are no session."""
    days = [date.fromordinal(day) for day in range(sessions[0].toordinal() - 2, sessions[-1].toordinal() + 3)]
    kinds = [("dividend", None, None, "0.37"), ("split", 3, 2, None), ("split", 1, 7, None), ("delisting", None, None, "1")]
    drawn = data.draw(st.lists(st.tuples(st.sampled_from(symbols), st.sampled_from(days), st.sampled_from(kinds)), max_size=12))
    unique = {(symbol, day, kind[0]): (symbol, day, *kind) for symbol, day, kind in drawn}
    return _actions(*unique.values())


@examples(60)
@given(close=closes(longest=40), data=st.data())
def test_the_log_ratios_of_total_return_closes_are_the_panels_log_returns(close: FloatArray, data: st.DataObject) -> None:
    sessions, symbols = weekdays(close.shape[0]), tickers(close.shape[1])
    known = _drawn_actions(data, sessions, symbols) if symbols else _actions()
    bars = _bars(close, symbols)
    panel = build_panel(bars, known, sessions, symbols)
    got = adjusted(bars, known, "total").with_columns(
        ratio=(pl.col("close") / pl.col("close").shift(1).over("symbol")).log(),
    )
    column, row = np.nonzero(~np.isnan(close.T))
    expected = panel.log_return[row, column]
    ratio = got.get_column("ratio").fill_null(np.nan).to_numpy()
    counted = ~np.isnan(expected)  # a listing's first bar has no return; the ratio there spans two listings
    assert np.abs(ratio[counted] - expected[counted]).max(initial=0) <= 1e-12
    firsts = got.filter(pl.Series(~counted)).get_column("close").to_numpy()
    assert firsts.tobytes() == close.T[column, row][~counted].tobytes()


@examples(60)
@given(close=closes(longest=40), data=st.data())
def test_what_comes_later_changes_no_earlier_value_by_one_bit(close: FloatArray, data: st.DataObject) -> None:
    sessions, symbols = weekdays(close.shape[0]), tickers(close.shape[1])
    known = _drawn_actions(data, sessions, symbols) if symbols else _actions()
    bars, last = _bars(close, symbols), data.draw(st.sampled_from(sessions))
    earlier = bars.filter(pl.col("session") <= last)
    for adjust in ("split", "total"):
        whole = adjusted(bars, known, adjust).filter(pl.col("session") <= last)
        announced = adjusted(earlier, known, adjust)
        unannounced = adjusted(earlier, known.filter(pl.col("ex_date") <= last), adjust)
        for column in ("open", "high", "low", "close", "volume"):
            wanted = whole.get_column(column).to_numpy().tobytes()
            assert announced.get_column(column).to_numpy().tobytes() == wanted
            assert unannounced.get_column(column).to_numpy().tobytes() == wanted


def test_on_real_bars_the_seven_for_one_split_of_apple_is_no_jump() -> None:
    folder = SHARED / "us-daily-2004-2014"
    if not folder.exists():
        pytest.skip(f"real bars are not at {folder}")
    raw = pl.read_parquet(folder / "bars_daily.parquet").rename({"date": "session"}).with_columns(source=pl.lit("us"))
    splits = [
        (symbol, day, "split", round(1 / ratio), 1, None) for symbol, day, ratio in pl.read_parquet(folder / "splits.parquet").iter_rows()
    ]
    got = adjusted(raw, _actions(*splits, source="us"), "split").filter(pl.col("symbol") == "AAPL")
    assert got.get_column("close")[0] == 21.28
    before, after = got.filter(pl.col("session").is_in([date(2014, 6, 6), date(2014, 6, 9)])).get_column("close")
    assert (before, after) == (2 * 645.57, 14 * 93.699)  # of a share of 2004, which split 2:1 in 2005
