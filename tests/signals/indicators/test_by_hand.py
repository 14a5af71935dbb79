"""Every indicator against plain Python, listing by listing, on panels with gaps and listings."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.signals import indicators as ind
from grodt.signals.panel import FloatArray
from tests.examples import examples
from tests.signals.indicators import by_hand
from tests.signals.indicators.worlds import INDICATORS, World, world, worlds

type Listing = dict[str, list[float]]

#: What each indicator reads, and what it should give for the bars of one listing.
EXPECTED: dict[str, tuple[tuple[str, ...], Callable[[Listing], list[float] | list[tuple[float, ...]]]]] = {
    "sma": (("close",), lambda b: by_hand.sma(b["close"], 5)),
    "sma of one": (("close",), lambda b: b["close"]),
    "ema": (("close",), lambda b: by_hand.ema(b["close"], 6)),
    "wilder": (("close",), lambda b: by_hand.wilder(b["close"], 4)),
    "rsi": (("close",), lambda b: by_hand.rsi(b["close"], 4)),
    "true range": (("high", "low", "close"), lambda b: by_hand.true_range(b["high"], b["low"], b["close"])),
    "atr": (("high", "low", "close"), lambda b: by_hand.atr(b["high"], b["low"], b["close"], 5)),
    "bollinger": (("close",), lambda b: by_hand.bollinger(b["close"], 6, 2.5)),
    "donchian": (("high", "low"), lambda b: by_hand.donchian(b["high"], b["low"], 4)),
    "channel position": (("close",), lambda b: by_hand.channel_position(b["close"], 5)),
    "keltner": (("high", "low", "close"), lambda b: by_hand.keltner(b["high"], b["low"], b["close"], 4, 1.5, 6)),
    "macd": (("close",), lambda b: by_hand.macd(b["close"], 3, 6, 4)),
    "adx": (("high", "low", "close"), lambda b: by_hand.adx(b["high"], b["low"], b["close"], 3)),
    "roc": (("close",), lambda b: by_hand.roc(b["close"], 7, 2)),
    "volume ratio": (("volume",), lambda b: by_hand.volume_ratio(b["volume"], 3)),
    "rolling vwap": (
        ("high", "low", "close", "volume"),
        lambda b: by_hand.rolling_vwap(b["high"], b["low"], b["close"], b["volume"], 5),
    ),
    "standard deviation": (("close",), lambda b: by_hand._windows(b["close"], 5, lambda part: by_hand.deviation(part, 1))),
    "z-score": (("close",), lambda b: by_hand._windows(b["close"], 5, by_hand.z)),
    "rolling rank": (("close",), lambda b: by_hand.rolling_rank(b["close"], 6)),
    "beta": (("log_return", "index"), lambda b: by_hand.beta(b["log_return"], b["index"], 6)),
    "log returns": (("close",), lambda b: by_hand.log_returns(b["close"])),
    "realised volatility": (("log_return",), lambda b: by_hand.realised(b["log_return"], 5)),
    "EWMA volatility": (("log_return",), lambda b: by_hand.ewma(b["log_return"], 6, 4)),
}


def _listings(made: World, fields: tuple[str, ...]) -> Iterator[tuple[int, list[int], Listing]]:
    """Column, rows and bars of each listing: from one mark of `listed` to the next."""
    for column in range(made.close.shape[1]):
        parts: list[list[int]] = [[]]
        for row in range(len(made.close)):
            if made.listed[row, column]:
                parts.append([])
            bar = [made.index[row] if name == "index" else getattr(made, name)[row, column] for name in fields]
            if not np.isnan(bar).any():
                parts[-1].append(row)
        for rows in parts:
            if rows:
                yield (
                    column,
                    rows,
                    {
                        name: [float(made.index[row] if name == "index" else getattr(made, name)[row, column]) for row in rows]
                        for name in fields
                    },
                )


def _expected(made: World, name: str) -> FloatArray:
    fields, of = EXPECTED[name]
    outputs = len(INDICATORS[name](made))
    want = np.full((outputs, *made.close.shape), np.nan)
    for column, rows, bars in _listings(made, fields):
        want[:, rows, column] = np.array(of(bars), dtype=float).reshape(len(rows), outputs).T
    return want


def _agree(made: World, name: str) -> None:
    got, want = np.array(INDICATORS[name](made)), _expected(made, name)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    # differences of prices are only as good as the prices
    scale = np.nanmax(made.close, initial=1.0) if name in ("macd", "adx", "rsi", "bollinger", "keltner") else 1.0
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize("name", INDICATORS)
@examples(25)
@given(made=worlds())
def test_an_indicator_is_what_plain_python_makes_of_the_bars_of_each_listing(name: str, made: World) -> None:
    _agree(made, name)


@pytest.mark.parametrize("name", INDICATORS)
def test_so_it_is_on_panels_wider_and_longer_than_the_slices_it_works_in(name: str) -> None:
    _agree(world(5, 400, 7, gaps=0.02, listings=5), name)
    wide = world(6, 30, 1100, gaps=0.02, listings=200)
    got = np.array(INDICATORS[name](wide))
    some = wide.columns(slice(400, 440))
    np.testing.assert_array_equal(got[:, :, 400:440], np.array(INDICATORS[name](some)))
    _agree(some, name)


@pytest.mark.parametrize("name", INDICATORS)
def test_so_it_is_where_few_of_many_symbols_have_a_gap_a_second_listing_or_come_late(name: str) -> None:
    made = world(8, 60, 24)
    for column, rows in ((3, slice(20, 25)), (9, slice(0, 17)), (17, slice(31, 32)), (20, slice(44, 60))):
        for field in ("high", "low", "close", "volume"):
            getattr(made, field)[rows, column] = np.nan
    made.listed[30, [5, 17]] = True
    made.listed[0] = True
    made.log_return[:] = ind.log_returns(made.close, made.listed)
    _agree(made, name)
    for column in (3, 5, 9, 17, 20):
        alone = np.array(INDICATORS[name](made.columns(slice(column, column + 1))))
        np.testing.assert_array_equal(np.array(INDICATORS[name](made))[:, :, column : column + 1], alone)


@examples(25)
@given(made=worlds(), data=st.data())
def test_vwap_is_what_plain_python_makes_of_each_session_and_listing(made: World, data: st.DataObject) -> None:
    length, width = made.close.shape
    starts = np.unique([0, *data.draw(st.lists(st.integers(0, length - 1), max_size=4))])
    anchors = np.array(data.draw(st.lists(st.integers(0, length - 1), min_size=width, max_size=width)))
    opened = np.zeros(made.close.shape, dtype=np.bool_)
    opened[starts] = True
    anchored = np.arange(length)[:, None] == anchors
    prices = (made.high, made.low, made.close, made.volume)
    fields = ("high", "low", "close", "volume")
    for marks, got in (
        (opened, ind.session_vwap(*prices, starts, made.listed)),
        (anchored, ind.anchored_vwap(*prices, anchors, made.listed)),
    ):
        want = np.full(made.close.shape, np.nan)
        split = World(made.high, made.low, made.close, made.volume, made.log_return, made.listed | marks, made.index)
        for column, rows, bars in _listings(split, fields):
            want[rows, column] = by_hand.vwap(*(bars[name] for name in fields))
        if marks is anchored:
            want[np.arange(length)[:, None] < anchors] = np.nan
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        np.testing.assert_allclose(got, want, rtol=1e-9)
