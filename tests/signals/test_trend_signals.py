"""Momentum over other windows, the trend of several speeds, breakout: against pandas, and by hand."""

from math import exp, log, pi, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from grodt.errors import ConfigError
from grodt.signals.breakout import Breakout
from grodt.signals.ewma_crossover import EwmaCrossover
from grodt.signals.ewma_trend import EwmaTrend
from grodt.signals.indicators import Volatility
from grodt.signals.momentum import Momentum
from grodt.signals.panel import FloatArray, Panel, build_panel
from grodt.signals.signal import Signal, SignalOutput
from tests.signals.worlds import actions, long_bars, panel_of, random_closes, same, weekdays


def _all_rows(signal: Signal, panel: Panel) -> SignalOutput:
    return signal.evaluate(panel, Volatility().evaluate(panel, len(panel.sessions)))


@pytest.mark.parametrize(("lookback", "skip"), [(252, 21), (126, 21), (63, 0), (21, 0), (252, 0)])
def test_momentum_of_other_windows_is_the_return_between_their_ends(lookback: int, skip: int) -> None:
    panel = panel_of(random_closes(1, 300, 3))
    got = _all_rows(Momentum(lookback=lookback, skip=skip), panel).value
    assert np.isnan(got[:lookback]).all()
    ends = panel.close[lookback - skip : 300 - skip]
    np.testing.assert_allclose(got[lookback:], ends / panel.close[: 300 - lookback] - 1, rtol=1e-9)


def test_the_sign_of_momentum_is_one_whatever_its_strength_and_none_without_a_move() -> None:
    close = np.exp(np.arange(30.0)[:, None] * np.array([1e-6, -0.05, 0.0]))
    got = Momentum(lookback=5, skip=0, response="sign").evaluate(panel_of(close), np.full((1, 3), np.nan))
    assert got.forecast.tolist() == [[1.0, -1.0, 0.0]]
    assert got.value[0] == pytest.approx([5e-6, exp(-0.25) - 1, 0.0], rel=1e-5)


def _pandas_trend(panel: Panel, pairs: list[tuple[int, int]], weights: FloatArray) -> FloatArray:
    """Σ_k w_k clip((E^fast_k − E^slow_k) / σ · s_k, ±2), with s_k of the variance summed term by term."""
    logs = pd.DataFrame(np.log(panel.close))
    daily = np.sqrt((pd.DataFrame(panel.log_return) ** 2).ewm(span=60, adjust=True, ignore_na=True).mean())
    total = 0.0
    for (fast, slow), weight in zip(pairs, weights, strict=True):
        quick, late = (logs.ewm(span=span, adjust=False, ignore_na=True).mean() for span in (fast, slow))
        total = total + weight * ((quick - late) / daily / (np.sqrt(_covariance((fast, slow), (fast, slow))) * sqrt(2 / pi))).clip(-2, 2)
    return np.asarray(total)


