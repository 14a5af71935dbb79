"""Shares of a book's capital that its strategies have had, from when on."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0029"
down_revision: str | None = "0028"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table. What was booked before is the default strategy's, as far as no trade made it."""
    op.create_table(
        "capital_shares",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("number", Int64, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("billionths", Int64, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("book", "number", "strategy", name="pk_capital_shares"),
        sa.CheckConstraint("billionths > 0 AND billionths <= 1000000000", name="share_of_capital"),
        sa.CheckConstraint("strategy <> ''", name="strategy_named"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    forbid_changes("capital_shares")
