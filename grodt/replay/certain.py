"""How much of a stretch that was walked certainly is as it would be if each session were gone through by itself."""

from typing import NamedTuple

import numpy as np

from grodt.brokers.fills import HIGHEST_PRICE_MICROS, HIGHEST_VALUE_MICROS
from grodt.execution.decision import groups_of
from grodt.replay.course import Plan
from grodt.replay.history import History, IntArray
from grodt.replay.layout import picked
from grodt.replay.stretch import Stretch
from grodt.replay.walked import EXACT, Book, Walked
from grodt.risk.glance import LESS, Baskets, Parts, Standing, pass_all_but_buying_power, share_of_caps, stands
from grodt.signals.panel import BoolArray, FloatArray

#: Sums of weights decide only this far from a bound, relatively: they are added in another order than the control adds them.
_SUMMED = 1.0 - 1e-10


class Reach(NamedTuple):
    """How far a stretch goes.

    Attributes:
        decided: sessions settled, marked and decided, from its first on.
        marked: whether the next one is settled and marked.
    """

    decided: int
    marked: bool


def reach(walked: Walked, stretch: Stretch, book: Book, history: History, plan: Plan) -> Reach:
    """How far it goes before anything is not certain: a fill, a mark, or a control."""
    return _Asked(walked, stretch, book, history, plan).reach() if walked.legs else Reach(0, True)


class _Asked:
    def __init__(self, walked: Walked, stretch: Stretch, book: Book, history: History, plan: Plan) -> None:
        self.walked, self.stretch, self.book, self.history, self.plan = walked, stretch, book, history, plan
        self.count, self.legs = walked.sessions, walked.legs
        self.places = slice(0, stretch.begin[self.legs])
        self.parts = Parts(np.array(stretch.begin[: self.legs]), stretch.begin[self.legs])
        self.held = self.parts.sums(walked.left != 0)
        self.rows = np.array(stretch.rows) - stretch.row
        self.equity: FloatArray = (walked.cash[: self.count] + book.receivable) + walked.value[: self.count]
        self.size = np.abs(walked.taken)
        self.sent = self.parts.sums(walked.taken != 0)
        self.ordered = self.sent > 0

    def reach(self) -> Reach:
        certain = np.zeros(2 * self.count, dtype=np.bool_)  # decision of the first session, mark of the second, decision of it, …
        certain[0::2] = self._decided()
        certain[1:-1:2] = self._marked()[1:]
        end = int(certain.argmin())  # the last one is of a session that was not walked
        return Reach((end + 1) // 2, end % 2 == 0)

    def _marked(self) -> BoolArray:
        """Whether a session's orders fill wholly or are over, and everything held has been priced, (S,)."""
        walked, stretch, sums = self.walked, self.stretch, self.parts.sums
        marked = walked.whole[: self.count] & (self.equity > 0) & (self.equity < EXACT)
        marked &= (walked.value[: self.count] < EXACT) & (np.abs(walked.cash[: self.count]) < EXACT)
        base, following, left = stretch.base[self.places], stretch.following[self.places], walked.left
        bad = (walked.taken != 0) & (base > HIGHEST_PRICE_MICROS)
        if self.plan.terms.carry_sessions:
            bad |= (walked.taken != 0) & (base < 1)  # it stays open
        bad |= (left != 0) & (following < 1) & self.parts.each(walked.next_close[: self.legs])
        if self.plan.terms.commission_per_share:
            bad |= self.size * float(self.plan.terms.commission_per_share) > 0.999 * HIGHEST_VALUE_MICROS
        good = sums(self.size * walked.price.astype(np.float64)) < EXACT
        good &= (sums(left * following.astype(np.float64)) < EXACT) & (sums(walked.fees) < EXACT) & self.parts.free_of(bad)
        after = self.rows[: self.legs] + 1
        inside = after < self.count
        marked[after[inside]] &= good[inside]
        return np.asarray(marked)

    def _decided(self) -> BoolArray:
        """Whether every control certainly passes in a session, and what is wanted was known, (S,)."""
        walked, sessions = self.walked, slice(0, self.count)
        decided = walked.keeps[sessions] & walked.whole[sessions]
        decided &= walked.value[sessions] <= self.plan.limits.weights_sum * LESS * self.equity
        if self.stretch.open_end and self.stretch.row + self.count == self.stretch.end:
            decided[-1] = False
        trades = self.rows[self.rows < self.count]
        if self.stretch.due:
            decided[0] = False
        decided[trades[1:]] = False
        good = self._ordered_well()
        start = 0 if self.stretch.due else 1
        decided[self.rows[start : self.legs]] = good[start:]
        orders, sent = np.zeros(self.count, dtype=np.bool_), np.zeros(self.count, dtype=np.int64)
        orders[self.rows[: self.legs]] = self.parts.sums(self.walked.wanted != 0) > 0
        sent[self.rows[: self.legs]] = self.ordered
        before = np.cumsum(sent) - sent
        return np.asarray(decided & self._stands(orders, before))

    def _stands(self, orders: BoolArray, before: IntArray) -> BoolArray:
        """24, 21 and 28 in each session, (S,); `before`: sessions with orders in the stretch before it."""
        book, equity = self.book, self.equity
        return stands(
            Standing(
                equity=equity,
                previous_equity=np.concatenate(([float(book.previous)], equity[:-1])),
                high_water_mark=np.maximum.accumulate(np.maximum(equity, float(book.high_water))),
                bars_expected=np.full(self.count, self.stretch.expected),
                bars_present=self.stretch.present[: self.count],
                cycles_traded=book.armed + before,
                cycles_unchanged=book.unchanged + np.arange(self.count),
                orders=orders,
            ),
            self.plan.limits,
        )

    def _ordered_well(self) -> BoolArray:
        """Whether a leg's decision saw all that is held, and its orders pass every control but those of `_stands`, (L,)."""
        walked, stretch, limits, history = self.walked, self.stretch, self.plan.limits, self.history
        legs, at, sums = self.legs, self.places, self.parts.sums
        before = np.concatenate(([float(np.count_nonzero(self.book.position))], self.held[:-1]))
        seen = (sums(walked.had != 0) == before) & self.parts.free_of((walked.had != 0) & stretch.odd[at])
        rows, columns, close = np.array(stretch.rows)[self.parts.of], stretch.columns[at], stretch.close[at]
        group, groups = groups_of(stretch.candidates.sector) if limits.group_weight else (None, ())
        baskets = Baskets(
            parts=self.parts,
            wanted=walked.wanted,
            position=walked.had,
            price=close,
            price_age=None,
            lot=None if stretch.lot is None else stretch.lot[at],
            volume=picked(history.volume, rows, columns),
            volatility=stretch.volatility[at],
            log_return=picked(history.panel.log_return, history.first_row + rows, columns),
            shortable=np.zeros(len(rows), dtype=np.bool_),  # a book that is never short
            group=None if group is None else group[columns],
            groups=groups,
            equity=self.equity[self.rows[:legs]],
            first=np.cumsum(self.ordered) - self.ordered + self.book.traded == 0,
            share=share_of_caps(self.book.unchanged + self.rows[:legs], limits),
        )
        messages = self.sent <= min(limits.cycle_messages, limits.minute_messages)
        weights = walked.weight <= limits.weights_sum * _SUMMED
        known = sums(np.abs(walked.wanted) * close.astype(np.float64)) < EXACT
        return np.asarray(seen & messages & weights & known & pass_all_but_buying_power(baskets, limits))
