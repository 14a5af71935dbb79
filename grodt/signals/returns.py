"""Log total returns of bars, with what corporate actions did between one bar and the next."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.corporate_actions import CorporateAction
from grodt.errors import DataError
from grodt.signals.cells import columns_of

_FloatArray = NDArray[np.float64]
_IntArray = NDArray[np.int64]

#: Order of actions with one ex date: a dividend is per share held before it, so it comes before a split.
_KIND_ORDER = {"dividend": 0, "split": 1, "delisting": 2}
#: Far above the rounding of a log return, far below the smallest dividend.
_ROUNDING = 1e-12


def total_returns(close: _FloatArray, actions: pl.DataFrame, days: _IntArray, names: tuple[str, ...]) -> _FloatArray:
    """Log total return of each bar over the symbol's bar before, NaN where there is none; `build_panel` has the formula.

    One pass over the rows; what one share of the last bar has become is carried in row vectors over symbols.

    Args:
        close: raw, (T, N), NaN where there is no bar.
        actions: the columns of `grodt.bars.source.RAW_ACTIONS`; symbols as text.
        days: session of each row in days since 1970, ascending; equal where rows are bars of one session. An action takes effect at the
            first row of its ex date, or of the next session.
        names: the symbols, ascending.

    Raises:
        DataError: a split ratio or dividend is not a finite number above zero.
    """
    log_return = np.empty_like(close)
    effects = _effects(actions, days, names)
    width = len(names)
    previous, shares, cash = np.full(width, np.nan), np.ones(width), np.zeros(width)
    pending = False
    for row, today in enumerate(close):
        for kind, columns, amount in effects.get(row, ()):
            pending = True
            if kind == "dividend":
                np.add.at(cash, columns, shares[columns] * amount)
            elif kind == "split":
                np.multiply.at(shares, columns, amount)
            else:
                previous[columns] = np.nan
        barred = ~np.isnan(today)
        if pending:
            np.log((today * shares + cash) / previous, out=log_return[row])
            np.copyto(shares, 1.0, where=barred)
            np.copyto(cash, 0.0, where=barred)
            pending = bool((shares != 1.0).any() or cash.any())
        else:  # today · 1 + 0 is today, bit for bit
            np.log(today / previous, out=log_return[row])
        np.copyto(previous, today, where=barred)
    return log_return


def splits_by_row(actions: pl.DataFrame, days: _IntArray, names: tuple[str, ...]) -> dict[int, dict[int, list[CorporateAction]]]:
    """The splits among the actions by the row they take effect at and by column, ascending by ex date; arguments as for `total_returns`."""
    found: dict[int, dict[int, list[CorporateAction]]] = {}
    if not days.size or not names or actions.is_empty():
        return found
    own = actions.filter(pl.col("kind").cast(pl.String) == "split").sort("ex_date", "symbol")
    column = columns_of(own["symbol"], names)
    ex_day = own["ex_date"].cast(pl.Int32).cast(pl.Int64).to_numpy()
    inside = (column >= 0) & (ex_day > days[0]) & (ex_day <= days[-1])
    rows = own.select("symbol", "ex_date", "ratio_new", "ratio_old").filter(inside).rows()
    places = zip(np.searchsorted(days, ex_day[inside]).tolist(), column[inside].tolist(), strict=True)
    for (row, at), (symbol, ex_date, new, old) in zip(places, rows, strict=True):
        split = CorporateAction(symbol, ex_date, "split", ratio_new=new, ratio_old=old)
        found.setdefault(row, {}).setdefault(at, []).append(split)
    return found


def growth_factors(close: _FloatArray, log_return: _FloatArray) -> _FloatArray:
    """What a raw price is multiplied by to be one of total return, (T, N): 1 from a listing's first bar on.

    Where a return is other than the log of close over previous close, by more than rounding, a corporate action lies between the two
    bars and the factor takes it up: f_t = f_{t−1} · exp(r_t) · close_{t−1} / close_t. Elsewhere it stays as it is, bit for bit.

    Args:
        close: raw, (T, N), NaN where there is no bar.
        log_return: of `total_returns`.
    """
    out = np.empty_like(close)
    factor, previous = np.ones(close.shape[1]), np.full(close.shape[1], np.nan)
    for row, (today, change) in enumerate(zip(close, log_return, strict=True)):
        barred = ~np.isnan(today)
        factor[barred & np.isnan(change)] = 1.0
        moved = np.abs(change - np.log(today / previous)) > _ROUNDING  # False where either is NaN
        if moved.any():
            np.copyto(factor, factor * np.exp(change) * previous / today, where=moved)
        out[row] = factor
        np.copyto(previous, today, where=barred)
    return out


def _effects(actions: pl.DataFrame, days: _IntArray, names: tuple[str, ...]) -> dict[int, list[tuple[str, _IntArray, _FloatArray]]]:
    """By row of the session they take effect in: (kind, columns, ratio or cash per share), in the order they apply."""
    effects: dict[int, list[tuple[str, _IntArray, _FloatArray]]] = {}
    if not days.size or not names or actions.is_empty():
        return effects
    # A change of symbol does nothing to a return.
    known = (
        actions.filter(pl.col("kind").cast(pl.String) != "symbol_change")
        .select(
            pl.col("symbol").cast(pl.String),
            ex_day=pl.col("ex_date").cast(pl.Int32).cast(pl.Int64),
            kind=pl.col("kind").cast(pl.String).replace_strict(_KIND_ORDER, return_dtype=pl.Int64),
            amount=pl.when(pl.col("kind").cast(pl.String) == "split")
            .then(pl.col("ratio_new").cast(pl.Float64) / pl.col("ratio_old").cast(pl.Float64))
            .otherwise(pl.col("cash_per_share").cast(pl.Float64)),
        )
        .sort("ex_day", "kind", "symbol", "amount")
    )
    column = columns_of(known["symbol"], names)
    ex_day, kind, amount = (known[name].to_numpy() for name in ("ex_day", "kind", "amount"))
    inside = (column >= 0) & (ex_day > days[0]) & (ex_day <= days[-1])
    column, ex_day, kind, amount = column[inside], ex_day[inside], kind[inside], amount[inside]
    bad = (kind != _KIND_ORDER["delisting"]) & ~((amount > 0) & (amount < np.inf))
    if bad.any():
        symbol, ex_date = names[column[bad.argmax()]], np.datetime64(int(ex_day[bad.argmax()]), "D")
        got = amount[bad.argmax()]
        raise DataError(f"{symbol} {ex_date}: split ratio or dividend {got} is not a finite number > 0; correct the action, then run again")
    kinds = tuple(_KIND_ORDER)
    cuts = np.flatnonzero((np.diff(ex_day) != 0) | (np.diff(kind) != 0)) + 1
    for start, end in zip([0, *cuts], [*cuts, ex_day.size], strict=True):
        if start < end:
            row = int(np.searchsorted(days, ex_day[start]))
            effects.setdefault(row, []).append((kinds[kind[start]], column[start:end], amount[start:end]))
    return effects
