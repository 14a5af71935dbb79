"""What a signal sees."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.listings import Span, relabelled
from grodt.errors import DataError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
_IntArray = NDArray[np.int64]

#: What a signal may ask for beside closes and returns: raw prices in currency units, and shares traded.
FIELDS = ("open", "high", "low", "volume")

#: Rows scattered at a time; bounds the temporaries of `build_panel`.
_SLICE = 1_000_000
_EPOCH = date(1970, 1, 1).toordinal()
#: Order of actions with one ex date: a dividend is per share held before it, so it comes before a split.
_KIND_ORDER = {"dividend": 0, "split": 1, "delisting": 2}


@dataclass(frozen=True, slots=True)
class Panel:
    """History of one universe up to a session: per field an array of shape (sessions, symbols), NaN where there is no bar.

    A row is a session, or in an intraday panel a bar of one. What is said of sessions holds for rows.

    Attributes:
        sessions: the session of each row, ascending; the last one is the decision's. Length T.
        symbols: ascending tickers. Length N.
        close: raw closes, currency units, (T, N).
        log_return: log total return of each bar over the symbol's *previous bar*, splits and dividends included, (T, N); NaN
            where there is no bar, and at a symbol's first bar. It is a local quantity, so a longer history never changes it.
            A bar without a return is therefore the first of a listing, and signals start a symbol anew there.
        fields: raw `open`, `high`, `low` (currency units) and `volume` (shares), (T, N), those that were asked for.
        members: whether the book may trade a symbol, (M, N) of the last M sessions; None: whatever has a bar. What compares symbols
            with each other compares members.
        ends: instant at which each row's bar ends, (T,) datetime64[us] in UTC; None where a row is a session.
        rows_per_year: rows that make a year, by which variances become annual ones.
    """

    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    close: FloatArray
    log_return: FloatArray
    fields: Mapping[str, FloatArray] = field(default_factory=dict)
    members: BoolArray | None = None
    ends: NDArray[np.datetime64] | None = None
    rows_per_year: float = 252.0
    _levels: dict[str, FloatArray] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.symbols))
        for name, array in {"close": self.close, "log_return": self.log_return, **self.fields}.items():
            if array.shape != shape:
                raise ValueError(f"panel field {name} has shape {array.shape}, not {shape}")
        if self.members is not None and (self.members.shape[1:] != shape[1:] or len(self.members) > shape[0]):
            raise ValueError(f"a panel's members have shape {self.members.shape}; they must be of its last sessions, {shape}")
        if self.ends is not None and self.ends.shape != shape[:1]:
            raise ValueError(f"a panel of {shape[0]} rows has {self.ends.shape} ends")

    def until(self, count: int) -> "Panel":
        """The first `count` rows of it. Members must be known of all rows, or not at all.

        Raises:
            ValueError: members are known of its last rows only.
        """
        if self.members is not None and len(self.members) != len(self.sessions):
            raise ValueError(f"members are known of {len(self.members)} of {len(self.sessions)} rows, so the panel cannot be cut")
        return replace(
            self,
            sessions=self.sessions[:count],
            close=self.close[:count],
            log_return=self.log_return[:count],
            fields={name: array[:count] for name, array in self.fields.items()},
            members=None if self.members is None else self.members[:count],
            ends=None if self.ends is None else self.ends[:count],
        )

    def of_members(self, members: BoolArray) -> "Panel":
        """The same panel with other members."""
        same = replace(self, members=members)
        same._levels.update(self._levels)
        return same

    def members_of(self, last: int) -> BoolArray:
        """Members of the last rows that have a bar there, (last, N).

        Raises:
            ValueError: they are not known of as many.
        """
        barred: BoolArray = ~np.isnan(self.close[len(self.close) - last :])
        if self.members is None:
            return barred
        if len(self.members) < last:
            raise ValueError(f"members are known of the last {len(self.members)} rows, and {last} are asked for")
        return np.asarray(barred & self.members[len(self.members) - last :])

    def raw(self, name: str) -> FloatArray:
        """A field as traded, (T, N).

        Raises:
            ValueError: the panel was made without it; a signal names what it reads in `fields`.
        """
        if name == "close":
            return self.close
        if name not in self.fields:
            raise ValueError(f"field {name!r} was not asked for; name it in the signal's `fields`, of {', '.join(FIELDS)}")
        return self.fields[name]

    def adjusted(self, name: str = "close") -> FloatArray:
        """A price of total return, (T, N), NaN where there is no bar: grown from the listing's first close by its log returns.

        Splits and dividends show in it as what a holder made of them. It starts at the first bar, so later ones never rewrite it.
        Of `open`, `high` and `low` it is the raw price times adjusted close over raw close. Not to be written to.

        Raises:
            ValueError: see `raw`; a volume has no such price.
        """
        if name == "volume":
            raise ValueError("a volume has no total return; use raw('volume') times raw('close') where shares must compare over splits")
        raw = self.raw(name)
        if name not in self._levels:
            self._levels[name] = _grown(self) if name == "close" else raw * (self.adjusted() / self.close)
        return self._levels[name]

    @property
    def starts(self) -> _IntArray:
        """Row of the first bar of each session, ascending."""
        if self.ends is None:
            return np.arange(len(self.sessions), dtype=np.int64)
        return np.array([row for row, day in enumerate(self.sessions) if row == 0 or day != self.sessions[row - 1]], dtype=np.int64)


def _grown(panel: Panel) -> FloatArray:
    """Row by row, so that a row's arithmetic is the same however many there are."""
    out = np.empty_like(panel.close)
    level = np.zeros(len(panel.symbols))
    for row, (today, change) in enumerate(zip(panel.close, panel.log_return, strict=True)):
        new = np.isnan(change)
        level += np.where(new, 0.0, change)
        first = new & ~np.isnan(today)
        if first.any():
            level[first] = np.log(today[first])
        np.exp(level, out=out[row])
        out[row, np.isnan(today)] = np.nan
    return out


