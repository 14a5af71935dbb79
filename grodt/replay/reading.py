"""A replay's history out of the lake: one pass over the bars, every instrument a column of its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from grodt.bars.corporate_actions import CorporateAction
from grodt.bars.history import actions_of, micros_array, read_listings
from grodt.bars.liquidity import FIGURE_SESSIONS, bar_terms, figures_of
from grodt.bars.listings import Listings, Span
from grodt.errors import DataError
from grodt.execution.history import VOLUME_SESSIONS, volume_sums
from grodt.instruments import Instrument
from grodt.lake import Lake, Snapshot
from grodt.replay.history import Candidates, History, IntArray, Liquidity
from grodt.sessions import Calendar
from grodt.signals.panel import FloatArray, build_panel, field_array, named

_UNLISTED = Instrument("?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be read.

    Attributes:
        source: name of the source.
        start, end: first and last session replayed.
        fields: what the signals read beside closes.
        liquidity: whether fills need volumes and volatility.
    """

    source: str
    start: date
    end: date
    fields: Sequence[str] = ()
    liquidity: bool = False


@dataclass(frozen=True, slots=True)
class _Column:
    """An instrument, by its last symbol and a session in which it had that."""

    label: str
    symbol: str
    session: date


def read_history(
    lake: Lake,
    snapshot: Snapshot,
    calendar: Calendar,
    wanted: Wanted,
    universe: Callable[[date], Sequence[Instrument]],
    progress: Callable[[str], None] = lambda _text: None,
) -> History:
    """Read what a replay goes through.

    Args:
        lake, snapshot: where bars and actions are, and which versions of them.
        calendar: of the exchange.
        wanted: what of them.
        universe: what the book may trade in a session, before any rules.
        progress: told what is going on.

    Raises:
        DataError: the source has no bars up to the first session, or the universe is empty throughout.
        SessionError: start or end is no session.
    """
    calendar.require_session(wanted.start)
    calendar.require_session(wanted.end)
    files = snapshot.of("bars_1d", wanted.source)
    first = min((file.first_session for file in files if file.first_session is not None), default=None)
    if first is None or first > wanted.start:
        raise DataError(
            f"source {wanted.source} has {'no bars' if first is None else f'bars from {first} on'} and the replay starts on "
            f"{wanted.start}; bring in its history with `grodt ingest --start … --end …`, or start later"
        )
    sessions = calendar.between(wanted.start, wanted.end)
    listings = read_listings(lake, snapshot, wanted.source)
    progress("asking what was listed when")
    listed = _listed(sessions, universe)
    frame = lake.read("corporate_actions", snapshot, source=wanted.source, end=wanted.end)
    columns = _columns(listings, sessions, listed, frame)
    if not columns:
        raise DataError(
            f"source {wanted.source} lists nothing that the book may trade from {wanted.start} to {wanted.end}; check the universe"
        )
    labels = tuple(sorted(column.label for column in columns.values()))
    spans = _spans(listings, columns.values())
    quoted = sorted({symbol for column in columns.values() for symbol in listings.quoted([column.symbol], column.session)})
    progress(f"reading {len(labels):,} instruments from {first} on")
    names = sorted({"open", "close", "volume", *wanted.fields, *(("high", "low") if wanted.liquidity else ())})
    bars = lake.read("bars_1d", snapshot, source=wanted.source, columns=["symbol", "session", *names], end=wanted.end, symbols=quoted)
    every = calendar.between(first, wanted.end)
    panel = build_panel(bars, frame, every, labels, spans, wanted.fields)

    def field(name: str) -> FloatArray:
        return panel.fields[name] if name in panel.fields else field_array(bars, name, every, labels, spans, zero=name == "volume")

    start = len(every) - len(sessions)
    volume = field("volume")
    traded = np.where(volume[start:] > 0, field("open")[start:], np.nan)
    actions, cancels = _actions(listings, named(frame, spans), calendar, sessions, columns)
    return History(
        panel=panel,
        sessions=sessions,
        instruments=tuple(instrument for _, instrument in sorted((column.label, each) for each, column in columns.items())),
        open=micros_array(traded),
        close=micros_array(panel.close[start:]),
        volume=volume_sums(volume, len(sessions), VOLUME_SESSIONS),
        candidates=tuple(_candidates(row, instruments, listings, sessions[row], columns, labels) for row, instruments in listed),
        actions=actions,
        cancels=cancels,
        liquidity=_liquidity(field("high"), field("low"), panel.close, volume, len(sessions)) if wanted.liquidity else None,
    )


def _listed(sessions: Sequence[date], universe: Callable[[date], Sequence[Instrument]]) -> list[tuple[int, tuple[Instrument, ...]]]:
    """Rows at which the universe changes, and what it is from there on."""
    found: list[tuple[int, tuple[Instrument, ...]]] = []
    for row, session in enumerate(sessions):
        now = tuple(universe(session))
        if not found or now != found[-1][1]:
            found.append((row, now))
    return found


