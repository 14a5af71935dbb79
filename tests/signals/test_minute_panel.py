"""build_minute_panel: bars of a session and actions in long form to arrays of total returns."""

from datetime import UTC, date, datetime
from math import log

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.aggregation import BarWidth, aggregate
from grodt.bars.listings import Span
from grodt.errors import ConfigError, DataError
from grodt.sessions import Calendar
from grodt.signals.minute_panel import bar_grid, build_minute_panel
from tests.bars.minute_world import ALWAYS, MINUTE_BARS, XTKS, crypto_minutes, needs_crypto_bars, needs_minute_bars
from tests.examples import examples
from tests.signals.minute_worlds import EARLY, MON, WED, XNYS, Minutes, minute_worlds, minutes, msft, panel_of_minutes
from tests.signals.worlds import actions, same


def test_a_row_is_a_bar_of_the_trading_hours_and_an_early_close_has_fewer() -> None:
    grid = bar_grid(XNYS, WED, MON, "30m")
    assert [grid.sessions.count(day) for day in (WED, EARLY, MON)] == [13, 7, 13]
    assert grid.starts[13] == np.datetime64("2020-11-27T14:30", "us")
    assert grid.ends[[12, 19]].tolist() == [datetime(2020, 11, 25, 21), datetime(2020, 11, 27, 18)]


def test_the_last_bar_before_a_close_or_a_lunch_break_is_shorter_where_the_width_does_not_divide_it() -> None:
    grid = bar_grid(XNYS, EARLY, EARLY, "1h")
    assert (grid.ends - grid.starts).astype(int).tolist() == [3_600_000_000] * 3 + [1_800_000_000]
    lunch = bar_grid(XTKS, date(2020, 11, 25), date(2020, 11, 25), "2h")
    hours = [(start.hour, end.hour, end.minute) for start, end in zip(lunch.starts.tolist(), lunch.ends.tolist(), strict=True)]
    assert hours == [(0, 2, 0), (2, 2, 30), (3, 5, 30), (5, 6, 0)]


def test_bars_that_have_not_ended_are_not_in_the_grid() -> None:
    at = datetime(2020, 11, 27, 15, 29, 59, tzinfo=UTC)
    assert bar_grid(XNYS, WED, EARLY, "30m", at).sessions.count(EARLY) == 1
    assert bar_grid(XNYS, WED, EARLY, "30m", at.replace(second=0, minute=30)).sessions.count(EARLY) == 2
    assert bar_grid(XNYS, WED, WED, "30m", datetime(2020, 11, 25, 14, 30, tzinfo=UTC)).sessions == ()


@pytest.mark.parametrize(
    ("calendar", "first", "width", "rows"),
    [
        (XNYS, WED, "1m", 252 * 390),
        (XNYS, EARLY, "1m", 252 * 390),  # though the panel begins with an early close
        (XNYS, date(1990, 1, 2), "1m", 252 * 390),  # where the calendar does
        (XNYS, WED, "1h", 252 * 7),
        (XTKS, WED, "5m", 252 * 60),
        (ALWAYS, WED, "1m", 365 * 1440),
    ],
)
def test_a_year_has_the_rows_of_so_many_regular_sessions(calendar: Calendar, first: date, width: str, rows: int) -> None:
    assert bar_grid(calendar, first, MON if first.year == 2020 else first, width).rows_per_year == rows


