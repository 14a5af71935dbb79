"""Whether the stamps of minute bars are of the clock that they are declared to be: the time zone, and which end of the minute.

Both are told from the trading itself, session by session, and need an exchange that opens and closes.

*Zone*: stamps that are shifted by hours leave part of the trading outside the session, and moved back they bring it in. The weight of a
minute is Σ log(1 + volume), so that no block trade outweighs an hour.

*End of the minute*: trading leaps up in the minute of the open. For each symbol and session with bars in at least half of the minutes, the
largest rise of √volume from one minute to the next is looked for at the open, a minute before it and a minute after it. Bars stamped at the
END that are taken for START rise a minute late; the other way round, a minute early. Bars of the regular session alone rise from nothing.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from grodt.bars.aggregation import hours_of
from grodt.sessions import INSTANT, Calendar

#: Hours by which a clock may be wrong, in steps of half an hour.
FARTHEST_HOURS = 14
#: Trading inside the session, moved over as it stands, from which on the move is believed.
BETTER = 1.05
#: Minutes with a bar in a session, below which it says nothing about the clock.
LEAST_MINUTES = 60
#: Symbols and sessions that must rise at the wrong minute, and their share.
LEAST_RISES, MOST_RISES = 3, 2 / 3
_MINUTE = np.timedelta64(1, "m")
_DAY_MINUTES = 1_440


def wrong_zone(bars: pl.DataFrame, calendar: Calendar, sessions: Sequence[date]) -> list[str]:
    """A sentence, if the stamps fit the trading hours only when they are moved by hours.

    Args:
        bars: RAW_MINUTES as given, of any hours.
        calendar: of the exchange.
        sessions: those asked for.
    """
    if not sessions or not bars.height or _never_closes(calendar, sessions):
        return []
    weight = pl.col("volume").clip(lower_bound=0).fill_nan(0).fill_null(0)
    seen = bars.group_by("start").agg(weight.log1p().sum().alias("weight")).sort("start")
    weights = seen["weight"].to_numpy() if seen["weight"].sum() > 0 else np.ones(seen.height)
    stamps = seen["start"].dt.replace_time_zone(None).to_numpy().astype(INSTANT)
    upto = np.concatenate([[0.0], np.cumsum(weights)])
    begin, end, whose = hours_of(calendar, np.datetime64(sessions[0]), np.datetime64(sessions[-1]))
    steps = np.arange(-2 * FARTHEST_HOURS, 2 * FARTHEST_HOURS + 1)
    steps = steps[np.argsort(np.abs(steps), kind="stable")]  # of two moves that fit alike, the smaller one
    moves = steps * np.timedelta64(30, "m")
    first, last = (np.searchsorted(stamps, edge[:, None] + moves) for edge in (begin, end))
    new = np.flatnonzero(np.append(True, whose[1:] != whose[:-1]))
    inside, minutes = (np.add.reduceat(part, new, axis=0) for part in (upto[last] - upto[first], last - first))
    best = inside.argmax(axis=1)
    rows = np.arange(new.size)
    judged = minutes[rows, best] >= LEAST_MINUTES
    moved = judged & (inside[rows, best] > BETTER * inside[:, 0])
    votes = Counter(best[moved].tolist())
    if not votes:
        return []
    move, count = max(votes.items(), key=lambda vote: (vote[1], -vote[0]))
    if count < 2 and count < judged.sum() / 2:
        return []
    own = moved & (best == move)
    hours = -steps[move] / 2
    now, then = inside[own, 0].sum() / inside[own, move].sum(), whose[new][own][0]
    return [
        f"the stamps are {abs(hours):g} h {'late' if hours < 0 else 'early'} from session {then} on: moved by {hours:+g} h, {count} of "
        f"{int(judged.sum())} sessions have their trading in the hours of {calendar.name}, as they stand only {now:.0%} of that; "
        "local time was taken for UTC, or daylight saving ignored: set the time zone of the source's stamps"
    ]


def wrong_end_of_the_minute(bars: pl.DataFrame, calendar: Calendar, sessions: Sequence[date]) -> list[str]:
    """A sentence, if the bars are stamped at the other end of the minute than it was declared.

    Args:
        bars: RAW_MINUTES as given, of any hours, and `session`, in or about which each lies.
        calendar: of the exchange.
        sessions: those asked for.
    """
    if not sessions or not bars.height or _never_closes(calendar, sessions):
        return []
    begin, end, whose = hours_of(calendar, np.datetime64(sessions[0]), np.datetime64(sessions[-1]))
    opens, at = np.unique(whose, return_index=True)
    hours = pl.DataFrame({"session": opens, "open": begin[at], "length": np.add.reduceat((end - begin) // _MINUTE, at).astype(np.int64)})
    hours = hours.with_columns(pl.col("session").cast(pl.Date), pl.col("open").dt.replace_time_zone("UTC").cast(pl.Datetime("us", "UTC")))
    placed = bars.lazy().select("symbol", "session", "start", "volume").join(hours.lazy(), on="session")
    placed = placed.with_columns((pl.col("start") - pl.col("open")).dt.total_minutes().alias("minute"))
    volume = pl.col("volume").clip(lower_bound=0).fill_nan(0).fill_null(0).sqrt()
    around = {k: volume.filter(pl.col("minute") == k).sum() for k in (-2, -1, 0, 1)}
    # an instrument without volume tells by its bars alone
    silent = (pl.col("volume").fill_null(0) <= 0).all()
    there = {k: (pl.col("minute") == k).any().cast(pl.Float64) for k in around}
    rises = [
        (pl.when(silent).then(there[k]).otherwise(around[k]) - pl.when(silent).then(there[k - 1]).otherwise(around[k - 1])).alias(f"at {k}")
        for k in (-1, 0, 1)
    ]
    found = (
        placed.filter(pl.col("minute").is_between(-2, pl.col("length")))
        .group_by("symbol", "session")
        .agg(pl.len().alias("minutes"), pl.col("length").first(), *rises)
        .filter(pl.col("minutes") * 2 >= pl.col("length"))
        .collect()
    )
    largest = found.select("at -1", "at 0", "at 1").to_numpy()
    largest = largest[largest.max(axis=1, initial=-1.0) > 0]
    if not largest.size:
        return []
    where = largest.argmax(axis=1) - 1
    for move, declared, real, setting in ((1, "START", "END", "end"), (-1, "END", "START", "start")):
        count = int((where == move).sum())
        if count >= LEAST_RISES and count >= MOST_RISES * where.size:
            return [
                f"trading begins a minute {'after' if move > 0 else 'before'} the open in {count} of {where.size} sessions of liquid "
                f"symbols: the bars are stamped at the {real} of the minute and were taken for {declared}; declare "
                f"`stamps: {setting}` of the source"
            ]
    return []


def _never_closes(calendar: Calendar, sessions: Sequence[date]) -> bool:
    return calendar.minutes_of(sessions[0]) >= _DAY_MINUTES
