"""The quality gate of minute bars: good bars, quarantined rows, or a halt.

`minute_rules` says what a row may break, `minute_clock` whether the stamps are what they are declared to be, `minute_sessions` how much
of a session there is. A halt means that the whole answer is not to be trusted and nothing of it is recorded.

`bars_1m` holds the minutes of the exchange's trading hours. Bars outside them are quarantined, or left out without a word where the vendor
is known to send extended hours (`extended_hours: drop`). A minute without volume and at one price is a vendor's filling of one in which
nobody traded: it is left out, unless the symbol has no volume all session long, as an index has none.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Literal

import numpy as np
import polars as pl

from grodt.bars.minute_clock import wrong_end_of_the_minute, wrong_zone
from grodt.bars.minute_rules import MINUTE_RULES, OUTSIDE, part_minutes
from grodt.bars.minute_sessions import Agreement, add_up_when_moved, compare_with_daily, describe_incomplete, measure_sessions
from grodt.bars.source import RAW_MINUTES
from grodt.errors import ConfigError, DataError
from grodt.sessions import INSTANT, Calendar

#: Quarantined rows of fewer symbols than this never halt by their share; nor do fewer sessions that are apart from their daily bar.
SYMBOLS = 3
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MinuteThresholds:
    """Bounds of the gate of minute bars, from the books file.

    Attributes:
        extended_hours: what happens to bars outside the trading hours: `quarantine`, or `drop` where the vendor sends them as a rule.
        spike_floor, spike_sigmas: bound of a spike in log price, and in σ of the session's minutes; the larger one holds.
        stale_minutes: repeats of a bar in a row, volume included, from which on they are refused.
        silent_minutes: minutes in a row without a bar from which on a liquid symbol's session is incomplete.
        daily_floor: log distance of the last minute's close from the daily close from which on the two are apart.
        quarantined_share: largest share of an answer's rows that may be quarantined.
    """

    extended_hours: Literal["quarantine", "drop"] = "quarantine"
    spike_floor: float = 0.1
    spike_sigmas: float = 20.0
    stale_minutes: int = 15
    silent_minutes: int = 30
    daily_floor: float = 0.2
    quarantined_share: float = 0.1

    def __post_init__(self) -> None:
        if self.extended_hours not in ("quarantine", "drop"):
            raise ConfigError(f"minute threshold extended_hours is {self.extended_hours!r}; it must be quarantine or drop")
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if field.name.endswith("_minutes"):
                if isinstance(value, bool) or not isinstance(value, int) or value < 2:
                    raise ConfigError(f"minute threshold {field.name} is {value!r}; it must be a whole number from 2 on")
                continue
            top = 1.0 if field.name.endswith("share") else math.inf
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value <= top:
                allowed = "above 0" if top == math.inf else "above 0 and at most 1"
                raise ConfigError(f"minute threshold {field.name} is {value!r}; it must be a finite number {allowed}")


@dataclass(frozen=True, slots=True)
class MinuteVerdict:
    """The gate's verdict on one answer.

    Attributes:
        bars: good rows (MINUTES), sorted by symbol then start.
        quarantined: refused rows (MINUTES_QUARANTINED), at most one per symbol and minute.
        extended: rows outside trading hours that were left out as the book says.
        filled: rows that were left out because nobody traded.
        sessions: how much of each symbol's session the good rows are (SESSIONS).
        agreement: the good rows beside daily bars.
        halts: why nothing of this may be recorded; empty when it may.
        reasons: why rows were refused, and what else was seen, in words with numbers.
    """

    bars: pl.DataFrame
    quarantined: pl.DataFrame
    extended: int
    filled: int
    sessions: pl.DataFrame
    agreement: Agreement
    halts: tuple[str, ...]
    reasons: tuple[str, ...]


def gate_minutes(
    answer: pl.DataFrame,
    *,
    calendar: Calendar,
    asked: Collection[str],
    start: date,
    end: date,
    daily: pl.DataFrame,
    thresholds: MinuteThresholds,
) -> MinuteVerdict:
    """Judge a source's answer to `fetch_minutes(asked, start, end)`.

    Args:
        answer: RAW_MINUTES.
        calendar: the book's exchange calendar.
        asked: symbols asked for.
        start: first date asked for.
        end: last date asked for.
        daily: symbol, session, open, high, low, close and volume of the source's daily bars of the range, as far as there are any.
        thresholds: bounds.

    Raises:
        DataError: the answer is no answer to the question: wrong columns, rows without symbol or stamp.
    """
    if answer.schema != RAW_MINUTES:
        raise DataError(f"the source's minute bars have columns {dict(answer.schema)}, not {dict(RAW_MINUTES)}; mend the source")
    keyless = answer.filter(pl.col("symbol").is_null() | (pl.col("symbol") == "") | pl.col("start").is_null())
    if keyless.height:
        raise DataError(f"{keyless.height} minute bars have no symbol or no stamp, the first is {keyless.row(0)}; ask the vendor")
    placed = _placed(answer, calendar, start, end)
    sessions = calendar.between(start, end)
    clock = wrong_zone(answer, calendar, sessions) or wrong_end_of_the_minute(placed, calendar, sessions)
    if clock:
        # whatever else there is to say of bars whose stamps are wrong is wrong as well
        placed = placed.clear()
    extended = 0
    if thresholds.extended_hours == "drop":
        kept = placed.filter("inside")
        extended, placed = placed.height - kept.height, kept
    traded, filled = _without_filling(placed)
    good, quarantined = part_minutes(
        traded,
        asked=asked,
        start=start,
        end=end,
        hours=calendar.name,
        stale_minutes=thresholds.stale_minutes,
        spike_floor=thresholds.spike_floor,
        spike_sigmas=thresholds.spike_sigmas,
    )
    measured = measure_sessions(good, calendar, silent_minutes=thresholds.silent_minutes)
    agreement = compare_with_daily(good, daily, calendar, apart=thresholds.daily_floor)
    if agreement.compared and not agreement.identical:
        clock += _adds_up_when_moved(good, daily, calendar, agreement)
    halts = [*clock, *_too_many_quarantined(quarantined, traded.height, thresholds), *_too_far_from_daily(agreement, thresholds)]
    return MinuteVerdict(
        bars=good,
        quarantined=quarantined,
        extended=extended,
        filled=filled,
        sessions=measured,
        agreement=agreement,
        halts=tuple(halts),
        reasons=(*_describe(quarantined), *describe_incomplete(measured), *_describe_apart(agreement, thresholds)),
    )


def _placed(answer: pl.DataFrame, calendar: Calendar, start: date, end: date) -> pl.DataFrame:
    """The answer with `session`, in or about which each minute lies (else its date in the exchange's zone), and whether it is `inside`."""
    stamps = answer["start"].dt.replace_time_zone(None).to_numpy().astype(INSTANT, copy=False)
    first, last = calendar.bounds()
    # what lies far from the question was not asked for, whatever session it is of
    near = (stamps >= np.datetime64(max(start - 2 * _DAY, first))) & (stamps < np.datetime64(min(end + 3 * _DAY, last)))
    found = np.full(stamps.size, np.datetime64("NaT", "D"))
    found[near] = calendar.sessions_of(stamps[near])
    return answer.with_columns(
        pl.coalesce(pl.Series(found).cast(pl.Date), pl.col("start").dt.convert_time_zone(str(calendar.zone)).dt.date()).alias("session"),
        pl.Series(~np.isnat(found)).alias("inside"),
    )


def _without_filling(placed: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    quiet = ((pl.col("volume") == 0) & (pl.col("high") == pl.col("low"))).fill_null(False)
    if not placed.select(quiet.any()).item():
        return placed, 0
    some = (pl.col("volume") > 0).any().over("symbol", "session")
    kept = placed.filter(~(quiet & some))
    return kept, placed.height - kept.height


def _adds_up_when_moved(good: pl.DataFrame, daily: pl.DataFrame, calendar: Calendar, agreement: Agreement) -> list[str]:
    move = add_up_when_moved(good, daily, calendar)
    if not move:
        return []
    real, setting, declared = ("END", "end", "START") if move < 0 else ("START", "start", "END")
    return [
        f"none of {agreement.compared} sessions adds up to its daily bar as the minutes are stamped, and moved by {move:+d} minute they "
        f"do to the last digit: the bars are stamped at the {real} of the minute and were taken for {declared}; declare "
        f"`stamps: {setting}` of the source"
    ]


def _too_many_quarantined(quarantined: pl.DataFrame, rows: int, thresholds: MinuteThresholds) -> list[str]:
    count, symbols = quarantined.height, quarantined["symbol"].n_unique()
    if symbols < SYMBOLS or count <= thresholds.quarantined_share * rows:
        return []
    outside = quarantined.filter(pl.col("rule") == OUTSIDE).height
    hint = "; if the vendor sends extended hours as a rule, set minute_quality.extended_hours: drop" if 2 * outside > count else ""
    return [
        f"{count} of {rows} rows ({count / rows:.1%}), of {symbols} symbols, break a rule, {outside} of them by lying outside the session; "
        f"that is above the share of {thresholds.quarantined_share:.1%}{hint}"
    ]


def _too_far_from_daily(agreement: Agreement, thresholds: MinuteThresholds) -> list[str]:
    count = agreement.apart.height
    if count < SYMBOLS or 2 * count <= agreement.compared:
        return []
    symbol, session, close, daily = agreement.apart.row(0)
    return [
        f"the last minute's close is further than a factor of {math.exp(thresholds.daily_floor):.3g} from the daily close in {count} of "
        f"{agreement.compared} sessions, such as {symbol} on {session} ({close:g} against {daily:g}): one of the two is adjusted, or in "
        "another unit; ask the source for raw prices of both"
    ]


def _describe(quarantined: pl.DataFrame, examples: int = 3) -> list[str]:
    """One sentence per rule: how many rows, and the first of them."""
    sentences = []
    for rule in MINUTE_RULES:
        rows = quarantined.filter(pl.col("rule") == rule)
        if rows.height:
            shown = [
                f"{row['symbol']} {row['start']:%Y-%m-%d %H:%M} ({row['value']}, not {row['bound']})"
                for row in rows.head(examples).iter_rows(named=True)
            ]
            rest = f" and {rows.height - examples} more" if rows.height > examples else ""
            sentences.append(f"{rows.height} {'row' if rows.height == 1 else 'rows'} quarantined as {rule!r}: {', '.join(shown)}{rest}")
    return sentences


def _describe_apart(agreement: Agreement, thresholds: MinuteThresholds, examples: int = 3) -> list[str]:
    count = agreement.apart.height
    if not count:
        return []
    shown = [f"{symbol} {session} ({close:g} against {daily:g})" for symbol, session, close, daily in agreement.apart.head(examples).rows()]
    rest = f" and {count - examples} more" if count > examples else ""
    return [
        f"{count} of {agreement.compared} sessions close further than a factor of {math.exp(thresholds.daily_floor):.3g} from their "
        f"daily bar: {', '.join(shown)}{rest}"
    ]
