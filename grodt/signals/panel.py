"""What a signal sees."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.bars.corporate_actions import SAME_DAYS, CorporateAction, carried
from grodt.bars.listings import Span, relabelled
from grodt.money import Micros, micros_from_float
from grodt.signals.cells import Axis, cells
from grodt.signals.returns import growth_factors, splits_by_row, total_returns

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
_IntArray = NDArray[np.int64]

#: What a signal may ask for beside closes and returns: raw prices in currency units, and shares traded.
FIELDS = ("open", "high", "low", "volume")


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
        splits: by the row that they take effect at and by column, ascending by ex date; see `split_closes`.
    """

    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    close: FloatArray
    log_return: FloatArray
    fields: Mapping[str, FloatArray] = field(default_factory=dict)
    members: BoolArray | None = None
    ends: NDArray[np.datetime64] | None = None
    rows_per_year: float = 252.0
    splits: Mapping[int, Mapping[int, Sequence[CorporateAction]]] = field(default_factory=dict)
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
            splits={row: splits for row, splits in self.splits.items() if row < count},
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
        It is the raw price times a factor that changes with corporate actions alone, so of two bars between which nothing
        happened, equal prices are equal here too. Not to be written to.

        Raises:
            ValueError: see `raw`; a volume has no such price.
        """
        if name == "volume":
            raise ValueError("a volume has no total return; use raw('volume') times raw('close') where shares must compare over splits")
        raw = self.raw(name)
        if name not in self._levels:
            if "factor" not in self._levels:
                self._levels["factor"] = growth_factors(self.close, self.log_return)
            self._levels[name] = raw * self._levels["factor"]
        return self._levels[name]

    def split_closes(self, row: int) -> dict[int, Micros]:
        """By column, the last close of what splits at a row and has no bar there, `carried` over the splits since its bar."""
        return {column: close for column in self.splits.get(row, ()) if (close := self._carried(row, column)) is not None}

    def carried_closes(self, count: int) -> dict[int, Micros]:
        """By column, the last close in the first `count` rows of what has split since then, `carried` over those splits."""
        if not count:
            return {}
        silent = np.isnan(self.close[count - 1])
        columns = {column for row, splits in self.splits.items() if row < count for column in splits if silent[column]}
        found = {column: self._carried(count - 1, column) for column in sorted(columns)}
        return {column: close for column, close in found.items() if close is not None}

    def _carried(self, row: int, column: int) -> Micros | None:
        """None where there is a bar in the row, none before it, or no split since."""
        (barred,) = np.nonzero(~np.isnan(self.close[: row + 1, column]))
        last = int(barred[-1]) if len(barred) else row
        first = bisect_left(self.sessions, self.sessions[last] - timedelta(days=SAME_DAYS))
        told = [split for each in range(first, row + 1) for split in self.splits.get(each, {}).get(column, ())]
        if last == row or not any(split.ex_date > self.sessions[last] for split in told):
            return None
        return carried(micros_from_float(self.close[last, column]), told, self.sessions[last])

    @property
    def starts(self) -> _IntArray:
        """Row of the first bar of each session, ascending."""
        if self.ends is None:
            return np.arange(len(self.sessions), dtype=np.int64)
        return np.array([row for row, day in enumerate(self.sessions) if row == 0 or day != self.sessions[row - 1]], dtype=np.int64)


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
    axis, names = _axis(sessions), tuple(symbols)
    close = cells(bars, "close", axis, names, spans, zero=False)
    others = {name: cells(bars, name, axis, names, spans, zero=name == "volume") for name in fields}
    own = named(actions, spans)
    returns = total_returns(close, own, axis.days, names)
    return Panel(tuple(sessions), names, close, returns, others, splits=splits_by_row(own, axis.days, names))


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
    return cells(bars, field, _axis(sessions), tuple(symbols), spans, zero=zero)


def named(actions: pl.DataFrame, spans: Sequence[Span]) -> pl.DataFrame:
    """Corporate actions with symbols as text, under the symbols whose histories they are part of."""
    return relabelled(actions.with_columns(pl.col("symbol").cast(pl.String)), "ex_date", spans, actions=True)


def _axis(sessions: Sequence[date]) -> Axis:
    """Rows that are sessions.

    Raises:
        ValueError: they are not strictly ascending.
    """
    days = np.array(sessions, dtype="datetime64[D]").astype(np.int64)
    if (np.diff(days) <= 0).any():
        raise ValueError("sessions of a panel must be strictly ascending")
    return Axis(days, lambda bars: _rows_of(bars["session"], days), "session", "session")


def _rows_of(day: pl.Series, days: _IntArray) -> _IntArray:
    """Row of each date, -1 where it is none of the panel's sessions."""
    row_of = np.full(days[-1] - days[0] + 3, -1, dtype=np.int64)
    row_of[days - days[0] + 1] = np.arange(days.size)
    offset = day.cast(pl.Int32).cast(pl.Int64).fill_null(days[0] - 1).to_numpy() - (days[0] - 1)
    rows: _IntArray = row_of[np.clip(offset, 0, row_of.size - 1)]
    return rows
