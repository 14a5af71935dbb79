"""Values that Stock.Indicators computes and publishes for 502 daily bars and 391 minutes of SPY."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from grodt.signals import indicators as ind
from grodt.signals.panel import FloatArray
from tests.signals.worlds import SHARED

FOLDER = SHARED / "indicator-values"

if not FOLDER.exists():
    pytest.skip(f"published indicator values are not at {FOLDER}", allow_module_level=True)


def _quotes(name: str) -> pl.DataFrame:
    return pl.read_parquet(FOLDER / "quotes.parquet").filter(pl.col("set") == name).sort("ts")


DAILY = _quotes("default")
OPEN, HIGH, LOW, CLOSE, VOLUME = (DAILY[name].to_numpy()[:, None] for name in ("open", "high", "low", "close", "volume"))


def _published(call: str, field: str) -> FloatArray:
    rows = pl.read_parquet(FOLDER / "expected.parquet").filter((pl.col("call") == call) & (pl.col("field") == field)).sort("date")
    assert rows["date"].to_list() == DAILY["ts"].dt.date().to_list()
    return rows["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()


#: Call, field and what should give it. Warm-up rows included: they seed as we do. Bollinger's and StdDev's standard deviation is the
#: population's, Donchian's channel excludes the current bar, MACD's and ADX's seeds are their own (TA-Lib's are others).
SAME: list[tuple[str, str, Callable[[], FloatArray]]] = [
    ("Bars.ToSma(20)", "sma", lambda: ind.sma(CLOSE, 20)),
    ("Bars.ToEma(20)", "ema", lambda: ind.ema(CLOSE, 20)),
    ("Bars.ToRsi(14)", "rsi", lambda: ind.rsi(CLOSE, 14)),
    ("Bars.ToTr()", "tr", lambda: ind.true_range(HIGH, LOW, CLOSE)),
    ("Bars.ToAtr(14)", "tr", lambda: ind.true_range(HIGH, LOW, CLOSE)),
    ("Bars.ToAtr(14)", "atr", lambda: ind.atr(HIGH, LOW, CLOSE, 14)),
    ("Bars.ToAtr(14)", "atrp", lambda: 100 * ind.atr(HIGH, LOW, CLOSE, 14) / CLOSE),
    ("Bars.ToBollingerBands(20, 2)", "upperBand", lambda: ind.bollinger(CLOSE, 20, 2).upper),
    ("Bars.ToBollingerBands(20, 2)", "sma", lambda: ind.bollinger(CLOSE, 20, 2).middle),
    ("Bars.ToBollingerBands(20, 2)", "lowerBand", lambda: ind.bollinger(CLOSE, 20, 2).lower),
    ("Bars.ToBollingerBands(20, 2)", "zScore", lambda: ind.z_score(CLOSE, 20)),
    ("Bars.ToMacd(12, 26, 9)", "macd", lambda: ind.macd(CLOSE).macd),
    ("Bars.ToMacd(12, 26, 9)", "signal", lambda: ind.macd(CLOSE).signal),
    ("Bars.ToMacd(12, 26, 9)", "histogram", lambda: ind.macd(CLOSE).histogram),
    ("Bars.ToMacd(12, 26, 9)", "fastEma", lambda: ind.ema(CLOSE, 12)),
    ("Bars.ToAdx(14)", "pdi", lambda: ind.adx(HIGH, LOW, CLOSE).plus),
    ("Bars.ToAdx(14)", "mdi", lambda: ind.adx(HIGH, LOW, CLOSE).minus),
    ("Bars.ToAdx(14)", "dx", lambda: ind.adx(HIGH, LOW, CLOSE).dx),
    ("Bars.ToAdx(14)", "adx", lambda: ind.adx(HIGH, LOW, CLOSE).adx),
    ("Bars.ToDonchian(20)", "upperBand", lambda: ind.donchian(HIGH, LOW).upper),
    ("Bars.ToDonchian(20)", "centerline", lambda: ind.donchian(HIGH, LOW).middle),
    ("Bars.ToDonchian(20)", "lowerBand", lambda: ind.donchian(HIGH, LOW).lower),
    ("Bars.ToKeltner(20, 2, 10)", "upperBand", lambda: ind.keltner(HIGH, LOW, CLOSE).upper),
    ("Bars.ToKeltner(20, 2, 10)", "centerline", lambda: ind.keltner(HIGH, LOW, CLOSE).middle),
    ("Bars.ToKeltner(20, 2, 10)", "lowerBand", lambda: ind.keltner(HIGH, LOW, CLOSE).lower),
    ("Bars.ToRoc()", "roc", lambda: ind.roc(CLOSE, 14)),
    ("Bars.ToStdDev()", "stdDev", lambda: ind.standard_deviation(CLOSE, 14)),
    ("Bars.ToStdDev()", "mean", lambda: ind.sma(CLOSE, 14)),
    ("Bars.ToStdDev()", "zScore", lambda: ind.z_score(CLOSE, 14)),
    ("Bars.ToVwap()", "vwap", lambda: ind.anchored_vwap(HIGH, LOW, CLOSE, VOLUME, 0)),
]


@pytest.mark.parametrize(("call", "field", "ours"), SAME, ids=[f"{call} {field}" for call, field, _ in SAME])
def test_our_values_are_the_published_ones_from_the_first_row_with_a_value(call: str, field: str, ours: Callable[[], FloatArray]) -> None:
    np.testing.assert_allclose(ours()[:, 0], _published(call, field), rtol=1e-9, atol=1e-9)


def test_the_sample_standard_deviation_is_not_the_published_one_but_its_multiple() -> None:
    published = _published("Bars.ToStdDev()", "stdDev")
    got = ind.standard_deviation(CLOSE, 14, sample=True)[:, 0]
    assert np.nanmin(got / published) > 1.03
    np.testing.assert_allclose(got, published * np.sqrt(14 / 13), rtol=1e-9)


def test_a_donchian_channel_with_the_current_bar_is_the_published_one_of_the_next_bar() -> None:
    before = ind.donchian(HIGH, LOW, 20).upper[1:, 0]
    with_today = np.array([HIGH[max(0, row - 19) : row + 1].max() if row >= 19 else np.nan for row in range(len(HIGH) - 1)])
    np.testing.assert_array_equal(before, with_today)


@pytest.mark.parametrize(("sheet", "anchor"), [("VWAP", 0), ("VWAP with Start Date", 30)])
def test_session_and_anchored_vwap_of_minutes_are_a_spreadsheets(sheet: str, anchor: int) -> None:
    minutes = _quotes("intraday")
    values = pl.read_parquet(FOLDER / "vwap_intraday.parquet").filter((pl.col("sheet") == sheet) & (pl.col("column") == "VWAP")).sort("ts")
    prices = [minutes[name].to_numpy()[:, None] for name in ("high", "low", "close", "volume")]
    days = minutes["ts"].dt.date()
    starts = np.flatnonzero((days != days.shift(1)).fill_null(value=True).to_numpy())
    assert len(starts) == 4
    got = ind.session_vwap(*prices, starts) if anchor == 0 else ind.anchored_vwap(*prices, anchor)
    place = minutes["ts"].dt.strftime("%Y-%m-%d %H:%M:%S").index_of(values["ts"][0])
    assert place == anchor
    assert np.isnan(got[:anchor]).all()
    np.testing.assert_allclose(got[place : place + len(values), 0], values["value"].to_numpy(), rtol=1e-9)


def test_each_session_of_minutes_starts_its_vwap_anew() -> None:
    minutes = _quotes("intraday")
    prices = [minutes[name].to_numpy()[:, None] for name in ("high", "low", "close", "volume")]
    got = ind.session_vwap(*prices, np.arange(0, len(minutes), 391))
    for start in range(0, len(minutes), 391):
        np.testing.assert_array_equal(got[start : start + 391], ind.anchored_vwap(*(one[start : start + 391] for one in prices), 0))
