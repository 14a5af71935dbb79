"""Evaluations as rows of `risk_checks`, built by columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from grodt.lake.tables import RiskChecks
from grodt.risk.controls import Evaluation
from grodt.risk.controls.control import Scope
from grodt.risk.exact import BoolArray, IntArray

_VERDICTS = pl.Enum(["pass", "clip", "reject", "halt", "alert"])
_SCOPES = pl.Enum(["order", "symbol", "basket", "book"])


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """One evaluation and whom it was about: places (n,) in the proposal's symbols, or None for a basket or book.

    Attributes:
        evaluation, places: these.
        lifted: (n,) whether an override lifts its failure; None: none does.
        scope: what its rows are of, where that is not the control's own; None: the control's.
        notes: (n) what its row says in place of the reason, "" where it says the reason; None: nowhere.
    """

    evaluation: Evaluation
    places: IntArray | None = None
    lifted: BoolArray | None = None
    notes: tuple[str, ...] | None = None
    scope: Scope | None = None

    @property
    def passed(self) -> BoolArray:
        """Whether the control passes, or is lifted, (n,)."""
        return self.evaluation.passed if self.lifted is None else self.evaluation.passed | self.lifted


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What one decision was asked: its answers, in the order they were given, and the run they are of."""

    answers: Sequence[Answered]
    session: date
    run_id: str


def rows(answers: Sequence[Answered], *, book: str, session: date, run_id: str, symbols: Sequence[str]) -> pl.DataFrame:
    """One row for each answer, in the order they were given, with exactly the columns of `risk_checks`."""
    return rows_of([Asked(answers, session, run_id)], book=book, symbols=symbols)


def rows_of(decisions: Sequence[Asked], *, book: str, symbols: Sequence[str]) -> pl.DataFrame:
    """The rows of several decisions of a book about the same symbols, one decision after the other."""
    answers = [answer for each in decisions for answer in each.answers]
    of_decision = np.repeat(np.arange(len(decisions), dtype=np.uint32), [len(each.answers) for each in decisions])
    checks = [answer.evaluation for answer in answers]
    counts = [len(check.value) for check in checks]
    which = np.repeat(np.arange(len(checks), dtype=np.uint32), counts)
    nowhere = np.array([len(symbols)], dtype=np.int64)
    places = np.concatenate([nowhere if answer.places is None else answer.places for answer in answers]).astype(np.uint32)
    passed = np.concatenate([check.passed for check in checks])
    left = np.concatenate([np.zeros(len(check.value), dtype=np.int64) if check.quantity is None else check.quantity for check in checks])
    clipped = ~passed & (left != 0)
    # A text of the reason for every control that failed; "" stands last, for passes.
    reasons = pl.Series([f"{check.control.code}: {check.control.words}" for check in checks] + [""], dtype=pl.String())
    verdicts = pl.Series([check.control.failure for check in checks] + ["pass", "clip"], dtype=_VERDICTS)
    passes, clips = len(checks), len(checks) + 1
    frame = pl.DataFrame(
        {
            "control": np.array([check.control.number for check in checks], dtype=np.int16)[which],
            "name": pl.Series([check.control.name for check in checks], dtype=pl.String()).gather(which),
            "scope": pl.Series([answer.scope or answer.evaluation.control.scope for answer in answers], dtype=_SCOPES).gather(which),
            "symbol": pl.Series([*symbols, ""], dtype=pl.String()).gather(places),
            "value": np.concatenate([check.value for check in checks]),
            "limit": np.concatenate([check.limit for check in checks]),
            "verdict": verdicts.gather(np.where(passed, passes, np.where(clipped, clips, which)).astype(np.uint32)),
            "reason": reasons.gather(np.where(passed, passes, which).astype(np.uint32)),
            "left": left,
        }
    )
    run = of_decision[which]
    frame = frame.with_columns(
        pl.lit(book).alias("book"),
        pl.Series("session", [each.session for each in decisions], dtype=pl.Date()).gather(run),
        pl.Series("run_id", [each.run_id for each in decisions], dtype=pl.String()).gather(run),
        pl.col("value", "limit").fill_nan(None),
        pl.when(pl.col("verdict") == "clip")
        .then(pl.format("{}; clipped to {} shares", pl.col("reason"), pl.col("left").abs()))
        .otherwise(pl.col("reason"))
        .alias("reason"),
    )
    if any(answer.notes is not None for answer in answers):
        frame = _noted(frame, answers)
    return frame.with_columns((pl.col("limit") - pl.col("value")).alias("headroom")).select(RiskChecks.column_names())


def _noted(frame: pl.DataFrame, answers: Sequence[Answered]) -> pl.DataFrame:
    """With notes in place of reasons, and as alerts what overrides lift."""
    notes = [note for each in answers for note in (each.notes or ("",) * len(each.evaluation.value))]
    lifted = np.concatenate([np.zeros(len(each.evaluation.value), np.bool_) if each.lifted is None else each.lifted for each in answers])
    return frame.with_columns(
        verdict=pl.when(pl.Series(lifted)).then(pl.lit("alert", _VERDICTS)).otherwise(pl.col("verdict")),
        reason=pl.when(pl.Series(notes, dtype=pl.String()) != "").then(pl.Series(notes, dtype=pl.String())).otherwise(pl.col("reason")),
    )
