"""Everyday sessions, a stretch at a time: first what each decision wants and pays for, then every control of all of them at once.

In such a session every order whose symbol trades fills wholly, no corporate action touches the book, and every control certainly passes.
What is held and has no bar is valued at its last close and kept; an order in it expires. What a decision wants depends on the equity that
the fills before it left, so decisions are taken one after the other, by the functions that a live cycle calls: `aims`, `inside_band`,
`lots_within`, `too_dear`, the fills' prices and commissions. Whether a session was such a one is asked afterwards, of the whole
stretch. The first answer that is not certain ends it: what came before stands, and that session is gone through by itself, as if nobody
had looked beyond it. A property test holds the two together.
"""

from dataclasses import dataclass, field

import numpy as np

from grodt.brokers.fills import commissions
from grodt.errors import DataError
from grodt.replay.course import Plan
from grodt.replay.history import History, IntArray
from grodt.replay.stretch import Stretch
from grodt.replay.walked import EXACT, Book, Walked
from grodt.replay.wanting import Wanting
from grodt.risk.affording import spendable, too_dear
from grodt.risk.glance import LESS
from grodt.targets.construction import OPTIMISED


@dataclass(slots=True, eq=False)
class _Parts:
    """Arrays of each leg."""

    had: list[IntArray] = field(default_factory=list)
    wanted: list[IntArray] = field(default_factory=list)
    taken: list[IntArray] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)
    fees: list[IntArray] = field(default_factory=list)


