"""Who gave which break to whom, and when."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0033"
down_revision: str | None = "0032"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table. Of owners of before it is not known who gave them the break, or when: they stay owners, without a row."""
    op.create_table(
        "break_assignments",
        sa.Column("assignment_id", Int64, primary_key=True, nullable=False),
        sa.Column("break_id", Int64, sa.ForeignKey("breaks.break_id", name="fk_break_assignments_break_id_breaks"), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("assigned_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("assignment_id", name="pk_break_assignments"),
        sa.CheckConstraint("owner <> '' AND author <> ''", name="people_named"),
        sqlite_strict=True,
    )
    op.create_index("ix_break_assignments_break_id", "break_assignments", ["break_id"])
    forbid_changes("break_assignments")
