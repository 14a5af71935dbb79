"""Seeds, first rows, edges and refusals, as the docstrings say them."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from grodt.errors import ConfigError
from grodt.signals import indicators as ind
from grodt.signals.indicators.compiled import evaluate
from grodt.signals.panel import FloatArray
from tests.signals.indicators.worlds import world
from tests.signals.worlds import panel_of, random_closes, same

RISE = np.arange(1.0, 41.0)[:, None]


def _first(values: FloatArray) -> int:
    return int(np.flatnonzero(~np.isnan(values[:, 0]))[0])


@pytest.mark.parametrize(
    ("of", "row"),
    [
        (lambda c: ind.sma(c, 7), 6),
        (lambda c: ind.ema(c, 7), 6),
        (lambda c: ind.wilder(c, 7), 6),
        (lambda c: ind.rsi(c, 7), 7),
        (lambda c: ind.true_range(c, c, c), 1),
        (lambda c: ind.atr(c, c, c, 7), 7),
        (lambda c: ind.bollinger(c, 7).middle, 6),
        (lambda c: ind.donchian(c, c, 7).middle, 7),
        (lambda c: ind.channel_position(c, 7), 6),
        (lambda c: ind.keltner(c, c, c, 4, 2, 7).middle, 7),
        (lambda c: ind.keltner(c, c, c, 9, 2, 7).middle, 8),
        (lambda c: ind.macd(c, 3, 7, 4).macd, 6),
        (lambda c: ind.macd(c, 3, 7, 4).signal, 9),
        (lambda c: ind.adx(c, c, c, 7).plus, 7),
        (lambda c: ind.adx(c, c, c, 7).adx, 13),
        (lambda c: ind.roc(c, 7), 7),
        (lambda c: ind.volume_ratio(c, 7), 7),
        (lambda c: ind.rolling_vwap(c, c, c, c, 7), 6),
        (lambda c: ind.standard_deviation(c, 7), 6),
        (lambda c: ind.z_score(c, 7), 6),
        (lambda c: ind.rolling_rank(c, 7), 6),
        (lambda c: ind.beta(c, c[:, 0] ** 2, 7), 6),
        (ind.log_returns, 1),
        (lambda c: ind.realised_volatility(ind.log_returns(c), 7), 7),
        (lambda c: ind.ewma_volatility(ind.log_returns(c), 5, 7), 7),
    ],
)
def test_the_first_row_with_a_value(of: Callable[[FloatArray], FloatArray], row: int) -> None:
    assert _first(of(RISE)) == row
    late = np.concatenate([np.full((5, 1), np.nan), RISE])
    assert _first(of(late)) == row + 5


def test_the_relative_strength_of_only_gains_is_100_of_only_losses_0_and_of_nothing_unknown() -> None:
    assert (ind.rsi(RISE, 5)[5:] == 100.0).all()
    assert (ind.rsi(RISE[::-1], 5)[5:] == 0.0).all()
    assert np.isnan(ind.rsi(np.full((20, 1), 3.0), 5)).all()


def test_directional_movement_of_a_rise_is_plus_alone_and_of_a_price_that_stands_still_is_none() -> None:
    rise = ind.adx(RISE, RISE, RISE, 4)
    assert (rise.plus[4:] == 100.0).all()
    assert (rise.minus[4:] == 0.0).all()
    assert (rise.adx[7:] == 100.0).all()
    still = np.full((20, 1), 3.0)
    none = ind.adx(still, still, still, 4)
    assert not none.plus[4:].any()
    assert not none.dx[4:].any()
    assert not none.adx[7:].any()


def test_a_surge_of_volume_is_measured_by_the_bars_before_it_and_by_none_if_nothing_was_traded() -> None:
    volume = np.array([10.0, 10, 10, 80, 0, 0, 0, 5])[:, None]
    got = ind.volume_ratio(volume, 3)[:, 0]
    np.testing.assert_allclose(got[3:7], [8.0, 0.0, 0.0, 0.0], atol=1e-15)
    assert np.isnan(got[7])


def test_the_rank_of_a_rise_is_1_of_a_fall_1_over_the_window_and_of_ties_their_middle() -> None:
    assert (ind.rolling_rank(RISE, 10)[9:] == 1.0).all()
    np.testing.assert_allclose(ind.rolling_rank(RISE[::-1], 10)[9:], 0.1)
    np.testing.assert_allclose(ind.rolling_rank(np.ones((12, 1)), 10)[9:], 0.55)


def test_a_long_rank_and_others_agree_with_pandas() -> None:
    close = random_closes(1, 500, 3)
    frame = pd.DataFrame(close)
    np.testing.assert_allclose(ind.rolling_rank(close, 300), frame.rolling(300).rank(pct=True).to_numpy(), rtol=1e-12)
    returns = np.log(frame).diff()
    np.testing.assert_allclose(
        ind.realised_volatility(ind.log_returns(close), 60), (returns.rolling(60).std() * np.sqrt(252)).to_numpy(), rtol=1e-9
    )
    np.testing.assert_allclose(ind.standard_deviation(close, 20, sample=True), frame.rolling(20).std().to_numpy(), rtol=1e-9)


def test_beta_of_the_index_itself_is_one_of_its_double_two_and_of_a_still_index_unknown() -> None:
    index = np.random.default_rng(0).normal(0, 0.01, 300)
    got = ind.beta(np.stack([index, 2 * index + 0.5], axis=1), index, 50)[49:]
    np.testing.assert_allclose(got, np.broadcast_to([1.0, 2.0], got.shape), rtol=1e-12)
    assert np.isnan(ind.beta(index[:, None], np.full(300, 0.25), 50)).all()
    with pytest.raises(ValueError, match=r"beta: the index has shape \(299,\); it must be \(300,\)"):
        ind.beta(index[:, None], index[:-1], 50)


def test_ewma_volatility_is_the_volatility_of_signals_without_its_floor_bit_for_bit() -> None:
    panel = panel_of(random_closes(7, 300, 12, gaps=0.05))
    listed = ind.listings(panel)
    got = ind.ewma_volatility(panel.log_return, 30, 25, listed=listed)
    want = ind.Volatility(span=30, history=25, floor=1e-12).evaluate(panel, 300)
    np.testing.assert_array_equal(got, want)
    panel.log_return[150] = np.nan  # every symbol that has a bar is listed anew
    got = ind.ewma_volatility(panel.log_return, 30, 25, listed=ind.listings(panel))
    np.testing.assert_array_equal(got, ind.Volatility(span=30, history=25, floor=1e-12).evaluate(panel, 300))


def test_a_panels_listings_are_the_bars_without_a_return() -> None:
    close = random_closes(5, 40, 2)
    close[:10, 1] = np.nan
    panel = panel_of(close)
    panel.log_return[20, 0] = np.nan
    listed = ind.listings(panel)
    assert np.argwhere(listed).tolist() == [[0, 0], [10, 1], [20, 0]]
    again = ind.ema(panel.close, 5, listed)
    np.testing.assert_array_equal(again[20:, 0], ind.ema(panel.close[20:, :1], 5)[:, 0])


def test_a_session_without_a_bar_leaves_what_is_known_as_it_is() -> None:
    made = world(9, 60, 4)
    rows = np.sort(np.random.default_rng(0).choice(60, 45, replace=False))
    gappy = np.full((60, 4), np.nan)
    gappy[rows] = made.close[:45]
    for of in (lambda c: ind.ema(c, 6), lambda c: ind.rsi(c, 5), lambda c: ind.rolling_rank(c, 4), lambda c: ind.roc(c, 3)):
        np.testing.assert_allclose(of(gappy)[rows], of(made.close[:45]), rtol=1e-12)
        assert np.isnan(np.delete(of(gappy), rows, axis=0)).all()


def test_a_second_listing_of_a_symbol_that_came_late_starts_anew_too() -> None:
    close = np.arange(1.0, 11.0)[:, None]
    close[0] = np.nan
    listed = np.zeros((10, 1), dtype=np.bool_)
    listed[6] = True
    got = ind.sma(close, 3, listed)[:, 0]
    np.testing.assert_array_equal(got, [np.nan, np.nan, np.nan, 3, 4, 5, np.nan, np.nan, 8, 9])


def test_half_a_bar_is_no_bar() -> None:
    made = world(11, 40, 3)
    high = made.high.copy()
    high[[12, 39], 1] = np.nan
    high[39, 0] = high[0, 2] = np.nan
    gone = [np.where(np.isnan(high), np.nan, one) for one in (made.high, made.low, made.close)]
    half = (high, made.low, made.close)
    assert same(ind.atr(*half, 5), ind.atr(*gone, 5))
    for ours, want in ((ind.keltner(*half), ind.keltner(*gone)), (ind.donchian(high, made.low), ind.donchian(*gone[:2]))):
        for band in ("upper", "middle", "lower"):
            np.testing.assert_array_equal(getattr(ours, band), getattr(want, band))


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (lambda: ind.sma(RISE, 0), "sma: window is 0; it must be a whole number from 1 to"),
        (lambda: ind.ema(RISE, 2.5), "ema: span is 2.5"),
        (lambda: ind.wilder(RISE, -1), "wilder: length is -1"),
        (lambda: ind.rsi(RISE, True), "rsi: length is True"),
        (lambda: ind.atr(RISE, RISE, RISE, 0), "atr: length is 0"),
        (lambda: ind.bollinger(RISE, 1), "bollinger: window is 1; it must be a whole number from 2 to"),
        (lambda: ind.bollinger(RISE, 5, 0.0), "bollinger: deviations is 0.0"),
        (lambda: ind.donchian(RISE, RISE, 0), "donchian: window is 0"),
        (lambda: ind.keltner(RISE, RISE, RISE, multiplier=-1), "keltner: multiplier is -1"),
        (lambda: ind.macd(RISE, 26, 12), "macd: fast is 26; it must be a whole number from 1 to 11"),
        (lambda: ind.adx(RISE, RISE, RISE, 0), "adx: length is 0"),
        (lambda: ind.roc(RISE, 5, 5), "roc: skip is 5; it must be a whole number from 0 to 4"),
        (lambda: ind.volume_ratio(RISE, 0), "volume_ratio: window is 0"),
        (lambda: ind.standard_deviation(RISE, 1), "standard_deviation: window is 1"),
        (lambda: ind.z_score(RISE, 1), "z_score: window is 1"),
        (lambda: ind.rolling_rank(RISE, 0), "rolling_rank: window is 0"),
        (lambda: ind.beta(RISE, RISE[:, 0], 1), "beta: window is 1"),
        (lambda: ind.realised_volatility(RISE, 1), "realised_volatility: window is 1"),
        (lambda: ind.ewma_volatility(RISE, 1), "ewma_volatility: span is 1"),
    ],
)
def test_a_parameter_out_of_range_is_refused_with_its_value_and_bound(of: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        of()


def test_arrays_that_are_no_panel_are_refused_with_their_shapes() -> None:
    with pytest.raises(ValueError, match=r"has shape \(40,\); it must be \(sessions, symbols\)"):
        ind.sma(RISE[:, 0], 3)
    with pytest.raises(ValueError, match=r"have shapes \(40, 1\) and \(39, 1\)"):
        ind.atr(RISE, RISE[:-1], RISE)
    with pytest.raises(ValueError, match=r"have shapes \(40, 1\) and \(40, 2\)"):
        evaluate("sma", (RISE,), counts=(3,), listed=np.zeros((40, 2), dtype=np.bool_))
    with pytest.raises(ValueError, match=r"have shapes \(40, 1\) and \(39, 1\)"):
        ind.session_vwap(RISE, RISE, RISE, RISE[:-1], np.array([0]))


@pytest.mark.parametrize("starts", [[], [1], [0, 5, 5], [0, 40], [[0]]])
def test_session_starts_that_do_not_ascend_from_the_first_row_are_refused(starts: list[int]) -> None:
    with pytest.raises(ValueError, match="session_vwap: starts are"):
        ind.session_vwap(RISE, RISE, RISE, RISE, np.array(starts, dtype=np.int64))


def test_an_anchor_that_is_no_row_is_refused() -> None:
    for anchor in (-1, 40):
        with pytest.raises(ValueError, match=f"anchors lie from {anchor} to {anchor}; they must be rows from 0 to 39"):
            ind.anchored_vwap(RISE, RISE, RISE, RISE, anchor)


def test_vwap_of_a_session_in_which_nothing_was_traded_yet_is_unknown() -> None:
    volume = np.array([0.0, 0, 3, 0, 0, 2])[:, None]
    price = np.array([5.0, 5, 7, 9, 4, 8])[:, None]
    got = ind.session_vwap(price, price, price, volume, np.array([0, 4]))[:, 0]
    np.testing.assert_allclose(got, [np.nan, np.nan, 7, 7, np.nan, 8])


def test_a_rolling_vwap_of_bars_in_which_nothing_was_traded_is_unknown_and_of_one_price_is_that_price() -> None:
    price, volume = np.full((8, 1), 0.3), np.array([5.0, 0, 0, 0, 3, 0, 0, 7])[:, None]
    got = ind.rolling_vwap(price, price, price, volume, 3)[:, 0]
    assert np.isnan(got[[0, 1, 3]]).all()
    assert got[[2, 4, 5, 6, 7]].tolist() == [got[2]] * 5
    assert got[2] == pytest.approx(0.3, rel=1e-15)
