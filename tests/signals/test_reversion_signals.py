"""Mean reversion by z-score and by RSI: against pandas, and by hand."""

from math import log, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from grodt.errors import ConfigError
from grodt.signals.panel import FloatArray
from grodt.signals.rsi_reversion import RsiReversion
from grodt.signals.signal import Signal, SignalOutput
from grodt.signals.z_score_reversion import ZScoreReversion
from tests.signals.worlds import panel_of, random_closes


def _of(signal: Signal, close: FloatArray) -> SignalOutput:
    return signal.evaluate(panel_of(close), np.full(close.shape, 0.2))


def test_the_z_score_agrees_with_pandas_and_the_forecast_goes_against_it() -> None:
    close = random_closes(1, 300, 5)
    logs = pd.DataFrame(np.log(close)).rolling(20)
    z = ((pd.DataFrame(np.log(close)) - logs.mean()) / logs.std(ddof=0)).to_numpy()
    got = _of(ZScoreReversion(), close)
    np.testing.assert_allclose(got.value, z, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(got.forecast, np.clip(-z / (1.2 * 0.95 + 1.5 / 400), -2, 2), rtol=1e-8, atol=1e-10)


def test_the_z_score_by_hand() -> None:
    # logs 0, 0, 3: mean 1, population deviation √2, z = 2 / √2
    close = np.exp(np.array([[0.0], [0.0], [3.0]]))
    got = _of(ZScoreReversion(window=3, cap=20), close)
    assert got.value[2, 0] == pytest.approx(sqrt(2), rel=1e-12)
    assert got.forecast[2, 0] == pytest.approx(-sqrt(2) / (1.2 * 2 / 3 + 1.5 / 9), rel=1e-12)
    assert np.isnan(got.value[:2]).all()


def test_below_the_entry_there_is_no_opinion() -> None:
    close = random_closes(2, 400, 5)
    every, far = _of(ZScoreReversion(), close), _of(ZScoreReversion(entry=1.5), close)
    speaks = np.abs(every.value) >= 1.5
    assert 0.05 < speaks.mean() < 0.6
    np.testing.assert_array_equal(far.forecast[speaks], every.forecast[speaks])
    assert (far.forecast[~speaks & ~np.isnan(every.value)] == 0).all()
    np.testing.assert_array_equal(far.value, every.value)


@pytest.mark.parametrize("window", [2, 3, 4, 5, 7, 10, 20, 60, 250])
def test_the_scale_of_the_z_score_is_its_average_on_a_walk(window: int) -> None:
    rng = np.random.default_rng(window)
    walks = np.cumsum(rng.standard_normal((window, 40_000)), axis=0)
    z = (walks[-1] - walks.mean(axis=0)) / walks.std(axis=0)
    assert np.abs(z).mean() * ZScoreReversion(window=window).scale == pytest.approx(1.0, abs=0.035)


def test_rsi_by_hand() -> None:
    # changes 2, −1, 1 with length 2: seeds G = 1, L = 1/2, then G = (1 + 1) / 2 = 1, L = (1/2 + 0) / 2 = 1/4: RSI 100 · 1 / 1.25 = 80.
    # Sessions without a change halve both, so it stays 80.
    got = _of(RsiReversion(length=2, cap=20), np.array([[10.0], [12.0], [11.0], *([12.0],) * 9]))
    assert np.isnan(got.value[:10]).all()
    assert got.value[10:, 0] == pytest.approx([80.0, 80.0], rel=1e-12)
    unit = 50 / sqrt(3)
    assert got.forecast[10:, 0] == pytest.approx([-30 / unit] * 2, rel=1e-12)


def test_rsi_agrees_with_pandas_and_speaks_beyond_its_bounds_alone() -> None:
    close = random_closes(3, 600, 5)
    change = pd.DataFrame(close).diff()
    gain, loss = change.clip(lower=0), -change.clip(upper=0)
    averages = [one.ewm(alpha=1 / 14, adjust=False).mean() for one in (gain.iloc[1:], loss.iloc[1:])]
    rsi = (100 * averages[0] / (averages[0] + averages[1])).to_numpy()[399:]  # pandas seeds otherwise; both seeds have faded
    got = _of(RsiReversion(), close)
    np.testing.assert_allclose(got.value[400:], rsi, rtol=1e-8)
    outside = (rsi <= 30) | (rsi >= 70)
    np.testing.assert_allclose(got.forecast[400:], np.where(outside, np.clip((50 - rsi) / (50 / sqrt(27)), -2, 2), 0.0), rtol=1e-7)
    assert 0 < outside.mean() < 0.3


def test_only_gains_are_a_capped_short_only_losses_a_capped_long_and_no_move_is_no_opinion() -> None:
    close = np.exp(np.arange(80.0)[:, None] * np.array([0.01, -0.01, 0.0]))
    got = _of(RsiReversion(), close)
    assert got.value[-1, :2].tolist() == [100.0, 0.0]
    assert got.forecast[-1, :2].tolist() == [-2.0, 2.0]
    assert np.isnan(got.value[-1, 2])
    assert np.isnan(got.forecast[-1, 2])


def test_the_bounds_themselves_are_beyond() -> None:
    # changes 3, −7 and 7, −3 with length 2: RSI 30 and 70
    close = np.array([[20.0, 20.0], [23.0, 27.0], *([16.0, 24.0],) * 9])
    got = _of(RsiReversion(length=2), close)
    assert got.value[10].tolist() == [30.0, 70.0]
    assert got.forecast[10] == pytest.approx([20 / (50 / sqrt(3)), -20 / (50 / sqrt(3))])


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (ZScoreReversion, {"window": 1}, "z_score_reversion: window is 1; it must be a whole number from 2 to 1260"),
        (ZScoreReversion, {"entry": -0.1}, "z_score_reversion: entry is -0.1; it must be a finite number >= 0 and <= 10"),
        (ZScoreReversion, {"entry": float("inf")}, "z_score_reversion: entry is inf"),
        (ZScoreReversion, {"cap": -1}, "z_score_reversion: cap is -1"),
        (RsiReversion, {"length": 1}, "rsi_reversion: length is 1; it must be a whole number from 2 to 252"),
        (RsiReversion, {"oversold": 51}, "rsi_reversion: oversold is 51; it must be a finite number >= 0 and <= 50"),
        (RsiReversion, {"overbought": 49.9}, "rsi_reversion: overbought is 49.9; it must be a finite number >= 50 and <= 100"),
        (RsiReversion, {"name": "x "}, "name is 'x '"),
    ],
)
def test_a_bad_parameter_is_named_with_value_and_bound(kind: type, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**given)


def test_a_move_of_the_log_counts_alike_up_and_down() -> None:
    steps = np.random.default_rng(4).normal(0, 0.02, (50, 1))
    up, down = (_of(ZScoreReversion(), np.exp(sign * np.cumsum(steps, axis=0))).value for sign in (1, -1))
    np.testing.assert_allclose(up, -down, rtol=1e-9)
    assert log(2) == -log(0.5)
