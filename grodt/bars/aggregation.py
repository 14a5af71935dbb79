"""One-minute bars as bars of any width, and as daily bars.

Bars begin at the start of an interval of trading hours (the open, or the end of a lunch break) and every width after it; the last bar of
an interval is shorter where the width does not divide it. No bar reaches over a lunch break or the end of a session.
"""

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.exact_sums import exact_sums
from grodt.sessions import INSTANT, SESSION, Calendar

_WIDTH = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_MINUTES_A_DAY = 1_440
_NUMBERS = ("open", "high", "low", "close", "volume")
#: What a bar belongs to, as far as a frame has it.
_OWNERS = ("source", "symbol")

type Integers = NDArray[np.int64]
type Instants = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class BarWidth:
    """How long a bar is: `minutes`, or a whole session where that is None."""

    minutes: int | None

    @classmethod
    def of(cls, text: str) -> Self:
        """A width as it is written: 5m, 15m, 390m, 1h, 1d.

        Raises:
            ValueError: it is none.
        """
        found = _WIDTH.fullmatch(text)
        if found is not None:
            count = int(found[1]) * (60 if found[2] == "h" else 1)
            if found[2] == "d" and count == 1:
                return cls(None)
            if found[2] != "d" and count < _MINUTES_A_DAY:
                return cls(count)
        raise ValueError(f"width {text!r} is none of a bar; write minutes or hours below a day, or 1d: 5m, 15m, 30m, 1h, 1d")


def aggregate(minutes: pl.DataFrame, width: BarWidth, calendar: Calendar, *, vwap: bool = False) -> pl.DataFrame:
    """Bars of that width: first open, highest high, lowest low, last close, and the exact sum of the volume.

    The volume is the one float64 nearest to the sum of the minutes' decimals (`exact_sums`), whatever their order. A minute in which nobody
    traded (no volume, and one price) sets no price of a bar in which somebody did. `vwap` is Σ pᵢ·vᵢ / Σ vᵢ over the bar's minutes with
    pᵢ = (high + low + close) / 3: an estimate, as a minute does not tell the price of each trade; null where nothing was traded.

    Args:
        minutes: symbol, start (a whole minute, UTC), session, open, high, low, close, volume, and of source and known_at what there is; one
            row for each symbol (and source) and minute, without null, rows in any order. Other columns are left out.
        width: of the bars.
        calendar: of the exchange; every minute lies in its trading hours.
        vwap: whether that column is wanted.

    Returns:
        The same columns (of a session as a whole, without `start`), sorted by source, symbol and time. `known_at` is when the last minute
        of the bar was known.

    Raises:
        ValueError: a minute lies outside its session's trading hours, or a volume is not finite.
    """
    owners = [name for name in _OWNERS if name in minutes.columns]
    known = ["known_at"] if "known_at" in minutes.columns else []
    kept = minutes.select(*owners, "start", "session", *_NUMBERS, *known)
    ordered = kept if _is_ordered(kept, owners) else kept.sort(*owners, "start")
    starts = _instants(ordered["start"])
    begins = bar_starts(starts, ordered["session"].to_numpy().astype(SESSION), width, calendar)
    new = np.ones(starts.size, dtype=bool)
    if starts.size:
        new[1:] = (begins[1:] != begins[:-1]) | _changes(ordered, owners)[1:]
    firsts = np.flatnonzero(new)
    time = ["session"] if width.minutes is None else ["start", "session"]
    columns = ordered[firsts].select(*owners, "session").to_dict() | _summed(ordered, firsts, vwap=vwap)
    columns["start"] = pl.Series(begins[firsts]).dt.replace_time_zone("UTC")
    if known:
        seen = ordered["known_at"].dt.replace_time_zone(None).to_numpy()
        columns["known_at"] = pl.Series(_reduced(np.maximum, seen, firsts)).dt.replace_time_zone("UTC")
    names = [*owners, *time, *_NUMBERS, *(["vwap"] if vwap else []), *known]
    bars = pl.DataFrame({name: columns[name] for name in names})
    return bars.cast({name: dtype for name, dtype in kept.schema.items() if name in names}).sort(*owners, time[0])