class Everyday:
    """Everyday sessions of a history, for a plan."""

    def __init__(self, history: History, plan: Plan) -> None:
        self._history, self._plan = history, plan
        construction, terms = plan.construction, plan.terms
        #: Whether its decisions can be taken here, or only sessions passed by in which it keeps what it holds.
        self.decides = (
            construction.long_only
            and construction.trade_share == 1.0
            and construction.turnover_penalty == 0.0
            and construction.sizing not in OPTIMISED
            and not terms.needs_volume
            and not terms.needs_figures
        )
        self._pays = bool(terms.commission_bps or terms.commission_per_share or terms.minimum_commission)
        self._spendable = (1.0 - plan.limits.cash_buffer) * LESS
        self._wanting = Wanting(history, plan)

    def walk(self, stretch: Stretch, book: Book) -> Walked:
        """Take the decisions of a stretch one after the other, as if each session were an everyday one."""
        parts, position, legs = _Parts(), book.position.copy(), len(stretch.rows)
        walked = self._begun(stretch, book)
        cash, equity, buffer = book.cash, book.equity, self._plan.limits.cash_buffer
        for leg, row in enumerate(stretch.rows):
            part = slice(stretch.begin[leg], stretch.begin[leg + 1])
            columns = stretch.columns[part]
            had = position[columns]
            if leg or stretch.due:
                if not 0 < equity < EXACT:
                    break
                try:
                    weight, lots = self._wanting.wanted(stretch, leg, had, equity)
                except DataError:
                    break  # the session by itself says what is wrong
                taken = wanted = lots - had
                bought = np.maximum(wanted, 0)
                cost = bought * stretch.close[part]
                funds = cash + int(walked.paid[row - stretch.row]) if book.owed else cash
                if int(cost.sum()) > funds * self._spendable:
                    buys = cost.nonzero()[0]
                    if len(beyond := buys[too_dear(cost[buys], spendable(funds, buffer))]):
                        taken = wanted.copy()
                        taken[beyond] = bought[beyond] = 0
                filled = taken
                if stretch.fails[leg]:
                    filled = np.where(stretch.base[part] > 0, taken, 0)
                    bought = np.maximum(filled, 0)
            else:
                weight, filled = 0.0, np.zeros_like(had)
                wanted = taken = bought = filled
            now = had + filled
            parts.had.append(had)
            parts.wanted.append(wanted)
            parts.taken.append(taken)
            parts.weight.append(weight)
            if self._pays:
                parts.fees.append(self._fees(filled, stretch, part))
            begin, end = row + 1, stretch.held_until(leg)
            if begin == end:
                break
            cash -= int(filled @ stretch.sell[part]) + int(bought @ stretch.spread[part])
            if self._pays:
                cash -= int(parts.fees[-1].sum())
            position[columns] = now
            first, last = begin - stretch.row, end - stretch.row
            if end == begin + 1 and leg + 1 < legs:
                walked.value[first] = stretch.following[part] @ now
                walked.next_close[leg] = True
            else:
                self._hold(walked, stretch, part, now, begin, end, cash + book.receivable)
            walked.cash[first:last] = cash
            walked.sessions = last
            equity = cash + book.receivable + int(walked.value[last - 1])
        self._gather(walked, stretch, parts)
        return walked

    def _fees(self, filled: IntArray, stretch: Stretch, part: slice) -> IntArray:
        return commissions(np.abs(filled), np.where(filled > 0, stretch.buy[part], stretch.sell[part]), self._plan.terms)

    def _begun(self, stretch: Stretch, book: Book) -> Walked:
        count, legs = stretch.end - stretch.row, len(stretch.rows)
        none = np.zeros(0, dtype=np.int64)
        walked = Walked(
            legs=0,
            sessions=1,
            cash=np.full(count, book.cash),
            value=np.zeros(count),
            paid=np.zeros(count, dtype=np.int64),
            keeps=np.ones(count, dtype=np.bool_),
            whole=np.ones(count, dtype=np.bool_),
            next_close=np.zeros(legs, dtype=np.bool_),
            had=none,
            wanted=none,
            taken=none,
            filled=none,
            left=none,
            weight=np.zeros(0),
            price=none,
            fees=none,
        )
        for row, amount in book.owed:
            walked.paid[max(row - stretch.row, 0) :] += amount
        if not stretch.due:
            part, row = slice(0, stretch.begin[1]), stretch.row
            self._hold(walked, stretch, part, book.position[stretch.columns[part]], row, row + 1, book.cash + book.receivable)
        walked.value[0] = book.equity - book.cash - book.receivable
        return walked

    def _hold(self, walked: Walked, stretch: Stretch, part: slice, now: IntArray, begin: int, end: int, money: int) -> None:
        """Value what is held in the sessions from row `begin` to `end`, and say where it certainly is kept as it is.

        Without a bar, the last close holds, and what cannot be traded is kept.
        """
        history, construction = self._history, self._plan.construction
        held = now.nonzero()[0]
        columns, shares = stretch.columns[part][held], now[held]
        close = history.close[begin:end].take(columns, axis=1)
        rows = slice(begin - stretch.row, end - stretch.row)
        if not (stretch.sound or history.sound[begin:end].all()):
            before = stretch.close[part][held]
            lacking = (close < 1).nonzero()
            for at, place in zip(*(each.tolist() for each in lacking), strict=True):  # session after session
                close[at, place] = close[at - 1, place] if at else before[place]
            walked.whole[rows] = close.min(axis=1, initial=2) > 1
        value = close * shares.astype(np.float64)
        worth = value.sum(axis=1)
        walked.value[rows] = worth
        most, keeps = construction.weight_cap * LESS, walked.keeps[rows]
        if value.max(initial=0.0) > most * (money + worth.min()):
            keeps &= value.max(axis=1, initial=0.0) <= most * (money + worth)
        if not stretch.all_listed:
            keeps &= stretch.candidates.listed[columns].all()
        if history.members is not None:
            keeps &= history.members[begin:end].take(columns, axis=1).all(axis=1)

    def _gather(self, walked: Walked, stretch: Stretch, parts: _Parts) -> None:
        walked.legs = len(parts.had)
        if walked.legs:
            walked.had, walked.wanted, walked.taken = np.concatenate(parts.had), np.concatenate(parts.wanted), np.concatenate(parts.taken)
            places, walked.weight = slice(0, len(walked.had)), np.array(parts.weight)
            walked.filled = np.where(stretch.base[places] > 0, walked.taken, 0) if any(stretch.fails) else walked.taken
            walked.left = walked.had + walked.filled
            walked.price = np.where(walked.filled > 0, stretch.buy[places], stretch.sell[places])
            walked.fees = np.concatenate(parts.fees) if self._pays else np.zeros_like(walked.had)
