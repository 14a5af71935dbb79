"""Indicators: pure functions of arrays of shape (sessions, symbols), for all symbols at once.

NaN is no bar. A symbol's bars are counted, not sessions: one without a bar leaves what is known of the symbol as it is, and has NaN.
A symbol starts anew at its first bar and wherever `listed` says so (`listings` reads that off a panel). No value depends on a later
session or on another symbol, bit for bit. Conventions stand in each docstring; rows count a listing's bars from 0.

`recurrence` holds what signals step through session by session; `averages`, `oscillators`, `trend`, `ranges`, `channels`,
`volatility`, `statistics` and `vwap` hold the functions; `compiled` evaluates the kernels of C that those are made of (`kernels/`).
"""

from grodt.signals.indicators.averages import ema, sma, wilder
from grodt.signals.indicators.channels import Band, bollinger, channel_position, donchian, keltner
from grodt.signals.indicators.compiled import listings
from grodt.signals.indicators.oscillators import Macd, macd, roc, rsi, volume_ratio
from grodt.signals.indicators.ranges import atr, true_range
from grodt.signals.indicators.recurrence import (
    SESSIONS_PER_YEAR,
    BoolArray,
    Step,
    bars_since_listing,
    decay_of,
    first_row,
    price_over_average,
    prices_over_averages,
    steps,
)
from grodt.signals.indicators.statistics import beta, rolling_rank, standard_deviation, z_score
from grodt.signals.indicators.trend import DirectionalMovement, adx
from grodt.signals.indicators.volatility import Volatility, ewma_volatility, log_returns, realised_volatility
from grodt.signals.indicators.vwap import anchored_vwap, rolling_vwap, session_vwap

__all__ = [
    "SESSIONS_PER_YEAR",
    "Band",
    "BoolArray",
    "DirectionalMovement",
    "Macd",
    "Step",
    "Volatility",
    "adx",
    "anchored_vwap",
    "atr",
    "bars_since_listing",
    "beta",
    "bollinger",
    "channel_position",
    "decay_of",
    "donchian",
    "ema",
    "ewma_volatility",
    "first_row",
    "keltner",
    "listings",
    "log_returns",
    "macd",
    "price_over_average",
    "prices_over_averages",
    "realised_volatility",
    "roc",
    "rolling_rank",
    "rolling_vwap",
    "rsi",
    "session_vwap",
    "sma",
    "standard_deviation",
    "steps",
    "true_range",
    "volume_ratio",
    "wilder",
    "z_score",
]
