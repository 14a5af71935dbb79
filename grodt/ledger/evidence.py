"""Evidence: every evaluation of every risk control, kept per attempt of a run."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import polars as pl
from sqlalchemy import func, insert, select

from grodt.errors import DataError
from grodt.ledger.audit import EVIDENCE, EVIDENCE_COLUMNS, announce, evidence_seal
from grodt.ledger.evidence_packing import SHARED, packed, prepared, unpacked
from grodt.ledger.runs import find_run
from grodt.ledger.tables_orders import evidence
from grodt.ledger.transaction import Read, Write

#: `risk_checks` of the lake, in its own order of columns.
_COLUMNS: dict[str, Any] = {
    "book": pl.String(),
    "session": pl.Date(),
    "control": pl.Int16(),
    "name": pl.String(),
    "scope": pl.Enum(["order", "symbol", "basket", "book"]),
    "symbol": pl.String(),
    "value": pl.Float64(),
    "limit": pl.Float64(),
    "headroom": pl.Float64(),
    "verdict": pl.Enum(["pass", "clip", "reject", "halt", "alert"]),
    "reason": pl.String(),
    "run_id": pl.String(),
}
_KEY = ["control", "scope", "symbol"]
#: Columns that a run has once.
_OF_RUN = ("book", "session", "run_id")


def record_checks(tx: Write, frame: pl.DataFrame, attempt: int) -> None:
    """Commit the evaluations of one attempt. Recording the same again changes nothing; an empty frame is nothing.

    Args:
        tx: the transaction.
        frame: columns of `RiskChecks`, of one run; NaN counts as null.
        attempt: the run's attempt that evaluated them.

    Raises:
        ValueError: the frame is of several runs, or of one that is not there with that book and session, or has a check twice.
        DataError: the attempt has left other evidence.
    """
    if frame.is_empty():
        return
    clean = frame.select([pl.col(name).cast(dtype) for name, dtype in _COLUMNS.items()]).with_columns(
        pl.col("value", "limit", "headroom").fill_nan(None)
    )
    owners = clean.select(pl.col(_OF_RUN).unique().implode()).row(0)
    run = find_run(tx, owners[2][0])
    if run is None or owners != ([run.book], [run.session], [run.run_id]):
        raise ValueError(f"evidence is of {owners}, which is not one run of the ledger")
    there = select(evidence.c.control).where(evidence.c.run_id == run.run_id, evidence.c.attempt == attempt).limit(1)
    if tx.connection.execute(there).first() is not None:
        if _checks(tx, run.run_id, attempt).equals(clean.sort(_KEY)):
            return
        raise DataError(
            f"attempt {attempt} of run {run.run_id} has left other evidence: its input changed on the way; run it again as a new attempt"
        )
    parts, ordered = _parts(prepared(clean))
    rows = [{"run_id": run.run_id, "attempt": attempt, **packed(part)} for part in parts]
    tx.connection.execute(insert(evidence), rows)
    announce(tx, EVIDENCE, evidence_seal(run.run_id, attempt, ordered.height, _for_seal(ordered)))


def _parts(checks: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Checks of one control that ended alike, and all of them as they are sealed: by control, scope and symbol, as texts are ordered.

    Symbols come so from most controls, which is faster to see than to sort.

    Raises:
        ValueError: a check stands there twice.
    """
    parts = [
        (key, part if part["symbol"].is_sorted() else part.sort("symbol"))
        for key, part in sorted(checks.partition_by(SHARED, as_dict=True).items())
    ]
    ordered = []
    for (control, scope), group in groupby(parts, key=lambda part: part[0][:2]):
        together = [part for _, part in group]
        whole = together[0] if len(together) == 1 else pl.concat(together).sort("symbol")
        if (twice := whole["symbol"] == whole["symbol"].shift()).any():
            raise ValueError(f"evidence has a check twice: control {control}, {scope} {whole['symbol'].filter(twice)[0]!r}")
        ordered.append(whole)
    return [part for _, part in parts], pl.concat(ordered)


def _for_seal(ordered: pl.DataFrame) -> list[Any]:
    """Columns as the audit chain takes them, texts joined already."""
    columns = [ordered[{"bound": "limit"}.get(name, name)] for name in EVIDENCE_COLUMNS]
    return [column.to_numpy() if column.dtype.is_numeric() else _joined(column) for column in columns]


def _joined(texts: pl.Series) -> str:
    """With NUL between them. All but symbols are the same for long runs."""
    if texts.name == "symbol":
        return str(texts.str.join("\0").item())
    return "".join((text + "\0") * length for length, text in texts.rle().struct.unnest().iter_rows())[:-1]


def checks_of(tx: Read, run_id: str, symbols: Sequence[str] | None = None) -> pl.DataFrame:
    """The evidence of a run's last attempt that left any, as `RiskChecks`, sorted by control, scope, symbol; of some symbols alone.

    Raises:
        DataError: a row of it is not as it was written.
    """
    query = select(func.coalesce(func.max(evidence.c.attempt), 0)).where(evidence.c.run_id == run_id)
    return _checks(tx, run_id, tx.connection.execute(query).scalar_one(), symbols)


def _checks(tx: Read, run_id: str, attempt: int, symbols: Sequence[str] | None = None) -> pl.DataFrame:
    table = evidence.c
    columns = (table.control, table.scope, table.name, table.verdict, table.bound, table.checks)
    found = unpacked(tx.connection.execute(select(*columns).where(table.run_id == run_id, table.attempt == attempt)), symbols)
    run = find_run(tx, run_id)
    return (
        pl.DataFrame(found, schema_overrides={name: _COLUMNS[name] for name in found})
        .with_columns(
            book=pl.lit(run.book if run else None, pl.String),
            session=pl.lit(run.session if run else None, pl.Date),
            run_id=pl.lit(run_id),
        )
        .select(list(_COLUMNS))
        .sort(_KEY)
    )
