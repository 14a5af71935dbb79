"""build_panel: bars and actions in long form to arrays of total returns."""

from datetime import date
from math import log

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.signals.panel import FloatArray, Panel, build_panel
from tests.examples import examples
from tests.signals.worlds import SHARED, actions, closes, long_bars, panel_of, random_closes, same, tickers, weekdays

DAYS = weekdays(6)


def _one(close: list[float], *rows: tuple[str, date, str, int | None, int | None, str | None]) -> FloatArray:
    bars = long_bars(np.array(close, dtype=float)[:, None], DAYS[: len(close)], ("A",))
    return build_panel(bars, actions(*rows), DAYS[: len(close)], ("A",)).log_return[:, 0]


def test_a_return_is_the_log_of_close_over_previous_close_and_the_first_bar_has_none() -> None:
    got = _one([10, 11, 9.9])
    assert np.isnan(got[0])
    assert got[1:] == pytest.approx([log(1.1), log(0.9)], abs=1e-15)


def test_a_seven_for_one_split_at_a_seventh_of_the_price_is_no_return() -> None:
    assert _one([700, 100], ("A", DAYS[1], "split", 7, 1, None))[1] == pytest.approx(0.0, abs=1e-15)


def test_a_reverse_split_multiplies_the_price() -> None:
    assert _one([1, 10], ("A", DAYS[1], "split", 1, 10, None))[1] == pytest.approx(0.0, abs=1e-15)


def test_a_dividend_is_part_of_the_return_of_its_ex_date() -> None:
    assert _one([100, 99], ("A", DAYS[1], "dividend", None, None, "1.5"))[1] == pytest.approx(log(100.5 / 100), abs=1e-15)


def test_a_dividend_is_per_share_before_a_split_of_the_same_day() -> None:
    got = _one([100, 49], ("A", DAYS[1], "split", 2, 1, None), ("A", DAYS[1], "dividend", None, None, "2"))
    assert got[1] == pytest.approx(log((2 * 49 + 2) / 100), abs=1e-15)


def test_a_dividend_after_a_split_in_one_gap_is_paid_on_the_new_shares() -> None:
    rows = (("A", DAYS[1], "split", 2, 1, None), ("A", DAYS[2], "dividend", None, None, "2"))
    got = _one([100, np.nan, np.nan, 48], *rows)
    assert np.isnan(got[1:3]).all()
    assert got[3] == pytest.approx(log((2 * 48 + 4) / 100), abs=1e-15)


def test_two_splits_in_one_gap_multiply() -> None:
    got = _one([60, np.nan, 10], ("A", DAYS[1], "split", 2, 1, None), ("A", DAYS[2], "split", 3, 1, None))
    assert got[2] == pytest.approx(0.0, abs=1e-15)


def test_the_return_after_a_gap_spans_the_gap() -> None:
    assert _one([10, np.nan, 12])[2] == pytest.approx(log(1.2), abs=1e-15)


def test_an_action_on_the_day_of_the_first_bar_or_before_has_no_effect() -> None:
    rows = (("A", DAYS[0], "split", 2, 1, None), ("A", DAYS[1], "dividend", None, None, "5"))
    assert np.isnan(_one([np.nan, 10, 11], *rows)[1])
    assert _one([np.nan, 10, 11], *rows)[2] == pytest.approx(log(1.1), abs=1e-15)


def test_an_ex_date_that_is_no_session_takes_effect_on_the_next_one() -> None:
    sessions = (date(2020, 1, 3), date(2020, 1, 6))
    bars = long_bars(np.array([[100.0], [50.0]]), sessions, ("A",))
    panel = build_panel(bars, actions(("A", date(2020, 1, 4), "split", 2, 1, None)), sessions, ("A",))
    assert panel.log_return[1, 0] == pytest.approx(0.0, abs=1e-15)


def test_an_announced_action_after_the_last_session_has_no_effect() -> None:
    assert same(_one([10, 11], ("A", DAYS[4], "split", 2, 1, None)), _one([10, 11]))


def test_a_bar_after_a_delisting_is_the_first_of_another_listing() -> None:
    got = _one([10, 11, np.nan, 50, 55], ("A", DAYS[2], "delisting", None, None, "11"))
    assert np.isnan(got[[0, 2, 3]]).all()
    assert got[[1, 4]] == pytest.approx([log(1.1), log(1.1)], abs=1e-15)


