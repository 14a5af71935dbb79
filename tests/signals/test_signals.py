"""Momentum, crossover and their combination."""

from dataclasses import dataclass
from math import exp, log, pi, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.signals.ewma_crossover import EwmaCrossover
from grodt.signals.forecasts import combine, forecast_session
from grodt.signals.indicators import Volatility
from grodt.signals.momentum import Momentum
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.signal import Signal, SignalOutput
from tests.examples import examples
from tests.signals.worlds import closes, panel_of, random_closes, same

SIGNALS: tuple[Signal, ...] = (Momentum(), EwmaCrossover())
SHORT: tuple[Signal, ...] = (Momentum(lookback=12, skip=3), Momentum(lookback=5, skip=0), EwmaCrossover(fast=2, slow=6))


def _evaluate(signal: Signal, panel: Panel, last: int) -> SignalOutput:
    return signal.evaluate(panel, Volatility().evaluate(panel, last))


def test_momentum_is_the_return_from_252_sessions_ago_to_21_sessions_ago() -> None:
    panel = panel_of(random_closes(1, 300, 3))
    got = _evaluate(Momentum(), panel, 300)
    assert np.isnan(got.value[:252]).all()
    np.testing.assert_allclose(got.value[252:], panel.close[231:279] / panel.close[0:48] - 1, rtol=1e-9)


def test_momentum_agrees_with_pandas_over_gaps() -> None:
    panel = panel_of(random_closes(2, 700, 12, gaps=0.03))
    filled = pd.DataFrame(panel.close).ffill()
    expected = (filled.shift(21) / filled.shift(252) - 1).where(~np.isnan(panel.close)).to_numpy()
    np.testing.assert_allclose(_evaluate(Momentum(), panel, 700).value, expected, rtol=1e-9, atol=1e-12)
    assert np.isfinite(expected).sum() > 1000


def test_the_momentum_forecast_is_in_standard_deviations_of_its_window_over_the_mean_of_a_normals_absolute() -> None:
    panel = panel_of(random_closes(4, 260, 5))
    sigma = np.full((1, 5), 2.0)
    got = Momentum().evaluate(panel, sigma)
    expected = np.log(got.value + 1) / (2.0 * sqrt(231 / 252)) / sqrt(2 / pi)
    np.testing.assert_allclose(got.forecast, expected, rtol=1e-12)


def test_momentum_needs_its_lookback_after_a_late_listing_and_after_a_new_listing() -> None:
    close = random_closes(6, 60, 2)
    close[:20, 0] = np.nan
    panel = panel_of(close)
    panel.log_return[30, 1] = np.nan
    value = _evaluate(Momentum(lookback=12, skip=3), panel, 60).value
    assert np.flatnonzero(~np.isnan(value[:, 0]))[0] == 32
    assert np.isnan(value[30:42, 1]).all()
    assert value[42, 1] == pytest.approx(close[39, 1] / close[30, 1] - 1, rel=1e-9)


