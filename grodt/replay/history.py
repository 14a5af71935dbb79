"""What a replay reads: the past of everything a book could trade, as arrays over columns.

A column is one instrument. Its label is its last symbol, and where several instruments had that one last, its id beside it.
Columns that a book may not trade in a session, and does not hold, change nothing in it.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from grodt.bars.corporate_actions import CorporateAction
from grodt.execution.decision import last_known
from grodt.signals.panel import BoolArray, FloatArray, Panel

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What a book may trade in sessions in a row in which that stays the same; arrays of shape (N,).

    Attributes:
        start: the first of these sessions, counted from the first of the replay.
        listed: whether the book may trade it.
        lot: shares of one lot; 1 where it may not be traded.
        tick: price grid in micros.
        shortable: whether it may be sold short.
        sector: the instrument's; "" where it is not known or may not be traded.
        tickers: what it is quoted under, for people.
        rank: place of each ticker among them in ascending order.
        single: whether every lot is one share.
    """

    start: int
    listed: BoolArray
    lot: IntArray
    tick: IntArray
    shortable: BoolArray
    sector: tuple[str, ...]
    tickers: tuple[str, ...]
    rank: IntArray = field(init=False)
    single: bool = field(init=False)

    def __post_init__(self) -> None:
        rank = np.empty(len(self.tickers), dtype=np.int64)
        rank[sorted(range(len(self.tickers)), key=self.tickers.__getitem__)] = np.arange(len(self.tickers))
        object.__setattr__(self, "rank", rank)
        object.__setattr__(self, "single", bool((self.lot == 1).all()))


@dataclass(frozen=True, slots=True, eq=False)
class Liquidity:
    """What fills depend on beside the price, (R, N) each; see `grodt.brokers.fills.fill_session`.

    Attributes:
        volume: shares traded in the session; 0 where nothing was.
        average_value: mean value traded a session in the 20 sessions before, currency units.
        volatility: of one session, over the same.
    """

    volume: FloatArray
    average_value: FloatArray
    volatility: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The past that a replay goes through. R sessions of it are replayed, T ≥ R are known, N columns.

    Attributes:
        panel: T sessions, the last R are replayed; its symbols are the columns' labels.
        sessions: those R.
        instruments: id of each column's instrument.
        open: price that an order at the open fills at, micros, (R, N) int64; 0 where nothing traded.
        close: last price of the session, micros, (R, N) int64; 0 where there is no bar.
        volume: shares traded in the last 20 sessions together, (R, N) int64; −1 where there is no bar in any of them.
        candidates: what may be traded, ascending by start, the first at 0.
        actions: corporate actions by row of the session that they take effect in; their symbols are labels.
        cancels: by row, columns in which such an action cancels open orders: splits, delistings and changes of symbol.
        liquidity: for terms that need it, else None.
        members: whether a candidate may be traded after the universe rules, (R, N); None: all of them.
        whole: whether every column has a bar in the session, (R,).
        sound: whether every column has a close of more than a micro in the session, (R,), so that its price is one in floats, too.
    """

    panel: Panel
    sessions: tuple[date, ...]
    instruments: tuple[str, ...]
    open: IntArray
    close: IntArray
    volume: IntArray
    candidates: tuple[Candidates, ...]
    actions: Mapping[int, Sequence[CorporateAction]] = field(default_factory=dict)
    cancels: Mapping[int, IntArray] = field(default_factory=dict)
    liquidity: Liquidity | None = None
    members: BoolArray | None = None
    whole: BoolArray = field(init=False)
    sound: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.panel.symbols))
        for name in ("open", "close", "volume"):
            array: IntArray = getattr(self, name)
            if array.shape != shape or array.dtype != np.int64:
                raise ValueError(f"history: {name} is {array.dtype} of shape {array.shape}; it must be int64 of shape {shape}")
        if self.panel.sessions[self.first_row :] != self.sessions:
            raise ValueError("history: the sessions replayed are not the last ones of its panel")
        if not self.candidates or self.candidates[0].start != 0:
            raise ValueError("history: the candidates of its first session are not known")
        lowest = self.close.min(axis=1, initial=2)
        object.__setattr__(self, "whole", lowest > 0)
        object.__setattr__(self, "sound", lowest > 1)

    @property
    def first_row(self) -> int:
        """The panel's row of the first session replayed."""
        return len(self.panel.sessions) - len(self.sessions)

    def candidates_at(self, row: int) -> Candidates:
        """What may be traded in a session replayed, before any rules."""
        return self.candidates[bisect_right(self.candidates, row, key=lambda each: each.start) - 1]

    def members_at(self, row: int) -> BoolArray:
        """Whether a column may be traded in a session replayed, (N,)."""
        listed = self.candidates_at(row).listed
        return listed if self.members is None else listed & self.members[row]

    def members_of_all(self) -> BoolArray:
        """The same of every session, (R, N): what forecasts are compared among."""
        rows = np.empty((len(self.sessions), len(self.panel.symbols)), dtype=np.bool_)
        for number, each in enumerate(self.candidates):
            end = self.candidates[number + 1].start if number + 1 < len(self.candidates) else len(rows)
            rows[each.start : end] = each.listed
        return rows if self.members is None else rows & self.members

    def of_members(self, members: BoolArray) -> "History":
        """The same history under universe rules."""
        return replace(self, members=members)

    def between(self, start: int, end: int) -> "History":
        """A history of its own of the sessions replayed from row `start` to `end` − 1: a replay of it knows nothing of the others.

        Raises:
            ValueError: there is no such part.
        """
        if not 0 <= start < end <= len(self.sessions):
            raise ValueError(f"a history of {len(self.sessions)} sessions has no part from row {start} to {end}")
        first = bisect_right(self.candidates, start, key=lambda each: each.start) - 1
        candidates = [each for each in self.candidates[first:] if each.start < end]
        liquidity = self.liquidity
        return History(
            panel=self.panel.until(self.first_row + end),
            sessions=self.sessions[start:end],
            instruments=self.instruments,
            open=self.open[start:end],
            close=self.close[start:end],
            volume=self.volume[start:end],
            candidates=tuple(replace(each, start=max(each.start - start, 0)) for each in candidates),
            actions={row - start: actions for row, actions in self.actions.items() if start <= row < end},
            cancels={row - start: columns for row, columns in self.cancels.items() if start <= row < end},
            liquidity=None
            if liquidity is None
            else Liquidity(liquidity.volume[start:end], liquidity.average_value[start:end], liquidity.volatility[start:end]),
            members=None if self.members is None else self.members[start:end],
        )

    def closes_before(self) -> tuple[FloatArray, IntArray, IntArray]:
        """Last close before the first session replayed, in currency units and in micros, and its age in that session; see `Closes`."""
        price, micros, age = last_known(self.panel, self.first_row)
        return price, micros, np.where(age >= 0, age + 1, -1)