def test_rows_of_other_symbols_and_dates_are_left_out() -> None:
    bars = long_bars(np.arange(1.0, 13.0).reshape(6, 2), DAYS, ("A", "B"))
    other = actions(("A", DAYS[3], "split", 2, 1, None), ("Z", DAYS[3], "split", 2, 1, None))
    panel = build_panel(bars, other, DAYS[1:4], ("B", "C"))
    assert panel.close[:, 0].tolist() == [4.0, 6.0, 8.0]
    assert np.isnan(panel.close[:, 1]).all()
    assert panel.log_return[1:, 0] == pytest.approx([log(6 / 4), log(8 / 6)], abs=1e-15)


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["A", "B", "C", "D", "Z"])])
def test_the_symbol_column_may_be_text_a_categorical_or_an_enum_in_any_order_of_rows(dtype: pl.DataType) -> None:
    bars = long_bars(np.arange(1.0, 25.0).reshape(6, 4), DAYS, ("A", "B", "D", "Z"))
    splits = actions(("B", DAYS[3], "split", 2, 1, None))
    plain = build_panel(bars, splits, DAYS, ("B", "C", "D"))
    for frame in (bars, bars.sample(fraction=1.0, shuffle=True, seed=3)):
        typed = build_panel(frame.with_columns(pl.col("symbol").cast(dtype)), splits, DAYS, ("B", "C", "D"))
        assert same(typed.close, plain.close)
        assert same(typed.log_return, plain.log_return)


def test_an_empty_universe_no_sessions_and_no_bars_give_panels_of_that_shape() -> None:
    bars = long_bars(np.ones((6, 1)), DAYS, ("A",))
    assert build_panel(bars, actions(), DAYS, ()).close.shape == (6, 0)
    assert build_panel(bars, actions(("A", DAYS[1], "split", 2, 1, None)), DAYS, ()).close.shape == (6, 0)
    assert build_panel(bars, actions(), (), ("A",)).close.shape == (0, 1)
    assert np.isnan(build_panel(bars.clear(), actions(), DAYS, ("A",)).close).all()
    assert np.isnan(build_panel(bars.clear().cast({"symbol": pl.Categorical}), actions(), DAYS, ("A",)).close).all()


@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf])
def test_a_close_that_is_no_price_is_refused_with_symbol_session_and_value(bad: float) -> None:
    bars = long_bars(np.array([[1.0], [bad]]), DAYS[:2], ("A",))
    with pytest.raises(DataError, match=rf"A {DAYS[1]}: close {bad}"):
        build_panel(bars, actions(), DAYS[:2], ("A",))


def test_two_bars_in_one_session_are_refused_by_name() -> None:
    bars = long_bars(np.ones((2, 2)), DAYS[:2], ("A", "B"))
    with pytest.raises(DataError, match=rf"B {DAYS[1]}: 2 bars in one session"):
        build_panel(pl.concat([bars, bars.tail(1)]), actions(), DAYS[:2], ("A", "B"))


def test_a_dividend_that_is_no_amount_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=rf"A {DAYS[1]}: split ratio or dividend 0.0"):
        _one([1, 1], ("A", DAYS[1], "dividend", None, None, "0"))


def test_sessions_and_symbols_must_ascend_and_fields_must_have_the_panels_shape() -> None:
    bars = long_bars(np.ones((2, 1)), DAYS[:2], ("A",))
    with pytest.raises(ValueError, match="sessions of a panel"):
        build_panel(bars, actions(), (DAYS[1], DAYS[0]), ("A",))
    with pytest.raises(ValueError, match="symbols of a panel"):
        build_panel(bars, actions(), DAYS[:2], ("A", "A"))
    with pytest.raises(ValueError, match=r"log_return has shape \(1, 1\), not \(2, 1\)"):
        Panel(DAYS[:2], ("A",), np.ones((2, 1)), np.ones((1, 1)))


@examples(40)
@given(close=closes(), seed=st.integers(0, 1000), data=st.data())
def test_a_panel_from_data_up_to_t_is_the_longer_panel_cut_at_t_bit_for_bit(close: FloatArray, seed: int, data: st.DataObject) -> None:
    sessions, symbols = weekdays(close.shape[0]), tickers(close.shape[1])
    rng = np.random.default_rng(seed)
    kinds = [("dividend", None, None, "0.37"), ("split", 3, 2, None), ("delisting", None, None, "1")]
    rows = {
        (symbols[rng.integers(len(symbols))], sessions[rng.integers(len(sessions))], *kinds[rng.choice(3, p=[0.6, 0.3, 0.1])])
        for _ in range(12 if symbols else 0)
    }
    bars, known = long_bars(close, sessions, symbols), actions(*sorted(rows, key=str))
    count = data.draw(st.integers(1, len(sessions)))
    cut = build_panel(bars.filter(pl.col("session") <= sessions[count - 1]), known, sessions[:count], symbols)
    whole = build_panel(bars, known, sessions, symbols).until(count)
    assert same(cut.close, whole.close)
    assert same(cut.log_return, whole.log_return)


