"""Sessions in which a book that rebalances by week or month only holds what it has: valued many at once.

In such a session nothing is decided but what holds at every close: no order is open or due, no corporate action touches a holding, no
holding is above its cap or outside the universe, and no control of the book as a whole comes near its bound. Wherever one of these is not
certain the stretch ends before that session, and the session is gone through by itself. A property test holds the two together.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from grodt.replay.course import Course, Plan
from grodt.replay.history import History, IntArray
from grodt.risk.limits import Limits
from grodt.signals.panel import BoolArray, FloatArray
from grodt.targets.rebalancing import rebalances

#: Only this far from a bound is it certain, relatively.
_LESS = 1.0 - 1e-9
#: Sessions looked at together; a month has at most 23.
_LONGEST = 32


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A book at the close of a session with no order open and nothing owed.

    Attributes:
        held: columns with a position.
        position: of those.
        cash, equity, high_water: micros.
        decided: the last session that was decided.
        unchanged, armed: cycles with this configuration, and that traded since the book was last armed.
    """

    held: IntArray
    position: IntArray
    cash: int
    equity: int
    high_water: int
    decided: date
    unchanged: int
    armed: int


def busy_rows(history: History, plan: Plan) -> BoolArray:
    """Rows that are never quiet, whatever is held: a rebalance is due, the candidates change, a corporate action takes effect, (R,)."""
    rule, sessions = plan.construction.rebalance, history.sessions
    rows = [rebalances(rule, now, before) for before, now in zip((None, *sessions), sessions, strict=False)]
    busy = np.array(rows, dtype=np.bool_)
    for row in (*history.actions, *history.cancels, *(each.start for each in history.candidates)):
        busy[row] = True
    return busy


def quiet_rows(history: History, plan: Plan, busy: BoolArray, row: int, book: Standing, course: Course) -> int:
    """Value the sessions from `row` on in which nothing happens, in the course; returns how many there are."""
    limits, sessions = plan.limits, history.sessions
    ahead = busy[row : row + _LONGEST]
    count = int(ahead.argmax()) if ahead.any() else len(ahead)
    if count == 0 or rebalances(plan.construction.rebalance, sessions[row], book.decided) or not _calm(plan, limits, book):
        return 0
    close = history.close[row : row + count, book.held]
    count = _first(~(close > 0).all(axis=1) | ~_may_be_held(history, row, count, book.held), count)
    if count == 0:
        return 0
    value = close[:count].astype(np.float64) * book.position
    worth = value.sum(axis=1)
    if worth.max(initial=0.0) > 2**52 or book.cash > 2**52:
        return 0  # not exact in floats, nor sure to fit
    equity: FloatArray = book.cash + worth
    count = _first(_near_a_bound(history, row, plan, limits, book, value, worth, equity), count)
    rows = slice(row, row + count)
    exact = close[:count] @ book.position
    course.cash[rows], course.positions_value[rows] = book.cash, exact
    course.gross[rows] = course.net[rows] = exact / (book.cash + exact)
    course.held[rows] = len(book.held)
    return count


def _calm(plan: Plan, limits: Limits, book: Standing) -> bool:
    """Whether nothing about the book itself asks for a look: shorts, single limits, a new configuration, an arming that is used up."""
    everyday = not limits.overrides and not limits.restricted and book.unchanged >= limits.new_cycles
    return everyday and 0 <= book.armed <= limits.armed_cycles and bool((book.position > 0).all())


def _may_be_held(history: History, row: int, count: int, held: IntArray) -> BoolArray:
    """Sessions in which everything held may be traded, (count,)."""
    if not history.candidates_at(row).listed[held].all():
        return np.zeros(count, dtype=np.bool_)
    members = history.members
    return np.ones(count, dtype=np.bool_) if members is None else members[row : row + count, held].all(axis=1)


def _near_a_bound(
    history: History,
    row: int,
    plan: Plan,
    limits: Limits,
    book: Standing,
    value: FloatArray,
    worth: FloatArray,
    equity: FloatArray,
) -> BoolArray:
    """Where a cap, the data, the sum of weights or a loss might be found wanting, (count,)."""
    count = len(equity)
    before = np.concatenate(([float(book.equity)], equity[:-1]))
    high = np.maximum.accumulate(np.concatenate(([float(book.high_water)], equity)))[1:]
    floor = np.maximum(before * (1 - limits.daily_loss), high * (1 - limits.drawdown))
    heaviest = value.max(axis=1, initial=0.0)
    listed = history.candidates_at(row).listed
    present = np.count_nonzero((history.close[row : row + count] > 0) & listed, axis=1)
    expected = int(np.count_nonzero(listed))
    enough = (present > 0) & (present >= limits.completeness * expected / _LESS)
    fits = (heaviest <= plan.construction.weight_cap * equity * _LESS) & (worth <= limits.weights_sum * equity * _LESS)
    return np.asarray(~(enough & fits & (equity * _LESS > floor) & (equity > 0)))


def _first(marks: BoolArray, count: int) -> int:
    """Place of the first mark among so many, or their number."""
    marked = marks[:count]
    return int(marked.argmax()) if marked.any() else count
