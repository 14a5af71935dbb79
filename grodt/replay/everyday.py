"""Everyday sessions, a stretch at a time: first what each decision wants and pays for, then every control of all of them at once.

In such a session every order fills wholly, nothing that is held lacks a bar, no corporate action touches the book, and every control
certainly passes. What a decision wants depends on the equity that the fills before it left, so decisions are taken one after the other,
by the functions that a live cycle calls: `aims`, `inside_band`, `lots_within`, `affordable`, the fills' prices and commissions. Whether
a session was such a one is asked afterwards, of the whole stretch. The first answer that is not certain ends it: what came before
stands, and that session is gone through by itself, as if nobody had looked beyond it. A property test holds the two together.
"""

from dataclasses import dataclass, field

import numpy as np

from grodt.brokers.fills import commissions
from grodt.errors import DataError
from grodt.execution.decision import groups_of
from grodt.replay.course import Plan
from grodt.replay.history import History, IntArray
from grodt.replay.stretch import Stretch
from grodt.risk.glance import LESS, affordable
from grodt.signals.panel import BoolArray, FloatArray
from grodt.targets.caps import Caps, GroupCaps
from grodt.targets.construction import OPTIMISED
from grodt.targets.opinions import Opinions
from grodt.targets.quantities import aims
from grodt.targets.rounding import lots_within, whole_micros
from grodt.targets.turnover import inside_band

#: Money up to here is exact in floats, and so are sums of two.
EXACT = 2.0**52
#: Sums below this do not leave int64.
_ROOM = 2.0**62


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """A book at the close of a session, before its decision, with no order open.

    Attributes:
        position: (N,), none below zero.
        micros: last closes, (N,).
        cash, receivable, equity: micros.
        owed: dividends not yet paid, with the row of the session in which they are.
        previous, high_water: equity of the session before, and the highest ever; micros.
        unchanged, armed, traded: decisions with this configuration, and those that ordered since the book was armed, and ever.
    """

    position: IntArray
    micros: IntArray
    cash: int
    receivable: int
    equity: int
    owed: list[tuple[int, int]]
    previous: int
    high_water: int
    unchanged: int
    armed: int
    traded: int


@dataclass(slots=True, eq=False)
class Walked:
    """What the decisions of a stretch came to; by session (S,) from its first, by place (P,) as `Stretch` has them.

    Attributes:
        legs: how many decisions were taken.
        sessions: how many sessions were marked, the first one included.
        cash, value: money and Σ shares · close at each close, micros; cash without the dividends that were paid on the way.
        paid: those, so far.
        keeps: whether the session certainly decides to keep what is held; read where the book does not trade to its targets.
        whole: whether everything held has a price.
        next_close: of each leg, whether its holdings were valued at the closes of the session after the decision alone.
        had, wanted, taken, left: before each decision, what it wanted, what risk left of that, and after its fills; signed shares.
        weight: wanted.
        price, fees: of the fills, micros.
    """

    legs: int
    sessions: int
    cash: IntArray
    value: IntArray
    paid: IntArray
    keeps: BoolArray
    whole: BoolArray
    next_close: BoolArray
    had: IntArray
    wanted: IntArray
    taken: IntArray
    left: IntArray
    weight: FloatArray
    price: IntArray
    fees: IntArray


