"""What a minute bar may break: by itself, beside the other bars of its session, or by where it lies.

A row is refused for the first rule in the order of `MINUTE_RULES`. A *spike* leaves the prices around it on both sides: its high lies
above, or its low below, the bound beyond the medians of up to `NEIGHBOURS` closes before and after it in the session, so that a leap that
lasts is none. The bound is the larger of a floor and a multiple of the session's σ, median abs(log return) / 0.6745 over its minutes. A
*stale repeat* is the very bar of the minute before, volume included, for too many minutes in a row.
"""

import math
from collections.abc import Collection
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.row_rules import PRICE_CEILING_USD
from grodt.bars.source import RAW_MINUTES

OUTSIDE = "outside the session"
STALE = "stale repeat"
SPIKE = "spike"
MINUTE_RULES = (
    "not asked for",
    "not a whole minute",
    OUTSIDE,
    "duplicate key",
    "not a number",
    "price not above zero",
    "price too large",
    "high too low",
    "low too high",
    "negative volume",
    STALE,
    SPIKE,
)
#: Closes on either side of a minute that it is compared with.
NEIGHBOURS = 5
_MEDIAN_OF_ABSOLUTE_NORMAL = 0.6744897501960817
_PRICES = ("open", "high", "low", "close")
_NUMBERS = (*_PRICES, "volume")
_GROUP = ("symbol", "session")

#: Minute bars with the session that each lies in.
MINUTES = pl.Schema({**RAW_MINUTES, "session": pl.Date()})
#: Refused rows: the table `quarantine_1m` without source, run_id and known_at. A number that is not finite is null here; `value` tells it.
MINUTES_QUARANTINED = pl.Schema(
    {
        "symbol": pl.String(),
        "start": pl.Datetime("us", "UTC"),
        "rule": pl.String(),
        "session": pl.Date(),
        "value": pl.String(),
        "bound": pl.String(),
        **dict.fromkeys(_NUMBERS, pl.Float64()),
    }
)


