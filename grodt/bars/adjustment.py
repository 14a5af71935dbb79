"""Adjusted series: raw bars and corporate actions as prices that can be compared over time.

The usual adjusted close is scaled so that today's price is the raw one, and so each split or dividend rewrites all of the past.
Here a series starts at its first bar's raw price and grows forward: what happens later changes no earlier value, not by one bit.
"""

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.listings import owners

#: none: as traded. split: splits taken out. total: splits taken out, dividends reinvested.
Adjustment = Literal["none", "split", "total"]

_PRICES = ("open", "high", "low", "close")
#: Order of actions with one ex date: a dividend is per share held before it, so it comes before a split.
_KIND_ORDER = {"dividend": 0, "split": 1, "delisting": 2, "symbol_change": 3}
#: Days that the key of an instrument and a day leaves for the day.
_DAYS = 2**32

_IntArray = NDArray[np.int64]


def adjusted(bars: pl.DataFrame, actions: pl.DataFrame, adjust: Adjustment, instruments: pl.DataFrame | None = None) -> pl.DataFrame:
    """Bars with their prices and volume adjusted, forward from the first bar of each listing.

    With p₁, p₂, … the raw closes of a listing's bars, the adjusted price of bar t is its raw price · f_t, its adjusted volume
    its raw volume / s_t, where f₁ = s₁ = 1 and

        s_t = s_{t−1} · n_t
        split:  f_t = s_t
        total:  f_t = f_{t−1} · (n_t + c_t / p_t)

    After bar t−1, and up to and including the session of bar t, one share has become n_t shares by splits (ratio_new / ratio_old)
    and has paid c_t in dividends: each on the shares held before its ex date. So a dividend buys more of the symbol at the close
    of its ex date (or of the first bar after it), and p_t·f_t / (p_{t−1}·f_{t−1}) = (p_t·n_t + c_t) / p_{t−1}: the return that
    `grodt.signals.panel` takes the logarithm of. Volume is in shares of the first bar; dividends make no shares.

    A gap changes nothing: what happened in it takes effect at the next bar. An action on the day of a listing's first bar or before
    has no effect; nor has one after its last. A delisting ends the listing: a later bar of that symbol is the first of another.
    Its final value is no bar, and so no part of the series.

    A change of symbol changes nothing either: the series goes on under the new one. A symbol that another instrument takes up begins
    a series of its own there.

    Args:
        bars: source, symbol and session (one row each, none of them null), and of open, high, low, close and volume those that
            are wanted; close for `total`. Rows in any order, and the whole history: factors start at the first row.
        actions: source and the columns of `grodt.bars.source.RAW_ACTIONS` (pay_date is not needed; more columns do no harm).
        adjust: which series.
        instruments: rows of the table of that name; None: a symbol is one instrument.

    Returns:
        The columns of `bars`, sorted by source, symbol and session.
    """
    if adjust == "none" or bars.is_empty():
        return in_order(bars)
    sources, symbols = (bars.get_column(name).unique().sort() for name in ("source", "symbol"))
    instrument, key = _keys(bars, "session", sources, symbols, instruments)
    order = np.argsort(key, kind="stable")
    bars, instrument, key = bars[order], instrument[order], key[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(instrument)) + 1])
    close = bars.get_column("close").to_numpy() if adjust == "total" else np.ones(bars.height)
    steps = _steps(_placed(actions, _keys(actions, "ex_date", sources, symbols, instruments), key, instrument), starts, close)
    length = np.diff(steps.get_column("bar").to_numpy(), append=bars.height)
    split, factor = (pl.Series(np.repeat(steps.get_column(name).to_numpy(), length)) for name in ("split", adjust))
    prices = [pl.col(name) * factor for name in _PRICES if name in bars.columns]
    volume = [pl.col("volume") / split] if "volume" in bars.columns else []
    series = bars.with_columns(*prices, *volume)
    return series if instrument[-1] < sources.len() * symbols.len() else in_order(series)


def in_order(bars: pl.DataFrame) -> pl.DataFrame:
    """Bars sorted by source, symbol and session. Over numbers, in a quarter of the time that sorting text takes."""
    sources, symbols = (bars.get_column(name).unique().sort() for name in ("source", "symbol"))
    return bars[np.argsort(_keys(bars, "session", sources, symbols)[1], kind="stable")]


