"""Panels of minute bars around Thanksgiving 2020: Thursday 26 November is a holiday, Friday the 27th closes at 13:00 in New York."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl
from hypothesis import strategies as st

from grodt.bars.aggregation import BarWidth, aggregate
from grodt.sessions import Calendar
from grodt.signals.minute_panel import BarGrid, bar_grid, build_minute_panel
from grodt.signals.panel import FIELDS, FloatArray, Panel
from tests.bars.minute_world import MINUTE_BARS, NEW_YORK
from tests.signals.worlds import actions, random_closes, tickers

XNYS = Calendar("XNYS")
WED, EARLY, MON, TUE = date(2020, 11, 25), date(2020, 11, 27), date(2020, 11, 30), date(2020, 12, 1)

type Action = tuple[str, date, str, int | None, int | None, str | None]


@dataclass(frozen=True)
class Minutes:
    """Bars of a grid in long form, with the actions beside them."""

    grid: BarGrid
    symbols: tuple[str, ...]
    bars: pl.DataFrame
    actions: pl.DataFrame

    def panel(self) -> Panel:
        return build_minute_panel(self.bars, self.actions, self.grid, self.symbols, fields=FIELDS)

    def until(self, count: int) -> Panel:
        """The panel made when so many bars are over: of the bars that there are by then, on the grid up to then."""
        ended = self.grid.ends[count - 1].astype(datetime)
        known = self.bars.filter(pl.col("start") < pl.lit(ended).dt.replace_time_zone("UTC"))
        grid = bar_grid(XNYS, self.grid.sessions[0], self.grid.sessions[count - 1], self.grid.width, ended.replace(tzinfo=_UTC))
        return build_minute_panel(known, self.actions, grid, self.symbols, fields=FIELDS)


_UTC = XNYS.opens_at(WED).tzinfo


def msft(width: str) -> Panel:
    """The real minutes of MSFT in regular hours, 23 November to 18 December 2020, added up."""
    raw = pl.read_parquet(MINUTE_BARS / "alpha_vantage_extended_1m.parquet")
    start = pl.col("ts_ny_bar_end").dt.replace_time_zone(NEW_YORK).dt.convert_time_zone("UTC").dt.offset_by("-1m")
    bars = raw.with_columns(start=start, volume=pl.col("volume").cast(pl.Float64))
    session = XNYS.sessions_of(bars["start"].dt.replace_time_zone(None).to_numpy())
    bars = bars.with_columns(pl.Series("session", session).cast(pl.Date)).drop_nulls("session")
    grid = bar_grid(XNYS, date(2020, 11, 23), date(2020, 12, 18), width)
    return build_minute_panel(aggregate(bars, BarWidth.of(width), XNYS), actions(), grid, ["MSFT"], fields=FIELDS)


def minutes(
    close: FloatArray,
    grid: BarGrid,
    *,
    high: FloatArray | None = None,
    low: FloatArray | None = None,
    volume: FloatArray | None = None,
    rows: Sequence[Action] = (),
) -> Minutes:
    """Bars with those closes, (T, N), NaN where nobody traded; opened, high and low at them and 100 shares unless said otherwise."""
    symbols = tickers(close.shape[1])
    column, row = np.nonzero(~np.isnan(close.T))
    high, low = close if high is None else high, close if low is None else low
    volume = np.full(close.shape, 100.0) if volume is None else volume
    arrays = {"open": close, "high": high, "low": low, "close": close, "volume": volume}
    bars = pl.DataFrame(
        {
            "symbol": pl.Series([symbols[i] for i in column], dtype=pl.String),
            "start": pl.Series(grid.starts[row]).dt.replace_time_zone("UTC"),
            **{name: array[row, column] for name, array in arrays.items()},
        }
    )
    return Minutes(grid, symbols, bars, actions(*rows))


def panel_of_minutes(close: Sequence[float] | FloatArray, width: str = "30m", first: date = WED, last: date = TUE, **more: object) -> Panel:
    """A panel of one symbol with those closes in the first bars of the sessions; more as for `minutes`, given in the same way."""
    grid = bar_grid(XNYS, first, last, width)
    count = len(close)

    def column(values: object) -> FloatArray:
        out = np.full((len(grid.sessions), 1), np.nan)
        out[:count, 0] = values
        return out

    arrays = {name: column(value) for name, value in more.items() if name != "rows"}
    made = minutes(column(close), grid, rows=more.get("rows", ()), **arrays)  # type: ignore[arg-type]
    return made.panel().until(count)


def random_minutes(seed: int, width: str, symbols: int, gaps: float, first: date = date(2020, 11, 23), last: date = TUE) -> Minutes:
    """Random walks over sessions, one of them short, with silent bars, halts, splits, dividends, and bars without volume."""
    grid = bar_grid(XNYS, first, last, width)
    rng = np.random.default_rng(seed)
    close = np.round(random_closes(seed, len(grid.sessions), symbols, gaps), 2) + 0.01
    if gaps:  # prices that stand still for a while
        still = int(rng.integers(0, max(1, len(close) - 8)))
        close[still : still + 8, : symbols // 2] = close[still, : symbols // 2]
    high, low = close + np.round(0.02 * close * rng.random(close.shape), 2), close - np.round(0.02 * close * rng.random(close.shape), 2)
    volume = rng.integers(0 if gaps else 1, 6, close.shape) * 100.0
    days = sorted(set(grid.sessions))
    kinds = [("dividend", None, None, "0.07"), ("split", 3, 2, None), ("delisting", None, None, "1")]
    rows = {
        (f"S{rng.integers(symbols):04d}", days[rng.integers(len(days))], *kinds[rng.choice(3, p=[0.5, 0.4, 0.1])])
        for _ in range(4 if symbols and gaps else 0)
    }
    return minutes(close, grid, high=high, low=low, volume=volume, rows=sorted(rows, key=str))


@st.composite
def minute_worlds(draw: st.DrawFn) -> Minutes:
    """Those, with hypothesis' seed, width and share of silent bars."""
    seed, width = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from(["30m", "45m", "1h"]))
    return random_minutes(seed, width, draw(st.integers(1, 6)), draw(st.sampled_from([0.0, 0.05, 0.4])))
