"""Regimes: four measures, a label with a confidence, a vote."""

from collections.abc import Callable
from datetime import date
from math import sqrt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.signals.indicators import listings, log_returns, rolling_rank
from grodt.signals.panel import FloatArray, Panel, build_panel
from grodt.signals.regime import (
    HIGH_VOLATILITY,
    RANGING,
    REGIMES,
    TRANSITION,
    TRENDING,
    UNKNOWN,
    RegimeHistory,
    RegimeModel,
    _rank_of_last,
    vote,
)
from tests.bars.minute_world import needs_minute_bars
from tests.examples import examples
from tests.signals.minute_worlds import Minutes, minute_worlds, msft
from tests.signals.worlds import SHARED, actions, closes, long_bars, random_closes, same, tickers, weekdays

SHORT = RegimeModel(vwap_window=4, momentum=5, atr_length=3, atr_window=9, short=3, long=8)


def whole_panel(close: FloatArray, seed: int = 0, *rows: tuple[str, date, str, int | None, int | None, str | None]) -> Panel:
    """Daily bars with those closes, highs and lows up to 1 % away, and random volumes."""
    rng = np.random.default_rng(seed)
    days, names = weekdays(close.shape[0]), tickers(close.shape[1])
    arrays = {"high": close * (1 + 0.01 * rng.random(close.shape)), "low": close * (1 - 0.01 * rng.random(close.shape))}
    bars = long_bars(close, days, names)
    column, row = np.nonzero(~np.isnan(close.T))
    volume = rng.integers(0, 6, close.shape) * 100.0
    fields = {name: pl.Series(array[row, column]) for name, array in (arrays | {"volume": volume}).items()}
    return build_panel(bars.with_columns(**fields), actions(*rows), days, names, fields=("high", "low", "volume"))


def _one(model: RegimeModel, *measures: float) -> tuple[int, float]:
    label, confidence = model.classify(*(np.array([[one]]) for one in measures))
    return int(label[0, 0]), float(confidence[0, 0])


@pytest.mark.parametrize(
    ("measures", "label", "confidence"),
    [
        # slope, momentum, percentile, ratio; bounds 1, 1, 0.9 and 2, calm 0.5
        ((1.0, 1.0, 0.5, 1.0), TRENDING, 0.5),
        ((1.5, 1.8, 0.5, 1.0), TRENDING, 0.75),  # the lesser one decides
        ((-4.0, -3.0, 0.5, 1.0), TRENDING, 1.0),  # a fall is a trend
        ((4.0, -3.0, 0.5, 1.0), TRANSITION, 1.0),  # against each other: as far from a trend and from calm as can be
        ((0.9, 4.0, 0.5, 1.0), TRANSITION, 0.55),
        ((0.5, 0.1, 0.5, 1.0), TRANSITION, 0.5),  # at the bound of calm
        ((0.6, 0.8, 0.5, 1.0), TRANSITION, 0.7),  # 0.4 from a trend, 0.6 of the way from calm to one
        ((0.25, -0.1, 0.5, 1.0), RANGING, 0.75),
        ((0.0, 0.0, 0.5, 1.0), RANGING, 1.0),
        ((0.0, 0.0, 0.9, 1.0), HIGH_VOLATILITY, 0.5),
        ((3.0, 3.0, 0.95, 1.0), HIGH_VOLATILITY, 0.75),  # before a trend
        ((0.0, 0.0, 0.1, 2.0), HIGH_VOLATILITY, 0.5),
        ((0.0, 0.0, 0.95, 3.0), HIGH_VOLATILITY, 0.75),
        ((0.0, 0.0, 0.1, 9.0), HIGH_VOLATILITY, 1.0),
        ((np.nan, 0.0, 0.1, 1.0), UNKNOWN, np.nan),
        ((0.0, 0.0, np.nan, 9.0), UNKNOWN, np.nan),
    ],
)
def test_four_measures_are_a_regime_with_a_confidence(measures: tuple[float, ...], label: int, confidence: float) -> None:
    got, sure = _one(RegimeModel(), *measures)
    assert got == label
    assert sure == pytest.approx(confidence, rel=1e-12, nan_ok=True)


def test_the_bounds_are_parameters() -> None:
    model = RegimeModel(trend_slope=2.0, trend_momentum=0.5, calm=0.2, high_percentile=0.6, high_ratio=4.0)
    assert _one(model, 2.0, 0.5, 0.1, 3.9) == (TRENDING, 0.5)
    assert _one(model, 0.2, 0.05, 0.1, 1.0) == (RANGING, pytest.approx(0.75))
    assert _one(model, 2.0, 0.5, 0.8, 1.0) == (HIGH_VOLATILITY, pytest.approx(0.75))


