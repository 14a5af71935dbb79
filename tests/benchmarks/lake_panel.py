"""The panel that every contestant keeps: random walks with prices in cents and whole volumes, on weekdays."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

_SEED = 7
#: Some months into a year, so that the open year is neither empty nor full.
LAST = date(2024, 8, 29)


def write_panel(path: Path, symbols: int, sessions: int) -> pl.Series:
    """Write the panel, sorted by symbol and session, with the columns of `bars_1d`; returns its sessions, ascending."""
    random = np.random.default_rng(_SEED)
    days = _weekdays(sessions)
    shape = (symbols, sessions)
    start = np.log(random.uniform(5, 300, symbols))[:, None]
    close = _cents(np.exp(start + np.cumsum(random.normal(0.0002, 0.018, shape), axis=1)))
    first = _cents(close * np.exp(random.normal(0, 0.006, shape)))
    top, bottom = np.maximum(first, close), np.minimum(first, close)
    high = np.maximum(_cents(top * np.exp(np.abs(random.normal(0, 0.005, shape)))), top)
    low = np.minimum(_cents(bottom * np.exp(-np.abs(random.normal(0, 0.005, shape)))), bottom)
    volume = np.round(np.exp(random.normal(12, 1, shape)))
    names = pl.Series([f"S{number:05d}" for number in range(symbols)])
    known = pl.Series([datetime(day.year, day.month, day.day, 21, 5, tzinfo=UTC) for day in days], dtype=pl.Datetime("us", "UTC"))
    at = np.tile(np.arange(sessions), symbols)
    frame = pl.DataFrame(
        {
            "source": pl.repeat("demo", symbols * sessions, eager=True),
            "symbol": names.gather(np.repeat(np.arange(symbols), sessions)),
            "session": pl.Series(days).gather(at),
            "open": first.ravel(),
            "high": high.ravel(),
            "low": low.ravel(),
            "close": close.ravel(),
            "volume": volume.ravel(),
            "known_at": known.gather(at),
        }
    )
    frame.write_parquet(path, compression="lz4", row_group_size=1_000_000)
    return pl.Series(days)


def _cents(prices: np.ndarray) -> np.ndarray:
    return np.maximum(np.round(prices, 2), 0.01)


def _weekdays(count: int) -> list[date]:
    days, day = [], LAST
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day -= timedelta(days=1)
    return days[::-1]
