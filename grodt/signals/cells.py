"""Bars in long form as arrays of rows × symbols."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.listings import Span
from grodt.errors import DataError

_FloatArray = NDArray[np.float64]
_IntArray = NDArray[np.int64]

#: Rows scattered at a time; bounds the temporaries.
_SLICE = 1_000_000
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """The rows of a panel.

    Attributes:
        days: each row's session in days since 1970, ascending; equal where rows are bars of one session.
        rows_of: row that each row of a frame of bars belongs to, -1 for none.
        when: the frame's column that says so, for messages.
        slot: what holds one bar of a symbol, for messages.
    """

    days: _IntArray
    rows_of: Callable[[pl.DataFrame], _IntArray]
    when: str
    slot: str

    def rows(self, span: Span) -> slice:
        """Those of a span."""
        first, end = np.searchsorted(self.days, [span.since.toordinal() - _EPOCH, span.until.toordinal() - _EPOCH])
        return slice(int(first), int(end))


def columns_of(symbol: pl.Series, names: tuple[str, ...]) -> _IntArray:
    """Column of each row's symbol, -1 where it is none of the names."""
    if symbol.dtype == pl.String:
        ranks: _IntArray = symbol.cast(pl.Enum(names), strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        return ranks
    column = {name: i for i, name in enumerate(names)}
    codes = symbol.to_physical()
    distinct = pl.DataFrame({"code": codes, "name": symbol}).unique("code").drop_nulls()
    of_code = np.full(int(codes.max() or 0) + 2, -1, dtype=np.int64)  # type: ignore[arg-type]  # an integer column
    of_code[distinct["code"].to_numpy()] = [column.get(name, -1) for name in distinct["name"].cast(pl.String).to_list()]
    columns: _IntArray = of_code[codes.cast(pl.Int64).fill_null(of_code.size - 1).to_numpy()]
    return columns


def cells(bars: pl.DataFrame, field: str, axis: Axis, names: tuple[str, ...], spans: Sequence[Span] = (), *, zero: bool) -> _FloatArray:
    """One field of the bars, (rows, symbols), NaN where there is no bar.

    Args:
        bars: symbol, the field, and what the axis reads.
        field: its name.
        axis: the rows.
        names: the symbols, ascending.
        spans: what the histories of those symbols consist of that are not plain, from `Listings.spans`.
        zero: whether a value may be zero, as a volume may.

    Raises:
        DataError: a value is not a finite number above zero (or zero), or a symbol has two bars in one slot.
        ValueError: `names` are not strictly ascending.
    """
    if any(a >= b for a, b in itertools.pairwise(names)):
        raise ValueError("symbols of a panel must be strictly ascending")
    if not spans:
        return _scattered(bars, field, axis, names, zero=zero)
    wide = tuple(sorted({*names, *(span.quoted for span in spans)}))
    return _spliced(_scattered(bars, field, axis, wide, zero=zero), axis, wide, names, spans)


def _scattered(bars: pl.DataFrame, field: str, axis: Axis, names: tuple[str, ...], *, zero: bool) -> _FloatArray:
    array = np.full((axis.days.size, len(names)), np.nan)
    if not array.size:
        return array
    flat, count = array.reshape(-1), 0
    for part in bars.iter_slices(_SLICE):
        row, column = axis.rows_of(part), columns_of(part["symbol"], names)
        value = part[field].cast(pl.Float64).to_numpy()
        wanted = (row >= 0) & (column >= 0)
        bad = wanted & ~(((value >= 0) if zero else (value > 0)) & (value < np.inf))
        if bad.any():
            symbol, at, got = part.select("symbol", axis.when, field).row(int(bad.argmax()))
            raise DataError(
                f"{symbol} {at}: {field} {got} is not a finite number {'≥' if zero else '>'} 0; quarantine the bar, then run again"
            )
        cell = row * len(names) + column
        if not wanted.all():
            cell, value = cell[wanted], value[wanted]
        flat[cell] = value
        count += cell.size
    if count != np.count_nonzero(~np.isnan(array)):
        raise DataError(_name_duplicate(bars, axis, names))
    return array


def _name_duplicate(bars: pl.DataFrame, axis: Axis, names: tuple[str, ...]) -> str:
    wanted = (axis.rows_of(bars) >= 0) & (columns_of(bars["symbol"], names) >= 0)
    keys = bars.filter(wanted).select(pl.col("symbol").cast(pl.String), axis.when)
    symbol, at, count = keys.group_by("symbol", axis.when).len().filter(pl.col("len") > 1).sort("symbol", axis.when).row(0)
    return f"{symbol} {at}: {count} bars in one {axis.slot}; keep one of them, then run again"


def _spliced(array: _FloatArray, axis: Axis, wide: tuple[str, ...], names: tuple[str, ...], spans: Sequence[Span]) -> _FloatArray:
    """The columns of `names`, each that has spans put together out of them."""
    column = {name: i for i, name in enumerate(wide)}
    out = np.take(array, [column[name] for name in names], axis=1)
    place = {name: i for i, name in enumerate(names)}
    ours = [span for span in spans if span.symbol in place]
    out[:, [place[name] for name in {span.symbol for span in ours}]] = np.nan
    for span in ours:
        rows = axis.rows(span)
        out[rows, place[span.symbol]] = array[rows, column[span.quoted]]
    return out
