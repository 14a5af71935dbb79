"""Evidence packed: the checks of one control that ended alike are one row, and `risk_checks` is a view of them."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from math import isinf
from typing import Any

import sqlalchemy as sa
from alembic import op

from grodt.ledger.catalogue import is_sqlite
from grodt.ledger.columns import Float64, Int64
from grodt.ledger.migrations.checks import compare_by_bytes, forbid_changes

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | None = None
depends_on: str | None = None

_VIEW = """
CREATE VIEW risk_checks AS SELECT e.run_id, e.attempt, e.control, e.scope, c.key AS symbol, e.name,
  CASE c.type WHEN 'array' THEN json_extract(c.value, '$[0]') ELSE c.value END AS value,
  CASE c.type WHEN 'array' THEN json_extract(c.value, '$[1]') ELSE e.bound END AS bound,
  CASE c.type WHEN 'array' THEN json_extract(c.value, '$[2]') ELSE e.bound - c.value END AS headroom,
  e.verdict,
  CASE c.type WHEN 'array' THEN json_extract(c.value, '$[3]') ELSE '' END AS reason
FROM evidence AS e, json_each(e.checks) AS c
"""
#: The same in PostgreSQL, whose numbers do not overflow to infinity.
_VIEW_OF_POSTGRES = """
CREATE VIEW risk_checks AS SELECT e.run_id, e.attempt, e.control, e.scope, c.key COLLATE "C" AS symbol, e.name,
  replace(CASE w.whole WHEN true THEN c.value ->> 0 ELSE c.value #>> '{}' END, '9e999', 'Infinity')::double precision AS value,
  CASE w.whole WHEN true THEN replace(c.value ->> 1, '9e999', 'Infinity')::double precision ELSE e.bound END AS bound,
  CASE w.whole WHEN true THEN replace(c.value ->> 2, '9e999', 'Infinity')::double precision
    ELSE nullif(e.bound - replace(c.value #>> '{}', '9e999', 'Infinity')::double precision, 'NaN') END AS headroom,
  e.verdict,
  CASE w.whole WHEN true THEN c.value ->> 3 ELSE '' END COLLATE "C" AS reason
FROM evidence AS e, LATERAL json_each(e.checks::json) AS c, LATERAL (SELECT json_typeof(c.value) = 'array' AS whole) AS w
"""
_ADD = "INSERT INTO evidence (run_id, attempt, control, scope, name, verdict, bound, checks) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ROWS = """
SELECT control, scope, name, verdict, symbol, value, bound, headroom, reason FROM risk_checks
WHERE run_id = ? AND attempt = ? ORDER BY control, scope, name, verdict, symbol
"""


def upgrade() -> None:
    """Make the table, pack into it what is there, and put the view in the old table's place."""
    op.create_table(
        "evidence",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("attempt", Int64, nullable=False),
        sa.Column("control", Int64, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("bound", Float64),
        sa.Column("checks", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "attempt", "control", "scope", "name", "verdict", name="pk_evidence"),
        sa.CheckConstraint("scope IN ('order', 'symbol', 'basket', 'book')", name="scope_known"),
        sa.CheckConstraint("verdict IN ('pass', 'clip', 'reject', 'halt', 'alert')", name="verdict_known"),
        sqlite_strict=True,
    )
    forbid_changes("evidence")
    connection = op.get_bind()
    for group in connection.exec_driver_sql("SELECT DISTINCT run_id, attempt FROM risk_checks").all():
        rows = connection.exec_driver_sql(_ROWS, tuple(group)).all()
        connection.exec_driver_sql(_ADD, [(*group, *row) for row in _packed(rows)])
    op.execute("DROP TABLE risk_checks")
    compare_by_bytes(connection)
    connection.exec_driver_sql(_VIEW if is_sqlite(connection) else _VIEW_OF_POSTGRES)


def _packed(rows: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    for shared, alike in groupby(rows, key=lambda row: tuple(row[:4])):
        checks = [tuple(row[4:]) for row in alike]
        bound = checks[0][2]
        if all(check[2] == bound and _says_no_more(*check) for check in checks):
            yield *shared, bound, _object((symbol, _number(value)) for symbol, value, *_ in checks)
        else:
            yield (
                *shared,
                None,
                _object((symbol, f"[{','.join(map(_number, figures))},{json.dumps(reason)}]") for symbol, *figures, reason in checks),
            )


def _says_no_more(_symbol: str, value: float | None, bound: float | None, headroom: float | None, reason: str) -> bool:
    return reason == "" and value is not None and bound is not None and bound - value == headroom


def _object(members: Iterator[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in members) + "}"


def _number(number: float | None) -> str:
    """As JSON."""
    if number is None:
        return "null"
    return f"{'-' if number < 0 else ''}9e999" if isinf(number) else repr(number)
