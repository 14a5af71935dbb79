"""What made a halt and what ended it, as facts."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0031"
down_revision: str | None = "0030"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make both tables. Halts of before stay without facts: `grodt verify` holds them against sends by the clock."""
    op.create_table(
        "halt_starts",
        sa.Column("halt_id", Int64, autoincrement=False, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("control", Int64, nullable=False),
        sa.Column("keep_orders", Int64, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("expires_at", Instant),
        sa.Column("after_event", Int64, nullable=False),
        sa.PrimaryKeyConstraint("halt_id", name="pk_halt_starts"),
        sqlite_strict=True,
    )
    op.create_table(
        "halt_ends",
        sa.Column(
            "halt_id",
            Int64,
            sa.ForeignKey("halt_starts.halt_id", name="fk_halt_ends_halt_id_halt_starts"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("ended_at", Instant, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("after_event", Int64, nullable=False),
        sa.PrimaryKeyConstraint("halt_id", name="pk_halt_ends"),
        sqlite_strict=True,
    )
    forbid_changes("halt_starts", "halt_ends")
