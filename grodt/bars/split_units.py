"""Turning what a vendor states in today's shares back into the shares of its day.

Many vendors divide prices, volumes and dividends of the past by all splits that came later. With the splits that can be undone.
"""

import math
from datetime import date
from fractions import Fraction

import polars as pl

#: How far a written price ratio may lie from a ratio of whole shares: 0.142857 is 1/7 cut at the sixth decimal.
RATIO_TOLERANCE = 1e-6
_LARGEST_DENOMINATORS = (10, 100, 1000)
NO_SPLITS = pl.DataFrame(schema={"symbol": pl.String(), "ex_date": pl.Date(), "ratio_new": pl.Int64(), "ratio_old": pl.Int64()})


def shares_of_price_ratio(price_ratio: float) -> tuple[int, int]:
    """(new, old) shares of a split from new price / old price: 0.142857 is (7, 1).

    Raises:
        ValueError: no ratio of at most 1,000 old shares lies within `RATIO_TOLERANCE` (relative above 1).
    """
    if math.isfinite(price_ratio) and price_ratio > 0:
        for largest in _LARGEST_DENOMINATORS:
            ratio = Fraction(price_ratio).limit_denominator(largest)
            if ratio > 0 and abs(float(ratio) - price_ratio) <= RATIO_TOLERANCE * max(1.0, price_ratio):
                return ratio.denominator, ratio.numerator
    raise ValueError(f"price ratio {price_ratio!r} is no ratio of whole shares")


def with_later_splits(frame: pl.DataFrame, day: str, splits: pl.DataFrame) -> pl.DataFrame:
    """Adds `later_new` and `later_old`: shares that `later_old` shares of that day have become by all splits with a later ex date."""
    steps: list[tuple[str, date, float, float]] = []
    for (symbol,), own in splits.sort("ex_date").group_by("symbol"):
        later = Fraction(math.prod(own["ratio_new"]), math.prod(own["ratio_old"]))
        steps.append((str(symbol), date.min, float(later.numerator), float(later.denominator)))
        for ex_date, new, old in own.select("ex_date", "ratio_new", "ratio_old").iter_rows():
            later *= Fraction(old, new)
            steps.append((str(symbol), ex_date, float(later.numerator), float(later.denominator)))
    schema = {"symbol": pl.String, "from": pl.Date, "later_new": pl.Float64, "later_old": pl.Float64}
    table = pl.DataFrame(steps, schema=schema, orient="row").sort("symbol", "from")
    joined = frame.sort("symbol", day).join_asof(
        table, left_on=day, right_on="from", by="symbol", strategy="backward", check_sortedness=False
    )
    return joined.with_columns(pl.col("later_new", "later_old").fill_null(1.0))


def volume_as_traded(column: str = "volume") -> pl.Expr:
    """A volume in today's shares as shares of its day, whole; of a frame `with_later_splits`. Without a later split it is let be."""
    traded = (pl.col(column) * pl.col("later_old") / pl.col("later_new")).round(0)
    return _unless_none(column, traded)


def amount_as_paid(column: str) -> pl.Expr:
    """An amount per share of today as what one share was paid, to 1/100 of a cent; of a frame `with_later_splits`."""
    paid = (pl.col(column) * pl.col("later_new") / pl.col("later_old")).round(4)
    return _unless_none(column, paid)


def _unless_none(column: str, turned_back: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("later_new") == pl.col("later_old")).then(column).otherwise(turned_back).alias(column)
