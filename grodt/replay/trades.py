"""What was traded: turnover from fills, and round trips."""

import numpy as np
import polars as pl

from grodt.errors import DataError
from grodt.replay.drawdowns import require_sessions
from grodt.replay.returns import require_equity
from grodt.signals.panel import FloatArray

_ROUND_TRIPS = {"symbol": pl.String, "opened": pl.Date, "closed": pl.Date, "fills": pl.UInt32, "profit": pl.Float64}


def turnover(fills: pl.DataFrame, equity: pl.DataFrame) -> FloatArray:
    """Value traded in each session over the equity at the close before, buys and sells both: replacing a whole book is 2.

    Args:
        fills: session and notional of each fill, as the lake's `fills` has them.
        equity: session and equity, ascending, as the lake's `equity` has them for one book.

    Returns:
        (T,), in the order of `equity`; of the first session over its own equity, as there is none before.

    Raises:
        DataError: a fill of a session that has no equity, sessions that do not ascend, or equity that is no equity.
    """
    sessions = require_sessions(equity.get_column("session").to_numpy())
    value = require_equity(equity.get_column("equity").cast(pl.Float64).to_numpy())
    traded = fills.group_by("session").agg(pl.col("notional").cast(pl.Float64).abs().sum()).sort("session")
    days = traded.get_column("session").to_numpy().astype("datetime64[D]")
    strange = np.setdiff1d(days, sessions)
    if strange.size:
        raise DataError(f"fills of session {strange[0]} and no equity of it; give the equity of every session that traded")
    out = np.zeros(sessions.size)
    out[np.searchsorted(sessions, days)] = traded.get_column("notional").to_numpy()
    return out / np.concatenate((value[:1], value[:-1]))


def round_trips(fills: pl.DataFrame, splits: pl.DataFrame | None = None) -> pl.DataFrame:
    """Trades from flat to flat: what each brought.

    The profit of a trade is the cash of its fills, Σ (sold − bought) less commissions; dividends and borrow costs are not in it. A fill
    that turns a position around ends one trade and begins another, and its price and commission are shared by quantity. What is still
    open at the end is no trade yet. After a split less than one share that is left counts as flat: it was paid out in cash.

    Args:
        fills: symbol, session, side (buy or sell), quantity > 0, price and commission, as the lake's `fills` of one book has them;
            in the order they traded, sorted by session.
        splits: symbol, ex_date, ratio_new, ratio_old of each split; other kinds of action, if there is a `kind`, are left out.

    Returns:
        symbol, opened, closed, fills, profit; sorted by closed, then symbol.

    Raises:
        DataError: fills that are not sorted by session, or a quantity that is not positive.
    """
    if not fills.get_column("session").is_sorted():
        raise DataError("fills are not sorted by session; sort them by the time they traded")
    if fills.filter(~(pl.col("quantity") > 0).fill_null(False)).height:
        raise DataError("a fill has a quantity that is not > 0; the side says whether it was bought")
    if fills.is_empty():
        return pl.DataFrame(schema=_ROUND_TRIPS)
    sign = pl.when(pl.col("side").cast(pl.String) == "buy").then(1.0).otherwise(-1.0)
    signed = fills.select(
        "symbol",
        "session",
        pl.col("price", "commission").cast(pl.Float64),
        shares=sign * pl.col("quantity"),
        factor=pl.Series(_later_splits(fills, splits)),
    )
    held = signed.with_columns(scaled=pl.col("shares") * pl.col("factor")).with_columns(after=pl.col("scaled").cum_sum().over("symbol"))
    # A share of the fill's day is `factor` shares of the last day: less than that cannot be sold.
    flat = pl.col("after").abs() < (1 - 1e-9) * pl.col("factor")
    known = held.with_columns(after=pl.when(flat).then(0.0).otherwise(pl.col("after")))
    known = known.with_columns(before=pl.col("after").shift(1, fill_value=0.0).over("symbol")).with_row_index("row")
    turned = known.filter(pl.col("before").sign() * pl.col("after").sign() < 0)
    ended = turned.with_columns(share=-pl.col("before") / pl.col("scaled"), after=pl.lit(0.0))
    begun = turned.with_columns(share=1.0 + pl.col("before") / pl.col("scaled"))
    plain = known.join(turned.select("row"), on="row", how="anti").with_columns(share=pl.lit(1.0))
    parts = pl.concat([plain, ended, begun]).sort("row", pl.col("after") != 0, maintain_order=True)  # the end before the beginning
    parts = parts.with_columns(
        trade=(pl.col("after") == 0).cum_sum().shift(1, fill_value=0).over("symbol"),
        cash=-pl.col("share") * (pl.col("shares") * pl.col("price") + pl.col("commission")),
    )
    trades = parts.group_by("symbol", "trade").agg(
        opened=pl.col("session").first(),
        closed=pl.col("session").last(),
        fills=pl.len(),
        profit=pl.col("cash").sum(),
        done=(pl.col("after") == 0).any(),
    )
    return trades.filter("done").sort("closed", "symbol", "trade").select(pl.col(name).cast(dtype) for name, dtype in _ROUND_TRIPS.items())


def _later_splits(fills: pl.DataFrame, splits: pl.DataFrame | None) -> FloatArray:
    """Shares of the last day that a share of the fill's session has become, (rows,)."""
    factor = np.ones(fills.height)
    if splits is None:
        return factor
    wanted = splits.filter(pl.col("kind").cast(pl.String) == "split") if "kind" in splits.columns else splits
    symbol, session = fills.get_column("symbol").to_numpy(), fills.get_column("session").to_numpy().astype("datetime64[D]")
    for name, ex_date, new, old in wanted.select("symbol", "ex_date", "ratio_new", "ratio_old").iter_rows():
        factor[(symbol == name) & (session < np.datetime64(ex_date))] *= new / old
    return factor
