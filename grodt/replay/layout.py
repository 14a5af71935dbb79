"""Lays a history out in stretches."""

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
from grodt.replay.stretch import Stretch
from grodt.replay.walked import EXACT
from grodt.signals.forecasts import ForecastHistory
from grodt.signals.panel import BoolArray, FloatArray
from grodt.targets.rebalancing import rebalances, rebalancing_rows
from grodt.targets.rounding import whole_micros
from grodt.targets.sizing import needs_volatility

#: Sessions without a bar after which a holding is looked at in its session by itself.
_LONGEST_GAP = 10


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known at the close of a session, before its decision.

    Attributes:
        decided: the session of the last decision.
        position: shares, (N,).
        price, micros: the last close of each column, (N,); see `grodt.execution.decision.Closes`.
    """

    decided: date | None
    position: IntArray
    price: FloatArray
    micros: IntArray


class Layout:
    """Lays a history out in stretches for a plan."""

    def __init__(self, history: History, forecasts: ForecastHistory, plan: Plan, changed: list[int]) -> None:
        """`changed`: rows at which another plan comes into force."""
        self._history, self._forecasts, self._plan = history, forecasts, plan
        rule, sessions = plan.construction.rebalance, history.sessions
        self._due = rebalancing_rows(rule, sessions)
        self._ends = sorted({*changed, *(each.start for each in history.candidates), len(sessions)})
        self._touched = _touched(history)
        self._present = np.full(len(sessions), -1, dtype=np.int64)

    def stretch(self, row: int, legs: int, known: Known) -> Stretch | None:
        """From the session of a row on, which is settled and marked, at most so many legs; None where there is nothing to lay out.

        Args:
            row: of the session.
            legs: 0: only what holds what is held, until the book trades to its targets again.
            known: of the book at its close.
        """
        history = self._history
        due = rebalances(self._plan.construction.rebalance, history.sessions[row], known.decided)
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
        mask[: 1 if due else 2] |= known.position != 0
        self._carry(mask, rows)
        end = self._until_touched(row, end, rows, mask)
        rows = rows[: bisect_left(rows, end)]
        try:
            return self._laid_out(row, end, rows, due, end == next_due + 1, mask[: len(rows)], wants[: len(rows)], known)
        except DataError:
            return None  # a price that fits no integer: the session by itself says which

    def _carry(self, mask: BoolArray, rows: list[int]) -> None:
        """What cannot be sold in a leg, for lack of a bar, may still be held in the next one."""
        whole, close = self._history.whole, self._history.close
        for leg, row in enumerate(rows[:-1]):
            if not (whole[row] and whole[row + 1]):
                mask[leg + 1] |= mask[leg] & ((close[row] < 1) | (close[row + 1] < 1))

    def _until_touched(self, row: int, end: int, rows: list[int], mask: BoolArray) -> int:
        """The first row at which a corporate action changes what may be held or ordered then."""
        if not self._touched:
            return end
        for each in range(row + 1, end):
            columns = self._touched.get(each)
            if columns is not None and mask[bisect_left(rows, each) - 1, columns].any():
                return each
        return end

    def _laid_out(
        self, row: int, end: int, rows: list[int], due: bool, open_end: bool, mask: BoolArray, wants: BoolArray, known: Known
    ) -> Stretch:
        history, plan, forecasts = self._history, self._plan, self._forecasts
        first, candidates = history.first_row, history.candidates_at(row)
        flat, width = np.flatnonzero(mask), mask.shape[1]
        begin = np.searchsorted(flat, np.arange(len(rows) + 1) * width)
        of = np.repeat(np.arange(len(rows)), np.diff(begin))
        columns, at = flat - of * width, np.array(rows)[of]
        close = picked(history.close, at, columns)
        price = picked(history.panel.close, first + at, columns)
        barred = close > 0
        stuck = ~(_is_price(price) & barred)
        odd = stuck & barred
        if stuck.any():
            close, price = self._last_known(close, price, at, columns, row, known)
            odd |= ~_is_price(price)
            price[odd] = np.nan
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
        cost = whole_micros(np.fmax(price, 0.0), "price", history.panel.symbols, columns)
        if cost.max(initial=0) >= EXACT:
            raise DataError("a price is beyond what is exact in floats")
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
            odd=odd,
            forecast=forecast,
            volatility=volatility,
            price=price,
            cost=cost,
            share=np.where(usable, cost, np.inf),
            close=close,
            lot=None if candidates.single else candidates.lot[columns],
            base=base,
            buy=buy,
            sell=sell,
            spread=buy - sell,
            following=np.where(following > 0, following, close),
            lacks=_legs_with(stuck, of, len(rows)),
            fails=_legs_with(base < 1, of, len(rows)),
            wanted=np.bincount(of, usable, len(rows)).astype(np.int64).tolist(),
            counts=counts,
            all_listed=bool(candidates.listed.all()),
            sound=bool(history.sound[row:end].all()),
            expected=int(np.count_nonzero(candidates.listed)),
            present=self._bars(row, end, candidates.listed),
            candidates=candidates,
        )

    def _last_known(
        self, close: IntArray, price: FloatArray, at: IntArray, columns: IntArray, row: int, known: Known
    ) -> tuple[IntArray, FloatArray]:
        """Closes and prices, with those of the last bar before where there is none in the session, unless that is long ago."""
        history = self._history
        close, price = close.copy(), price.copy()
        (lacking,) = (close < 1).nonzero()
        for back in range(_LONGEST_GAP):
            rows, of = at[lacking] - back, columns[lacking]
            kept = rows <= row
            close[lacking] = np.where(kept, known.micros[of], history.close[rows, of])
            price[lacking] = np.where(kept, known.price[of], history.panel.close[history.first_row + rows, of])
            lacking = lacking[(close[lacking] < 1) & ~kept]
            if not len(lacking):
                break
        return close, price

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
        (places,) = (found < 0).nonzero()
        if len(places):
            barred = self._history.close[row + places] > 0
            barred &= listed
            found[places] = [np.count_nonzero(each) for each in barred]  # several times as fast as along an axis
        return found


def _legs_with(found: BoolArray, of: IntArray, legs: int) -> list[bool]:
    """Of each leg, whether any of its places is found."""
    some = np.zeros(legs, dtype=np.bool_)
    if found.any():
        some[of[found]] = True
    legs_with: list[bool] = some.tolist()
    return legs_with


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


def picked[T: np.generic](array: NDArray[T], rows: IntArray, columns: IntArray) -> NDArray[T]:
    """`array[rows, columns]`, (P,)."""
    quick = array.flags.c_contiguous  # several times as fast
    found: NDArray[T] = array.reshape(-1).take(rows * array.shape[1] + columns) if quick else array[rows, columns]
    return found