def test_on_real_bars_the_total_return_runs_through_splits_and_dividends() -> None:
    folder = SHARED / "us-daily-2004-2014"
    if not folder.exists():
        pytest.skip(f"real bars are not at {folder}")
    raw = pl.read_parquet(folder / "bars_daily.parquet").rename({"date": "session"})
    symbols = tuple(sorted(raw["symbol"].unique()))
    sessions = tuple(raw.filter(pl.col("symbol") == "MSFT")["session"].sort())
    splits = [
        (symbol, day, "split", round(1 / ratio), 1, None) for symbol, day, ratio in pl.read_parquet(folder / "splits.parquet").iter_rows()
    ]
    dividends = [
        (symbol, day, "dividend", None, None, f"{amount:.6f}")
        for symbol, day, _, amount in pl.read_parquet(folder / "dividends.parquet").iter_rows()
    ]
    panel = build_panel(raw, actions(*splits, *dividends), sessions, symbols)
    aapl, split_row = symbols.index("AAPL"), sessions.index(date(2014, 6, 9))
    assert panel.close[split_row - 1 : split_row + 1, aapl].tolist() == [645.57, 93.699]
    assert panel.log_return[split_row, aapl] == pytest.approx(log(93.699 * 7 / 645.57), abs=1e-12)
    # what 21.28 in January 2004 became by the end of 2014, splits alone: 14 shares
    held = np.nansum(panel.log_return[:, aapl])
    assert held > log(14 * panel.close[-1, aapl] / 21.28)
    assert held == pytest.approx(log(14 * panel.close[-1, aapl] / 21.28), abs=0.1)
    assert panel_of(panel.close).log_return[split_row, aapl] < -1.9


def _whole(seed: int) -> Panel:
    close = random_closes(seed, 80, 4, gaps=0.05)
    bars = long_bars(close, weekdays(80), tickers(4)).with_columns(open=pl.col("close") * 0.99, volume=pl.lit(1000.0))
    splits = actions(("S0001", weekdays(80)[40], "split", 2, 1, None), ("S0002", weekdays(80)[50], "dividend", None, None, "0.1"))
    return build_panel(bars, splits, weekdays(80), tickers(4), fields=("open", "volume"))


def test_an_adjusted_close_begins_at_the_first_close_and_grows_by_the_total_returns() -> None:
    panel = _whole(5)
    price = panel.adjusted()
    for column in range(4):
        barred = np.flatnonzero(~np.isnan(panel.close[:, column]))
        assert price[barred[0], column] == pytest.approx(panel.close[barred[0], column], rel=1e-12)
        np.testing.assert_allclose(np.diff(np.log(price[barred, column])), panel.log_return[barred[1:], column], atol=1e-12)
    np.testing.assert_array_equal(np.isnan(price), np.isnan(panel.close))


def test_an_adjusted_price_is_the_raw_one_until_a_corporate_action_and_equal_prices_stay_equal() -> None:
    close = np.array([10.0, 12.0, 11.0, 12.0, 6.0, 5.5, 6.0])[:, None]
    bars = long_bars(close, weekdays(7), ("A",)).with_columns(high=pl.col("close"))
    panel = build_panel(bars, actions(("A", weekdays(7)[4], "split", 2, 1, None)), weekdays(7), ("A",), fields=("high",))
    price, high = panel.adjusted()[:, 0], panel.adjusted("high")[:, 0]
    assert price[:4].tolist() == [10.0, 12.0, 11.0, 12.0]
    assert price[4:] == pytest.approx([12.0, 11.0, 12.0], rel=1e-14)
    assert price[4] == price[6]
    assert same(high, price)


def test_adjusted_prices_of_a_symbol_without_actions_are_its_raw_ones_bit_for_bit() -> None:
    close = np.round(random_closes(11, 400, 5, gaps=0.05), 2) + 0.01
    panel = panel_of(close)
    assert same(panel.adjusted(), panel.close)


def test_an_adjusted_open_stands_to_the_adjusted_close_as_the_raw_ones_do() -> None:
    panel = _whole(6)
    np.testing.assert_allclose(panel.adjusted("open") / panel.adjusted(), panel.raw("open") / panel.close, rtol=1e-12)


def test_adjusted_prices_of_a_prefix_are_the_prefix_of_the_adjusted_prices_bit_for_bit() -> None:
    panel = _whole(7)
    for count in (1, 39, 41, 80):
        for name in ("close", "open"):
            assert same(panel.until(count).adjusted(name), panel.adjusted(name)[:count].copy())


def test_what_a_signal_did_not_ask_for_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="field 'high' was not asked for; name it in the signal's `fields`, of open, high, low, volume"):
        _whole(8).raw("high")
    with pytest.raises(ValueError, match="a volume has no total return"):
        _whole(8).adjusted("volume")


def test_members_are_those_with_a_bar_that_the_book_may_trade() -> None:
    panel = panel_of(np.array([[1.0, 2.0, 3.0], [1.0, np.nan, 3.0]]))
    assert panel.members_of(1).tolist() == [[True, False, True]]
    last = panel.of_members(np.array([[True, True, False]]))
    assert last.members_of(1).tolist() == [[True, False, False]]
    with pytest.raises(ValueError, match="members are known of the last 1 rows, and 2 are asked for"):
        last.members_of(2)
    with pytest.raises(ValueError, match="the panel cannot be cut"):
        last.until(1)
    with pytest.raises(ValueError, match=r"members have shape \(1, 2\)"):
        panel.of_members(np.array([[True, True]]))
