"""Courses of equity to measure."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st
from numpy.typing import NDArray

from grodt.replay.record import Record
from grodt.signals.panel import FloatArray

#: Twenty-four months: Bacon, Practical Portfolio Performance Measurement and Attribution, 2008, as R's PerformanceAnalytics has them.
BACON = np.array(
    [0.003, 0.026, 0.011, -0.01, 0.015, 0.025, 0.016, 0.067, -0.014, 0.04, -0.005, 0.081,
     0.04, -0.037, -0.061, 0.017, -0.049, -0.022, 0.07, 0.058, -0.065, 0.024, -0.005, -0.009]
)  # fmt: skip


def days(count: int, first: date = date(2020, 1, 1)) -> NDArray[np.datetime64]:
    """That many weekdays."""
    every = (first + timedelta(days=i) for i in range(2 * count + 7))
    return np.array([day for day in every if day.weekday() < 5][:count], dtype="datetime64[D]")


def record(returns: FloatArray | list[float], **more: Any) -> Record:
    """A record of those returns after its base."""
    equity = 100_000.0 * np.concatenate(([1.0], np.cumprod(1.0 + np.asarray(returns, dtype=np.float64))))
    return Record(**({"name": "demo", "sessions": days(equity.size), "equity": equity} | more))


def random_returns(seed: int, count: int, mean: float = 0.0004, deviation: float = 0.01) -> FloatArray:
    return np.random.default_rng(seed).normal(mean, deviation, count)


def full_record(count: int = 400, seed: int = 5) -> Record:
    """A record with everything a record can have."""
    draw = np.random.default_rng(seed)
    signals = {"momentum": draw.normal(0.0005, 0.006, count + 1), "a <b> & c": draw.normal(0.0, 0.004, count + 1)}
    gross = np.clip(1 + np.cumsum(draw.normal(0, 0.02, count + 1)), 0, 2)
    gross[:20] = 0
    return record(
        np.sum([values[1:] for values in signals.values()], axis=0),
        gross=gross,
        net=0.5 * gross,
        turnover=np.abs(draw.normal(0.05, 0.03, count + 1)),
        benchmark=50 * np.cumprod(1 + draw.normal(0.0003, 0.011, count + 1)),
        benchmark_name="index",
        contributions=signals,
        regimes=np.array(["trending", "ranging"])[(np.arange(count + 1) // 30) % 2],
        trades=draw.normal(10, 100, 50),
        risk_free=0.02,
    )


def equity_table(equity: list[str], profit: list[str], book: str = "demo") -> pl.DataFrame:
    """Rows of the lake's `equity` that a record reads."""
    return pl.DataFrame(
        {
            "book": [book] * len(equity),
            "session": pl.Series(days(len(equity)), dtype=pl.Date),
            "equity": pl.Series(equity).cast(pl.Decimal(24, 6)),
            "gross_exposure": [0.5] * len(equity),
            "net_exposure": [-0.25] * len(equity),
            "profit": pl.Series(profit).cast(pl.Decimal(24, 6)),
        }
    )


#: Returns of sessions, none so small that its variance is only rounding.
series = st.lists(st.integers(-2_000, 2_000), min_size=3, max_size=80).map(lambda cells: np.array(cells) / 10_000.0)