@pytest.mark.parametrize(("width", "message"), [("1d", "width '1d' is a whole session"), ("5", "width '5' is none of a bar")])
def test_a_width_that_is_none_below_a_day_is_refused(width: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bar_grid(XNYS, WED, WED, width)


def test_a_bar_in_which_nobody_traded_is_nan_and_the_next_return_spans_it() -> None:
    panel = panel_of_minutes([10.0, np.nan, np.nan, 11.0])
    assert np.isnan(panel.close[[1, 2], 0]).all()
    assert np.isnan(panel.log_return[:3, 0]).all()
    assert panel.log_return[3, 0] == pytest.approx(log(1.1), abs=1e-15)


def test_the_first_return_of_a_session_is_the_night_with_the_split_and_the_dividend_of_its_ex_date() -> None:
    close = [*[100.0] * 13, *[51.0] * 7, 51.5]
    split = [
        ("S0000", EARLY, "split", 2, 1, None),
        ("S0000", EARLY, "dividend", None, None, "1"),
        ("S0000", MON, "dividend", None, None, "2"),
    ]
    got = panel_of_minutes(close, rows=split).log_return[:, 0]
    assert got[13] == pytest.approx(log((51 * 2 + 1) / 100), abs=1e-15)
    assert got[14:20].tolist() == [0.0] * 6
    assert got[20] == pytest.approx(log(53.5 / 51), abs=1e-15)


def test_an_action_takes_effect_at_the_first_bar_of_a_symbol_that_opens_late_and_on_the_next_session_after_a_holiday() -> None:
    close = [*[100.0] * 13, np.nan, np.nan, 50.0, 50.0]
    thanksgiving = [("S0000", date(2020, 11, 26), "split", 2, 1, None)]
    got = panel_of_minutes(close, rows=thanksgiving).log_return[:, 0]
    assert np.isnan(got[13:15]).all()
    assert got[15:].tolist() == [0.0, 0.0]


def test_adjusted_prices_run_on_through_a_split_and_raw_ones_do_not() -> None:
    close = [*[100.0] * 13, *[50.0] * 7]
    panel = panel_of_minutes(close, rows=[("S0000", EARLY, "split", 2, 1, None)])
    assert panel.close[[12, 13], 0].tolist() == [100.0, 50.0]
    assert panel.adjusted()[[12, 13], 0].tolist() == [100.0, 100.0]


def test_a_delisting_begins_another_listing() -> None:
    got = panel_of_minutes([*[10.0] * 13, 30.0, 33.0], rows=[("S0000", EARLY, "delisting", None, None, "10")]).log_return[:, 0]
    assert np.isnan(got[13])
    assert got[14] == pytest.approx(log(1.1), abs=1e-15)


def test_the_history_of_a_symbol_goes_on_under_its_new_ticker() -> None:
    grid = bar_grid(XNYS, WED, EARLY, "1h")
    made = minutes(np.column_stack([[10.0] * 7 + [np.nan] * 4, [np.nan] * 7 + [11.0] * 4]), grid)
    spans = [Span("S0001", "S0000", date.min, EARLY), Span("S0001", "S0001", EARLY, date.max)]
    panel = build_minute_panel(made.bars, made.actions, grid, ["S0001"], spans)
    assert panel.close[:, 0].tolist() == [10.0] * 7 + [11.0] * 4
    assert panel.log_return[7, 0] == pytest.approx(log(1.1), abs=1e-15)


def test_sessions_start_where_their_first_bar_is_though_nobody_trades_in_it() -> None:
    panel = panel_of_minutes([10.0, *[np.nan] * 12, np.nan, 11.0])
    assert panel.starts.tolist() == [0, 13]
    assert panel.ends is not None
    assert panel.ends[0].tolist() == datetime(2020, 11, 25, 15)


def test_rows_of_other_symbols_and_times_are_left_out_and_a_bar_off_the_grid_is_refused() -> None:
    grid = bar_grid(XNYS, EARLY, EARLY, "30m")
    made = minutes(np.arange(1.0, 34.0)[:, None], bar_grid(XNYS, WED, MON, "30m"))
    assert build_minute_panel(made.bars, actions(), grid, ["S0000"]).close[:, 0].tolist() == list(np.arange(14.0, 21.0))
    assert np.isnan(build_minute_panel(made.bars, actions(), grid, ["T"]).close).all()
    late = made.bars.with_columns(pl.col("start").dt.offset_by("1m"))
    with pytest.raises(DataError, match=r"S0000 2020-11-27 14:31:00\+00:00: no bar of 30m begins then in the trading hours of XNYS"):
        build_minute_panel(late, actions(), grid, ["S0000"])


def test_two_bars_at_one_start_and_a_price_that_is_none_are_refused_by_name() -> None:
    made = minutes(np.array([[1.0], [2.0]]), bar_grid(XNYS, WED, WED, "4h"))
    with pytest.raises(DataError, match=r"S0000 2020-11-25 14:30:00\+00:00: 2 bars in one slot"):
        build_minute_panel(pl.concat([made.bars, made.bars.head(1)]), actions(), made.grid, ["S0000"])
    with pytest.raises(DataError, match=r"S0000 2020-11-25 18:30:00\+00:00: close -2.0 is not a finite number > 0"):
        build_minute_panel(made.bars.with_columns(close=pl.Series([1.0, -2.0])), actions(), made.grid, ["S0000"])


@examples(30)
@given(world=minute_worlds(), data=st.data())
def test_a_panel_made_within_a_session_is_the_later_one_cut_there_bit_for_bit(world: Minutes, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(world.grid.sessions)))
    now, later = world.until(count), world.panel().until(count)
    assert now.sessions == later.sessions
    assert now.rows_per_year == later.rows_per_year
    assert same(now.close, later.close)
    assert same(now.log_return, later.log_return)
    assert same(now.adjusted("high"), world.panel().adjusted("high")[:count].copy())


@needs_minute_bars
def test_the_real_early_close_of_2020_has_210_minutes_and_ends_with_its_last_trade() -> None:
    panel = msft("1m")
    early = np.array([day == EARLY for day in panel.sessions])
    assert early.sum() == 210
    assert panel.ends is not None
    assert panel.ends[early][-1].tolist() == datetime(2020, 11, 27, 18)
    # the file's own rows, stamped in New York at the end of the minute
    raw = pl.read_parquet(MINUTE_BARS / "alpha_vantage_extended_1m.parquet").select("ts_ny_bar_end", "close")
    at = dict(raw.rows())
    assert panel.close[early, 0][[0, -1]].tolist() == [at[datetime(2020, 11, 27, 9, 31)], at[datetime(2020, 11, 27, 13)]]
    night = panel.log_return[np.flatnonzero(early)[0], 0]
    assert night == pytest.approx(log(at[datetime(2020, 11, 27, 9, 31)] / at[datetime(2020, 11, 25, 16)]), abs=1e-15)


@needs_crypto_bars
def test_a_venue_that_never_closes_has_a_row_for_each_minute_of_the_day() -> None:
    days = (date(2018, 4, 4), date(2018, 4, 6))
    bars = crypto_minutes("coinbase").with_columns(session=pl.col("start").dt.date()).filter(pl.col("session").is_between(*days))
    symbols = sorted(set(bars["symbol"]))
    minute = build_minute_panel(bars, actions(), bar_grid(ALWAYS, *days, "1m"), symbols)
    assert minute.close.shape == (3 * 1440, 4)
    assert np.count_nonzero(~np.isnan(minute.close)) == bars.height
    assert np.isnan(minute.close).any()  # minutes in which nobody traded, and the evening of 4 April
    hours = build_minute_panel(aggregate(bars, BarWidth.of("1h"), ALWAYS), actions(), bar_grid(ALWAYS, *days, "1h"), symbols)
    assert hours.close.shape == (72, 4)
    assert np.isnan(hours.close[17:24]).all()
    growth = np.nansum(minute.log_return, axis=0)
    np.testing.assert_allclose(np.nansum(hours.log_return, axis=0) - growth, np.log(minute.close[0] / hours.close[0]), atol=1e-12)
