"""What was traded: turnover from fills, and round trips."""

import numpy as np
import polars as pl

from grodt.errors import DataError
from grodt.replay.drawdowns import require_sessions
from grodt.replay.returns import require_equity
from grodt.signals.panel import FloatArray

#: A position of fewer shares is what a split left over.
_FRACTION = 1.0 - 1e-9
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


def round_trips(fills: pl.DataFrame, actions: pl.DataFrame | None = None) -> pl.DataFrame:
    """Trades from flat to flat: what each brought.

    The profit of a trade is the cash of its fills, Σ (sold − bought) less commissions; dividends, borrow costs and cash for fractions are
    not in it. A fill that turns a position around ends one trade and begins another, and its price and commission are shared by quantity.
    What is still open at the end is no trade yet. Corporate actions take effect before the fills of their ex date: a split changes the
    shares, less than one share that it leaves counting as flat; a delisting closes the trade at its final value; a change of symbol
    goes on under the new one.

    Args:
        fills: symbol, session, side (buy or sell), quantity > 0, price and commission, as the lake's `fills` of one book has them; in
            the order they traded, sorted by session.
        actions: symbol, ex_date, kind, ratio_new, ratio_old, cash_per_share, new_symbol, as the lake's `corporate_actions` has them.

    Returns:
        symbol (the last it had), opened, closed, fills (a delisting is one), profit; sorted by closed, then symbol.

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
        pl.col("symbol").cast(pl.String),
        "session",
        pl.col("price", "commission").cast(pl.Float64),
        shares=sign * pl.col("quantity"),
        factor=pl.lit(1.0),  # shares of the last day that one share of the fill has become
        before=pl.col("session"),  # corporate actions after that day change what was filled
    )
    signed = _acted(signed, actions).with_columns(scaled=pl.col("shares") * pl.col("factor"))
    held = signed.sort("before", maintain_order=True).with_columns(after=pl.col("scaled").cum_sum().over("symbol"))
    # Less than one share of the fill's day, which is `factor` shares of the last day, cannot be sold.
    flat = pl.col("after").abs() < _FRACTION * pl.col("factor")
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


def _acted(signed: pl.DataFrame, actions: pl.DataFrame | None) -> pl.DataFrame:
    """The fills after all corporate actions, with one more for each delisting of what was held.

    Of one ex date, a delisting pays on the shares before a split, and the symbol changes last: the rule of `grodt.ledger.actions`.
    """
    if actions is None:
        return signed
    order = pl.Enum(["delisting", "split", "symbol_change"])
    wanted = actions.filter(pl.col("kind").cast(pl.String).is_in(order.categories)).with_columns(pl.col("kind").cast(pl.String).cast(order))
    symbol, factor = signed.get_column("symbol").to_numpy().astype(object), signed.get_column("factor").to_numpy().copy()
    shares, before = signed.get_column("shares").to_numpy(), signed.get_column("before").to_numpy().astype("datetime64[D]")
    names, closed = set(symbol.tolist()), list[dict[str, object]]()
    for action in wanted.sort("ex_date", "kind", "symbol").iter_rows(named=True):
        if action["symbol"] not in names:
            continue
        rows = (symbol == action["symbol"]) & (before < np.datetime64(action["ex_date"]))
        if action["kind"] == "split":
            factor[rows] *= action["ratio_new"] / action["ratio_old"]
        elif action["kind"] == "symbol_change":
            symbol[rows] = action["new_symbol"]
            names.add(action["new_symbol"])
        elif abs(held := float((shares * factor)[rows].sum())) > _FRACTION:
            closed.append({"session": action["ex_date"], "price": float(action["cash_per_share"]), "commission": 0.0})
            symbol, factor = np.append(symbol, action["symbol"]), np.append(factor, 1.0)
            shares, before = np.append(shares, -held), np.append(before, np.datetime64(action["ex_date"]) - np.timedelta64(1, "D"))
    rest = pl.DataFrame(closed, schema=signed.select("session", "price", "commission").schema)
    return pl.concat([signed.select(rest.columns), rest]).with_columns(
        pl.Series("symbol", symbol.tolist(), dtype=pl.String),
        pl.Series("shares", shares),
        pl.Series("factor", factor),
        pl.Series("before", before, dtype=pl.Date),
    )
