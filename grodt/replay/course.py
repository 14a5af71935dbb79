"""What a replay is asked for, what it passes by, and what it comes to."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from grodt.brokers.fills import FillTerms
from grodt.execution.decision import BookState, Closes
from grodt.money import Micros
from grodt.replay.account import Account
from grodt.replay.history import Candidates, History, IntArray
from grodt.replay.working import Working
from grodt.risk.assess import Assessment
from grodt.risk.limits import Limits
from grodt.signals.forecasts import Forecasts
from grodt.signals.panel import FloatArray
from grodt.targets.construction import Construction
from grodt.targets.quantities import Targets

#: Kind of the cycles that a replay stands for; part of the ids of its orders.
KIND = "eod"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed.

    Attributes:
        book: its name.
        capital: starting cash in micros, brought in before the first session.
        construction, limits: the book's.
        terms: what trading costs.
    """

    book: str
    capital: Micros
    construction: Construction
    limits: Limits
    terms: FillTerms


@dataclass(frozen=True, slots=True)
class Halted:
    """A halt that risk made: of the whole session, or, because of losses (control 28), of all but reductions.

    The replay goes on as if people had looked and re-armed the book before the next session. So a loss is measured from the equity of that
    session's close from then on, as live.
    """

    session: date
    reason: str
    side: Literal["all", "reduce_only"] = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What one session decided, for those who keep it.

    Attributes:
        row: of the session.
        candidates: what could be traded.
        state: the book.
        closes, forecasts, targets: what it was decided on, and what was wanted.
        assessment: every control's answer; None where all of them were seen to pass at a glance and no evidence was asked for.
    """

    row: int
    candidates: Candidates
    state: BookState
    closes: Closes
    forecasts: Forecasts
    targets: Targets
    assessment: Assessment | None


class Recorder(Protocol):
    """Keeps what a replay passes by."""

    def begun(self, course: "Course") -> None:
        """The course, before its first session; it is filled in as the replay goes on."""
        ...

    def marked(self, row: int, position: IntArray, micros: IntArray, age: IntArray, equity: int) -> None:
        """The book after a session's fills: shares, last closes in micros and their age, (N,) each; valid until it returns."""
        ...

    def decided(self, decision: Decision) -> None:
        """What the session decided; its arrays are valid until it returns."""
        ...


@dataclass(slots=True, eq=False)
class Course:
    """What a replay came to; arrays of shape (R,), money in int64 micros at each session's close.

    Attributes:
        plan, history: what was replayed; where the plan changed on the way, the first one.
        cash, receivable, positions_value: what equity consists of.
        gross, net: Σ abs(value) and Σ value over equity.
        held: positions at the close.
        traded: value of the session's fills, buys and sells both.
        commission, borrow: costs booked in the session, beside what slippage and impact took in the price.
        orders: every order and fill.
        account: the book at the end, with what corporate actions did to it.
        halts: those that risk made, in turn.
    """

    plan: Plan
    history: History
    cash: IntArray
    receivable: IntArray
    positions_value: IntArray
    gross: FloatArray
    net: FloatArray
    held: IntArray
    traded: IntArray
    commission: IntArray
    borrow: IntArray
    account: Account
    orders: Working = field(default_factory=Working)
    halts: list[Halted] = field(default_factory=list)

    @property
    def equity(self) -> IntArray:
        """Equity at each close, micros."""
        return self.cash + self.receivable + self.positions_value
