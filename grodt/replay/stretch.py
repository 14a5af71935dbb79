"""A stretch of everyday sessions, and all of it that no holding changes, computed in one pass.

A stretch consists of legs. Each begins with a decision at the close of a session, and goes on until the next decision in which the book
trades to its targets: its orders fill at the first session after it, and what is held then is held through the others. The symbols of a
leg are those that it may want, and those that it may hold because the leg before wanted them.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from grodt.brokers.fills import side_prices
from grodt.errors import DataError
from grodt.money import MICROS_PER_UNIT
from grodt.replay.course import Plan
from grodt.replay.history import Candidates, History, IntArray
from grodt.signals.forecasts import ForecastHistory
from grodt.signals.panel import BoolArray, FloatArray
from grodt.targets.rebalancing import rebalances
from grodt.targets.rounding import whole_micros
from grodt.targets.sizing import needs_volatility

#: Legs of a stretch; six bits of a key that orders are sorted by.
MOST_LEGS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Arrays over places, (P,): the symbols of each leg, leg after leg, ascending in each.

    Attributes:
        row, end: rows of its first session and after its last one.
        rows: of each leg's decision.
        due: whether the first leg's is one that trades to targets; all others are.
        open_end: whether the last session is one that trades to targets, too, and is only marked here.
        begin: first place of each leg, and their number.
        of: leg of each place.
        columns: of each place.
        usable: what the decision may size: a member with a bar, and with the forecast and volatility that its sizing needs.
        stuck: what could not be traded if it were held.
        forecast, volatility, price: at the decision; price NaN where there is none.
        cost: price in whole micros, 0 where there is none.
        close: at the decision, micros.
        lot: shares; None: every lot is one.
        base, buy, sell: in the session after it, micros: what orders fill at, and what that makes a buy pay and a sell get.
        following: close of the session after it, micros.
        counts: usable symbols of the whole universe at each decision, where the sizing asks for it.
        expected, present: symbols listed, and those of them with a bar, in each session from `row` to `end`.
        candidates: what may be traded.
    """

    row: int
    end: int
    rows: list[int]
    due: bool
    open_end: bool
    begin: list[int]
    of: IntArray
    columns: IntArray
    usable: BoolArray
    stuck: BoolArray
    forecast: FloatArray
    volatility: FloatArray
    price: FloatArray
    cost: IntArray
    close: IntArray
    lot: IntArray | None
    base: IntArray
    buy: IntArray
    sell: IntArray
    following: IntArray
    counts: list[int]
    expected: int
    present: IntArray
    candidates: Candidates

    def held_until(self, leg: int) -> int:
        """The row after the last one through which a leg's holdings are held."""
        return self.rows[leg + 1] + 1 if leg + 1 < len(self.rows) else self.end


