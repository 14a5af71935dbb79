"""What a row of bars may break by itself, whatever came before it. A row is refused for the first rule in the order of `ROW_RULES`."""

import math
from collections.abc import Collection, Sequence
from datetime import date

import polars as pl

#: Prices from here on are refused: a unit error, and beyond what integer micros can multiply.
PRICE_CEILING_USD = 1e9
NOT_A_SESSION = "not a session"
#: The rules that look at the past, see `staleness`, `jumps` and `leap_names`.
STALE, SPLIT, SCALE, JUMP = "stale repeat", "unrecorded split", "scale", "jump"
#: Of these, the leaps of price.
LEAPS = (SPLIT, SCALE, JUMP)
#: Every rule, in the order in which a row is refused for the first one it breaks.
ROW_RULES = (
    "not asked for",
    NOT_A_SESSION,
    "duplicate key",
    "not a number",
    "price not above zero",
    "price too large",
    "high too low",
    "low too high",
    "spike",
    "negative volume",
    "moved without volume",
    STALE,
    *LEAPS,
)

#: Refused rows: the table `quarantine` without source, run_id and known_at. A number that is not finite is null here; `value` tells it.
QUARANTINED = pl.Schema(
    {
        "symbol": pl.String(),
        "session": pl.Date(),
        "rule": pl.String(),
        "value": pl.String(),
        "bound": pl.String(),
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "close": pl.Float64(),
        "volume": pl.Float64(),
    }
)
_PRICES = ("open", "high", "low", "close")
_NUMBERS = (*_PRICES, "volume")


def part_rows(
    bars: pl.DataFrame, *, asked: Collection[str], start: date, end: date, sessions: Sequence[date], spike_floor: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sane rows (RAW_BARS) and refused ones (QUARANTINED, at most one per symbol and session), both sorted by symbol then session.

    Args:
        bars: RAW_BARS without null in symbol or session.
        asked: symbols asked for.
        start: first date asked for.
        end: last date asked for.
        sessions: the calendar's sessions from `start` to `end`.
        spike_floor: see `Thresholds`.
    """
    ordered = bars.sort("symbol", "session", maintain_order=True)
    repeats = (pl.col("symbol") == pl.col("symbol").shift()) & (pl.col("session") == pl.col("session").shift())
    highest, lowest = pl.max_horizontal("open", "close", "low"), pl.min_horizontal("open", "close", "high")
    spike = pl.max_horizontal(pl.col("high") / pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close") / pl.col("low"))
    widest = math.exp(min(spike_floor, 700.0))
    cells = [pl.format(f"{name} {{}}", pl.col(name).cast(pl.String).fill_null("none")) for name in _NUMBERS]
    # condition, value and bound of each rule that does not look at the past, in their order
    broken = (
        (
            ~(pl.col("symbol").is_in(list(asked)) & pl.col("session").is_between(start, end)),
            pl.format("{} {}", "symbol", "session"),
            pl.lit(f"{start} to {end}"),
        ),
        (~pl.col("session").is_in(list(sessions)), pl.col("session").cast(pl.String), pl.lit("a session of the calendar")),
        (
            (repeats | repeats.shift(-1)).fill_null(False),
            pl.format("{} rows", pl.len().over("symbol", "session")),
            pl.lit("one row"),
        ),
        (~pl.all_horizontal(pl.col(*_NUMBERS).is_finite().fill_null(False)), pl.concat_str(cells, separator=" "), pl.lit("finite numbers")),
        (pl.min_horizontal(*_PRICES) <= 0, pl.min_horizontal(*_PRICES).cast(pl.String), pl.lit("above 0")),
        (
            pl.max_horizontal(*_PRICES) >= PRICE_CEILING_USD,
            pl.max_horizontal(*_PRICES).cast(pl.String),
            pl.lit(f"below {PRICE_CEILING_USD:.0f}"),
        ),
        (pl.col("high") < highest, pl.col("high").cast(pl.String), pl.format("at least {}", highest)),
        (pl.col("low") > lowest, pl.col("low").cast(pl.String), pl.format("at most {}", lowest)),
        (spike > widest, pl.format("a factor of {} beyond open and close", spike.round(4)), pl.lit(f"within a factor of {widest:.4g}")),
        (pl.col("volume") < 0, pl.col("volume").cast(pl.String), pl.lit("at least 0")),
        (
            (pl.col("volume") == 0) & (pl.min_horizontal(*_PRICES) != pl.max_horizontal(*_PRICES)),
            pl.format("volume 0 from {} to {}", pl.min_horizontal(*_PRICES), pl.max_horizontal(*_PRICES)),
            pl.lit("one price where nobody traded"),
        ),
    )
    breaks = [condition.fill_null(False) for condition, _, _ in broken]
    any_broken = ordered.select(pl.any_horizontal(breaks)).to_series()
    sane = ordered.filter(~any_broken) if any_broken.any() else ordered
    # all rows of a repeated key are refused, so the few refused rows tell the same of themselves as among all
    odd = ordered.filter(any_broken).with_columns(pl.coalesce(pl.when(c).then(i) for i, c in enumerate(breaks)).alias("order"))
    by_order = pl.col("order")
    refused = odd.with_columns(
        by_order.replace_strict(dict(enumerate(ROW_RULES)), return_dtype=pl.String).alias("rule"),
        pl.coalesce(pl.when(by_order == i).then(value) for i, (_, value, _) in enumerate(broken)).alias("value"),
        pl.coalesce(pl.when(by_order == i).then(bound) for i, (_, _, bound) in enumerate(broken)).alias("bound"),
        *(pl.when(pl.col(name).is_finite()).then(name).alias(name) for name in _NUMBERS),
    )
    return sane, refused.unique(["symbol", "session"], keep="first", maintain_order=True).select(QUARANTINED.names())