def build_panel(
    bars: pl.DataFrame,
    actions: pl.DataFrame,
    sessions: Sequence[date],
    symbols: Sequence[str],
    spans: Sequence[Span] = (),
    fields: Sequence[str] = (),
) -> Panel:
    """Bars and corporate actions in long form as a panel.

    A return is what one share of the symbol's previous bar has become: `log((close · shares + cash) / previous close)`. Between
    the two bars, exclusive of the first and inclusive of the second, a split multiplies `shares` by ratio_new / ratio_old, and a
    dividend adds `shares` · cash_per_share to `cash`, with the shares held before its ex date. An ex date that is no session
    takes effect on the next one; one after the last session has no effect. A delisting ends the listing: a later bar of that
    symbol is the first of another.

    Args:
        bars: columns symbol (String, Categorical or Enum), session (Date) and close (Float64), in any order of rows. Rows of
            other symbols and other dates are left out.
        actions: the columns of `grodt.bars.source.RAW_ACTIONS` (pay_date is not needed; more columns do no harm).
        sessions: the panel's sessions, ascending.
        symbols: the panel's symbols, ascending.
        spans: what the histories of those symbols consist of that have changed or come from another instrument, from
            `Listings.spans`; the others are plain.
        fields: which columns of the bars beside close the panel has, of `FIELDS`.

    Raises:
        DataError: a price, volume, split ratio or dividend is not a finite number above zero, or a symbol has two bars in one session.
        ValueError: `sessions` or `symbols` are not strictly ascending.
    """
    close = field_array(bars, "close", sessions, symbols, spans)
    days, names = _days_of(sessions), tuple(symbols)
    others = {name: field_array(bars, name, sessions, symbols, spans, zero=name == "volume") for name in fields}
    returns = _total_returns(close, relabelled(_named(actions), "ex_date", spans, actions=True), days, names)
    return Panel(tuple(sessions), names, close, returns, others)


def field_array(
    bars: pl.DataFrame, field: str, sessions: Sequence[date], symbols: Sequence[str], spans: Sequence[Span] = (), *, zero: bool = False
) -> FloatArray:
    """One field of the bars as an array of shape (sessions, symbols), NaN where there is no bar; arguments as for `build_panel`.

    Args:
        bars: columns symbol, session and the field.
        field: its name.
        sessions, symbols: the array's, ascending.
        spans: see `build_panel`.
        zero: whether it may be zero, as a volume may.

    Raises:
        DataError: a value is not a finite number above zero (or zero), or a symbol has two bars in one session.
        ValueError: `sessions` or `symbols` are not strictly ascending.
    """
    days = _days_of(sessions)
    names = tuple(symbols)
    if any(a >= b for a, b in itertools.pairwise(names)):
        raise ValueError("symbols of a panel must be strictly ascending")
    if not spans:
        return _scatter(bars, field, days, names, zero=zero)
    wide = tuple(sorted({*names, *(span.quoted for span in spans)}))
    return _spliced(_scatter(bars, field, days, wide, zero=zero), days, wide, names, spans)