class Layout:
    """Lays a history out in stretches for a plan."""

    def __init__(self, history: History, forecasts: ForecastHistory, plan: Plan, changed: list[int]) -> None:
        """`changed`: rows at which another plan comes into force."""
        self._history, self._forecasts, self._plan = history, forecasts, plan
        rule, sessions = plan.construction.rebalance, history.sessions
        pairs = zip((None, *sessions), sessions, strict=False)
        self._due = [row for row, (before, now) in enumerate(pairs) if rebalances(rule, now, before)]
        self._ends = sorted({*changed, *(each.start for each in history.candidates), len(sessions)})
        self._touched = _touched(history)
        self._present = np.full(len(sessions), -1, dtype=np.int64)

    def stretch(self, row: int, legs: int, *, decided: date | None, position: IntArray) -> Stretch | None:
        """From the session of a row on, which is settled and marked, at most so many legs; None where there is nothing to lay out.

        Args:
            row: of the session.
            legs: 0: only what holds what is held, until the book trades to its targets again.
            decided: the session of the last decision.
            position: shares, (N,).
        """
        history = self._history
        due = rebalances(self._plan.construction.rebalance, history.sessions[row], decided)
        if due and not legs:
            return None
        limit = self._ends[bisect_right(self._ends, row)]
        after = bisect_right(self._due, row)
        more = max(legs - due, 0)
        rows = [row, *(each for each in self._due[after : after + more] if each < limit)]
        next_due = self._due[after + more] if after + more < len(self._due) else limit
        end = min(limit, next_due + 1)
        asked = self._forecasts.combined[rows]
        wants = asked > 0  # a book that is never short sizes nothing else
        wants[0] &= due
        mask = wants.copy()
        mask[1:] |= wants[:-1]
        mask[: 1 if due else 2] |= position != 0
        end = self._until_touched(row, end, rows, mask)
        rows = rows[: bisect_left(rows, end)]
        try:
            return self._laid_out(row, end, rows, due, end == next_due + 1, mask[: len(rows)], wants[: len(rows)])
        except DataError:
            return None  # a price that fits no integer: the session by itself says which

    def _until_touched(self, row: int, end: int, rows: list[int], mask: BoolArray) -> int:
        """The first row at which a corporate action changes what may be held or ordered then."""
        if not self._touched:
            return end
        for each in range(row + 1, end):
            columns = self._touched.get(each)
            if columns is not None and mask[bisect_left(rows, each) - 1, columns].any():
                return each
        return end

    def _laid_out(self, row: int, end: int, rows: list[int], due: bool, open_end: bool, mask: BoolArray, wants: BoolArray) -> Stretch:
        history, plan, forecasts = self._history, self._plan, self._forecasts
        first, candidates = history.first_row, history.candidates_at(row)
        flat, width = np.flatnonzero(mask), mask.shape[1]
        begin = np.searchsorted(flat, np.arange(len(rows) + 1) * width)
        of = np.repeat(np.arange(len(rows)), np.diff(begin))
        columns, at = flat - of * width, np.array(rows)[of]
        close = picked(history.close, at, columns)
        price = picked(history.panel.close, first + at, columns)
        priced = _is_price(price)
        price = price if priced.all() else np.where(priced, price, np.nan)
        stuck = ~(priced & (close > 0))
        member = candidates.listed[columns]
        if history.members is not None:
            member = member & picked(history.members, at, columns)
        forecast, volatility = picked(forecasts.combined, at, columns), picked(forecasts.volatility, at, columns)
        usable = wants.reshape(-1)[flat] & ~stuck & member & (forecast < np.inf)
        counts = [0] * len(rows)
        if needs_volatility(plan.construction):
            usable &= (volatility > 0) & (volatility < np.inf)
            counts = [self._usable(each, candidates) for each in rows]
        after = np.minimum(at + 1, len(history.sessions) - 1)
        following, opened = picked(history.close, after, columns), picked(history.open, after, columns)
        base = opened if plan.terms.fill_at == "open" else np.where(opened > 0, following, 0)
        buy, sell = side_prices(base, plan.terms)
        return Stretch(
            row=row,
            end=end,
            rows=rows,
            due=due,
            open_end=open_end,
            begin=begin.tolist(),
            of=of,
            columns=columns,
            usable=usable,
            stuck=stuck,
            forecast=forecast,
            volatility=volatility,
            price=price,
            cost=whole_micros(np.fmax(price, 0.0), "price", history.panel.symbols, columns),
            close=close,
            lot=None if candidates.single else candidates.lot[columns],
            base=base,
            buy=buy,
            sell=sell,
            following=following,
            counts=counts,
            expected=int(np.count_nonzero(candidates.listed)),
            present=self._bars(row, end, candidates.listed),
            candidates=candidates,
        )

    def _usable(self, row: int, candidates: Candidates) -> int:
        """How many symbols have all that a sizing by volatility needs."""
        history, forecasts = self._history, self._forecasts
        usable = candidates.listed & (history.close[row] > 0) & _is_price(history.panel.close[history.first_row + row])
        if history.members is not None:
            usable &= history.members[row]
        volatility = forecasts.volatility[row]
        usable &= np.isfinite(forecasts.combined[row]) & (volatility > 0) & (volatility < np.inf)
        return int(np.count_nonzero(usable))

    def _bars(self, row: int, end: int, listed: BoolArray) -> IntArray:
        """How many of the symbols listed have a bar, in each of the sessions; counted once."""
        found = self._present[row:end]
        found[self._history.whole[row:end]] = np.count_nonzero(listed)
        for place in (found < 0).nonzero()[0].tolist():
            found[place] = np.count_nonzero((self._history.close[row + place] > 0) & listed)
        return found


def picked[T: np.generic](array: NDArray[T], rows: IntArray, columns: IntArray) -> NDArray[T]:
    """`array[rows, columns]`, (P,)."""
    quick = array.flags.c_contiguous  # several times as fast
    found: NDArray[T] = array.reshape(-1).take(rows * array.shape[1] + columns) if quick else array[rows, columns]
    return found


def _is_price(price: FloatArray) -> BoolArray:
    """What targets take for a price."""
    return np.asarray((price >= 1.0 / MICROS_PER_UNIT) & (price < np.inf))


def _touched(history: History) -> dict[int, IntArray]:
    """By row, columns whose holding or whose open orders a corporate action of that session changes."""
    if not history.actions and not history.cancels:
        return {}
    columns = {label: column for column, label in enumerate(history.panel.symbols)}
    touched: dict[int, set[int]] = {row: set(each.tolist()) for row, each in history.cancels.items()}
    for row, actions in history.actions.items():
        labels = [label for action in actions for label in (action.symbol, action.new_symbol)]
        touched.setdefault(row, set()).update(columns[label] for label in labels if label in columns)
    return {row: np.array(sorted(each), dtype=np.int64) for row, each in touched.items() if each}
