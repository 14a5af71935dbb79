"""The history that intraday signals see, out of a pinned lake."""

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl

from grodt.bars.aggregation import BarWidth, aggregate
from grodt.bars.history import read_listings
from grodt.errors import DataError
from grodt.lake import Lake, Snapshot
from grodt.sessions import Calendar
from grodt.signals.minute_panel import bar_grid, build_minute_panel
from grodt.signals.panel import Panel

_COLUMNS = ["symbol", "start", "session", "open", "high", "low", "close", "volume"]


def read_minute_panel(
    lake: Lake,
    snapshot: Snapshot,
    source: str,
    calendar: Calendar,
    session: date,
    symbols: Sequence[str],
    width: str,
    fields: Sequence[str] = (),
    *,
    start: date | None = None,
    until: datetime | None = None,
) -> Panel:
    """The source's minutes up to a session, added up to bars of a width, as arrays.

    Recurrences start at the panel's first row, so compare panels that start alike: name one `start` for a book and keep it. A column
    is the history of the instrument that its symbol stands for in the session, as in `grodt.execution.history.read_panel`.

    Args:
        lake: where minutes and actions are.
        snapshot: which versions of them.
        source: whose.
        calendar: of the exchange.
        session: last session.
        symbols: ascending tickers.
        width: of the bars, such as 1m, 5m, 1h.
        fields: those of `grodt.signals.panel.FIELDS` that the signals read.
        start: first session; None: the source's first one with minutes, if that is later.
        until: bars that have ended by then, for a decision within the session; None: all.

    Raises:
        ConfigError: the width is none of a bar below a day.
        DataError: there are no minutes up to then, or a bar lies outside trading hours.
    """
    known = (file.first_session for file in snapshot.of("bars_1m", source) if file.first_session is not None)
    earliest = min(known, default=None)
    first = None if earliest is None else max(earliest, start or earliest)
    if first is None or first > session:
        raise DataError(
            f"source {source} has no minutes from {start or 'the beginning'} up to {session}; `grodt ingest --bars 1m` brings them in"
        )
    grid = bar_grid(calendar, first, session, width, until)
    if not grid.sessions:
        raise DataError(f"no bar of {width} from {first} on has ended by {until}; ask for a later instant or an earlier start")
    listings = read_listings(lake, snapshot, source)
    quoted, spans = listings.quoted(symbols, session), listings.spans(symbols, session)
    minutes = lake.read("bars_1m", snapshot, source=source, columns=_COLUMNS, start=first, end=session, symbols=quoted)
    if until is not None:
        minutes = minutes.filter(pl.col("start") < pl.lit(grid.ends[-1]).dt.replace_time_zone("UTC"))
    bars = minutes if grid.width == "1m" else aggregate(minutes, BarWidth.of(width), calendar)
    actions = lake.read("corporate_actions", snapshot, source=source, end=session, symbols=quoted)
    return build_minute_panel(bars, actions, grid, symbols, spans, fields)
