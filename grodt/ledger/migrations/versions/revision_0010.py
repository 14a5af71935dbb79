"""The audit chain. It begins with the facts that are there."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from grodt.ledger.audit import EVIDENCE, EVIDENCE_COLUMNS, chain, evidence_seal
from grodt.ledger.audit_facts import facts_in
from grodt.ledger.columns import Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None

_FACTS = (
    "applied_sessions",
    "basket_approvals",
    "baskets",
    "cancels",
    "decisions",
    "dividends",
    "entries",
    "expected_versions",
    "fills",
    "lake_commits",
    "lake_files",
    "lake_removals",
    "limit_changes",
    "order_events",
    "orders",
    "override_uses",
    "requests",
    "risk_checks",
    "settlements",
)


def upgrade() -> None:
    """Make the table, and a first row for each table that has facts."""
    op.create_table(
        "audit",
        sa.Column("sequence", Int64, nullable=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("facts", Int64, nullable=False),
        sa.Column("seals", sa.LargeBinary, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
        sa.CheckConstraint("sequence >= 1 AND facts >= 1", name="counted"),
        sa.CheckConstraint("length(seals) = 16 * facts", name="seals_whole"),
        sa.CheckConstraint("length(previous) = 64 AND length(hash) = 64", name="hashes_whole"),
        sqlite_strict=True,
    )
    forbid_changes("audit")
    connection = op.get_bind()
    found = {table: [seal for _, seal in facts_in(connection, table)] for table in _FACTS if table != EVIDENCE}
    found[EVIDENCE] = list(_of_evidence(connection))
    chain(connection, {table: seals for table, seals in found.items() if seals})


def _of_evidence(connection: sa.Connection) -> Iterator[bytes]:
    """The seals of evidence as it stood in the file until revision 0012."""
    rows = f"SELECT {', '.join(EVIDENCE_COLUMNS)} FROM risk_checks WHERE run_id = ? AND attempt = ? ORDER BY control, scope, symbol"
    for group in connection.exec_driver_sql("SELECT DISTINCT run_id, attempt FROM risk_checks ORDER BY 1, 2").all():
        columns = tuple(zip(*connection.exec_driver_sql(rows, tuple(group)), strict=True))
        yield evidence_seal(group.run_id, group.attempt, len(columns[0]), columns)