def _covariance(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Covariance of two crossovers of a walk of unit steps, summed over ten thousand steps."""
    lags = np.arange(1, 10_001)

    def reaction(fast: int, slow: int) -> FloatArray:
        return np.asarray((1 - 2 / (slow + 1)) ** lags - (1 - 2 / (fast + 1)) ** lags)

    return float((reaction(*one) * reaction(*other)).sum())


def test_several_speeds_are_the_mean_of_the_scaled_and_capped_crossovers_times_the_multiplier() -> None:
    panel = panel_of(random_closes(8, 700, 12, gaps=0.03))
    pairs = [(8, 32), (16, 64), (32, 128), (64, 256)]
    correlation = np.array([[_covariance(a, b) / sqrt(_covariance(a, a) * _covariance(b, b)) for b in pairs] for a in pairs])
    multiplier = 1 / sqrt(correlation.mean())
    got = _all_rows(EwmaTrend(), panel).forecast
    expected = np.clip(_pandas_trend(panel, pairs, np.full(4, multiplier / 4)), -2, 2)
    known = np.isfinite(got)
    np.testing.assert_allclose(got[known], expected[known], rtol=1e-9, atol=1e-9)
    seen = pd.DataFrame(panel.log_return).notna()
    np.testing.assert_array_equal(known, (seen & (seen.cumsum() >= 512)).to_numpy())
    assert known.sum() > 500
    assert EwmaTrend().multiplier == pytest.approx(multiplier, rel=1e-12)


def test_carvers_speeds_have_about_carvers_scales_and_multiplier() -> None:
    trend = EwmaTrend(fast=(2, 4, 8, 16, 32, 64), slow=(8, 16, 32, 64, 128, 256))
    # Systematic Trading, appendix B: 10.6, 7.5, 5.3, 3.75, 2.65, 1.87 for forecasts of 10 on average.
    assert trend.scales == pytest.approx([1.06, 0.75, 0.53, 0.375, 0.265, 0.187], rel=0.25)
    assert trend.multiplier == pytest.approx(1.28, abs=0.005)


def test_one_speed_is_the_crossover_of_that_speed() -> None:
    panel = panel_of(random_closes(9, 300, 4, gaps=0.02))
    one, crossover = EwmaTrend(fast=(16,), slow=(64,)), EwmaCrossover()
    assert one.multiplier == pytest.approx(1.0, rel=1e-15)
    assert one.history == crossover.history
    np.testing.assert_allclose(_all_rows(one, panel).forecast, _all_rows(crossover, panel).forecast, rtol=1e-12)


def test_speeds_may_come_as_lists() -> None:
    assert EwmaTrend(fast=[4, 8], slow=[16, 32]) == EwmaTrend(fast=(4, 8), slow=(16, 32))  # type: ignore[arg-type]


def test_the_order_of_the_speeds_does_not_matter_but_for_rounding() -> None:
    panel = panel_of(random_closes(10, 300, 4))
    there, back = EwmaTrend(fast=(4, 8), slow=(20, 30)), EwmaTrend(fast=(8, 4), slow=(30, 20))
    np.testing.assert_allclose(_all_rows(there, panel).forecast, _all_rows(back, panel).forecast, rtol=1e-12)


def test_a_steady_rise_is_a_capped_long_at_every_speed_and_for_breakout_the_top_of_its_channel() -> None:
    panel = panel_of(np.exp(np.arange(600.0)[:, None] * np.array([0.01, -0.01])))
    assert _all_rows(EwmaTrend(), panel).forecast[-1].tolist() == [2.0, -2.0]
    got = _all_rows(Breakout(), panel)
    assert got.value[-1] == pytest.approx([1.0, -1.0], abs=1e-12)
    assert got.forecast[-1] == pytest.approx([1 / (0.482 + 0.36 / sqrt(80)), -1 / (0.482 + 0.36 / sqrt(80))], rel=1e-12)


@pytest.mark.parametrize("window", [10, 33, 80])
def test_breakout_agrees_with_pandas(window: int) -> None:
    panel = panel_of(random_closes(11, 400, 6))
    logs, span = pd.DataFrame(np.log(panel.close)), window // 4
    top, bottom = logs.rolling(window).max(), logs.rolling(window).min()
    position = (2 * (logs - bottom) / (top - bottom) - 1).iloc[window - 1 :]
    seeded = position.copy()
    seeded.iloc[: span - 1] = np.nan
    seeded.iloc[span - 1] = position.iloc[:span].mean()
    value = seeded.iloc[span - 1 :].ewm(span=span, adjust=False).mean().reindex(logs.index).to_numpy().copy()
    value[: window + 3 * span - 2] = np.nan  # its seed has not faded yet
    np.testing.assert_allclose(_all_rows(Breakout(window=window), panel).value, value, rtol=1e-9, atol=1e-11)


def test_breakout_by_hand() -> None:
    # The first ten make the channel. Row 9: 1 in [0, 4] is −1/2; row 10: 5 in [1, 5] is 1; their mean, 1/4, is the seed of a span of 2.
    # Then four more at the top, each of which takes the average two thirds of the way to 1.
    logs = [0.0, 4.0, 1.0, 3.0, 2.0, 2.0, 3.0, 1.0, 2.0, 1.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    got = _all_rows(Breakout(window=10), panel_of(np.exp(np.array(logs))[:, None])).value[:, 0]
    assert np.isnan(got[:14]).all()
    assert got[14] == pytest.approx(1 - 0.75 / 3**4, rel=1e-12)


@pytest.mark.parametrize("signal", [EwmaTrend(fast=(2, 3), slow=(6, 9)), Breakout(window=10)])
def test_a_split_and_a_dividend_are_no_trend(signal: Signal) -> None:
    days, steps = weekdays(60), np.random.default_rng(12).normal(0, 0.01, 60)
    raw = 100 * np.exp(np.cumsum(steps))
    paid = raw.copy()
    paid[40:] /= 2  # two for one
    paid[50:] *= 1 - 1 / paid[49]  # a dividend of 1 per share, so that (close + 1) / close before is the move of that day
    paid[50] = paid[49] * exp(steps[50]) - 1
    paid[51:] = paid[50] * np.exp(np.cumsum(steps[51:]))
    bars = long_bars(paid[:, None], days, ("A",))
    acted = build_panel(bars, actions(("A", days[40], "split", 2, 1, None), ("A", days[50], "dividend", None, None, "1")), days, ("A",))
    plain = build_panel(long_bars(raw[:, None], days, ("A",)), actions(), days, ("A",))
    sigma = np.full((60, 1), 0.2)
    np.testing.assert_allclose(signal.evaluate(acted, sigma).forecast, signal.evaluate(plain, sigma).forecast, rtol=1e-9, atol=1e-9)
    assert log(raw[-1] / raw[0]) == pytest.approx(acted.log_return[1:].sum(), rel=1e-9)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (Momentum, {"response": "square"}, "momentum: response is 'square'; it must be one of linear, sign"),
        (EwmaTrend, {"fast": (8, 16), "slow": (32,)}, r"fast is \[8, 16\] and slow is \[32\]; they must be as many"),
        (EwmaTrend, {"fast": (8,), "slow": (8,)}, "each fast one below the slow one in its place"),
        (EwmaTrend, {"fast": (8, 8), "slow": (32, 32)}, "no pair twice"),
        (EwmaTrend, {"fast": 8, "slow": (32,)}, "fast is 8; it must be a list of whole numbers from 1 to 1259"),
        (EwmaTrend, {"fast": (), "slow": ()}, r"slow is \(\); it must be a list of whole numbers from 2 to 1260"),
        (EwmaTrend, {"fast": (2.5,), "slow": (32,)}, r"fast \[2.5\]: a number is 2.5; it must be a whole number from 1 to 1259"),
        (EwmaTrend, {"slow": (32, 64, 128, 1261)}, "a number is 1261"),
        (EwmaTrend, {"cap": 0}, "ewma_trend: cap is 0"),
        (EwmaTrend, {"name": ""}, "ewma_trend: name is ''"),
        (Breakout, {"window": 9}, "breakout: window is 9; it must be a whole number from 10 to 1260"),
        (Breakout, {"window": 1261}, "breakout: window is 1261"),
        (Breakout, {"cap": 20.5}, "breakout: cap is 20.5"),
    ],
)
def test_a_bad_parameter_is_named_with_value_and_bound(kind: type, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**given)


def test_the_same_walk_twice_has_the_same_forecast() -> None:
    close = random_closes(13, 200, 1)
    got = _all_rows(Breakout(window=20), panel_of(np.concatenate([close, close], axis=1))).forecast
    assert same(np.ascontiguousarray(got[:, 0]), np.ascontiguousarray(got[:, 1]))
