"""The three intraday signals."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from math import sqrt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.signals.ewma_crossover import EwmaCrossover
from grodt.signals.indicators import Volatility
from grodt.signals.minute_panel import bar_grid, build_minute_panel
from grodt.signals.panel import FIELDS, Panel
from grodt.signals.registry import build_signal
from grodt.signals.signal import Signal, SignalOutput, is_intraday
from grodt.signals.volume_breakout import VolumeBreakout
from grodt.signals.vwap_ema_trend import VwapEmaTrend
from grodt.signals.vwap_reversion import VwapReversion
from tests.bars.minute_world import ALWAYS, crypto_minutes, needs_crypto_bars, needs_minute_bars
from tests.examples import examples
from tests.signals.minute_worlds import EARLY, Minutes, minute_worlds, msft, panel_of_minutes, random_minutes
from tests.signals.worlds import actions, panel_of, random_closes, same

SIGNALS: tuple[Signal, ...] = (VwapEmaTrend(), VwapReversion(), VolumeBreakout())
SHORT: tuple[Signal, ...] = (
    VwapEmaTrend(fast=2, slow=5, opening=2),
    VwapReversion(window=6, entry=1.0, opening=1),
    VolumeBreakout(window=4, volume_window=6, ratio=1.2, hold=3, opening=0),
)


def _evaluate(signal: Signal, panel: Panel, last: int | None = None) -> SignalOutput:
    return signal.evaluate(panel, Volatility(span=8, history=4).evaluate(panel, last or len(panel.sessions)))


def _forecast(signal: Signal, panel: Panel) -> list[float]:
    return list(signal.evaluate(panel, np.full((len(panel.sessions), 1), 0.2)).forecast[:, 0])


# S1


def test_the_trend_is_the_crossover_where_the_price_is_on_its_side_of_the_vwap() -> None:
    rise = [*np.linspace(100, 112, 13), 112, 111, 110.5, 110, 111.5, 113, 114]
    panel = panel_of_minutes(rise)
    sigma = np.full((20, 1), 0.2)
    trend = EwmaCrossover(2, 4).evaluate(panel, sigma)
    got = VwapEmaTrend(fast=2, slow=4, opening=2).evaluate(panel, sigma)
    np.testing.assert_array_equal(got.value, trend.value)
    assert (trend.value[8:15, 0] > 0).all()
    assert (trend.value[15:17, 0] < 0).all()
    on = got.forecast[8:, 0] == trend.forecast[8:, 0]
    # Wednesday: long above the VWAP. Friday's VWAPs of equal volumes: 112, 111.5, 111.17, 110.875, 111, 111.33, 111.71.
    # It opens, 112 and 111; at 110.5 and 110 the trend turns down below the VWAP: short; at 111.5 it turns up, above it.
    assert on.tolist() == [True] * 5 + [False, False, True, True, True, True, True]
    assert got.forecast[13:15, 0].tolist() == [0.0, 0.0]


def test_a_rising_trend_below_the_vwap_is_no_position() -> None:
    # Trades of the open weigh most: the VWAP stays near 110 while the price climbs back from 100.
    close, volume = [110.0, 100, 101, 102, 103, 104, 105], [10_000.0, *[1.0] * 6]
    panel = panel_of_minutes([*[100.0] * 13, *close], volume=[*[1.0] * 13, *volume])
    got = VwapEmaTrend(fast=1, slow=2, opening=0).evaluate(panel, np.full((20, 1), 0.2))
    assert (got.value[14:16, 0] < 0).all()
    assert (got.value[16:, 0] > 0).all()
    assert (got.forecast[14:16, 0] < 0).all()
    assert got.forecast[[13, 16, 17, 18, 19], 0].tolist() == [0.0] * 5  # the first bar lies at its own VWAP


def test_a_price_that_stands_still_is_on_neither_side_of_its_vwap() -> None:
    panel = panel_of_minutes([0.1] * 13 + [0.3] * 7, volume=[7.0] * 20)
    assert _forecast(VwapEmaTrend(fast=2, slow=4, opening=0), panel)[8:] == [0.0] * 12


@needs_minute_bars
def test_the_trend_agrees_with_pandas_on_real_minutes() -> None:
    panel, signal = msft("5m"), VwapEmaTrend()
    bars = pd.DataFrame({name: panel.raw(name)[:, 0] for name in ("high", "low", "close", "volume")}).assign(day=panel.sessions).dropna()
    logs = np.log(bars["close"])
    fast, slow = (logs.ewm(span=span, adjust=False).mean() for span in (9, 21))
    money = (bars["high"] + bars["low"] + bars["close"]) / 3 * bars["volume"]
    vwap = money.groupby(bars["day"]).cumsum() / bars["volume"].groupby(bars["day"]).cumsum()
    value = (fast - slow) / (0.25 / sqrt(252 * 78))
    into = bars.groupby("day").cumcount()
    on = (np.sign(value) == np.sign(bars["close"] - vwap)) & (into >= 5)
    expected = np.clip(value * EwmaCrossover(9, 21).scale, -2, 2).where(on, 0.0)
    got = signal.evaluate(panel, np.full((len(panel.sessions), 1), 0.25))
    np.testing.assert_allclose(got.forecast[42:, 0], expected[42:], atol=1e-9)
    assert np.isnan(got.forecast[:42]).all()
    assert 0.4 < (got.forecast[42:] != 0).mean() < 0.95


# S2


def test_a_deviation_is_measured_in_the_standard_deviation_of_the_last_ones_and_taken_against() -> None:
    # VWAPs 10, 11 and 10; deviations 0, 1/11 and -1/10. Of two of them the standard deviation is half their distance.
    panel = panel_of_minutes([10.0, 12.0, 9.0], volume=[100.0, 100.0, 200.0])
    got = VwapReversion(window=2, entry=2.0, opening=0).evaluate(panel, np.full((3, 1), 0.2))
    assert np.isnan(got.value[0, 0])
    assert got.value[1:, 0] == pytest.approx([2.0, -0.1 / ((1 / 11 + 0.1) / 2)], rel=1e-12)
    assert got.forecast[1:, 0].tolist() == [pytest.approx(-1.0), 0.0]
    assert _forecast(VwapReversion(window=2, entry=1.0, opening=2), panel)[1:] == [0.0, pytest.approx(22 / 21)]
    assert _forecast(VwapReversion(window=2, entry=0.5, opening=0, cap=3.0), panel)[1:] == [-3.0, pytest.approx(44 / 21)]


def test_a_price_that_stands_still_deviates_from_nothing() -> None:
    panel = panel_of_minutes([0.1] * 13 + [0.3] * 7, volume=[7.0] * 20)
    assert _forecast(VwapReversion(window=4, entry=0.1, opening=0), panel)[3:] == [0.0] * 17


@needs_minute_bars
def test_the_reversion_agrees_with_pandas_on_real_minutes() -> None:
    panel, signal = msft("1m"), VwapReversion()
    bars = pd.DataFrame({name: panel.raw(name)[:, 0] for name in ("high", "low", "close", "volume")}).assign(day=panel.sessions)
    into = pd.Series(bars.groupby("day").cumcount())
    bars = bars.dropna()
    money = (bars["high"] + bars["low"] + bars["close"]) / 3 * bars["volume"]
    vwap = money.groupby(bars["day"]).cumsum() / bars["volume"].groupby(bars["day"]).cumsum()
    deviation = bars["close"] / vwap - 1
    z = deviation / deviation.rolling(390).std(ddof=0)
    expected = np.clip(-z / 2, -2, 2).where((z.abs() >= 2) & (into[bars.index] >= 15), 0.0).where(z.notna())
    got = signal.evaluate(panel, np.full((len(panel.sessions), 1), 0.25)).forecast[bars.index, 0]
    np.testing.assert_allclose(got, expected, atol=1e-9)
    assert 0.01 < np.nanmean(got != 0) < 0.3


# S3


def _breakout(close: list[float], volume: list[float], rows: object = (), **parameters: float) -> tuple[list[float], list[float]]:
    chosen = {"window": 3, "volume_window": 3, "ratio": 2.0, "hold": 2, "opening": 0} | parameters
    panel = panel_of_minutes(close, volume=volume, rows=rows)
    got = VolumeBreakout(**chosen).evaluate(panel, np.full((len(close), 1), 0.2))  # type: ignore[arg-type]
    return list(got.value[3:, 0]), list(got.forecast[3:, 0])


def test_a_close_above_the_channel_on_twice_the_volume_is_a_breakout_and_is_held() -> None:
    # Channel 10 to 11: 11.5 stands two half widths above the middle. Then 10.5 to 11.5 twice, and 11 to 11.5.
    value, forecast = _breakout([10, 11, 10.5, 11.5, 11.4, 11, 11.2], [100, 100, 100, 210, 100, 100, 100])
    assert value == pytest.approx([2.0, 0.8, 0.0, -0.2], rel=1e-12)
    assert forecast == [pytest.approx(2.0)] * 3 + [0.0]


def test_without_volume_or_at_the_edge_of_the_channel_nothing_breaks_out() -> None:
    assert _breakout([10, 11, 10.5, 11.5, 11.4], [100, 100, 100, 180, 100])[1] == [0.0, 0.0]
    assert _breakout([10, 11, 10.5, 11, 10], [100, 100, 100, 500, 500])[1] == [0.0, 0.0]
    assert _breakout([10.1, 10.3, 10.2, 10.3], [100, 100, 100, 500])[1] == [0.0]


def test_a_new_breakout_replaces_the_one_that_is_held_and_a_session_ends_it() -> None:
    _, forecast = _breakout([10, 11, 10.5, 11.3, 10, 10.1], [100, 100, 100, 300, 900, 10])
    assert forecast == [pytest.approx(1.6), -2.0, -2.0]
    _, forecast = _breakout([*[10.0, 11.0] * 6, 12.0, 11.9], [*[100.0] * 12, 300.0, 100.0])
    assert forecast[-2:] == [2.0, 0.0]


def test_the_opening_bars_of_a_session_are_no_breakouts() -> None:
    close, volume = [*[10.0, 11.0] * 6, 10.5, 12.0, 13.0], [*[100.0] * 13, 400.0, 900.0]
    assert _breakout(close, volume, opening=0)[1][-2:] == [2.0, 2.0]
    assert _breakout(close, volume, opening=1)[1][-2:] == [0.0, 2.0]
    assert _breakout(close, volume, opening=2)[1][-2:] == [0.0, 0.0]


def test_a_split_and_its_volume_are_no_breakout() -> None:
    split = [("S0000", EARLY, "split", 4, 1, None)]
    close = [*[100.0, 101.0] * 6, 100.0, 25.0, 25.25, 25.0]
    volume = [*[100.0] * 13, 400.0, 400.0, 400.0]
    value, forecast = _breakout(close, volume, split, ratio=0.5)
    assert forecast == [0.0] * 13
    assert value[-3:] == pytest.approx([-1.0, 1.0, -1.0], rel=1e-12)
    assert _breakout(close, volume, ratio=0.5)[1][-3:] == [-2.0] * 3


def test_a_channel_without_width_is_left_at_the_cap() -> None:
    value, forecast = _breakout([10, 10, 10, 10, 10.01, 9.99], [100, 100, 100, 100, 300, 900], cap=1.5)
    assert value == pytest.approx([0.0, 1.5, -3.0], rel=1e-9)
    assert forecast == [0.0, 1.5, -1.5]


# all of them


@pytest.mark.parametrize("signal", SIGNALS)
def test_an_intraday_signal_says_so_and_refuses_daily_bars(signal: Signal) -> None:
    assert is_intraday(signal)
    assert build_signal(signal.name, {}) == signal
    panel = replace(panel_of(random_closes(1, 60, 2)), fields={})
    with pytest.raises(ConfigError, match=f"signal {signal.name} reads bars of a session and this panel's rows are sessions"):
        signal.evaluate(panel, np.full((1, 2), 0.2))
    assert not is_intraday(EwmaCrossover())


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_history_a_signal_states_is_what_it_needs_and_from_then_on_it_is_flat_or_has_a_position(signal: Signal) -> None:
    panel = random_minutes(3, "5m", 2, 0.0).panel()
    got = signal.evaluate(panel, np.full((len(panel.sessions), 2), 0.2))
    assert np.isnan(got.value[: signal.history - 1]).all()
    assert np.isnan(got.forecast[: signal.history - 1]).all()
    assert np.isfinite(got.value[signal.history - 1 :]).all()
    assert np.isfinite(got.forecast[signal.history - 1 :]).all()
    assert (np.abs(got.forecast[signal.history - 1 :]) <= 2.0).all()


@pytest.mark.parametrize("signal", SHORT)
def test_a_bar_in_which_nobody_traded_has_no_value_and_stops_no_later_one(signal: Signal) -> None:
    world = random_minutes(5, "30m", 1, 0.0)
    silent = world.bars.filter(pl.col("start") != pl.lit(world.grid.starts[40]).dt.replace_time_zone("UTC"))
    got = _evaluate(signal, replace(world, bars=silent).panel())
    assert np.isnan(got.value[40, 0])
    assert np.isnan(got.forecast[40, 0])
    assert np.isfinite(got.forecast[[39, 41], 0]).all()


@examples(30)
@given(world=minute_worlds(), data=st.data())
def test_a_signal_within_a_session_is_the_later_one_cut_there_bit_for_bit(world: Minutes, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(world.grid.sessions)))
    last = data.draw(st.integers(1, count))
    now, later = world.until(count), world.panel()
    for signal in SHORT:
        whole, cut = _evaluate(signal, later), _evaluate(signal, now, last)
        assert same(cut.value, np.ascontiguousarray(whole.value[count - last : count])), signal.name
        assert same(cut.forecast, np.ascontiguousarray(whole.forecast[count - last : count])), signal.name
        barred = ~np.isnan(later.close)
        assert not (np.isfinite(whole.forecast) & ~barred).any()


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_prefix_holds_for_the_default_parameters_over_two_weeks(signal: Signal) -> None:
    world = random_minutes(11, "5m", 3, 0.05, date(2020, 11, 16), date(2020, 12, 2))
    whole = _evaluate(signal, world.panel())
    for count in (1, 60, 391, 392, 500, len(world.grid.sessions)):
        cut = _evaluate(signal, world.until(count), min(3, count))
        assert same(cut.forecast, np.ascontiguousarray(whole.forecast[count - min(3, count) : count]))
        assert same(cut.value, np.ascontiguousarray(whole.value[count - min(3, count) : count]))


@pytest.mark.parametrize("signal", SHORT)
def test_another_symbol_changes_nothing(signal: Signal) -> None:
    world = random_minutes(13, "30m", 5, 0.1)
    alone = replace(world, symbols=world.symbols[2:3]).panel()
    assert same(_evaluate(signal, alone).forecast, np.ascontiguousarray(_evaluate(signal, world.panel()).forecast[:, 2:3]))


@pytest.mark.parametrize("signal", SIGNALS)
@needs_crypto_bars
def test_on_real_minutes_of_a_venue_that_never_closes_it_has_positions_of_both_signs(signal: Signal) -> None:
    days = (date(2018, 4, 4), date(2018, 4, 6))
    bars = crypto_minutes("coinbase").with_columns(session=pl.col("start").dt.date()).filter(pl.col("session").is_between(*days))
    panel = build_minute_panel(bars, actions(), bar_grid(ALWAYS, *days, "1m"), sorted(set(bars["symbol"])), fields=FIELDS)
    got = signal.evaluate(panel, Volatility().evaluate(panel, len(panel.sessions)))
    assert ((got.forecast > 0).sum(axis=0) > 10).all()
    assert ((got.forecast < 0).sum(axis=0) > 10).all()
    assert ((got.forecast == 0).sum(axis=0) > 10).all()
    assert not (np.isfinite(got.forecast) & np.isnan(panel.close)).any()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: VwapEmaTrend(fast=21), "vwap_ema_trend: fast is 21; it must be a whole number from 1 to 20"),
        (lambda: VwapEmaTrend(opening=-1), "vwap_ema_trend: opening is -1; it must be a whole number from 0 to 1440"),
        (lambda: VwapEmaTrend(cap=0), "vwap_ema_trend: cap is 0"),
        (lambda: VwapEmaTrend(name=""), "vwap_ema_trend: name is ''"),
        (lambda: VwapReversion(window=1), "vwap_reversion: window is 1; it must be a whole number from 2 to 10000"),
        (lambda: VwapReversion(entry=0.0), "vwap_reversion: entry is 0.0; it must be a finite number >= 0.1 and <= 10"),
        (lambda: VwapReversion(cap=float("nan")), "vwap_reversion: cap is nan"),
        (lambda: VwapReversion(opening=1.5), "vwap_reversion: opening is 1.5"),  # type: ignore[arg-type]
        (lambda: VolumeBreakout(window=1), "volume_breakout: window is 1; it must be a whole number from 2 to 10000"),
        (lambda: VolumeBreakout(volume_window=0), "volume_breakout: volume_window is 0"),
        (lambda: VolumeBreakout(ratio=-1), "volume_breakout: ratio is -1; it must be a finite number >= 0 and <= 1000"),
        (lambda: VolumeBreakout(hold=-1), "volume_breakout: hold is -1; it must be a whole number from 0 to 1440"),
        (lambda: VolumeBreakout(cap=21), "volume_breakout: cap is 21"),
    ],
)
def test_a_bad_parameter_is_named_with_value_and_bound(build: Callable[[], Signal], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()