def part_minutes(
    bars: pl.DataFrame,
    *,
    asked: Collection[str],
    start: date,
    end: date,
    hours: str,
    stale_minutes: int,
    spike_floor: float,
    spike_sigmas: float,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Good rows (MINUTES) and refused ones (MINUTES_QUARANTINED, at most one per symbol and minute), both sorted by symbol then start.

    Args:
        bars: MINUTES and `inside` (whether the minute lies in trading hours), without null in symbol, start and session.
        asked: symbols asked for.
        start: first session asked for.
        end: last session asked for.
        hours: name of the calendar whose trading hours are meant, for the words of a refusal.
        stale_minutes: repeats in a row from which on they are refused.
        spike_floor: least bound of a spike, in log price.
        spike_sigmas: bound of a spike in σ of the session's minutes.
    """
    ordered = bars.sort("symbol", "start", maintain_order=True)
    sane, refused = _by_themselves(ordered, asked, start, end, hours)
    stale = sane.filter(_stale(sane, stale_minutes))
    moving = sane.join(stale, on=["symbol", "start"], how="anti", maintain_order="left") if stale.height else sane
    spikes = _spikes(moving, spike_floor, spike_sigmas)
    good = moving.join(spikes, on=["symbol", "start"], how="anti", maintain_order="left") if spikes.height else moving
    found = [refused]
    if stale.height:
        words = pl.lit(STALE).alias("rule"), pl.lit("the bar of the minute before, volume included").alias("value")
        bound = pl.lit(f"fewer than {stale_minutes} such repeats in a row").alias("bound")
        found.append(stale.with_columns(*words, bound).select(MINUTES_QUARANTINED.names()))
    if spikes.height:
        found.append(spikes.with_columns(pl.lit(SPIKE).alias("rule")).select(MINUTES_QUARANTINED.names()))
    return good.select(MINUTES.names()), pl.concat(found).sort("symbol", "start")


def _by_themselves(ordered: pl.DataFrame, asked: Collection[str], start: date, end: date, hours: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    repeats = (pl.col("symbol") == pl.col("symbol").shift()) & (pl.col("start") == pl.col("start").shift())
    highest, lowest = pl.max_horizontal("open", "close", "low"), pl.min_horizontal("open", "close", "high")
    top, bottom = pl.max_horizontal(*_PRICES), pl.min_horizontal(*_PRICES)
    cells = [pl.format(f"{name} {{}}", pl.col(name).cast(pl.String).fill_null("none")) for name in _NUMBERS]
    stamp = pl.col("start").dt.strftime("%Y-%m-%d %H:%M:%S%.f UTC")
    inside = pl.col("symbol").is_in(list(asked)) & pl.col("session").is_between(start, end)
    # condition, value and bound of each rule that looks at the row alone, in their order
    broken = (
        (~inside, pl.format("{} {}", "symbol", stamp), pl.lit(f"sessions {start} to {end} of the symbols asked for")),
        (pl.col("start") != pl.col("start").dt.truncate("1m"), stamp, pl.lit("the start of a minute")),
        (~pl.col("inside"), stamp, pl.lit(f"trading hours of {hours}")),
        ((repeats | repeats.shift(-1)).fill_null(False), pl.format("{} rows", pl.len().over("symbol", "start")), pl.lit("one row")),
        (~pl.all_horizontal(pl.col(*_NUMBERS).is_finite().fill_null(False)), pl.concat_str(cells, separator=" "), pl.lit("finite numbers")),
        (bottom <= 0, bottom.cast(pl.String), pl.lit("above 0")),
        (top >= PRICE_CEILING_USD, top.cast(pl.String), pl.lit(f"below {PRICE_CEILING_USD:.0f}")),
        (pl.col("high") < highest, pl.col("high").cast(pl.String), pl.format("at least {}", highest)),
        (pl.col("low") > lowest, pl.col("low").cast(pl.String), pl.format("at most {}", lowest)),
        (pl.col("volume") < 0, pl.col("volume").cast(pl.String), pl.lit("at least 0")),
    )
    breaks = [condition.fill_null(False) for condition, _, _ in broken]
    any_broken = ordered.select(pl.any_horizontal(breaks)).to_series()
    if not any_broken.any():
        return ordered, pl.DataFrame(schema=MINUTES_QUARANTINED)
    # all rows of a repeated key are refused, so the few refused rows tell the same of themselves as among all
    odd = ordered.filter(any_broken).with_columns(pl.coalesce(pl.when(c).then(i) for i, c in enumerate(breaks)).alias("order"))
    by_order = pl.col("order")
    refused = odd.with_columns(
        by_order.replace_strict(dict(enumerate(MINUTE_RULES)), return_dtype=pl.String).alias("rule"),
        pl.coalesce(pl.when(by_order == i).then(value) for i, (_, value, _) in enumerate(broken)).alias("value"),
        pl.coalesce(pl.when(by_order == i).then(bound) for i, (_, _, bound) in enumerate(broken)).alias("bound"),
        *(pl.when(pl.col(name).is_finite()).then(name).alias(name) for name in _NUMBERS),
    )
    once = refused.unique(["symbol", "start"], keep="first", maintain_order=True)
    return ordered.filter(~any_broken), once.select(MINUTES_QUARANTINED.names())


def _stale(sane: pl.DataFrame, allowed: int) -> NDArray[np.bool_]:
    """Rows that repeat the bar before, in a row of at least so many repeats."""
    if not sane.height:
        return np.zeros(0, dtype=bool)
    same = np.zeros(sane.height, dtype=bool)
    volume = sane["volume"].to_numpy()
    at = np.flatnonzero((volume[1:] == volume[:-1]) & (volume[1:] > 0)) + 1
    rows, before = sane[at], sane[at - 1]
    same[at] = np.logical_and.reduce([(rows[name] == before[name]).to_numpy() for name in (*_GROUP, *_PRICES)])
    edges = np.flatnonzero(np.diff(same, prepend=False, append=False))
    begin, end = edges[::2], edges[1::2]
    for first, last in zip(begin.tolist(), end.tolist(), strict=True):
        same[first:last] = last - first >= allowed
    return same


def _spikes(bars: pl.DataFrame, floor: float, sigmas: float) -> pl.DataFrame:
    """The rows that leave the prices around them, with `value` and `bound`."""
    closes = pl.col("close").log()
    change = pl.when(pl.struct(_GROUP).rle_id().diff() == 0).then(closes.diff().abs())
    wide = (
        bars.lazy()
        .select(*_GROUP, "high", "low", change.alias("change"))
        .group_by(_GROUP)
        .agg(
            (pl.col("high").max() / pl.col("low").min()).log().alias("range"),
            (pl.col("change").median() / _MEDIAN_OF_ABSOLUTE_NORMAL * sigmas).fill_null(0.0).alias("noise"),
        )
        .with_columns(pl.max_horizontal("noise", pl.lit(floor)).alias("width"))
        # a session no wider than the bound has no bar beyond it
        .filter(pl.col("range") > pl.col("width"))
        .select(*_GROUP, "width")
        .collect()
    )
    if not wide.height:
        return bars.clear().with_columns(pl.lit("").alias("value"), pl.lit("").alias("bound"))
    before = pl.col("close").shift(1).rolling_median(NEIGHBOURS, min_samples=1)
    after = pl.col("close").reverse().shift(1).rolling_median(NEIGHBOURS, min_samples=1).reverse()
    rows = bars.join(wide, on=_GROUP, maintain_order="left").with_columns(
        before.over(_GROUP, order_by="start").alias("before"), after.over(_GROUP, order_by="start").alias("after")
    )
    upper, lower = pl.max_horizontal("before", "after"), pl.min_horizontal("before", "after")
    size = pl.max_horizontal((pl.col("high") / upper).log(), (lower / pl.col("low")).log())
    return rows.filter((size > pl.col("width")).fill_null(False)).with_columns(
        pl.format("a factor of {} beyond the minutes around it", size.exp().round(4)).alias("value"),
        pl.format("within a factor of {}", pl.col("width").clip(upper_bound=math.log(1e6)).exp().round(4)).alias("bound"),
    )
