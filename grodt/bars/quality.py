"""The quality gate: what a source gave, parted into good bars and quarantined rows, or a halt.

`row_rules` says what a row may break by itself, `jumps` what a leap of price is. A halt (controls 24 and 25 of RISK.md) means that
the whole answer is not to be trusted and nothing of it is recorded.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Literal

import polars as pl

from grodt.bars.jumps import WINDOW, Tail, jumping_rows
from grodt.bars.row_rules import JUMP, QUARANTINED, ROW_RULES, part_rows
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, Fetched
from grodt.errors import ConfigError, DataError
from grodt.sessions import Calendar

#: One price across fewer symbols than this is chance.
SAME_PRICE_SYMBOLS = 5
#: Quarantined rows of fewer symbols than this never halt by their share.
QUARANTINED_SYMBOLS = 3


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bounds of the gate, from the books file.

    Attributes:
        completeness: least share of listed symbols with a good bar in the last session.
        jump_sigmas, jump_floor: bound of a leap in σ of the symbol, and in log return; the larger one holds.
        spike_floor: largest log distance of the high above, or of the low below, both open and close of the same bar.
        same_price_share: largest share of a session's bars at one and the same close.
        quarantined_share: largest share of an answer's rows that may be quarantined.
    """

    completeness: float = 0.9
    jump_sigmas: float = 10.0
    jump_floor: float = 0.4
    spike_floor: float = 0.7
    same_price_share: float = 0.2
    quarantined_share: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            top = math.inf if field.name.startswith(("jump", "spike")) else 1.0
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value <= top:
                allowed = "above 0" if top == math.inf else "above 0 and at most 1"
                raise ConfigError(f"quality threshold {field.name} is {value!r}; it must be a finite number {allowed}")


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
        previous: the jump rule's memory of what came before `start`.
        thresholds: bounds.
        listed: symbols that must have a bar in the last session up to `end`; None: completeness is not judged here.

    Raises:
        DataError: the answer is no answer to the question: wrong columns, rows without symbol or date, actions not asked for.
    """
    bars, actions = _require_answer(fetched, asked, start, end)
    sessions = calendar.between(start, end)
    sane, refused = part_rows(bars, asked=asked, start=start, end=end, sessions=sessions, spike_floor=thresholds.spike_floor)
    jumps = jumping_rows(
        sane,
        actions,
        previous,
        calendar.latest(start - timedelta(days=1), WINDOW),
        sessions,
        sigmas=thresholds.jump_sigmas,
        floor=thresholds.jump_floor,
    )
    good, quarantined = sane, refused
    if jumps.height:
        good = sane.join(jumps, on=["symbol", "session"], how="anti", maintain_order="left")
        leaping = sane.join(jumps, on=["symbol", "session"]).with_columns(rule=pl.lit(JUMP)).select(QUARANTINED.names())
        quarantined = pl.concat([refused, leaping]).sort("symbol", "session")

    last = sessions[-1] if sessions else end
    with_bar = set(good.filter(pl.col("session") == last)["symbol"])
    completeness = Completeness(last, len(listed or ()), len(with_bar.intersection(listed or ())))
    halts = [*_same_price(bars, thresholds), *_too_many_quarantined(quarantined, bars.height, thresholds)]
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


def _same_price(bars: pl.DataFrame, thresholds: Thresholds) -> list[str]:
    """A vendor's test price: many symbols at one and the same close (control 25)."""
    shared = (
        bars.filter(pl.col("close").is_finite())
        .group_by("session", "close")
        .agg(pl.len().alias("symbols"))
        .with_columns((pl.col("symbols") / pl.col("symbols").sum().over("session")).alias("share"))
        .filter((pl.col("symbols") >= SAME_PRICE_SYMBOLS) & (pl.col("share") > thresholds.same_price_share))
        .sort("session", "close")
    )
    if not shared.height:
        return []
    session, close, symbols, share = shared.row(0)
    more = f", and so on {shared.height - 1} more times" if shared.height > 1 else ""
    return [
        f"session {session} has the one close {close:g} for {symbols} symbols ({share:.1%} of its bars), "
        f"above the share of {thresholds.same_price_share:.1%}{more}"
    ]


def _too_many_quarantined(quarantined: pl.DataFrame, rows: int, thresholds: Thresholds) -> list[str]:
    count, symbols = quarantined.height, quarantined["symbol"].n_unique()
    if symbols < QUARANTINED_SYMBOLS or count <= thresholds.quarantined_share * rows:
        return []
    return [
        f"{count} of {rows} rows ({count / rows:.1%}), of {symbols} symbols, break a rule, "
        f"above the share of {thresholds.quarantined_share:.1%}"
    ]


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