def test_the_measures_agree_with_pandas_on_raw_prices_without_gaps() -> None:
    panel, model = whole_panel(random_closes(3, 400, 4), 3), RegimeModel(atr_window=60)
    slope, momentum, percentile, ratio = model.measure(panel, 400)
    for column in range(4):
        bars = pd.DataFrame({name: panel.raw(name)[:, column] for name in ("high", "low", "close", "volume")})
        returns = np.log(bars["close"]).diff()
        sigma, quick = (returns.rolling(window).std() for window in (60, 10))
        money = (bars["high"] + bars["low"] + bars["close"]) / 3 * bars["volume"]
        vwap = money.rolling(20).sum() / bars["volume"].rolling(20).sum()
        before = bars["close"].shift()
        span = pd.concat([bars["high"] - bars["low"], (bars["high"] - before).abs(), (bars["low"] - before).abs()], axis=1).max(axis=1)
        span[0] = np.nan
        seeded = pd.concat([pd.Series([span[1:15].mean()], index=[14]), span[15:]])
        ranges = seeded.ewm(alpha=1 / 14, adjust=False).mean() / bars["close"][14:]
        wanted = {
            "slope": (vwap / vwap.shift(20) - 1) / (sigma * sqrt(801 / 60)),
            "momentum": (bars["close"] / bars["close"].shift(20) - 1) / (sigma * sqrt(20)),
            "percentile": ranges.rolling(60).rank(pct=True).reindex(bars.index),
            "ratio": quick / sigma,
        }
        for name, got in (("slope", slope), ("momentum", momentum), ("percentile", percentile), ("ratio", ratio)):
            np.testing.assert_allclose(got[:, column], wanted[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_slope_of_a_random_walk_has_a_standard_deviation_of_one_and_so_has_its_momentum() -> None:
    rng = np.random.default_rng(21)
    close = np.exp(np.cumsum(rng.normal(0, 0.01, (500, 3000)), axis=0))
    flat = dict.fromkeys(("high", "low"), close) | {"volume": np.ones_like(close)}
    returns = np.concatenate([np.full((1, 3000), np.nan), np.diff(np.log(close), axis=0)])
    panel = Panel(weekdays(500), tickers(3000), close, returns, flat)
    slope, momentum, _, _ = RegimeModel(long=400).measure(panel, 1)
    assert np.std(slope) == pytest.approx(1.0, abs=0.04)
    assert np.std(momentum) == pytest.approx(1.0, abs=0.04)
    labels = RegimeModel().evaluate(panel, 1).label
    shares = [np.mean(labels == code) for code in range(4)]
    assert min(shares) > 0.05
    assert max(shares) < 0.6


def test_a_steady_rise_trends_a_price_that_stands_still_ranges_and_a_storm_is_of_high_volatility() -> None:
    wiggle = 0.002 * (-1.0) ** np.arange(300)
    storm = np.where(np.arange(300) < 292, wiggle, wiggle * 30)
    paths = [np.arange(300) * 0.01 + wiggle, np.zeros(300), wiggle, storm]
    panel = whole_panel(np.exp(np.column_stack(paths)) * 100)
    flat = {"high": panel.close * 1.001, "low": panel.close * 0.999, "volume": np.full(panel.close.shape, 100.0)}
    got = RegimeModel().evaluate(Panel(panel.sessions, panel.symbols, panel.close, panel.log_return, flat), 1)
    assert [REGIMES[code] for code in got.label[0]] == ["trending", "ranging", "ranging", "high_volatility"]
    assert got.confidence[0, 0] == 1.0
    assert got.confidence[0, 1] == 1.0


def test_a_split_and_a_dividend_change_no_regime() -> None:
    close = random_closes(5, 120, 1)
    raw = close.copy()
    raw[70:] /= 4
    plain = whole_panel(close, 5)
    split = whole_panel(raw, 5, ("S0000", weekdays(120)[70], "split", 4, 1, None))
    split.fields["volume"][70:] *= 4  # type: ignore[index]  # shares of the size that are traded now
    for one, other in zip(SHORT.measure(plain, 120), SHORT.measure(split, 120), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("model", [RegimeModel(), SHORT, RegimeModel(vwap_window=200), RegimeModel(momentum=300), RegimeModel(long=290)])
def test_the_history_a_model_states_is_what_it_needs(model: RegimeModel) -> None:
    close = random_closes(7, 420, 1)
    panel = whole_panel(close, 7)
    panel.fields["volume"][:] = 100.0  # type: ignore[index]
    label = model.evaluate(panel, 420).label[:, 0]
    assert np.flatnonzero(label != UNKNOWN)[0] == model.history - 1


# the vote


def _vote(*members: tuple[int, float, bool]) -> tuple[int, float]:
    label, confidence, member = (np.array([[each[at] for each in members]]) for at in range(3))
    market, share = vote(label.astype(np.int8), confidence.astype(float), member.astype(np.bool_))
    return int(market[0]), float(share[0])


def test_the_market_is_in_the_regime_with_most_confidence_among_its_members() -> None:
    assert _vote((TRENDING, 0.9, True), (RANGING, 0.5, True), (RANGING, 0.6, True)) == (RANGING, pytest.approx(1.1 / 2.0))
    assert _vote((TRENDING, 0.9, True), (RANGING, 0.5, True), (RANGING, 0.6, False)) == (TRENDING, pytest.approx(0.9 / 1.4))
    assert _vote((TRENDING, 0.5, True), (UNKNOWN, np.nan, True)) == (TRENDING, 1.0)


def test_of_regimes_with_as_many_votes_the_more_careful_one_holds() -> None:
    assert _vote((TRENDING, 0.7, True), (RANGING, 0.7, True)) == (RANGING, 0.5)
    assert _vote((RANGING, 0.7, True), (TRANSITION, 0.7, True)) == (TRANSITION, 0.5)
    assert _vote((TRANSITION, 0.6, True), (HIGH_VOLATILITY, 0.6, True)) == (HIGH_VOLATILITY, 0.5)
    # 0.1 + 0.2 is not 0.3 in floats; votes are whole.
    assert _vote((TRENDING, 0.3, True), (RANGING, 0.1, True), (RANGING, 0.2, True)) == (RANGING, 0.5)


def test_a_market_without_a_member_whose_regime_is_known_is_in_none() -> None:
    assert _vote((UNKNOWN, np.nan, True), (TRENDING, 0.9, False)) == (UNKNOWN, pytest.approx(np.nan, nan_ok=True))
    empty = vote(np.empty((2, 0), dtype=np.int8), np.empty((2, 0)), np.empty((2, 0), dtype=np.bool_))
    assert empty[0].tolist() == [UNKNOWN, UNKNOWN]


@examples(30)
@given(st.lists(st.tuples(st.integers(-1, 3), st.floats(0.5, 1.0), st.booleans()), min_size=1, max_size=40), st.randoms())
def test_the_order_of_the_members_decides_nothing(members: list[tuple[int, float, bool]], random: object) -> None:
    known = [(code, np.nan if code == UNKNOWN else sure, member) for code, sure, member in members]
    shuffled = list(known)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert str(_vote(*known)) == str(_vote(*shuffled))


# what a regime may depend on


def _same_rows(whole: RegimeHistory, cut: RegimeHistory, rows: slice) -> None:
    assert same(cut.label, whole.label[rows].copy())
    assert same(cut.confidence, whole.confidence[rows].copy())
    assert same(cut.market, whole.market[rows].copy())
    assert same(cut.market_confidence, whole.market_confidence[rows].copy())


@examples(40)
@given(close=closes(), seed=st.integers(0, 1000), data=st.data())
def test_regimes_from_data_up_to_t_are_the_longer_ones_cut_at_t_bit_for_bit(close: FloatArray, seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    days = weekdays(len(close))
    kinds = [("dividend", None, None, "0.37"), ("split", 3, 2, None), ("delisting", None, None, "1")]
    rows = {
        (f"S{rng.integers(close.shape[1]):04d}", days[rng.integers(len(days))], *kinds[rng.choice(3)])
        for _ in range(5 if close.shape[1] else 0)
    }
    panel = whole_panel(close, seed, *sorted(rows, key=str))
    count = data.draw(st.integers(1, len(close)))
    last = data.draw(st.integers(1, count))
    _same_rows(SHORT.evaluate(panel, len(close)), SHORT.evaluate(panel.until(count), last), slice(count - last, count))


@examples(25)
@given(world=minute_worlds(), data=st.data())
def test_so_are_those_of_minutes_with_halts_and_an_early_close(world: Minutes, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(world.grid.sessions)))
    last = data.draw(st.integers(1, count))
    whole = SHORT.evaluate(world.panel(), len(world.grid.sessions))
    _same_rows(whole, SHORT.evaluate(world.until(count), last), slice(count - last, count))


def test_so_are_those_of_the_default_model_over_three_years() -> None:
    panel = whole_panel(random_closes(12, 760, 23, gaps=0.02), 12)
    whole = RegimeModel().evaluate(panel, 760)
    for count in (1, 266, 400, 759, 760):
        _same_rows(whole, RegimeModel().evaluate(panel.until(count), 1), slice(count - 1, count))
    assert {*np.unique(whole.label)} == {UNKNOWN, 0, 1, 2, 3}


def test_another_symbol_changes_nothing_however_many_there_are() -> None:
    close = np.tile(random_closes(9, 240, 30, gaps=0.05), 300)  # more than is worked on at a time
    names = tickers(9000)
    arrays = {"high": close * 1.01, "low": close * 0.99, "volume": np.full(close.shape, 100.0)}
    wide = Panel(weekdays(240), names, close, log_returns(close), arrays)
    got = SHORT.evaluate(wide, 60)
    for columns in (slice(0, 3), slice(8_330, 8_335), slice(8_990, 9_000)):
        fields = {name: np.ascontiguousarray(wide.raw(name)[:, columns]) for name in SHORT.fields}
        part = Panel(wide.sessions, wide.symbols[columns], wide.close[:, columns].copy(), wide.log_return[:, columns].copy(), fields)
        alone = SHORT.evaluate(part, 60)
        assert same(alone.label, got.label[:, columns].copy())
        assert same(alone.confidence, got.confidence[:, columns].copy())


@examples(40)
@given(close=closes(), data=st.data())
def test_a_rank_of_the_last_rows_is_that_of_all_rows(close: FloatArray, data: st.DataObject) -> None:
    panel = whole_panel(close)
    window, last = data.draw(st.integers(2, 40)), data.draw(st.integers(1, len(close)))
    if close.shape[1]:
        whole = rolling_rank(close, window, listings(panel))
        assert same(_rank_of_last(close, window, listings(panel), last), whole[len(close) - last :].copy())


# real data


def test_october_2008_is_of_high_volatility_and_2005_is_not() -> None:
    folder = SHARED / "us-daily-2004-2014"
    if not folder.exists():
        pytest.skip(f"real bars are not at {folder}")
    raw = pl.read_parquet(folder / "bars_daily.parquet").rename({"date": "session"})
    days = tuple(raw.filter(pl.col("symbol") == "MSFT")["session"].sort())
    bars = raw.with_columns(pl.col("volume").cast(pl.Float64))
    panel = build_panel(bars, actions(), days, ("AMD", "CERN", "COST", "GPS", "INTC", "MMM", "MSFT"), fields=("high", "low", "volume"))
    got = RegimeModel().evaluate(panel, len(days))
    market = dict(zip(days, got.market.tolist(), strict=True))
    october = [code for day, code in market.items() if date(2008, 10, 6) <= day <= date(2008, 10, 31)]
    assert set(october) == {HIGH_VOLATILITY}
    quiet = [code for day, code in market.items() if day.year == 2005]
    assert np.mean([code == HIGH_VOLATILITY for code in quiet]) < 0.25
    assert {TRENDING, RANGING} <= set(quiet)


@needs_minute_bars
def test_real_minutes_are_of_all_regimes() -> None:
    panel = msft("1m")
    got = RegimeModel().evaluate(panel, len(panel.sessions))
    known = got.label[got.label != UNKNOWN]
    assert len(known) > 6000
    assert {*np.unique(known)} == {0, 1, 2, 3}
    assert np.nanmin(got.confidence) >= 0.5
    assert np.nanmax(got.confidence) <= 1.0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: RegimeModel(vwap_window=1), "regime: vwap_window is 1; it must be a whole number from 2 to 10000"),
        (lambda: RegimeModel(momentum=0), "regime: momentum is 0"),
        (lambda: RegimeModel(atr_length=0), "regime: atr_length is 0"),
        (lambda: RegimeModel(atr_window=2521), "regime: atr_window is 2521; it must be a whole number from 2 to 2520"),
        (lambda: RegimeModel(short=60), "regime: short is 60; it must be a whole number from 2 to 59"),
        (lambda: RegimeModel(long=2), "regime: long is 2"),
        (lambda: RegimeModel(trend_slope=0), "regime: trend_slope is 0; it must be a finite number > 0 and <= 10"),
        (lambda: RegimeModel(trend_momentum=float("nan")), "regime: trend_momentum is nan"),
        (lambda: RegimeModel(calm=1.0), "regime: calm is 1.0; it must be a finite number >= 0.05 and <= 0.95"),
        (lambda: RegimeModel(high_percentile=1.0), "regime: high_percentile is 1.0"),
        (lambda: RegimeModel(high_ratio=1.0), "regime: high_ratio is 1.0; it must be a finite number > 1 and <= 10"),
    ],
)
def test_a_bad_parameter_is_named_with_value_and_bound(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()