def _columns(
    listings: Listings, sessions: Sequence[date], listed: Sequence[tuple[int, tuple[Instrument, ...]]], actions: pl.DataFrame
) -> dict[str, _Column]:
    """By instrument, in the session it was last seen in: candidates, and what they turn into by a change of symbol."""
    last: dict[str, tuple[str, date]] = {}
    symbols: set[str] = set()
    for at, (row, instruments) in enumerate(listed):
        until = sessions[listed[at + 1][0] - 1 if at + 1 < len(listed) else -1]
        for each in instruments:
            last[listings.instrument(each.symbol, sessions[row])] = (each.symbol, until)
            symbols.add(each.symbol)
    changes = actions.filter((pl.col("kind").cast(pl.String) == "symbol_change") & pl.col("ex_date").is_between(sessions[0], sessions[-1]))
    for symbol, new, day in changes.sort("ex_date").select(pl.col("symbol").cast(pl.String), "new_symbol", "ex_date").iter_rows():
        if symbol in symbols:
            symbols.add(new)
            became = listings.instrument(new, day)
            if became not in last or last[became][1] < day:
                last[became] = (new, day)
    shared: dict[str, int] = {}
    for symbol, _ in last.values():
        shared[symbol] = shared.get(symbol, 0) + 1
    return {
        instrument: _Column(symbol if shared[symbol] == 1 else f"{symbol}:{instrument}", symbol, session)
        for instrument, (symbol, session) in last.items()
    }


def _spans(listings: Listings, columns: Iterable[_Column]) -> tuple[Span, ...]:
    """What the columns' histories consist of, as far as they are not plain."""
    found = [
        Span(column.label, span.quoted, span.since, span.until)
        for column in columns
        for span in listings.spans([column.symbol], column.session)
    ]
    return tuple(sorted(found, key=lambda span: (span.symbol, span.since, span.quoted)))


def _candidates(
    row: int,
    instruments: Sequence[Instrument],
    listings: Listings,
    session: date,
    columns: Mapping[str, _Column],
    labels: Sequence[str],
) -> Candidates:
    place = {label: at for at, label in enumerate(labels)}
    own: list[Instrument | None] = [None] * len(labels)
    for each in instruments:
        own[place[columns[listings.instrument(each.symbol, session)].label]] = each
    symbol_of = {column.label: column.symbol for column in columns.values()}
    known = [each or _UNLISTED for each in own]
    return Candidates(
        start=row,
        listed=np.array([each is not None for each in own], dtype=np.bool_),
        lot=np.array([each.lot for each in known], dtype=np.int64),
        tick=np.array([each.tick_micros for each in known], dtype=np.int64),
        shortable=np.array([each.shortable for each in known], dtype=np.bool_),
        sector=tuple(each.sector for each in known),
        tickers=tuple(each.symbol if each is not None else symbol_of[label] for each, label in zip(own, labels, strict=True)),
    )


def _actions(
    listings: Listings,
    actions: pl.DataFrame,
    calendar: Calendar,
    sessions: Sequence[date],
    columns: Mapping[str, _Column],
) -> tuple[dict[int, list[CorporateAction]], dict[int, IntArray]]:
    """By row: actions under labels, and the columns in which they cancel open orders. What keeps its column changes nothing else."""
    place = {label: at for at, label in enumerate(sorted(column.label for column in columns.values()))}
    before = calendar.previous(sessions[0])
    inside = actions.filter(pl.col("symbol").is_in(list(place)) & (pl.col("ex_date") > before) & (pl.col("ex_date") <= sessions[-1]))
    found: dict[int, list[CorporateAction]] = {}
    cancels: dict[int, set[int]] = {}
    days = np.array(sessions, dtype="datetime64[D]")
    for symbol, ex_date, kind, new in inside.select("symbol", "ex_date", pl.col("kind").cast(pl.String), "new_symbol").iter_rows():
        if kind != "dividend":
            row = int(np.searchsorted(days, np.datetime64(ex_date)))
            cancels.setdefault(row, set()).add(place[symbol])
            if kind == "symbol_change" and (became := columns.get(listings.instrument(new, ex_date))) is not None:
                cancels[row].add(place[became.label])
    labels = {column.symbol: column.label for column in columns.values()}
    moved = inside.with_columns(new_symbol=pl.col("new_symbol").replace(labels)).filter(
        pl.col("new_symbol").is_null() | (pl.col("new_symbol") != pl.col("symbol"))
    )
    for action in actions_of(moved):
        found.setdefault(int(np.searchsorted(days, np.datetime64(action.ex_date))), []).append(action)
    return found, {row: np.array(sorted(own), dtype=np.int64) for row, own in cancels.items()}


def _liquidity(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, count: int) -> Liquidity:
    """Figures of the 20 sessions before each of the last `count`."""
    squared, value = bar_terms(high, low, close, volume)
    width = close.shape[1]
    pad = max(0, FIGURE_SESSIONS - (len(close) - count))
    squared = np.concatenate((np.full((pad, width), np.nan), squared))
    value = np.concatenate((np.zeros((pad, width)), value))
    first = len(squared) - count

    def window(rows: FloatArray) -> FloatArray:
        return np.stack([rows[first - back : first - back + count] for back in range(FIGURE_SESSIONS, 0, -1)])

    average, volatility = figures_of(window(squared), window(value))
    return Liquidity(np.nan_to_num(volume[-count:], nan=0.0), average, volatility)
