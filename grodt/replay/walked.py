"""A book before a stretch of everyday sessions, and what they came to."""

from dataclasses import dataclass

from grodt.replay.history import IntArray
from grodt.signals.panel import BoolArray, FloatArray

#: Money up to here is exact in floats, and so are sums of two.
EXACT = 2.0**52


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """A book at the close of a session, before its decision, with no order open.

    Attributes:
        position: (N,), none below zero.
        cash, receivable, equity: micros.
        owed: dividends not yet paid, with the row of the session in which they are.
        previous, high_water: equity of the session before, and the highest ever; micros.
        unchanged, armed, traded: decisions with this configuration, and those that ordered since the book was armed, and ever.
    """

    position: IntArray
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
        cash, value: money and Σ shares · close at each close, micros; cash without the dividends that were paid on the way. The value is
            exact up to `EXACT`.
        paid: those, so far.
        keeps: whether the session decides to keep what is held, where that has prices; read where the book does not trade to its targets.
        whole: whether everything held has a price.
        next_close: of each leg, whether its holdings were valued at the closes of the session after the decision alone.
        had, wanted, taken, filled, left: before each decision, what it wanted, what risk left of that, what of it filled (nothing where the
            session has no price), and after it; signed shares.
        weight: Σ abs(weight wanted) of each leg.
        price, fees: of the fills, micros.
    """

    legs: int
    sessions: int
    cash: IntArray
    value: FloatArray
    paid: IntArray
    keeps: BoolArray
    whole: BoolArray
    next_close: BoolArray
    had: IntArray
    wanted: IntArray
    taken: IntArray
    filled: IntArray
    left: IntArray
    weight: FloatArray
    price: IntArray
    fees: IntArray
