"""Indicators against independent computations: pandas, and values another project publishes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.signals.indicators import Volatility, decay_of, first_row, price_over_average
from grodt.signals.panel import FloatArray, Panel
from tests.examples import examples
from tests.signals.worlds import SHARED, closes, panel_of, random_closes, same, tickers, weekdays


def _pandas_volatility(returns: FloatArray, span: int, history: int) -> FloatArray:
    squares = pd.DataFrame(returns) ** 2
    mean = squares.ewm(span=span, adjust=True, ignore_na=True).mean()
    ready = squares.notna() & (squares.notna().cumsum() >= history)
    return np.sqrt(mean.where(ready) * 252).to_numpy()


def test_volatility_is_pandas_ewm_of_squared_returns_where_it_has_a_floor_of_nearly_nothing() -> None:
    panel = panel_of(random_closes(7, 400, 8, gaps=0.05))
    got = Volatility(span=30, history=25, floor=1e-12).evaluate(panel, 400)
    np.testing.assert_allclose(got, _pandas_volatility(panel.log_return, 30, 25), rtol=1e-9)


def test_volatility_of_a_price_that_stands_still_is_the_floor() -> None:
    panel = panel_of(np.full((80, 1), 50.0))
    assert Volatility(history=60).evaluate(panel, 80)[60:, 0].tolist() == [0.01] * 20
    assert np.isnan(Volatility(history=60).evaluate(panel, 80)[:60]).all()


def test_price_over_average_is_log_price_less_pandas_ewm() -> None:
    panel = panel_of(random_closes(11, 400, 8, gaps=0.05))
    logs = pd.DataFrame(np.log(panel.close))
    (fast, slow), seen = price_over_average(panel, (16, 64), 400)
    for got, span in ((fast, 16), (slow, 64)):
        expected = (logs - logs.ewm(span=span, adjust=False, ignore_na=True).mean()).ffill().fillna(0.0)
        np.testing.assert_allclose(got, expected.to_numpy(), rtol=0, atol=1e-9)
    assert seen[-1].tolist() == (~np.isnan(panel.log_return)).sum(axis=0).tolist()


def test_a_gap_carries_the_state_unchanged() -> None:
    close = random_closes(3, 60, 1)
    close[40:45] = np.nan
    difference, seen = price_over_average(panel_of(close), (10,), 60)
    assert (difference[0, 40:45] == difference[0, 39]).all()
    assert (seen[40:45] == seen[39]).all()


def test_a_new_listing_under_an_old_ticker_starts_anew() -> None:
    close = random_closes(5, 120, 1)
    panel = panel_of(close)
    panel.log_return[60] = np.nan  # a bar without a return: the first of a listing
    alone = panel_of(close[60:])
    assert same(price_over_average(panel, (10, 20), 60)[0], price_over_average(alone, (10, 20), 60)[0])
    volatility = Volatility(span=20, history=5)
    assert same(volatility.evaluate(panel, 60), volatility.evaluate(alone, 60))


def test_ema_and_macd_agree_with_published_values_after_their_warm_up() -> None:
    folder = SHARED / "indicator-values"
    if not folder.exists():
        pytest.skip(f"published indicator values are not at {folder}")
    quotes = pl.read_parquet(folder / "quotes.parquet").filter(pl.col("set") == "default").sort("ts")
    expected = pl.read_parquet(folder / "expected.parquet")
    price = quotes["close"].to_numpy()
    # the recurrence on price differences instead of log returns gives the average of the price itself
    change = np.concatenate([[np.nan], np.diff(price)])
    panel = Panel(weekdays(len(price)), tickers(1), price[:, None], change[:, None])
    (ema20, ema12, ema26), _ = price_over_average(panel, (20, 12, 26), len(price))

    def published(call: str, field: str) -> FloatArray:
        rows = expected.filter((pl.col("call") == call) & (pl.col("field") == field)).sort("date")
        assert rows["date"].to_list() == quotes["ts"].dt.date().to_list()
        return rows["value"].to_numpy()

    # they seed with a simple average: the seed's weight (19/21)^n is below 1e-13 after 300 bars
    np.testing.assert_allclose(price[350:] - ema20[350:, 0], published("Bars.ToEma(20)", "ema")[350:], rtol=1e-9)
    macd = published("Bars.ToMacd(12, 26, 9)", "macd")
    np.testing.assert_allclose(ema26[400:, 0] - ema12[400:, 0], macd[400:], rtol=0, atol=1e-9)


@examples(40)
@given(close=closes(), data=st.data())
def test_an_indicator_at_t_never_depends_on_later_sessions_nor_on_how_many_rows_are_asked_for(
    close: FloatArray, data: st.DataObject
) -> None:
    panel = panel_of(close)
    count = data.draw(st.integers(1, len(close)))
    last = data.draw(st.integers(1, count))
    volatility = Volatility(span=8, history=4)
    whole = volatility.evaluate(panel, len(close))[count - last : count]
    assert same(volatility.evaluate(panel.until(count), last), whole)
    difference, seen = price_over_average(panel, (3, 9), len(close))
    cut, cut_seen = price_over_average(panel.until(count), (3, 9), last)
    assert same(cut, difference[:, count - last : count])
    assert same(cut_seen, seen[count - last : count])


def test_as_many_sessions_as_the_panel_has_may_be_asked_for() -> None:
    panel = panel_of(np.ones((3, 1)))
    assert [first_row(panel, last) for last in (1, 3)] == [2, 0]
    for last in (0, 4):
        with pytest.raises(ValueError, match=f"last {last} sessions asked of a panel with 3"):
            first_row(panel, last)


def test_decay_of_a_span() -> None:
    assert decay_of(3) == 0.5


@pytest.mark.parametrize(
    ("name", "value"), [("span", 1), ("span", 2.5), ("span", True), ("history", 0), ("floor", 0), ("floor", float("nan")), ("floor", "x")]
)
def test_a_bad_parameter_is_named_with_its_value_and_bound(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"volatility: {name} is {value!r}; it must be a .*(from \d+ to \d+|> 0 and <= 1)"):
        Volatility(**{name: value})  # type: ignore[arg-type]  # wrong on purpose
