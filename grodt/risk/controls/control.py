"""What a control is, what it answers, and the shapes that most answers have."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from grodt.risk.exact import BoolArray, ExactArray, FloatArray, IntArray

Scope = Literal["order", "symbol", "basket", "book"]
Failure = Literal["reject", "halt", "alert"]


@dataclass(frozen=True, slots=True)
class Control:
    """What is the same in every evaluation of a control.

    Attributes:
        number, name: of RISK.md.
        scope: what it is asked of.
        failure: what follows where it fails and no smaller size passes.
        code: reason code in the evidence.
        words: the reason in words.
    """

    number: int
    name: str
    scope: Scope
    failure: Failure
    code: str
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A control's answer for n orders, or one answer (n = 1) for a basket or book.

    Attributes:
        control: which.
        value, limit: (n,) in the control's unit; NaN where not computable.
        passed: (n,).
        quantity: (n,) signed, the largest size that passes, where the control clips; 0 where none does. None: it does not clip.
    """

    control: Control
    value: FloatArray
    limit: FloatArray
    passed: BoolArray
    quantity: IntArray | None = None

    def at(self, place: int) -> "Evaluation":
        """The answer for one of them."""
        only = slice(place, place + 1)
        quantity = None if self.quantity is None else self.quantity[only]
        return Evaluation(self.control, self.value[only], self.limit[only], self.passed[only], quantity)


def why(failed: Evaluation, at: int = 0) -> str:
    """Control, value and limit of one failed answer, in words: the reason of the halt that it makes."""
    value, limit = float(failed.value[at]), float(failed.limit[at])
    measured = "cannot be computed" if np.isnan(value) else f"is {value:.6g}"
    bound = "is none" if np.isnan(limit) else f"{limit:.6g}"
    return f"{failed.control.code}: {failed.control.words} (control {failed.control.number}: value {measured}, limit {bound})"


def within(control: Control, micros: ExactArray, known: BoolArray, *, most: int, unit: int, limit: float) -> Evaluation:
    """Money against a budget: passes where it is known and micros ≤ most. value: micros / unit."""
    value = np.where(known, micros.astype(np.float64) / (unit or 1), np.nan)
    return Evaluation(control, value, np.full(len(micros), limit, dtype=np.float64), known & (micros <= most))


def none_of(control: Control, count: int) -> Evaluation:
    """One count that must be zero; one below zero is not known and fails. limit: 0."""
    value = float(count) if count >= 0 else np.nan
    return Evaluation(control, np.array([value]), np.zeros(1), np.array([value == 0]))


def at_most(control: Control, counts: IntArray, most: float) -> Evaluation:
    """Counts, (n,), against a limit that must be finite and above zero; a count below zero is not known and fails."""
    value = np.where(counts >= 0, counts, np.nan)
    limit = np.full(len(value), float(most) if np.isfinite(most) and most > 0 else np.nan)
    return Evaluation(control, value, limit, value <= limit)


def none_marked(control: Control, *marks: BoolArray) -> Evaluation:
    """Marks that must not be set. value: how many are; limit: 0."""
    value = marks[0].astype(np.float64)
    for each in marks[1:]:
        value += each
    return Evaluation(control, value, np.zeros_like(value), value == 0)
