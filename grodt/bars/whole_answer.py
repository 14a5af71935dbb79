"""What a whole answer of a source may not look like: each finding is a sentence, and halts.

A vendor's fault that hits many symbols at once is not a matter of rows: rows of the same answer that look good are not to be
trusted either. Each rule needs at least `SYMBOLS` symbols or bars, below which it is chance.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from grodt.bars.leap_names import factor_of

#: What fewer symbols (or bars) than this have in common is chance.
SYMBOLS = 5
#: Quarantined rows of fewer symbols than this never halt by their share.
QUARANTINED_SYMBOLS = 3
#: Leaps within this log distance of each other have one factor in common: what prices move over night besides.
ONE_FACTOR = 0.1
_DAY = timedelta(days=1)


def same_price(bars: pl.DataFrame, share: float) -> list[str]:
    """A vendor's test price: many symbols of a session at one and the same close (control 25)."""
    shared = (
        bars.filter(pl.col("close").is_finite())
        .group_by("session", "close")
        .agg(pl.len().alias("symbols"))
        .with_columns((pl.col("symbols") / pl.col("symbols").sum().over("session")).alias("share"))
        .filter((pl.col("symbols") >= SYMBOLS) & (pl.col("share") > share))
        .sort("session", "close")
    )
    if not shared.height:
        return []
    session, close, symbols, part = shared.row(0)
    return [
        f"session {session} has the one close {close:g} for {symbols} symbols ({part:.1%} of its bars), "
        f"above the share of {share:.1%}{_more(shared)}"
    ]


def no_volume(bars: pl.DataFrame, sessions: Sequence[date], share: float) -> list[str]:
    """A session in which hardly anybody traded: the vendor filled it with prices of other days, or lost its volume."""
    silent = bars.filter(pl.col("volume") == 0)
    # what fills a holiday is refused row by row
    found = _by_session(bars, silent.filter(pl.col("session").is_in(list(sessions))), share)
    return [f"session {found['session'][0]} has no volume for {_of(found, share)}"] if found.height else []


def same_bars(bars: pl.DataFrame, repeats: pl.DataFrame, share: float) -> list[str]:
    """A session that is the session before once more. `repeats` as of `staleness.repeated_rows`."""
    found = _by_session(bars, repeats, share)
    if not found.height:
        return []
    return [f"session {found['session'][0]} repeats the bar of the session before, volume included, for {_of(found, share)}"]


def same_leap(bars: pl.DataFrame, leaps: pl.DataFrame, share: float) -> list[str]:
    """A change of unit or of adjustment: many symbols leap by one factor. `leaps` as of `jumps.jumping_rows`."""
    found = _by_session(bars, leaps, share)
    for session, _, rows in found.iter_rows():
        own = leaps.filter(pl.col("session") == session).sort("open_change", "symbol")
        changes = own["open_change"].to_numpy()
        upto = np.searchsorted(changes, changes + ONE_FACTOR, side="right")
        first = int(np.argmax(upto - np.arange(changes.size)))
        symbols = int(upto[first]) - first
        if symbols < SYMBOLS or symbols <= share * rows:
            continue
        middle = float(np.median(changes[first : upto[first]]))
        factor = f"{factor_of(middle)} times" if middle > 0 else f"1/{factor_of(-middle)} of"
        return [
            f"session {session} opens at {factor} the last good close for {symbols} of {rows} symbols ({symbols / rows:.1%}), "
            f"such as {own['symbol'][first]}, above the share of {share:.1%}: the source has changed its unit or its adjustment"
        ]
    return []


def shifted_dates(bars: pl.DataFrame, sessions: Sequence[date]) -> list[str]:
    """Bars dated a day late or early, as by a source whose time zone is set wrongly.

    A shift fills the day after (before) a stretch of sessions, on which the exchange is shut, and leaves the first (last) session
    of the next (previous) stretch empty. Symbols of which that can be said of more bars than not are counted; bars that nobody
    traded are not, as vendors fill holidays with them. Within one stretch of sessions a shift cannot be seen: there completeness
    halts, as the last session has not come.

    Args:
        bars: RAW_BARS as given.
        sessions: the sessions of the range.
    """
    gaps = [(last, first) for last, first in pairwise(sessions) if first - last > _DAY]
    traded = bars.filter((pl.col("volume") != 0).fill_null(True))
    late = _between_gaps(traded, [last + _DAY for last, _ in gaps], [first for _, first in gaps])
    early = _between_gaps(traded, [first - _DAY for _, first in gaps], [last for last, _ in gaps])
    late_excess, early_excess = (int((found["shut"] - found["open"]).sum()) for found in (late, early))
    if early_excess > late_excess:
        word, shifted = "early", early
    else:
        word, shifted = "late" if late_excess > early_excess else "late or early", late
    count = int(shifted["shut"].sum())
    if count < SYMBOLS:
        return []
    symbol, example = shifted["symbol"][0], shifted["first"][0]
    whose = f"{shifted.height} symbol{'' if shifted.height == 1 else 's'}"
    return [
        f"the bars of {whose} are dated one day {word}: {count} of them lie on days on which the exchange was shut, "
        f"such as {symbol} on {example} ({example:%A}), and the sessions beside are empty; "
        "set the source's time zone so that a bar has the date of its session"
    ]


def _between_gaps(traded: pl.DataFrame, shut: list[date], beside: list[date]) -> pl.DataFrame:
    """Symbols with more bars on the days `shut` than on the sessions `beside`: symbol, shut, open, first."""
    dated = pl.col("session")
    return (
        traded.group_by("symbol")
        .agg(
            dated.is_in(shut).sum().cast(pl.Int64).alias("shut"),
            dated.is_in(beside).sum().cast(pl.Int64).alias("open"),
            dated.filter(dated.is_in(shut)).min().alias("first"),
        )
        .filter(pl.col("shut") > pl.col("open"))
        .sort("symbol")
    )


def too_many_quarantined(quarantined: pl.DataFrame, rows: int, share: float) -> list[str]:
    """Many rows of several symbols break a rule."""
    count, symbols = quarantined.height, quarantined["symbol"].n_unique()
    if symbols < QUARANTINED_SYMBOLS or count <= share * rows:
        return []
    return [f"{count} of {rows} rows ({count / rows:.1%}), of {symbols} symbols, break a rule, above the share of {share:.1%}"]


def _by_session(bars: pl.DataFrame, odd: pl.DataFrame, share: float) -> pl.DataFrame:
    """Sessions in which more than the share of the bars are odd: session, odd ones, bars."""
    counted = odd.group_by("session").agg(pl.len().alias("odd")).filter(pl.col("odd") >= SYMBOLS)
    if not counted.height:
        return counted
    rows = bars.join(counted, on="session", how="semi").group_by("session").agg(pl.len().alias("rows"))
    return counted.join(rows, on="session").filter(pl.col("odd") > share * pl.col("rows")).sort("session")


def _of(found: pl.DataFrame, share: float) -> str:
    _, odd, rows = found.row(0)
    return f"{odd} of {rows} symbols ({odd / rows:.1%}), above the share of {share:.1%}{_more(found)}"


def _more(found: pl.DataFrame) -> str:
    return f", and so on {found.height - 1} more times" if found.height > 1 else ""
