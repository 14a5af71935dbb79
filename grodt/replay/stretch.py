"""A stretch of everyday sessions, and all of it that no holding changes, computed in one pass.

A stretch consists of legs. Each begins with a decision at the close of a session, and goes on until the next decision in which the book
trades to its targets: its orders fill at the first session after it, and what is held then is held through the others. The symbols of a
leg are those that it may want, and those that it may hold because the leg before wanted them.
"""

from dataclasses import dataclass

from grodt.replay.history import Candidates, IntArray
from grodt.signals.panel import BoolArray, FloatArray

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
        stuck: what cannot be traded and is kept if it is held.
        odd: what, held, needs a look at its session by itself: stuck with a bar, or without one for long.
        forecast, volatility, price: at the decision; price of the last bar where there is none, NaN where that is long ago.
        cost: price in whole micros, 0 where there is none.
        share: the same, infinite where it is not usable.
        close: the last one at the decision, micros; 0 where price is NaN.
        lot: shares; None: every lot is one.
        base: price that orders fill at in the session after it, micros; 0 where there is none.
        buy, sell: what a buy pays and a sell gets then.
        spread: buy less sell.
        following: last close in the session after it, micros.
        lacks, fails: of each leg, whether anything is stuck, and whether anything has no price to fill at.
        wanted: usable symbols of each leg.
        counts: usable symbols of the whole universe at each decision, where the sizing asks for it.
        all_listed: whether every column is a candidate.
        sound: whether every column has a close of more than a micro in every session.
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
    odd: BoolArray
    forecast: FloatArray
    volatility: FloatArray
    price: FloatArray
    cost: IntArray
    share: FloatArray
    close: IntArray
    lot: IntArray | None
    base: IntArray
    buy: IntArray
    sell: IntArray
    spread: IntArray
    following: IntArray
    lacks: list[bool]
    fails: list[bool]
    wanted: list[int]
    counts: list[int]
    all_listed: bool
    sound: bool
    expected: int
    present: IntArray
    candidates: Candidates

    def held_until(self, leg: int) -> int:
        """The row after the last one through which a leg's holdings are held."""
        return self.rows[leg + 1] + 1 if leg + 1 < len(self.rows) else self.end
