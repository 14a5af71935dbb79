"""The quality gate: what a source gave, parted into good bars and quarantined rows, or a halt.

`row_rules` says what a row may break by itself, `staleness` and `jumps` what it may not do against the sessions before it, and
`whole_answer` what many rows may not have in common. A halt (controls 24 and 25 of RISK.md) means that the whole answer is not to be
trusted and nothing of it is recorded.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Literal

import polars as pl

from grodt.bars.jumps import WINDOW, Tail, jumping_rows
from grodt.bars.row_rules import NOT_A_SESSION, QUARANTINED, ROW_RULES, STALE, part_rows
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, Fetched
from grodt.bars.staleness import MEMORY, repeated_rows, stale_rows
from grodt.bars.whole_answer import SYMBOLS, no_volume, same_bars, same_leap, same_price, shifted_dates, too_many_quarantined
from grodt.errors import ConfigError, DataError
from grodt.sessions import Calendar

_CELL = ("symbol", "session")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bounds of the gate, from the books file.

    Attributes:
        completeness: least share of listed symbols with a good bar in the last session.
        jump_sigmas, jump_floor: bound of a leap in σ of the symbol, and in log return; the larger one holds.
        spike_floor: largest log distance of the high above, or of the low below, both open and close of the same bar.
        stale_repeats: repeats in a row, of a bar whose price moved, from which on it is refused (see `staleness`); 1 is the first.
        stale_flat_repeats: the same of a bar at one price all session long.
        same_price_share: largest share of a session's bars at one and the same close.
        same_bar_share: largest share of a session's bars that repeat the session before.
        same_leap_share: largest share of a session's bars that leap by one and the same factor.
        no_volume_share: largest share of a session's bars that have no volume.
        quarantined_share: largest share of an answer's rows that may be quarantined.
    """

    completeness: float = 0.9
    jump_sigmas: float = 10.0
    jump_floor: float = 0.4
    spike_floor: float = 0.7
    stale_repeats: int = 1
    stale_flat_repeats: int = 5
    same_price_share: float = 0.2
    same_bar_share: float = 0.2
    same_leap_share: float = 0.2
    no_volume_share: float = 0.8
    quarantined_share: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.startswith("stale"):
                if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MEMORY:
                    raise ConfigError(f"quality threshold {field.name} is {value!r}; it must be a whole number from 1 to {MEMORY}")
                continue
            top = math.inf if field.name.startswith(("jump", "spike")) else 1.0
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value <= top:
                allowed = "above 0" if top == math.inf else "above 0 and at most 1"
                raise ConfigError(f"quality threshold {field.name} is {value!r}; it must be a finite number {allowed}")

    def of_a_gap(self) -> "Thresholds":
        """The bounds for an answer to a gap: it may be nothing but rows that were refused before, so their share says nothing."""
        return replace(self, quarantined_share=1.0, same_bar_share=1.0, same_leap_share=1.0, no_volume_share=1.0)


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of the universe has a good bar in a session.

    Attributes:
        expected: symbols listed.
        present: of these, those with a good bar.
        last_session_fresh: whether any has: the last bar is the session that the calendar expects.
    """

    session: date
    expected: int
    present: int

    @property
    def last_session_fresh(self) -> bool:
        """Whether the session has arrived at all."""
        return self.present > 0

    def reasons(self, thresholds: Thresholds) -> tuple[str, ...]:
        """Why this halts (control 24); empty when it does not."""
        if self.expected and not self.present:
            return (f"session {self.session} has no good bar for any of {self.expected} listed symbols",)
        if self.present < thresholds.completeness * self.expected:
            share = self.present / self.expected
            return (
                f"session {self.session} has good bars for {self.present} of {self.expected} listed symbols ({share:.1%}), "
                f"below the completeness of {thresholds.completeness:.1%}",
            )
        return ()


@dataclass(frozen=True, slots=True)
class GateResult:
    """The gate's verdict on one answer.

    Attributes:
        bars: good rows (RAW_BARS), sorted by symbol then session.
        actions: corporate actions as given.
        quarantined: refused rows (QUARANTINED), at most one per symbol and session.
        outcome: pass; quarantine: some rows were refused; halt: nothing of this may be recorded.
        reasons: why it is not a pass, in words with numbers.
        expected, present: see `Completeness`; 0 when completeness was not asked for.
        last_session_fresh: whether the last session has a good bar.
    """

    bars: pl.DataFrame
    actions: pl.DataFrame
    quarantined: pl.DataFrame
    outcome: Literal["pass", "quarantine", "halt"]
    reasons: tuple[str, ...]
    expected: int
    present: int
    last_session_fresh: bool


def gate(
    fetched: Fetched,
    *,
    calendar: Calendar,
    asked: Collection[str],
    start: date,
    end: date,
    previous: Tail,
    thresholds: Thresholds,
    listed: Collection[str] | None = None,
) -> GateResult:
    """Judge a source's answer to `fetch(asked, start, end)`.

    Args:
        fetched: the answer.
        calendar: the book's exchange calendar.
        asked: symbols asked for.
        start: first date asked for.
        end: last date asked for.
        previous: what was decided of the sessions before `start`.
        thresholds: bounds.
        listed: symbols that must have a bar in the last session up to `end`; None: completeness is not judged here.

    Raises:
        DataError: the answer is no answer to the question: wrong columns, rows without symbol or date, actions not asked for.
    """
    bars, actions = _require_answer(fetched, asked, start, end)
    sessions = calendar.between(start, end)
    before = calendar.latest(start - timedelta(days=1), WINDOW)
    sane, refused = part_rows(bars, asked=asked, start=start, end=end, sessions=sessions, spike_floor=thresholds.spike_floor)
    repeats = _repeats(sane, previous, before[-MEMORY:], sessions)
    stale = stale_rows(repeats, allowed=thresholds.stale_repeats, allowed_flat=thresholds.stale_flat_repeats)
    moving = _without(sane, stale)
    leaps = jumping_rows(moving, actions, previous, before, sessions, sigmas=thresholds.jump_sigmas, floor=thresholds.jump_floor)
    good = _without(moving, leaps)
    quarantined = _quarantine(refused, sane, stale.with_columns(rule=pl.lit(STALE)), leaps)

    last = sessions[-1] if sessions else end
    with_bar = set(good.filter(pl.col("session") == last)["symbol"])
    completeness = Completeness(last, len(listed or ()), len(with_bar.intersection(listed or ())))
    halts = [
        *same_price(bars, thresholds.same_price_share),
        *no_volume(bars, sessions, thresholds.no_volume_share),
        *same_bars(bars, repeats, thresholds.same_bar_share),
        *same_leap(bars, leaps, thresholds.same_leap_share),
        # only then is it worth looking for
        *(shifted_dates(bars, sessions) if refused.filter(pl.col("rule") == NOT_A_SESSION).height >= SYMBOLS else ()),
        *too_many_quarantined(quarantined, bars.height, thresholds.quarantined_share),
    ]
    if listed is not None and sessions:
        halts += completeness.reasons(thresholds)
    return GateResult(
        bars=good,
        actions=actions,
        quarantined=quarantined,
        outcome="halt" if halts else "quarantine" if quarantined.height else "pass",
        reasons=(*halts, *_describe(quarantined)),
        expected=completeness.expected,
        present=completeness.present,
        last_session_fresh=bool(with_bar),
    )


def _require_answer(fetched: Fetched, asked: Collection[str], start: date, end: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    for frame, schema, what in ((fetched.bars, RAW_BARS, "bars"), (fetched.actions, RAW_ACTIONS, "corporate actions")):
        if frame.schema != schema:
            raise DataError(f"the source's {what} have columns {dict(frame.schema)}, not {dict(schema)}; mend the source")
    keyless = fetched.bars.filter(pl.col("symbol").is_null() | (pl.col("symbol") == "") | pl.col("session").is_null())
    if keyless.height:
        raise DataError(f"{keyless.height} bars have no symbol or no date, the first is {keyless.row(0)}; ask the vendor")
    inside = pl.col("symbol").is_in(list(asked)) & pl.col("ex_date").is_between(start, end)
    stray = fetched.actions.filter(~inside.fill_null(False))
    if stray.height:
        raise DataError(f"{stray.height} corporate actions were not asked for, the first is {stray.row(0)}; mend the source")
    return fetched.bars, fetched.actions


def _repeats(sane: pl.DataFrame, previous: Tail, before: Sequence[date], sessions: Sequence[date]) -> pl.DataFrame:
    if not before:
        return repeated_rows(sane, sane.clear(), before, sessions)
    recent = [frame.filter(pl.col("session").is_between(before[0], before[-1])) for frame in (previous.bars, previous.refused)]
    return repeated_rows(sane, pl.concat([frame.select(RAW_BARS.names()) for frame in recent]), before, sessions)


def _without(bars: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    return bars.join(found, on=_CELL, how="anti", maintain_order="left") if found.height else bars


def _quarantine(refused: pl.DataFrame, sane: pl.DataFrame, *found: pl.DataFrame) -> pl.DataFrame:
    """The refused rows with those that were found among the sane ones, sorted by symbol then session."""
    rows = [sane.join(each, on=_CELL).select(QUARANTINED.names()) for each in found if each.height]
    return pl.concat([refused, *rows]).sort(_CELL) if rows else refused


def _describe(quarantined: pl.DataFrame, examples: int = 3) -> list[str]:
    """One sentence per rule: how many rows, and the first of them."""
    sentences = []
    for rule in ROW_RULES:
        rows = quarantined.filter(pl.col("rule") == rule)
        if rows.height:
            shown = [
                f"{row['symbol']} {row['session']} ({row['value']}, not {row['bound']})"
                for row in rows.head(examples).iter_rows(named=True)
            ]
            rest = f" and {rows.height - examples} more" if rows.height > examples else ""
            sentences.append(f"{rows.height} {'row' if rows.height == 1 else 'rows'} quarantined as {rule!r}: {', '.join(shown)}{rest}")
    return sentences
