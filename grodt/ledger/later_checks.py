"""Evidence after a decision: what controls said while orders went out and fills were booked. `evidence` has that of the decision."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import polars as pl
from sqlalchemy import func, insert, select

from grodt.ledger.evidence import checks_of
from grodt.ledger.runs import Run, find_run
from grodt.ledger.tables_checks import later_checks
from grodt.ledger.transaction import Read, Write
from grodt.risk.check import Check

#: `part` of fills that came in when all sessions were settled.
LATE = "late"
#: `part` of the run's own basket.
BASKET = "basket"
#: Columns of the table in `risk_checks` of the lake.
_SHARED = ["control", "name", "scope", "symbol", "value", "headroom", "verdict", "reason"]
_KEY = ["control", "scope", "symbol"]
#: The gravest verdict of several sessions stands.
_GRAVEST = pl.Enum(["halt", "reject", "clip", "alert", "pass"])


def record_later(tx: Write, run: Run, part: str, checks: Iterable[Check], now: datetime) -> None:
    """Commit what controls said of a part of what a run does.

    Args:
        tx: the transaction that does it.
        run: whose evidence it is; its attempt asked.
        part: a session that it settles, by its date; `LATE`; or `BASKET`.
        checks: the answers.
        now: instant.
    """
    rows = [
        {
            "run_id": run.run_id,
            "attempt": run.attempts,
            "part": part,
            "control": each.control,
            "scope": each.scope,
            "symbol": each.symbol,
            "name": each.name,
            "value": each.value,
            "bound": each.limit,
            "headroom": each.headroom,
            "verdict": each.verdict,
            "reason": each.reason,
            "recorded_at": now,
        }
        for each in checks
    ]
    if rows:
        tx.connection.execute(insert(later_checks), rows)


def basket_is_told(tx: Read, run_id: str) -> bool:
    """Whether a run has left what controls said of its basket as a whole, as it does when it has sent all of it."""
    query = select(func.count()).where(later_checks.c.run_id == run_id, later_checks.c.part == BASKET, later_checks.c.scope == "basket")
    return bool(tx.connection.execute(query).scalar_one())


def evidence_of(tx: Read, run_id: str, symbols: Sequence[str] | None = None) -> pl.DataFrame:
    """Every control that a run has asked, as `RiskChecks`, sorted by control, scope and symbol; of some symbols alone, "" being the book.

    Of what was asked several times of one part, the last answer stands, as the last attempt's does of the decision; of the sessions that
    a run settled, the gravest, then the one with the least headroom, then the first. So it is between them and the decision, of control 28.
    """
    decided = checks_of(tx, run_id, symbols)
    columns = [later_checks.c[name] for name in ("check_id", "part", "bound", *_SHARED)]
    mine = (later_checks.c.run_id == run_id, *(() if symbols is None else (later_checks.c.symbol.in_(symbols),)))
    found = tx.connection.execute(select(*columns).where(*mine).order_by(later_checks.c.check_id)).all()
    run = find_run(tx, run_id)
    if run is None or not found:
        return decided
    rows = pl.DataFrame([tuple(row) for row in found], schema=[each.name for each in columns], orient="row", infer_schema_length=None)
    last = rows.unique([*_KEY, "part"], keep="last", maintain_order=True)
    later = last.with_columns(pl.lit(run.book).alias("book"), pl.lit(run.session).alias("session"), pl.lit(run_id).alias("run_id")).rename(
        {"bound": "limit"}
    )
    asked = pl.concat([decided, later.select([pl.col(name).cast(dtype) for name, dtype in decided.schema.items()])])
    # The sort is stable: of equals, the decision's stands, then the one that was asked first.
    standing = asked.sort(pl.col("verdict").cast(pl.String).cast(_GRAVEST), "headroom", nulls_last=False, maintain_order=True)
    return standing.unique(_KEY, keep="first", maintain_order=True).sort(_KEY)
