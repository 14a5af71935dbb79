"""Panels of prices with gaps and listings, and every indicator as a function of one."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from hypothesis import strategies as st

from grodt.signals import indicators as ind
from grodt.signals.indicators import BoolArray
from grodt.signals.panel import FloatArray
from tests.signals.worlds import random_closes


@dataclass(frozen=True)
class World:
    """Arrays of one shape, and an index's returns."""

    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    log_return: FloatArray
    listed: BoolArray
    index: FloatArray

    def rows(self, count: int) -> "World":
        return World(*(getattr(self, field.name)[:count] for field in fields(self)))

    def columns(self, chosen: object) -> "World":
        return World(*(getattr(self, field.name)[:, chosen] for field in fields(self)[:-1]), self.index)


def world(seed: int, sessions: int, symbols: int, gaps: float = 0.0, listings: int = 0) -> World:
    rng = np.random.default_rng(seed)
    close = random_closes(seed, sessions, symbols, gaps)
    if gaps:  # some prices stand still for a while
        close[1:][rng.random(close[1:].shape) < 0.1] = np.nan
        still = rng.integers(0, max(1, sessions - 8))
        close[still : still + 8, : symbols // 2] = close[still, : symbols // 2]
    listed = np.zeros(close.shape, dtype=np.bool_)
    for _ in range(listings if symbols else 0):
        listed[rng.integers(0, sessions), rng.integers(0, symbols)] = True
    high, low = close * (1 + 0.02 * rng.random(close.shape)), close * (1 - 0.02 * rng.random(close.shape))
    volume = rng.integers(0, 5, close.shape) * 100.0
    volume[np.isnan(close)] = np.nan
    index = rng.normal(0, 0.01, sessions)
    if gaps:
        index[rng.random(sessions) < 0.05] = np.nan
    return World(high, low, close, volume, ind.log_returns(close, listed), listed, index)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Random walks with gaps and listings, and a few cells of hypothesis' own."""
    sessions, symbols = draw(st.integers(1, 70)), draw(st.integers(1, 7))
    made = world(
        draw(st.integers(0, 2**32 - 1)), sessions, symbols, draw(st.sampled_from([0.0, 0.02, 0.3])), draw(st.sampled_from([0, 0, 1, 5]))
    )
    close = made.close.copy()
    for _ in range(draw(st.integers(0, 3))):
        row, column = draw(st.integers(0, sessions - 1)), draw(st.integers(0, symbols - 1))
        close[row, column] = draw(st.sampled_from([np.nan, 0.01, 50.0, 1e6]))
    high, low = np.fmax(made.high, close), np.fmin(made.low, close)
    return World(high, low, close, made.volume, ind.log_returns(close, made.listed), made.listed, made.index)


#: Every indicator that counts bars, with short windows, as a function of a world that gives its arrays.
INDICATORS: dict[str, Callable[[World], tuple[FloatArray, ...]]] = {
    "sma": lambda w: (ind.sma(w.close, 5, w.listed),),
    "sma of one": lambda w: (ind.sma(w.close, 1, w.listed),),
    "ema": lambda w: (ind.ema(w.close, 6, w.listed),),
    "wilder": lambda w: (ind.wilder(w.close, 4, w.listed),),
    "rsi": lambda w: (ind.rsi(w.close, 4, w.listed),),
    "true range": lambda w: (ind.true_range(w.high, w.low, w.close, w.listed),),
    "atr": lambda w: (ind.atr(w.high, w.low, w.close, 5, w.listed),),
    "bollinger": lambda w: _arrays(ind.bollinger(w.close, 6, 2.5, w.listed)),
    "donchian": lambda w: _arrays(ind.donchian(w.high, w.low, 4, w.listed)),
    "channel position": lambda w: (ind.channel_position(w.close, 5, w.listed),),
    "keltner": lambda w: _arrays(ind.keltner(w.high, w.low, w.close, 4, 1.5, 6, w.listed)),
    "macd": lambda w: _arrays(ind.macd(w.close, 3, 6, 4, w.listed)),
    "adx": lambda w: _arrays(ind.adx(w.high, w.low, w.close, 3, w.listed)),
    "roc": lambda w: (ind.roc(w.close, 7, 2, w.listed),),
    "volume ratio": lambda w: (ind.volume_ratio(w.volume, 3, w.listed),),
    "rolling vwap": lambda w: (ind.rolling_vwap(w.high, w.low, w.close, w.volume, 5, w.listed),),
    "standard deviation": lambda w: (ind.standard_deviation(w.close, 5, sample=True, listed=w.listed),),
    "z-score": lambda w: (ind.z_score(w.close, 5, listed=w.listed),),
    "rolling rank": lambda w: (ind.rolling_rank(w.close, 6, w.listed),),
    "beta": lambda w: (ind.beta(w.log_return, w.index, 6, w.listed),),
    "log returns": lambda w: (ind.log_returns(w.close, w.listed),),
    "realised volatility": lambda w: (ind.realised_volatility(w.log_return, 5, listed=w.listed),),
    "EWMA volatility": lambda w: (ind.ewma_volatility(w.log_return, 6, 4, listed=w.listed),),
}

#: The same for those that count from a row.
VWAPS: dict[str, Callable[[World], tuple[FloatArray, ...]]] = {
    "session vwap": lambda w: (ind.session_vwap(w.high, w.low, w.close, w.volume, np.arange(0, len(w.close), 9), w.listed),),
    "anchored vwap": lambda w: (ind.anchored_vwap(w.high, w.low, w.close, w.volume, 0, w.listed),),
}


def _arrays(result: ind.Band | ind.Macd | ind.DirectionalMovement) -> tuple[FloatArray, ...]:
    return tuple(getattr(result, field.name) for field in fields(result))
