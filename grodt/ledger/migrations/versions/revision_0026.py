"""What brokers tell of cash apart from fills."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "cash_activities",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("activity_id", sa.Text, nullable=False),
        sa.Column("number", Int64, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("day", Day, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("unreadable", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("book", "activity_id", "number", name="pk_cash_activities"),
        sa.CheckConstraint("kind IN ('interest', 'fee', 'dividend', 'transfer', 'action', 'unknown')", name="kind_known"),
        sa.CheckConstraint("number >= 1", name="number_positive"),
        sa.CheckConstraint("reason <> '' OR (kind IN ('interest', 'fee') AND unreadable = '')", name="booked_by_itself"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_cash_activities_book_session", "cash_activities", ["book", "session"])
    forbid_changes("cash_activities")