@dataclass(slots=True, eq=False)
class _Parts:
    """Arrays of each leg."""

    had: list[IntArray] = field(default_factory=list)
    wanted: list[IntArray] = field(default_factory=list)
    taken: list[IntArray] = field(default_factory=list)
    weight: list[FloatArray] = field(default_factory=list)
    price: list[IntArray] = field(default_factory=list)
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
        self._no_short = np.zeros(len(history.panel.symbols), dtype=np.bool_)
        self._caps = Caps(construction.weight_cap, construction.gross_cap)
        self._spendable = (1.0 - plan.limits.cash_buffer) * LESS

    def walk(self, stretch: Stretch, book: Book) -> Walked:
        """Take the decisions of a stretch one after the other, as if each session were an everyday one."""
        count = stretch.end - stretch.row
        parts, position = _Parts(), book.position.copy()
        walked = self._begun(stretch, book, count)
        cash, equity, buffer = book.cash, book.equity, self._plan.limits.cash_buffer
        nothing = np.zeros(len(stretch.columns), dtype=np.int64)
        for leg, row in enumerate(stretch.rows):
            part = slice(stretch.begin[leg], stretch.begin[leg + 1])
            columns, close = stretch.columns[part], stretch.close[part]
            had = position[columns]
            if leg or stretch.due:
                if equity <= 0:
                    break
                try:
                    weight, lots = self._wanted(stretch, leg, part, had, equity)
                except DataError:
                    break  # the session by itself says what is wrong
                wanted = lots - had
                funds = cash + int(walked.paid[row - stretch.row])
                taken = wanted
                if int(np.maximum(wanted, 0) @ close) > funds * self._spendable:
                    taken = affordable(wanted, had, close, funds, buffer)
            else:
                wanted = taken = nothing[part]
                weight = np.zeros(len(had))
            price = np.where(taken > 0, stretch.buy[part], stretch.sell[part])
            fees = commissions(np.abs(taken), price, self._plan.terms) if self._pays else nothing[part]
            parts.had.append(had)
            parts.wanted.append(wanted)
            parts.taken.append(taken)
            parts.weight.append(weight)
            parts.price.append(price)
            parts.fees.append(fees)
            walked.legs += 1
            begin, end = row + 1, stretch.held_until(leg)
            if begin == end:
                break
            cash -= int(taken @ price)
            if self._pays:
                cash -= int(fees.sum())
            now = had + taken
            position[columns] = now
            first, last = begin - stretch.row, end - stretch.row
            if end == begin + 1 and leg + 1 < len(stretch.rows):
                walked.value[first] = stretch.following[part] @ now
                walked.next_close[leg] = True
            else:
                last_close = book.micros[columns] if leg == 0 else close
                self._hold(walked, stretch, columns, now, last_close, begin, end, cash + book.receivable)
            walked.cash[first:last] = cash
            walked.sessions = last
            equity = cash + book.receivable + int(walked.value[last - 1])
        self._gather(walked, parts)
        return walked

    def _begun(self, stretch: Stretch, book: Book, count: int) -> Walked:
        value, paid = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        for row, amount in book.owed:
            paid[max(row - stretch.row, 0) :] += amount
        cash = np.full(count, book.cash)
        none, few = np.zeros(0, dtype=np.int64), np.zeros(0)
        keeps, whole = np.zeros(count, dtype=np.bool_), np.ones(count, dtype=np.bool_)
        next_close = np.zeros(len(stretch.rows), dtype=np.bool_)
        walked = Walked(0, 1, cash, value, paid, keeps, whole, next_close, none, none, none, none, few, none, none)
        if not stretch.due:
            columns, row = stretch.columns[: stretch.begin[1]], stretch.row
            self._hold(walked, stretch, columns, book.position[columns], book.micros[columns], row, row + 1, book.cash + book.receivable)
        value[0] = book.equity - book.cash - book.receivable
        return walked

    def _wanted(self, stretch: Stretch, leg: int, part: slice, had: IntArray, equity: int) -> tuple[FloatArray, IntArray]:
        """Weights and shares that a decision wants, as `target_quantities` has them where nothing held is untradable."""
        history, construction = self._history, self._plan.construction
        columns, usable, caps = stretch.columns[part], stretch.usable[part], self._caps
        if construction.group_cap:
            group, groups = groups_of(stretch.candidates.sector)
            caps = Caps(caps.weight, caps.gross, GroupCaps.of(group[columns], construction.group_caps(groups)))
        known = history.first_row + stretch.rows[leg] + 1
        may_short = self._no_short[: len(had)]
        opinions = Opinions(
            stretch.forecast[part],
            stretch.volatility[part],
            usable,
            may_short,
            history.panel.log_return[max(known - construction.history, 0) : known],
            columns,
            history.panel.symbols,
        )
        aim, usd = aims(opinions, stretch.counts[leg], caps, construction), equity / 1e6
        if construction.no_trade_band > 0.0:
            held = had * stretch.price[part] / usd
            held[np.isnan(held)] = 0.0
            keep = inside_band(aim, aim, held, may_short, caps, construction.no_trade_band)
            lots = self._lots(np.where(keep, 0.0, aim), usd, stretch, part)
            return np.where(keep, held, aim), np.where(keep, had, lots)
        return aim, self._lots(aim, usd, stretch, part)

    def _lots(self, weight: FloatArray, usd: float, stretch: Stretch, part: slice) -> IntArray:
        value = whole_micros(np.abs(weight) * usd, "target value", self._history.panel.symbols, stretch.columns[part])
        return lots_within(value, stretch.cost[part], None if stretch.lot is None else stretch.lot[part])

    def _hold(
        self,
        walked: Walked,
        stretch: Stretch,
        columns: IntArray,
        now: IntArray,
        last_close: IntArray,
        begin: int,
        end: int,
        money: int,
    ) -> None:
        """Value what is held in the sessions from row `begin` to `end`, and say where it certainly is kept as it is.

        Without a bar, the last close holds, and what cannot be traded is kept.
        """
        history, construction, limits = self._history, self._plan.construction, self._plan.limits
        held = now.nonzero()[0]
        columns, shares = columns[held], now[held]
        close = history.close[begin:end].take(columns, axis=1)
        rows = slice(begin - stretch.row, end - stretch.row)
        if close.min(initial=1) < 1:
            before = last_close[held]
            for of_session in close:
                np.copyto(of_session, before, where=of_session < 1)
                before = of_session
        if float(close.max(initial=0)) * float(shares.sum()) > _ROOM:
            walked.whole[rows] = False
            return
        value = close * shares
        worth = value.sum(axis=1)
        walked.value[rows] = worth
        walked.whole[rows] = close.min(axis=1, initial=2) > 1  # so that its price is one in floats too
        equity = (money + worth).astype(np.float64)
        keeps = (value.max(axis=1, initial=0) <= construction.weight_cap * LESS * equity) & (worth <= limits.weights_sum * LESS * equity)
        keeps &= stretch.candidates.listed[columns].all()
        if history.members is not None:
            keeps &= history.members[begin:end].take(columns, axis=1).all(axis=1)
        walked.keeps[rows] = keeps & walked.whole[rows]

    @staticmethod
    def _gather(walked: Walked, parts: _Parts) -> None:
        if walked.legs:
            walked.had, walked.wanted, walked.taken = np.concatenate(parts.had), np.concatenate(parts.wanted), np.concatenate(parts.taken)
            walked.left = walked.had + walked.taken
            walked.weight, walked.price, walked.fees = np.concatenate(parts.weight), np.concatenate(parts.price), np.concatenate(parts.fees)
