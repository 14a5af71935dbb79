"""A panel whose rows are bars of a session: minutes, or minutes added up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.aggregation import BarWidth, hours_of
from grodt.bars.listings import Span
from grodt.errors import ConfigError, DataError
from grodt.sessions import INSTANT, SESSION, Calendar, require_utc
from grodt.signals.cells import Axis, cells
from grodt.signals.panel import Panel, named
from grodt.signals.returns import splits_by_row, total_returns

_IntArray = NDArray[np.int64]
_Instants = NDArray[np.datetime64]

#: Sessions of a year of an exchange, and of a venue that never closes.
_EXCHANGE, _ALWAYS = 252, 365
#: Days in which the bars of a regular session are counted.
_DAYS = 28


@dataclass(frozen=True, slots=True, eq=False)
class BarGrid:
    """Every bar that some sessions of an exchange have room for, whether or not anybody trades in it.

    Attributes:
        width: of the bars, as it is written: 1m, 5m.
        exchange: name of the calendar.
        sessions: the session of each bar, (T,).
        starts, ends: instants, ascending, datetime64[us] in UTC, (T,); an end is outside its bar.
        rows_per_year: bars of a regular session times the sessions of a year.
    """

    width: str
    exchange: str
    sessions: tuple[date, ...]
    starts: _Instants
    ends: _Instants
    rows_per_year: float


def bar_grid(calendar: Calendar, first: date, last: date, width: str, until: datetime | None = None) -> BarGrid:
    """The bars of the sessions from `first` to `last`, early closes and lunch breaks as the calendar has them.

    Bars begin where `grodt.bars.aggregation` lets them begin; the last one before a close or a break may be shorter. A year has 252
    sessions, or 365 where each day is one. A regular session has as many bars as most sessions of the four weeks up to `first` (the
    larger number of two that are as frequent), so that an early close, or where the grid ends, changes no scale.

    Args:
        calendar: of the exchange.
        first: first session.
        last: last session.
        width: of the bars, below a day.
        until: bars that have ended by then; None: all.

    Raises:
        ConfigError: the width is none of a bar below a day.
        SessionError: the calendar does not reach so far.
    """
    minutes = _minutes(width)
    step = np.timedelta64(minutes, "m").astype("timedelta64[us]")
    begin, end, whose = hours_of(calendar, np.datetime64(first, "D"), np.datetime64(last, "D"))
    counts = -((begin - end) // step)  # rounded up
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.repeat(begin, counts) + place * step
    ends = np.minimum(starts + step, np.repeat(end, counts))
    sessions = np.repeat(whose, counts)
    if until is not None:
        over = int(np.searchsorted(ends, np.datetime64(require_utc(until, "until").replace(tzinfo=None), "us"), side="right"))
        starts, ends, sessions = starts[:over], ends[:over], sessions[:over]
    return BarGrid(
        width,
        calendar.name,
        tuple(sessions.tolist()),
        starts.astype(INSTANT),
        ends.astype(INSTANT),
        _rows_per_year(calendar, first, minutes),
    )


def build_minute_panel(
    bars: pl.DataFrame,
    actions: pl.DataFrame,
    grid: BarGrid,
    symbols: Sequence[str],
    spans: Sequence[Span] = (),
    fields: Sequence[str] = (),
) -> Panel:
    """Bars of a session and corporate actions in long form as a panel; as `build_panel`, a row being a bar.

    A bar in which nobody traded is NaN and changes nothing. A return is over the symbol's previous bar, so the first of a session has the
    night in it, with the dividends and splits whose ex date the session is, and one after a halt has the halt in it.

    Args:
        bars: columns symbol, start (UTC) and close, and the fields; of the grid's width. Rows of other symbols, and from before and after
            the grid, are left out.
        actions: as for `build_panel`.
        grid: the rows.
        symbols: the panel's symbols, ascending.
        spans: as for `build_panel`.
        fields: which columns of the bars beside close the panel has, of `grodt.signals.panel.FIELDS`.

    Raises:
        DataError: a price, volume, split ratio or dividend is not a finite number above zero, a symbol has two bars at one start, or a bar
            begins where the grid has none.
        ValueError: `symbols` are not strictly ascending.
    """
    names = tuple(symbols)
    days = np.array(grid.sessions, SESSION).astype(np.int64)
    axis = Axis(days, lambda part: _rows_of(part, grid), "start", "slot")
    close = cells(bars, "close", axis, names, spans, zero=False)
    others = {name: cells(bars, name, axis, names, spans, zero=name == "volume") for name in fields}
    own = named(actions, spans)
    returns, splits = total_returns(close, own, days, names), splits_by_row(own, days, names)
    return Panel(grid.sessions, names, close, returns, others, ends=grid.ends, rows_per_year=grid.rows_per_year, splits=splits)


def _minutes(width: str) -> int:
    try:
        minutes = BarWidth.of(width).minutes
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if minutes is None:
        raise ConfigError(f"width {width!r} is a whole session, which is a row of a daily panel; use minutes or hours, such as 5m")
    return minutes


def _rows_per_year(calendar: Calendar, first: date, minutes: int) -> float:
    earliest, _ = calendar.bounds()
    start = max(earliest, first - timedelta(days=_DAYS - 1))
    sessions = calendar.between(start, start + timedelta(days=_DAYS - 1))
    step = timedelta(minutes=minutes)
    counts = Counter(sum(-((begin - end) // step) for begin, end in calendar.trading_hours(session)) for session in sessions)
    regular = max(counts, key=lambda count: (counts[count], count))
    return float(regular * (_ALWAYS if len(sessions) == _DAYS else _EXCHANGE))


def _rows_of(bars: pl.DataFrame, grid: BarGrid) -> _IntArray:
    """Row of each bar, -1 before and after the grid."""
    stamps = bars["start"].dt.replace_time_zone(None).to_numpy().astype(INSTANT, copy=False)
    if not grid.starts.size:
        return np.full(stamps.size, -1, dtype=np.int64)
    row = np.searchsorted(grid.starts, stamps, side="right") - 1
    inside = (row >= 0) & (stamps < grid.ends[-1])
    misplaced = inside & (grid.starts[row] != stamps)
    if misplaced.any():
        symbol, start = bars.select("symbol", "start").row(int(misplaced.argmax()))
        raise DataError(
            f"{symbol} {start}: no bar of {grid.width} begins then in the trading hours of {grid.exchange}; add minutes up with "
            "grodt.bars.aggregation.aggregate, or quarantine the bar, then run again"
        )
    return np.where(inside, row, -1)
