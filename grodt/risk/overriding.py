"""Overrides (control 34): what two people lift for a while, and what no number of people can.

An override lifts the failure of one control, of one symbol or of all, and the answer becomes an alert that names who lifted it and why;
its value and limit stay in the evidence. It never lifts what could not be computed: nothing passes because it was not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grodt.people import identity
from grodt.risk import controls
from grodt.risk.controls import Evaluation
from grodt.risk.evidence import Answered
from grodt.risk.exact import IntArray

#: Controls that can be lifted for one symbol, or for every order.
OF_ORDERS = frozenset({2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 23, 35, 37})
#: Controls that can be lifted for the book as a whole alone: of what its orders share, and of the book and its basket.
OF_SHARED = frozenset({10, 11, 12, 15})
OF_BOOK = frozenset({14, 21, 28, 33})
#: Why the others cannot be lifted.
_NEVER = "nobody may lift it"
_TWICE = "it is no limit, but what keeps an order from being sent twice"
_BEFORE = "it is asked before a decision too, where nothing lifts it"
_SENDING = "it is asked where no override counts: while sending, or of what comes back"
NOT_LIFTED = {
    1: f"{_NEVER}: set the limit",
    13: f"{_NEVER}: set limit basket_value, which takes two people where it is raised",
    29: f"{_NEVER}: end the halt",
    18: _TWICE,
    30: f"{_TWICE}: look the order up",
    24: f"{_BEFORE}: set limit completeness, or wait for the data",
    25: f"{_BEFORE}: mend the data",
    26: "it fails alike of a wrong number and of none: set limit weights_sum, volatility_low, volatility_high or return_high",
    31: f"{_BEFORE}: work the break",
    19: _SENDING,
    20: f"{_SENDING}; set limit cycle_messages or minute_messages",
    22: f"{_SENDING}; set limit rejects_in_a_row",
    27: _SENDING,
    32: f"{_SENDING}; set limit slippage",
    34: _NEVER,
    36: "it stops nothing, and says what has no stop",
}


@dataclass(frozen=True, slots=True)
class Override:
    """One override that is in force.

    Attributes:
        control: number of what it lifts.
        symbol: of which symbol; "" of the book and every order.
        people: who made it.
        reason: why.
        seconds_left: until it expires.
        term: how long it holds, in words.
    """

    control: int
    symbol: str
    people: tuple[str, ...]
    reason: str
    seconds_left: float
    term: str

    @property
    def by(self) -> str:
        """Who made it and why, in words."""
        return f"overridden by {' and '.join(self.people)}: {self.reason}"


class Overrides:
    """The overrides of one proposal: which of them stand, and what they lift."""

    def __init__(self, given: Sequence[Override], symbols: Sequence[str]) -> None:
        """Ask control 34 about each.

        Args:
            given: every override that was handed over.
            symbols: of the proposal, ascending.
        """
        self._symbols, self._given = symbols, given
        self._standing: list[Override] = []
        if not given:
            return  # as nearly always
        liftable = [each.control in (OF_ORDERS if each.symbol else OF_ORDERS | OF_SHARED | OF_BOOK) for each in given]
        self._misses = np.where(liftable, _conditions(given).value, 1.0)
        self._standing = [each for each, misses in zip(given, self._misses, strict=True) if misses == 0]

    def lifts_of_book(self, control: int) -> bool:
        """Whether a control is lifted for the whole book."""
        return any(each.control == control and not each.symbol for each in self._standing)

    def answer(self, evaluation: Evaluation, places: IntArray | None = None) -> Answered:
        """An evaluation with what overrides lift of it.

        Args:
            evaluation: as the control gave it.
            places: (n,) whom it was about, in the proposal's symbols; None for basket or book.
        """
        number = evaluation.control.number
        mine = [each for each in self._standing if each.control == number] if self._standing else None
        if not mine or evaluation.passed.all() or (number in OF_BOOK and places is not None):
            return Answered(evaluation, places)
        # What could not be computed is not lifted.
        liftable = ~evaluation.passed & np.isfinite(evaluation.value) & np.isfinite(evaluation.limit)
        notes = [""] * len(liftable)
        for row in np.flatnonzero(liftable).tolist():
            symbol = "" if places is None else self._symbols[int(places[row])]
            notes[row] = next((each.by for each in mine if each.symbol in ("", symbol)), "")
        lifted = np.array([note != "" for note in notes], dtype=np.bool_)
        return Answered(evaluation, places, lifted, tuple(notes))

    def answers(self) -> list[Answered]:
        """Control 34 of each symbol that an override is of, and of the book: a row each, with what is lifted, by whom and for how long."""
        found: list[Answered] = []
        for symbol in sorted({each.symbol for each in self._given}):
            mine = [row for row, each in enumerate(self._given) if each.symbol == symbol]
            if symbol and symbol not in self._symbols:
                continue  # it is not traded here: there is nothing to lift, and no row that could name it
            value = np.array([self._misses[mine].sum()])
            control = controls.OVERRIDE if symbol else controls.OVERRIDE_OF_BOOK
            note = "; ".join(f"control {each.control}, {each.term}, {each.by}" for row, each in enumerate(self._given) if row in mine)
            places = np.array([self._symbols.index(symbol)], dtype=np.int64) if symbol else None
            passed = value == 0
            found.append(Answered(Evaluation(control, value, np.zeros(1), passed), places, None, (note if passed[0] else "",)))
        return found


def _conditions(given: Sequence[Override]) -> Evaluation:
    return controls.override(
        np.array([each.control for each in given], dtype=np.int64),
        np.array([len({identity(person) for person in each.people}) for each in given], dtype=np.int64),
        np.array([each.seconds_left for each in given], dtype=np.float64),
        np.array([bool(each.reason.strip()) for each in given], dtype=np.bool_),
    )
