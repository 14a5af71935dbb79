"""How much of each limit a book uses: from the evidence of its latest cycle, its latest mark, and what it sent.

Values are those of the row of evidence that came closest to the limit it was held to then; what part of a limit is used is said of the
limit in force now, which a person may have changed since, except where the evidence knows only the part (`_OTHER_UNIT`, `completeness`).
"""

from dataclasses import dataclass

import polars as pl

from grodt.execution.throttle import most_at_once
from grodt.ledger.evidence import checks_of
from grodt.ledger.halts import last_armed
from grodt.ledger.limits import InForce, LimitChange
from grodt.ledger.marks import Mark
from grodt.ledger.runs import Run, runs_of
from grodt.ledger.sent import rejects_in_a_row, sendings
from grodt.ledger.slot_marks import latest_value
from grodt.ledger.transaction import Read
from grodt.risk.limit_values import GROUP_WEIGHT, OF_SYMBOLS, RULES, Key, Value, values_of

#: Limits whose control gives its value in the limit's own unit.
_SAME_UNIT = frozenset(
    {"order_quantity", "order_value", "price_age", "symbol_position", "symbol_weight", "basket_value", "turnover", "armed_cycles"}
)
#: Limits whose control is asked of the basket once more, with what is left of it.
_OF_BASKET = frozenset({"gross_exposure", "net_exposure"})
#: Limits whose control gives value and limit in another unit; the part that is used is the same.
_OTHER_UNIT = frozenset({"volume_share", "cash_buffer", "collar"})
#: Runs that are looked at for evidence: one that is under way, or stopped early, has none.
_LOOKED_AT = 10


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit is used; None where that was not asked or has no number.

    Attributes:
        value: in the limit's unit.
        used: as a share of the limit in force; above 1 beyond it.
        symbol: where it came closest; "" where it is not about a symbol.
    """

    value: float | None = None
    used: float | None = None
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class LimitInUse:
    """One limit in force: its value, who set it (None: the books file alone has it so far), and its use."""

    key: Key
    value: Value
    set_by: LimitChange | None
    use: Use


@dataclass(frozen=True, slots=True)
class LimitsInUse:
    """Every limit of a book in force, and the run whose evidence the use is from; None where there is none yet."""

    run: Run | None
    limits: tuple[LimitInUse, ...]


def limits_in_use(tx: Read, book: str, in_force: InForce) -> LimitsInUse:
    """Every limit of a book with its use."""
    judged = [(run, checks) for run in runs_of(tx, book, _LOOKED_AT) if not (checks := checks_of(tx, run.run_id)).is_empty()]
    run, checks = judged[0] if judged else (None, checks_of(tx, ""))
    counted = _sent(tx, run) if run is not None else {}
    valued = latest_value(tx, book)
    mark = valued[0] if valued is not None else None
    values = values_of(in_force.limits)
    found = []
    for key, value in values.items():
        if key.name in counted:
            use = _of_count(counted[key.name], value)
        elif key.name in ("daily_loss", "drawdown"):
            use = _of_mark(key.name, mark, value)
        else:
            use = _of_evidence(key, value, values, checks)
        found.append(LimitInUse(key, value, in_force.set_by.get(key), use))
    return LimitsInUse(run, tuple(found))


def _of_evidence(key: Key, value: Value, values: dict[Key, Value], checks: pl.DataFrame) -> Use:
    rows = checks.filter(pl.col("control") == RULES[key.name].control)
    if key.name == "new_cycles":
        left = rows.filter(pl.col("scope") == "book")["value"]
        return Use(value=left[0]) if len(left) else Use()
    if key.name in _OF_BASKET:
        rows = rows.filter(pl.col("scope") == "basket")
    elif key.symbol:
        rows = rows.filter(pl.col("symbol") == key.symbol)
    elif key.name in OF_SYMBOLS:
        own = [each.symbol for each in values if each.name == key.name and each.symbol]
        rows = rows.filter(~pl.col("symbol").is_in(own))
    elif key.name == GROUP_WEIGHT:
        if sum(each.name == GROUP_WEIGHT and cap == value for each, cap in values.items()) > 1:
            return Use()  # the evidence names no group, and several have this cap
        rows = rows.filter(pl.col("limit") == value)
    elif key.name not in _SAME_UNIT | _OTHER_UNIT | {"completeness"}:
        return Use()
    row = _closest(rows)
    if row is None:
        return Use()
    _, symbol, measured, limit = row
    if key.name == "completeness":
        return Use(value=1 - measured, used=measured / limit)
    if key.name in _OTHER_UNIT:
        return Use(used=measured / limit, symbol=symbol)
    return Use(value=measured, used=measured / value, symbol=symbol)


def _closest(rows: pl.DataFrame) -> tuple[int, str, float, float] | None:
    """Of rows that have a value and a limit above zero, the one that uses most of it; of several, the first symbol."""
    known = rows.filter(pl.col("value").is_not_null(), pl.col("limit") > 0).select("control", "symbol", "value", "limit")
    ordered = known.sort(pl.col("value") / pl.col("limit"), "symbol", descending=[True, False])
    return ordered.row(0) if len(ordered) else None


def _of_count(count: int, most: Value) -> Use:
    return Use(value=count, used=count / most)


def _of_mark(name: str, mark: Mark | None, limit: Value) -> Use:
    """The loss since the mark before, or since the high-water mark, as a share of it."""
    if mark is None:
        return Use()
    before = mark.equity - mark.profit if name == "daily_loss" else mark.high_water_mark
    if before <= 0:
        return Use()
    lost = max(1 - mark.equity / before, 0.0)
    return Use(value=lost, used=lost / limit)


def _sent(tx: Read, run: Run) -> dict[str, int]:
    """What controls 20 and 22 count, since a person last armed the book."""
    armed = last_armed(tx, run.book)
    sent = sendings(tx, run.run_id, armed)
    return {
        "cycle_messages": len(sent),
        "minute_messages": most_at_once(sent),
        "rejects_in_a_row": rejects_in_a_row(tx, run.run_id, armed),
    }
