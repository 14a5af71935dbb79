"""Fills that cannot be booked, and orders of which the broker tells more than was ordered."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: str | None = None
depends_on: str | None = None

_KEYED = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "unbooked_fills",
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("number", Int64, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("client_order_id", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("told", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "number", name="pk_unbooked_fills"),
        sa.CheckConstraint("number >= 1", name="number_positive"),
        **_KEYED,
    )
    op.create_index("ix_unbooked_fills_client_order_id", "unbooked_fills", ["client_order_id"])
    op.create_index("ix_unbooked_fills_book_session", "unbooked_fills", ["book", "session"])
    op.create_table(
        "overfilled_orders",
        sa.Column(
            "client_order_id",
            sa.Text,
            sa.ForeignKey("orders.client_order_id", name="fk_overfilled_orders_client_order_id_orders"),
            nullable=False,
        ),
        sa.Column("shares", Int64, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("client_order_id", "shares", name="pk_overfilled_orders"),
        **_KEYED,
    )
    forbid_changes("unbooked_fills", "overfilled_orders")
