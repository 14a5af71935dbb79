"""What controls say after a decision, as rows."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Float64, Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make `later_checks`."""
    op.create_table(
        "later_checks",
        sa.Column("check_id", Int64, primary_key=True, nullable=False),
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("attempt", Int64, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("control", Int64, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", Float64),
        sa.Column("bound", Float64),
        sa.Column("headroom", Float64),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.CheckConstraint("scope IN ('order', 'symbol', 'basket', 'book')", name="scope_known"),
        sa.CheckConstraint("verdict IN ('pass', 'reject', 'halt', 'alert')", name="verdict_known"),
        sa.CheckConstraint("(verdict = 'pass') = (reason = '')", name="reason_of_failures"),
        sqlite_strict=True,
    )
    op.create_index("ix_later_checks_run_id", "later_checks", ["run_id"])
    forbid_changes("later_checks")
