"""Evidence: every evaluation of every risk control, kept per attempt of a run."""

from typing import Any

import polars as pl
from sqlalchemy import func, insert, select

from grodt.errors import DataError
from grodt.ledger.runs import find_run
from grodt.ledger.tables import risk_checks
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
        ValueError: the frame is of several runs, or of one that is not there with that book and session.
        DataError: the attempt has left other evidence.
    """
    if frame.is_empty():
        return
    clean = frame.select([pl.col(name).cast(dtype) for name, dtype in _COLUMNS.items()]).with_columns(
        pl.col("value", "limit", "headroom").fill_nan(None)
    )
    owners = clean.select(_OF_RUN).unique()
    run = find_run(tx, owners["run_id"][0])
    if run is None or owners.rows() != [(run.book, run.session, run.run_id)]:
        raise ValueError(f"evidence is of {owners.rows()}, which is not one run of the ledger")
    known = _checks(tx, run.run_id, attempt)
    if not known.is_empty():
        if known.equals(clean.sort(_KEY)):
            return
        raise DataError(
            f"attempt {attempt} of run {run.run_id} has left other evidence: its input changed on the way; run it again as a new attempt"
        )
    rows = clean.drop(*_OF_RUN).rename({"limit": "bound"}).sort(_KEY).with_columns(run_id=pl.lit(run.run_id), attempt=pl.lit(attempt))
    tx.connection.execute(insert(risk_checks), rows.to_dicts())


def checks_of(tx: Read, run_id: str) -> pl.DataFrame:
    """The evidence of a run's last attempt that left any, as `RiskChecks`, sorted by control, scope, symbol."""
    query = select(func.coalesce(func.max(risk_checks.c.attempt), 0)).where(risk_checks.c.run_id == run_id)
    return _checks(tx, run_id, tx.connection.execute(query).scalar_one())


def _checks(tx: Read, run_id: str, attempt: int) -> pl.DataFrame:
    table = risk_checks.c
    columns = (table.control, table.name, table.scope, table.symbol, table.value, table.bound, table.headroom, table.verdict, table.reason)
    query = select(*columns).where(table.run_id == run_id, table.attempt == attempt)
    rows = [tuple(row) for row in tx.connection.execute(query)]
    of_checks = {name: dtype for name, dtype in _COLUMNS.items() if name not in _OF_RUN}
    run = find_run(tx, run_id)
    frame = pl.DataFrame(rows, schema=of_checks, orient="row")
    return (
        frame.with_columns(
            book=pl.lit(run.book if run else None, pl.String),
            session=pl.lit(run.session if run else None, pl.Date),
            run_id=pl.lit(run_id),
        )
        .select(list(_COLUMNS))
        .sort(_KEY)
    )
