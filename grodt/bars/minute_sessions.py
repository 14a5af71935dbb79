"""How much of a session its minutes are, and whether they agree with the daily bar.

A minute in which nobody traded has no bar, so absence alone says nothing. A symbol that has a bar in `LIQUID` of the minutes while it
trades, and then none for half an hour, was cut off: by an outage, a halt of trading, or a file that stops. Such a session of it is
*incomplete*.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from grodt.bars.aggregation import BarWidth, aggregate, hours_of
from grodt.sessions import INSTANT, SESSION, Calendar

#: Share of the minutes, outside its longest silence, from which on a symbol's silence means something.
LIQUID = 0.8
#: Sessions that add up to the last digit once the stamps are moved, from which on that is believed.
LEAST_IDENTICAL = 2
_MINUTE = np.timedelta64(1, "m")
_KEY = ("symbol", "session")
_FIELDS = ("open", "high", "low", "close", "volume")

#: What is known of the minutes of each symbol and session: how many of how many there are, and the longest silence and its first minute.
SESSIONS = pl.Schema(
    {
        "symbol": pl.String(),
        "session": pl.Date(),
        "minutes": pl.Int64(),
        "expected": pl.Int64(),
        "silent": pl.Int64(),
        "silent_from": pl.Datetime("us", "UTC"),
        "liquid": pl.Boolean(),
        "incomplete": pl.Boolean(),
    }
)


def measure_sessions(minutes: pl.DataFrame, calendar: Calendar, *, silent_minutes: int) -> pl.DataFrame:
    """Each symbol and session that has a minute (SESSIONS), sorted by both.

    Args:
        minutes: symbol, start and session of good bars, in trading hours, sorted by symbol then start.
        calendar: of the exchange.
        silent_minutes: minutes without a bar, of those in which the session trades, from which on a liquid symbol's session is incomplete.
    """
    if not minutes.height:
        return pl.DataFrame(schema=SESSIONS)
    starts = minutes["start"].dt.replace_time_zone(None).to_numpy().astype(INSTANT, copy=False)
    sessions = minutes["session"].to_numpy().astype(SESSION)
    begin, end, whose = hours_of(calendar, sessions.min(), sessions.max())
    lengths = ((end - begin) // _MINUTE).astype(np.int64)
    upto = np.cumsum(lengths) - lengths  # minutes that trade before each interval
    interval = np.searchsorted(begin, starts, side="right") - 1
    position = upto[interval] + ((starts - begin[interval]) // _MINUTE).astype(np.int64)
    days, first_interval = np.unique(whose, return_index=True)
    day = np.searchsorted(days, sessions)
    opens = upto[first_interval]
    closes = np.append(opens[1:], upto[-1] + lengths[-1])

    runs = minutes["symbol"].rle_id().to_numpy().astype(np.int64)
    new = (np.diff(runs, prepend=-1) != 0) | (np.diff(day, prepend=-1) != 0)
    firsts = np.flatnonzero(new)
    lasts = np.append(firsts[1:], position.size) - 1
    # silence before each bar, and after the last one
    before = np.diff(position, prepend=0) - 1
    before[firsts] = position[firsts] - opens[day[firsts]]
    tail = closes[day[lasts]] - 1 - position[lasts]
    longest = np.maximum.reduceat(before, firsts)
    at = position - before
    where = np.full(firsts.size, -1, dtype=np.int64)
    group = np.cumsum(new) - 1
    holds = np.flatnonzero(before == longest[group])
    where[group[holds][::-1]] = at[holds][::-1]
    silent = np.maximum(longest, tail)
    where = np.where(tail > longest, position[lasts] + 1, where)
    counts, expected = lasts - firsts + 1, (closes - opens)[day[firsts]]
    held = np.clip(np.searchsorted(upto, where, side="right") - 1, 0, upto.size - 1)
    silent_from = begin[held] + (where - upto[held]) * _MINUTE
    liquid = counts >= LIQUID * (expected - silent)
    return pl.DataFrame(
        {
            "symbol": minutes["symbol"].gather(firsts),
            "session": minutes["session"].gather(firsts),
            "minutes": counts,
            "expected": expected,
            "silent": silent,
            "silent_from": pl.Series(silent_from).dt.replace_time_zone("UTC"),
            "liquid": liquid,
            "incomplete": liquid & (silent >= silent_minutes),
        },
        schema=SESSIONS,
    ).sort(_KEY)


def describe_incomplete(sessions: pl.DataFrame, examples: int = 3) -> list[str]:
    """One sentence for each session that some symbol has not whole; `sessions` as of `measure_sessions`."""
    sentences = []
    for (session,), rows in sessions.filter("incomplete").sort("session", "symbol").group_by("session", maintain_order=True):
        liquid = sessions.filter((pl.col("session") == session) & pl.col("liquid")).height
        shown = [
            f"{row['symbol']} ({row['minutes']} of {row['expected']} minutes, none for {row['silent']} from {row['silent_from']:%H:%M} UTC)"
            for row in rows.head(examples).iter_rows(named=True)
        ]
        more = f" and {rows.height - examples} more" if rows.height > examples else ""
        sentences.append(f"session {session} is incomplete for {rows.height} of {liquid} liquid symbols: {', '.join(shown)}{more}")
    return sentences


@dataclass(frozen=True, slots=True)
class Agreement:
    """Minutes that were added up, beside the daily bars of the same source.

    Attributes:
        compared: symbols and sessions that have both.
        identical: of these, those whose prices and volume are the very same numbers.
        apart: symbol, session, close of the minutes and daily close, where these two are further apart than the bound; sorted.
    """

    compared: int
    identical: int
    apart: pl.DataFrame


def compare_with_daily(minutes: pl.DataFrame, daily: pl.DataFrame, calendar: Calendar, *, apart: float) -> Agreement:
    """Add minutes up and lay them beside daily bars.

    Args:
        minutes: MINUTES.
        daily: symbol, session, open, high, low, close and volume of daily bars.
        calendar: of the exchange.
        apart: log distance of the two closes from which on they are apart: more than an auction, or a trade out of hours, can make.
    """
    summed = aggregate(minutes, BarWidth(None), calendar).join(daily, on=_KEY, suffix="_daily")
    same = pl.all_horizontal(pl.col(name) == pl.col(f"{name}_daily") for name in _FIELDS)
    far = (pl.col("close") / pl.col("close_daily")).log().abs() > apart
    return Agreement(
        compared=summed.height,
        identical=int(summed.select(same.sum()).item()),
        apart=summed.filter(far).select(*_KEY, "close", pl.col("close_daily").alias("daily_close")).sort(_KEY),
    )


def add_up_when_moved(minutes: pl.DataFrame, daily: pl.DataFrame, calendar: Calendar) -> int:
    """By how many minutes (−1 or 1) the stamps must be moved so that the minutes add up to the daily bars; 0 where that is not so.

    Numbers that are the same to the last digit in several sessions are no chance. Only this tells of a market that never closes which
    end of the minute its bars are stamped at.

    Args:
        minutes: MINUTES, none of which adds up as it stands.
        daily: as of `compare_with_daily`.
        calendar: of the exchange.
    """
    starts = minutes["start"].dt.replace_time_zone(None).to_numpy().astype(INSTANT, copy=False)
    for move in (-1, 1):
        moved = starts + move * _MINUTE
        sessions = calendar.sessions_of(moved)
        placed = minutes.with_columns(
            pl.Series("start", moved).dt.replace_time_zone("UTC"), pl.Series("session", sessions).cast(pl.Date)
        ).filter(~np.isnat(sessions))
        if compare_with_daily(placed, daily, calendar, apart=math.inf).identical >= LEAST_IDENTICAL:
            return move
    return 0


def sessions_without_minutes(daily: pl.DataFrame, measured: pl.DataFrame, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
    """Symbol and session of what is to be asked for again: traded that day and has no minute, or is incomplete.

    Args:
        daily: symbol, session and volume of daily bars.
        measured: SESSIONS of the minutes that are there.
        symbols: those that are looked at.
        start: first session that is looked at.
        end: last session that is looked at.
    """
    traded = daily.filter(pl.col("volume") > 0).select(_KEY).join(measured, on=_KEY, how="anti")
    again = pl.concat([traded, measured.filter("incomplete").select(_KEY)]).unique()
    return again.filter(pl.col("symbol").is_in(list(symbols)) & pl.col("session").is_between(start, end)).sort("session", "symbol")
