"""Bars that repeat the bar of the session before: a vendor's feed that stands still.

A repeat has the open, high, low, close and volume, above zero, of the symbol's bar of the session before, whether that was good or
was refused as a repeat or a leap. No two sessions of trading look alike to the last share, so a repeat of a bar whose price moved
is refused at once. One price all session long and the same few shares do come again in a symbol that hardly trades, so a flat bar
has more repeats in a row before it is refused. The rule looks at the past only, and no further back than `MEMORY` sessions.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

#: Sessions that the rule looks back: as many repeats in a row may a threshold allow.
MEMORY = 10
_NUMBERS = ("open", "high", "low", "close", "volume")
_REPEATS = pl.Schema({"symbol": pl.String(), "session": pl.Date(), "run": pl.Int64(), "flat": pl.Boolean(), "volume": pl.Float64()})


def repeated_rows(bars: pl.DataFrame, recent: pl.DataFrame, before: Sequence[date], sessions: Sequence[date]) -> pl.DataFrame:
    """The rows of `bars` that repeat the symbol's bar of the session before: symbol, session, run, flat, volume.

    `run` counts the repeats in a row up to this one and is exact up to `MEMORY`; `flat`: its price did not move.

    Args:
        bars: sane bars (RAW_BARS), sorted by symbol then session, one each.
        recent: the same of the `MEMORY` sessions before the range, good or refused by a rule that looks at the past.
        before: those sessions.
        sessions: the sessions of the range.
    """
    found = _runs(bars, sessions)
    if not before or not sessions:
        return found
    # a run that goes on from before the range has these two bars of it
    ends, goes_on = recent.filter(pl.col("session") == before[-1]), bars.filter(pl.col("session") == sessions[0])
    symbols = ends.join(goes_on, on=["symbol", "close", "volume"], how="semi")["symbol"]
    if not symbols.len():
        return found
    first = bars.filter(pl.col("session") <= sessions[:MEMORY][-1])
    edge = pl.concat([frame.filter(pl.col("symbol").is_in(symbols.implode())) for frame in (recent, first)]).sort("symbol", "session")
    begun = _runs(edge, [*before, *sessions]).filter(pl.col("session") >= sessions[0])
    return pl.concat([begun, found]).sort("run", descending=True).unique(["symbol", "session"], keep="first").sort("symbol", "session")


def stale_rows(repeats: pl.DataFrame, *, allowed: int, allowed_flat: int) -> pl.DataFrame:
    """Those of the repeats that are refused: symbol, session, and in words value and bound.

    Args:
        repeats: as of `repeated_rows`.
        allowed: repeats in a row of a bar whose price moved from which on it is refused.
        allowed_flat: the same of a flat bar.
    """
    limit = pl.when("flat").then(allowed_flat).otherwise(allowed)
    return repeats.filter(pl.col("run") >= limit).select(
        "symbol",
        "session",
        pl.format("the bar of the session before to the last share, {}", pl.col("volume")).alias("value"),
        pl.when(limit == 1)
        .then(pl.lit("a bar of its own"))
        .otherwise(pl.format("fewer than {} such repeats in a row", limit))
        .alias("bound"),
    )


def _runs(bars: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    close, volume = bars["close"].to_numpy(), bars["volume"].to_numpy()
    at = np.flatnonzero((volume[1:] == volume[:-1]) & (close[1:] == close[:-1]) & (volume[1:] > 0)) + 1
    rows, earlier = bars[at], bars[at - 1]
    calendar = np.array(days, dtype="datetime64[D]")
    next_to = np.searchsorted(calendar, rows["session"].to_numpy()) - np.searchsorted(calendar, earlier["session"].to_numpy()) == 1
    same = next_to & np.logical_and.reduce([(rows[name] == earlier[name]).to_numpy() for name in ("symbol", *_NUMBERS)])
    at, rows = at[same], rows.filter(same)
    starts = np.append(True, np.diff(at) != 1)[: at.size]
    order = np.arange(at.size)
    run = order - np.maximum.accumulate(np.where(starts, order, 0)) + 1
    return rows.select(
        "symbol", "session", pl.Series("run", run, pl.Int64), (pl.col("high") == pl.col("low")).alias("flat"), "volume"
    ).cast(_REPEATS)