def bar_starts(starts: Instants, sessions: NDArray[np.datetime64], width: BarWidth, calendar: Calendar) -> Instants:
    """Start of the bar that each minute belongs to; of a session as a whole, its open.

    Raises:
        ValueError: a minute lies outside its session's trading hours.
    """
    if not starts.size:
        return starts
    begin, end, whose = hours_of(calendar, sessions.min(), sessions.max())
    at = np.maximum(np.searchsorted(begin, starts, side="right") - 1, 0)
    outside = (starts < begin[at]) | (starts >= end[at]) | (whose[at] != sessions)
    if outside.any():
        first = int(outside.argmax())
        raise ValueError(f"the minute {starts[first]} UTC lies outside the trading hours of session {sessions[first]} of {calendar.name}")
    if width.minutes is None:
        return begin[np.searchsorted(whose, sessions)]
    step = np.timedelta64(width.minutes, "m").astype("timedelta64[us]")
    own = begin[at]
    found: Instants = own + (starts - own) // step * step
    return found


def hours_of(calendar: Calendar, first: np.datetime64, last: np.datetime64) -> tuple[Instants, Instants, NDArray[np.datetime64]]:
    """Intervals of trading hours of the sessions from one to another, ascending: start, end (outside), session."""
    sessions = calendar.between(first.astype(SESSION).item(), last.astype(SESSION).item())
    rows = [(start.replace(tzinfo=None), end.replace(tzinfo=None), day) for day in sessions for start, end in calendar.trading_hours(day)]
    begin, end, whose = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(begin, INSTANT), np.array(end, INSTANT), np.array(whose, SESSION)


def _summed(ordered: pl.DataFrame, firsts: Integers, *, vwap: bool) -> dict[str, pl.Series]:
    """Prices and volume of each bar."""
    opened, high, low, close, volume = (ordered[name].to_numpy() for name in _NUMBERS)
    total = exact_sums(volume, firsts)
    quiet = (volume == 0) & (high == low)
    counts = np.diff(firsts, append=volume.size)
    if quiet.any():
        loud = np.logical_or.reduceat(~quiet, firsts)
        keep = ~quiet | ~np.repeat(loud, counts)
        counts = np.add.reduceat(keep.astype(np.int64), firsts)
        opened, high, low, close, volume = (field[keep] for field in (opened, high, low, close, volume))
        firsts = np.cumsum(counts) - counts
    found = {
        "open": opened[firsts],
        "high": _reduced(np.maximum, high, firsts),
        "low": _reduced(np.minimum, low, firsts),
        "close": close[firsts + counts - 1],
        "volume": total,
    }
    if vwap:
        money = _reduced(np.add, (high + low + close) / 3 * volume, firsts)
        with np.errstate(invalid="ignore", divide="ignore"):
            found["vwap"] = money / _reduced(np.add, volume, firsts)
    return {name: pl.Series(name, field, nan_to_null=name == "vwap") for name, field in found.items()}


def _reduced[T: np.generic](how: np.ufunc, values: NDArray[T], firsts: Integers) -> NDArray[T]:
    found: NDArray[T] = how.reduceat(values, firsts) if firsts.size else values[:0]
    return found


def _instants(stamps: pl.Series) -> Instants:
    return stamps.dt.replace_time_zone(None).to_numpy().astype(INSTANT, copy=False)


def _changes(frame: pl.DataFrame, owners: list[str]) -> NDArray[np.bool_]:
    """Where a row is of another owner than the row before; True for the first."""
    runs = frame.select(pl.struct(owners).rle_id() if len(owners) > 1 else pl.col(owners).rle_id()).to_series().to_numpy()
    return np.diff(runs, prepend=np.uint32(1) + runs[0]) != 0 if runs.size else np.empty(0, dtype=bool)


def _is_ordered(frame: pl.DataFrame, owners: list[str]) -> bool:
    """Whether each owner's rows stand together, ascending."""
    if not frame.height:
        return True
    changes = _changes(frame, owners)
    ascending = np.diff(_instants(frame["start"])) > np.timedelta64(0, "us")
    return bool((ascending | changes[1:]).all()) and int(changes.sum()) == frame.select(owners)[np.flatnonzero(changes)].n_unique()
