"""Evidence: every evaluation of every risk control, kept per attempt of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
from sqlalchemy import func, select

from grodt.errors import DataError
from grodt.ledger.audit import EVIDENCE, EVIDENCE_COLUMNS, announce, evidence_seal
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
#: Sorted as the table sorts their texts.
_SCOPES = pl.Enum(["basket", "book", "order", "symbol"])
#: Columns that a run has once.
_OF_RUN = ("book", "session", "run_id")
#: Rows of one statement. Fewer cost more calls; more cost more parsing of statements of ever new lengths.
_CHUNK = 1_000
_INSERT = (
    "INSERT INTO risk_checks (run_id, attempt, control, scope, name, verdict, symbol, value, bound, headroom, reason) "
    "SELECT ?, ?, ?, ?, ?, ?, {columns} FROM (VALUES {rows})"
)
#: What most rows of a control have in common, so that a statement inserts them together.
_SAME = ["control", "scope", "name", "verdict", "plain"]
#: A row that says nothing beyond its value and limit: the most there are.
_PLAIN = ((pl.col("headroom") == pl.col("limit") - pl.col("value")) & (pl.col("reason") == "")).fill_null(value=False)


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
    parts = clean.with_columns(plain=_PLAIN).partition_by(_SAME, as_dict=True, maintain_order=True)
    with _checked_already(tx):
        for same, part in sorted(parts.items()):  # as the table keeps them: rows that come in its order go in fastest
            for chunk in (part if part["symbol"].is_sorted() else part.sort("symbol")).iter_slices(_CHUNK):
                _insert(tx, (run.run_id, attempt, *same[:-1]), chunk, plain=bool(same[-1]))
    announce(tx, EVIDENCE, evidence_seal(run.run_id, attempt, clean.height, _for_seal(clean)))


def _for_seal(checks: pl.DataFrame) -> list[Any]:
    """Columns as the audit chain takes them, texts joined already."""
    ordered = checks.with_columns(pl.col("scope").cast(_SCOPES), pl.col("value", "limit", "headroom").fill_null(float("nan")))
    ordered = ordered.rename({"limit": "bound"}).sort("control", "scope", maintain_order=True)
    same = (pl.col("control") == pl.col("control").shift()) & (pl.col("scope") == pl.col("scope").shift())
    if ordered.select((same & (pl.col("symbol") < pl.col("symbol").shift())).any()).item():
        ordered = ordered.sort(_KEY)
    texts = {"scope", "symbol", "name", "verdict", "reason"}
    return [ordered[name].cast(pl.String).str.join("\0").item() if name in texts else ordered[name].to_numpy() for name in EVIDENCE_COLUMNS]


def _insert(tx: Write, shared: tuple[Any, ...], chunk: pl.DataFrame, *, plain: bool) -> None:
    """Insert rows of one control. What is the same in all of them is handed over once, and the headroom of plain ones not at all."""
    columns = [chunk[name] for name in ("symbol", "value", "limit", "headroom", "reason")]
    once = {column.name: column[0] for column in columns[1:] if column.eq_missing(column[0]).all()}
    each = [column for column in columns if column.name not in once and not (plain and column.name == "headroom")]
    expression = {column.name: f"column{place}" for place, column in enumerate(each, 1)} | dict.fromkeys(once, "?")
    constants = [once[column.name] for column in columns if column.name in once]
    if "headroom" not in expression:
        expression["headroom"] = f"{expression['limit']} - {expression['value']}"
        constants = [once[name] for name in ("value", "limit", "limit", "value", "reason") if name in once]
    values: list[Any] = [None] * (len(each) * chunk.height)
    for place, column in enumerate(each):
        values[place :: len(each)] = column.to_list()
    row = f"({','.join('?' * len(each))})"
    text = ", ".join(expression[column.name] for column in columns)
    tx.connection.exec_driver_sql(_INSERT.format(columns=text, rows=",".join([row] * chunk.height)), (*shared, *constants, *values))


@contextmanager
def _checked_already(tx: Write) -> Iterator[None]:
    """SQLite's CHECKs off for rows whose scope and verdict an Enum has just checked by columns.

    It would build the lists of both constraints anew for every row, which takes twice the time of the insert. Keys and types are
    checked all the same.
    """
    tx.connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
    try:
        yield
    finally:
        tx.connection.exec_driver_sql("PRAGMA ignore_check_constraints=OFF")


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