def _keys(
    frame: pl.DataFrame, day: str, sources: pl.Series, symbols: pl.Series, instruments: pl.DataFrame | None = None
) -> tuple[_IntArray, _IntArray]:
    """A number for each row's source and symbol, and one for these and its day, both ascending as they are; < 0 for those not given.

    Rows that `instruments` gives to an instrument have its number, above those of the symbols.
    """
    source, symbol = (
        pl.col(name).cast(pl.Enum(names), strict=False).to_physical().cast(pl.Int64)
        for name, names in (("source", sources), ("symbol", symbols))
    )
    numbers = frame.select(
        instrument=(source * symbols.len() + symbol).fill_null(-1),
        day=pl.col(day).to_physical().cast(pl.Int64),
    )
    instrument: _IntArray = numbers.get_column("instrument").to_numpy()
    if instruments is not None:
        ranks = instruments.select("source", "instrument").unique().sort("source", "instrument").with_row_index("rank")
        owned = owners(frame, day, instruments, actions=day == "ex_date").join(ranks, on=["source", "instrument"], how="inner")
        if owned.height:
            instrument = instrument.copy()
            instrument[owned["row"].to_numpy()] = sources.len() * symbols.len() + owned["rank"].cast(pl.Int64).to_numpy()
    return instrument, instrument * _DAYS + numbers.get_column("day").to_numpy()


def _placed(actions: pl.DataFrame, keys: tuple[_IntArray, _IntArray], key: _IntArray, instrument: _IntArray) -> pl.DataFrame:
    """The actions that a bar follows, in the order they apply: the bar each takes effect at, its kind, ratio and cash per share."""
    whose, when = keys
    bar = np.searchsorted(key, when)
    reached = (whose >= 0) & (bar < key.size) & (instrument[np.minimum(bar, key.size - 1)] == whose)
    kind, split = pl.col("kind").cast(pl.String), pl.col("kind").cast(pl.String) == "split"
    return (
        actions.select(
            pl.Series("bar", bar),
            "ex_date",
            order=kind.replace_strict(_KIND_ORDER, return_dtype=pl.Int64),
            delisted=kind == "delisting",
            new=pl.when(split).then(pl.col("ratio_new").cast(pl.Float64)).otherwise(1.0),
            old=pl.when(split).then(pl.col("ratio_old").cast(pl.Float64)).otherwise(1.0),
            cash=pl.when(kind == "dividend").then(pl.col("cash_per_share").cast(pl.Float64)).otherwise(0.0),
        )
        .filter(reached)
        .sort("bar", "ex_date", "order")
    )


def _steps(placed: pl.DataFrame, starts: _IntArray, close: NDArray[np.float64]) -> pl.DataFrame:
    """The bars at which a factor changes, ascending: `split` and `total` hold from that bar up to the next of these.

    Splits are multiplied as whole numbers and divided once, so that 3:1 after 1:3 is the first price again.
    """
    none = {"new": 1.0, "old": 1.0, "multiple": 1.0}
    firsts = pl.DataFrame({"bar": starts}).with_columns(first=pl.lit(True), **{name: pl.lit(value) for name, value in none.items()})
    changes = (
        placed.with_columns(shares=(pl.col("new") / pl.col("old")).cum_prod().over("bar"))
        .group_by("bar", maintain_order=True)
        .agg(
            pl.col("delisted").any().alias("first"),
            pl.col("new", "old").product(),
            pl.col("shares").last(),
            cash=(pl.col("cash") * pl.col("shares")).sum(),
        )
        .join(firsts, on="bar", how="anti", maintain_order="left")
    )
    at_close = pl.Series(close[changes.get_column("bar").to_numpy()])
    changes = changes.with_columns(multiple=pl.col("shares") + pl.col("cash") / at_close).with_columns(
        pl.when("first").then(value).otherwise(name).alias(name) for name, value in none.items()
    )
    listing = pl.col("first").cum_sum()
    return (
        pl.concat([firsts, changes.select(firsts.columns)])
        .sort("bar")
        .with_columns(listing=listing)
        .select(
            "bar",
            split=pl.col("new").cum_prod().over("listing") / pl.col("old").cum_prod().over("listing"),
            total=pl.col("multiple").cum_prod().over("listing"),
        )
    )
