"""What a book is worth at the slots of a session."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Day, Float64, Instant, Int64

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table of marks within a session."""
    op.create_table(
        "slot_marks",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("cash", Int64, nullable=False),
        sa.Column("receivable", Int64, nullable=False),
        sa.Column("positions_value", Int64, nullable=False),
        sa.Column("equity", Int64, nullable=False),
        sa.Column("gross", Float64, nullable=False),
        sa.Column("net", Float64, nullable=False),
        sa.Column("high_water_mark", Int64, nullable=False),
        sa.Column("drawdown", Float64, nullable=False),
        sa.Column("profit", Int64, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("book", "session", "slot", name="pk_slot_marks"),
        sa.CheckConstraint("equity = cash + receivable + positions_value", name="equity_adds_up"),
        sa.CheckConstraint("slot <> ''", name="slot_named"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
