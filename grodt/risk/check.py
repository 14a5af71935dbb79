"""Single answers of controls that are asked after a decision: while its orders go out, and when fills are booked."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from grodt.risk.controls.control import Evaluation, Scope


@dataclass(frozen=True, slots=True)
class Check:
    """One row of evidence, of one control.

    Attributes:
        control, name: of RISK.md.
        scope: what was asked about.
        symbol: ticker; "" of a basket or a book.
        value, limit: in the control's unit; None where not computable, which fails.
        verdict: "pass", or what followed: "reject", "halt", "alert".
        reason: reason code and words; "" of a pass.
    """

    control: int
    name: str
    scope: Scope
    symbol: str
    value: float | None
    limit: float | None
    verdict: str
    reason: str

    @classmethod
    def of(cls, asked: Evaluation, *, scope: Scope, symbol: str = "", at: int = 0, verdict: str = "", reason: str = "") -> Self:
        """One answer of an evaluation.

        Args:
            asked: it.
            scope, symbol: what it is about.
            at: which of its answers.
            verdict: where it fails; "": what the control's failure leads to.
            reason: where it fails; "": the control's own words.
        """
        control = asked.control
        passed = bool(asked.passed[at])
        words = reason or f"{control.code}: {control.words}"
        return cls(
            control.number,
            control.name,
            scope,
            symbol,
            _known(asked.value[at]),
            _known(asked.limit[at]),
            "pass" if passed else verdict or control.failure,
            "" if passed else words,
        )

    @property
    def headroom(self) -> float | None:
        """Limit less value; None where either is."""
        return None if self.value is None or self.limit is None else self.limit - self.value


def worst(asked: Evaluation) -> int:
    """Which of its answers stands for all of them: one that fails, else the one with the least headroom, of those the largest value.

    Raises:
        ValueError: it has no answer.
    """
    if not len(asked.value):
        raise ValueError(f"control {asked.control.number} was asked of nothing")
    value, headroom = np.nan_to_num(asked.value, nan=np.inf), np.nan_to_num(asked.limit - asked.value, nan=-np.inf)
    return int(np.lexsort((-value, headroom, asked.passed))[0])


def _known(figure: float) -> float | None:
    return None if np.isnan(figure) else float(figure) + 0.0  # no negative zero: the file has none