def _days_of(sessions: Sequence[date]) -> _IntArray:
    days = np.array(sessions, dtype="datetime64[D]").astype(np.int64)
    if (np.diff(days) <= 0).any():
        raise ValueError("sessions of a panel must be strictly ascending")
    return days


def _day_number(day: date) -> int:
    return day.toordinal() - _EPOCH


def _named(actions: pl.DataFrame) -> pl.DataFrame:
    return actions.with_columns(pl.col("symbol").cast(pl.String))


def _spliced(array: FloatArray, days: _IntArray, wide: tuple[str, ...], names: tuple[str, ...], spans: Sequence[Span]) -> FloatArray:
    """The columns of `names`, each that has spans put together out of them."""
    column = {name: i for i, name in enumerate(wide)}
    out = np.take(array, [column[name] for name in names], axis=1)
    place = {name: i for i, name in enumerate(names)}
    ours = [span for span in spans if span.symbol in place]
    out[:, [place[name] for name in {span.symbol for span in ours}]] = np.nan
    for span in ours:
        first, end = np.searchsorted(days, [_day_number(span.since), _day_number(span.until)])
        out[first:end, place[span.symbol]] = array[first:end, column[span.quoted]]
    return out


def _columns_of(symbol: pl.Series, names: tuple[str, ...]) -> _IntArray:
    """Column of each row's symbol, -1 where it is none of the panel's."""
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


def _rows_of(day: pl.Series, days: _IntArray) -> _IntArray:
    """Row of each date, -1 where it is none of the panel's sessions."""
    row_of = np.full(days[-1] - days[0] + 3, -1, dtype=np.int64)
    row_of[days - days[0] + 1] = np.arange(days.size)
    offset = day.cast(pl.Int32).cast(pl.Int64).fill_null(days[0] - 1).to_numpy() - (days[0] - 1)
    rows: _IntArray = row_of[np.clip(offset, 0, row_of.size - 1)]
    return rows


def _scatter(bars: pl.DataFrame, field: str, days: _IntArray, names: tuple[str, ...], *, zero: bool) -> FloatArray:
    array = np.full((days.size, len(names)), np.nan)
    if not array.size:
        return array
    flat, scattered = array.reshape(-1), 0
    for part in bars.iter_slices(_SLICE):
        row, column = _rows_of(part["session"], days), _columns_of(part["symbol"], names)
        value = part[field].cast(pl.Float64).to_numpy()
        wanted = (row >= 0) & (column >= 0)
        bad = wanted & ~(((value >= 0) if zero else (value > 0)) & (value < np.inf))
        if bad.any():
            symbol, session, got = part.select("symbol", "session", field).row(int(bad.argmax()))
            raise DataError(
                f"{symbol} {session}: {field} {got} is not a finite number {'≥' if zero else '>'} 0; quarantine the bar, then run again"
            )
        cell = row * len(names) + column
        if not wanted.all():
            cell, value = cell[wanted], value[wanted]
        flat[cell] = value
        scattered += cell.size
    if scattered != np.count_nonzero(~np.isnan(array)):
        raise DataError(_name_duplicate(bars, days, names))
    return array


def _name_duplicate(bars: pl.DataFrame, days: _IntArray, names: tuple[str, ...]) -> str:
    keys = bars.select(pl.col("symbol").cast(pl.String), "session").filter(
        pl.col("symbol").is_in(names) & pl.col("session").cast(pl.Int32).cast(pl.Int64).is_in(days.tolist())
    )
    symbol, session, count = keys.group_by("symbol", "session").len().filter(pl.col("len") > 1).sort("symbol", "session").row(0)
    return f"{symbol} {session}: {count} bars in one session; keep one of them, then run again"


def _total_returns(close: FloatArray, actions: pl.DataFrame, days: _IntArray, names: tuple[str, ...]) -> FloatArray:
    """One pass over the sessions; what one share of the last bar has become is carried in row vectors over symbols."""
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


def _effects(actions: pl.DataFrame, days: _IntArray, names: tuple[str, ...]) -> dict[int, list[tuple[str, _IntArray, FloatArray]]]:
    """By row of the session they take effect in: (kind, columns, ratio or cash per share), in the order they apply."""
    effects: dict[int, list[tuple[str, _IntArray, FloatArray]]] = {}
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
    column = _columns_of(known["symbol"], names)
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
