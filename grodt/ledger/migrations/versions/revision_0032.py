"""From when on a book's broker is asked for what moves cash apart from fills."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Day, Instant
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0032"
down_revision: str | None = "0031"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table. A book that has run before begins with the session that it has settled last when its next cycle runs."""
    op.create_table(
        "cash_starts",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("book", name="pk_cash_starts"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    forbid_changes("cash_starts")
