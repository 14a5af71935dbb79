"""Trades of the fills that are made of several."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table. No fill of before has several."""
    op.create_table(
        "fill_trades",
        sa.Column("trade_id", sa.Text, nullable=False),
        sa.Column("execution_id", sa.Text, sa.ForeignKey("fills.execution_id", name="fk_fill_trades_execution_id_fills"), nullable=False),
        sa.PrimaryKeyConstraint("trade_id", name="pk_fill_trades"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_fill_trades_execution_id", "fill_trades", ["execution_id"])
    forbid_changes("fill_trades")
