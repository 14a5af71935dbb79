"""Panels and bars to test signals on."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import strategies as st
from numpy.typing import NDArray

from grodt.bars.source import RAW_ACTIONS
from grodt.signals.panel import FIELDS, FloatArray, Panel, build_panel

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


def weekdays(count: int, first: date = date(2020, 1, 1)) -> tuple[date, ...]:
    """The first `count` weekdays from that date on."""
    days = (first + timedelta(days=offset) for offset in range(2 * count + 7))
    return tuple(day for day in days if day.weekday() < 5)[:count]


def tickers(count: int) -> tuple[str, ...]:
    """That many tickers, ascending."""
    return tuple(f"S{i:04d}" for i in range(count))


def long_bars(close: FloatArray, sessions: tuple[date, ...], symbols: tuple[str, ...]) -> pl.DataFrame:
    """Closes in long form, sorted by symbol then session; NaN is no bar."""
    column, row = np.nonzero(~np.isnan(close.T))
    return pl.DataFrame(
        {
            "symbol": pl.Series([symbols[i] for i in column], dtype=pl.String),
            "session": pl.Series([sessions[i] for i in row], dtype=pl.Date),
            "close": close[row, column],
        }
    )


def actions(*rows: tuple[str, date, str, int | None, int | None, str | None]) -> pl.DataFrame:
    """Corporate actions from (symbol, ex date, kind, ratio new, ratio old, cash) tuples."""
    names = ("symbol", "ex_date", "kind", "ratio_new", "ratio_old", "cash_per_share")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    frame = pl.DataFrame(
        columns, schema_overrides={"symbol": pl.String, "kind": pl.String, "cash_per_share": pl.String, "ex_date": pl.Date}
    )
    frame = frame.with_columns(pl.col("ratio_new", "ratio_old").cast(pl.Int64), pl.col("cash_per_share").cast(pl.Decimal(24, 6)))
    return frame.with_columns(pay_date=pl.lit(None, dtype=pl.Date), new_symbol=pl.lit(None, dtype=pl.String)).select(RAW_ACTIONS.names())


def panel_of(close: FloatArray) -> Panel:
    """A panel of closes without corporate actions."""
    sessions, symbols = weekdays(close.shape[0]), tickers(close.shape[1])
    return build_panel(long_bars(close, sessions, symbols), actions(), sessions, symbols)


def random_closes(seed: int, sessions: int, symbols: int, gaps: float = 0.0) -> FloatArray:
    """Random walks with late listings, halts of some sessions, early ends and single missing bars."""
    rng = np.random.default_rng(seed)
    close = np.exp(np.cumsum(rng.normal(0.0003, 0.02, (sessions, symbols)), axis=0) + rng.normal(3, 1, symbols))
    if gaps:
        close[rng.random(close.shape) < gaps] = np.nan
        for column in range(symbols):
            if rng.random() < 0.4:
                close[: rng.integers(0, sessions), column] = np.nan
            if rng.random() < 0.2:
                close[rng.integers(0, sessions) :, column] = np.nan
            if rng.random() < 0.5:
                start = int(rng.integers(0, sessions))
                close[start : start + int(rng.integers(1, 30)), column] = np.nan
    return close


@st.composite
def closes(draw: st.DrawFn, longest: int = 120) -> FloatArray:
    """Closes with gaps; hypothesis draws the shape, the seed and the share of missing bars, and a few cells of its own."""
    sessions, symbols = draw(st.integers(1, longest)), draw(st.integers(0, 9))
    close = random_closes(draw(st.integers(0, 2**32 - 1)), sessions, symbols, draw(st.sampled_from([0.0, 0.02, 0.3])))
    for _ in range(draw(st.integers(0, 4)) if symbols else 0):
        row, column = draw(st.integers(0, sessions - 1)), draw(st.integers(0, symbols - 1))
        close[row, column] = draw(st.sampled_from([np.nan, 0.01, 50.0, 1e6]))
    return close


@st.composite
def panels(draw: st.DrawFn, longest: int = 90) -> Panel:
    """Panels with every field and with members: gaps, halts, late listings, splits, dividends, tickers that another company takes up."""
    close = draw(closes(longest))
    sessions, symbols = weekdays(len(close)), tickers(close.shape[1])
    rows: list[tuple[str, date, str, int | None, int | None, str | None]] = []
    for _ in range(draw(st.integers(0, 4)) if symbols else 0):
        where = (draw(st.sampled_from(symbols)), draw(st.sampled_from(sessions)))
        rows.append(
            draw(
                st.sampled_from(
                    [(*where, "split", 2, 1, None), (*where, "dividend", None, None, "0.5"), (*where, "delisting", None, None, None)]
                )
            )
        )
    return full_panel(close, draw(st.integers(0, 2**32 - 1)), actions(*rows))


def full_panel(close: FloatArray, seed: int, done: pl.DataFrame | None = None) -> Panel:
    """A panel of these closes with open, high, low, volume and members; four in five may be traded, in spells that end by the day."""
    rng = np.random.default_rng(seed)
    sessions, symbols = weekdays(close.shape[0]), tickers(close.shape[1])
    opened = close * (1 + 0.01 * rng.standard_normal(close.shape))
    high, low = (
        np.maximum(opened, close) * (1 + 0.01 * rng.random(close.shape)),
        np.minimum(opened, close) * (1 - 0.01 * rng.random(close.shape)),
    )
    volume = rng.integers(0, 50, close.shape) * 100.0
    column, row = np.nonzero(~np.isnan(close.T))
    bars = long_bars(close, sessions, symbols).with_columns(
        open=opened[row, column], high=high[row, column], low=low[row, column], volume=volume[row, column]
    )
    panel = build_panel(bars, actions() if done is None else done, sessions, symbols, fields=FIELDS)
    return panel.of_members(rng.random(close.shape) < 0.8)


def of_columns(panel: Panel, chosen: NDArray[np.int64] | list[int]) -> Panel:
    """The panel of these columns alone, ascending."""
    members = None if panel.members is None else np.ascontiguousarray(panel.members[:, chosen])
    fields = {name: np.ascontiguousarray(array[:, chosen]) for name, array in panel.fields.items()}
    close, log_return = (np.ascontiguousarray(array[:, chosen]) for array in (panel.close, panel.log_return))
    return Panel(panel.sessions, tuple(panel.symbols[i] for i in chosen), close, log_return, fields, members)


def same(left: NDArray[np.generic], right: NDArray[np.generic]) -> bool:
    """Equal shape and bit for bit equal content."""
    return left.shape == right.shape and left.dtype == right.dtype and left.tobytes() == right.tobytes()