def test_the_crossover_agrees_with_pandas_over_gaps() -> None:
    panel = panel_of(random_closes(8, 500, 12, gaps=0.03))
    logs = pd.DataFrame(np.log(panel.close))
    fast, slow = (logs.ewm(span=span, adjust=False, ignore_na=True).mean() for span in (16, 64))
    squares = pd.DataFrame(panel.log_return) ** 2
    daily = np.sqrt(squares.ewm(span=60, adjust=True, ignore_na=True).mean())
    expected = ((fast - slow) / daily).where((squares.notna().cumsum() >= 128) & squares.notna()).to_numpy()
    got = _evaluate(EwmaCrossover(), panel, 500)
    np.testing.assert_allclose(got.value, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(got.forecast, np.clip(expected * EwmaCrossover().scale, -2, 2), rtol=1e-9, atol=1e-9)
    assert np.isfinite(expected).sum() > 1000


def test_the_crossovers_scale_for_16_and_64_bars() -> None:
    assert EwmaCrossover().scale == pytest.approx(0.467, abs=5e-4)


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_average_absolute_forecast_on_a_random_walk_is_one_before_the_cap(signal: Signal) -> None:
    rng = np.random.default_rng(99)
    panel = panel_of(np.exp(np.cumsum(rng.normal(0, 0.01, (300, 4000)), axis=0)))
    wide = type(signal)(cap=20.0)  # type: ignore[call-arg]  # both take a cap
    forecast = wide.evaluate(panel, np.full((1, 4000), 0.01 * sqrt(252))).forecast
    assert np.abs(forecast).mean() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_steady_rise_is_a_capped_long_and_a_steady_fall_a_capped_short(signal: Signal) -> None:
    steps = np.arange(400.0)[:, None] * np.array([0.01, -0.01])
    forecast = _evaluate(signal, panel_of(np.exp(steps)), 1).forecast
    assert forecast.tolist() == [[2.0, -2.0]]


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_symbol_without_a_bar_in_the_session_has_no_value(signal: Signal) -> None:
    close = random_closes(9, 300, 2)
    close[-1, 0] = np.nan
    got = _evaluate(signal, panel_of(close), 1)
    assert np.isnan(got.value[0]).tolist() == [True, False]
    assert np.isnan(got.forecast[0]).tolist() == [True, False]


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_history_a_signal_states_is_what_it_needs(signal: Signal) -> None:
    value = _evaluate(signal, panel_of(random_closes(10, 300, 1)), 300).value[:, 0]
    assert np.flatnonzero(~np.isnan(value))[0] == signal.history - 1


@examples(40)
@given(close=closes(), data=st.data())
def test_a_signal_on_data_up_to_t_is_the_longer_one_cut_at_t_bit_for_bit(close: FloatArray, data: st.DataObject) -> None:
    panel = panel_of(close)
    count = data.draw(st.integers(1, len(close)))
    last = data.draw(st.integers(1, count))
    volatility = Volatility(span=8, history=4)
    sigma = volatility.evaluate(panel, len(close))
    for signal in SHORT:
        whole = signal.evaluate(panel, sigma)
        cut = signal.evaluate(panel.until(count), volatility.evaluate(panel.until(count), last))
        assert same(cut.value, whole.value[count - last : count])
        assert same(cut.forecast, whole.forecast[count - last : count])
    tonight = forecast_session(panel.until(count), [(signal, 1.0 + i) for i, signal in enumerate(_named(SHORT))], volatility)
    replayed = np.stack([signal.evaluate(panel, sigma).forecast for signal in SHORT])
    assert same(tonight.forecast, np.ascontiguousarray(replayed[:, count - 1]))
    assert same(tonight.combined, combine(replayed, [1.0, 2.0, 3.0])[count - 1])


def _named(signals: tuple[Signal, ...]) -> list[Signal]:
    return [type(s)(**{f: getattr(s, f) for f in s.__slots__ if f != "name"}, name=f"s{i}") for i, s in enumerate(signals)]  # type: ignore[call-arg, attr-defined]


def test_the_prefix_holds_for_the_default_signals_over_three_years() -> None:
    panel = panel_of(random_closes(12, 760, 37, gaps=0.02))
    specs = [(signal, 1.0) for signal in SIGNALS]
    sigma = Volatility().evaluate(panel, 760)
    whole = [signal.evaluate(panel, sigma) for signal in SIGNALS]
    for count in (1, 61, 130, 254, 500, 759, 760):
        tonight = forecast_session(panel.until(count), specs)
        for i, output in enumerate(whole):
            assert same(tonight.value[i], output.value[count - 1])
            assert same(tonight.forecast[i], output.forecast[count - 1])


def test_another_symbol_in_the_universe_changes_nothing() -> None:
    panel = panel_of(random_closes(13, 400, 6, gaps=0.02))
    part = Panel(panel.sessions, panel.symbols[2:5], panel.close[:, 2:5].copy(), panel.log_return[:, 2:5].copy())
    specs = [(signal, 1.0) for signal in SIGNALS]
    assert same(forecast_session(part, specs).combined, forecast_session(panel, specs).combined[2:5])


def test_the_combination_is_the_weighted_mean_and_a_missing_forecast_counts_as_zero() -> None:
    nan = np.nan
    forecast = np.array([[1.0, nan, 2.0, nan], [-1.0, 1.0, 2.0, nan]])
    got = combine(forecast, [3.0, 1.0])
    assert got[:3].tolist() == [0.5, 0.25, 2.0]
    assert np.isnan(got[3])


@dataclass(frozen=True)
class _Constant:
    name: str
    level: float
    history: int = 1

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        array = np.full(volatility.shape, self.level)
        return SignalOutput(array, array / 2)


def test_a_session_has_every_signal_by_name_with_the_combination_and_the_volatility() -> None:
    panel = panel_of(random_closes(14, 100, 2))
    got = forecast_session(panel, [(_Constant("a", 1.0), 1.0), (_Constant("b", 3.0), 3.0)])
    assert got.symbols == panel.symbols
    assert got.signals == ("a", "b")
    assert got.value.tolist() == [[1.0, 1.0], [3.0, 3.0]]
    assert got.forecast.tolist() == [[0.5, 0.5], [1.5, 1.5]]
    assert got.combined.tolist() == [1.25, 1.25]
    assert same(got.volatility, Volatility().evaluate(panel, 1)[0])


def test_an_empty_universe_has_forecasts_of_no_symbols_and_a_panel_without_sessions_has_none() -> None:
    specs = [(signal, 1.0) for signal in SIGNALS]
    assert forecast_session(panel_of(np.empty((5, 0))), specs).forecast.shape == (2, 0)
    with pytest.raises(ValueError, match="a panel with 0"):
        forecast_session(panel_of(np.empty((0, 2))), specs)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([], "none is configured"),
        ([1.0, 1.0], "a is configured 2 times"),
        ([0.0], "signal a: weight is 0.0; it must be a finite number > 0 and <= 1000"),
        ([float("nan")], "signal a: weight is nan"),
        ([-1.0], "signal a: weight is -1.0"),
        ([float("inf")], "signal a: weight is inf"),
    ],
)
def test_weights_that_cannot_combine_are_refused(weights: list[float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        forecast_session(panel_of(np.ones((3, 1))), [(_Constant("a", 1.0), weight) for weight in weights])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Momentum(lookback=1), "momentum: lookback is 1; it must be a whole number from 2 to 2520"),
        (lambda: Momentum(skip=252), "momentum: skip is 252; it must be a whole number from 0 to 251"),
        (lambda: Momentum(cap=0.0), "momentum: cap is 0.0; it must be a finite number > 0 and <= 20"),
        (lambda: Momentum(cap=float("nan")), "momentum: cap is nan"),
        (lambda: Momentum(name=" x"), "name is ' x'"),
        (lambda: EwmaCrossover(fast=64), "ewma_crossover: fast is 64; it must be a whole number from 1 to 63"),
        (lambda: EwmaCrossover(slow=1), "ewma_crossover: slow is 1"),
        (lambda: EwmaCrossover(slow=64.0), "ewma_crossover: slow is 64.0"),  # type: ignore[arg-type]
        (lambda: EwmaCrossover(cap=21), "ewma_crossover: cap is 21"),
        (lambda: EwmaCrossover(name=""), "name is ''"),
    ],
)
def test_a_bad_parameter_of_a_signal_is_named_with_value_and_bound(build: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()  # type: ignore[operator]


def test_momentum_of_a_doubling_over_the_window_is_one_hundred_per_cent() -> None:
    close = np.exp(np.concatenate([[0.0], np.full(231, log(2) / 231), np.zeros(21)]).cumsum())[:, None]
    value = Momentum().evaluate(panel_of(close), np.full((1, 1), 0.2)).value[0, 0]
    assert value == pytest.approx(1.0, rel=1e-12)
    assert exp(log(2)) == pytest.approx(value + 1)
