"""What strategies have of orders, and what they trade with each other."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make `order_shares` and `crosses`."""
    op.create_table(
        "order_shares",
        sa.Column("client_order_id", sa.Text, sa.ForeignKey("orders.client_order_id"), nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("quantity", Int64, nullable=False),
        sa.PrimaryKeyConstraint("client_order_id", "strategy"),
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.CheckConstraint("strategy <> ''", name="strategy_named"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "crosses",
        sa.Column("run_id", sa.Text, sa.ForeignKey("baskets.run_id"), nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("quantity", Int64, nullable=False),
        sa.Column("price", Int64, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "symbol", "strategy"),
        sa.CheckConstraint("quantity <> 0", name="quantity_moves"),
        sa.CheckConstraint("price > 0", name="price_positive"),
        sa.CheckConstraint("strategy <> ''", name="strategy_named"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_crosses_book", "crosses", ["book"])
    forbid_changes("order_shares", "crosses")
