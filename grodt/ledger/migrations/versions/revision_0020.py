"""Brackets: what an order is of one, and what a basket withdraws."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Let orders say what they are of a bracket (those of before: nothing), and make the table of withdrawals."""
    for name in ("role", "protects", "other_leg"):
        op.add_column("orders", sa.Column(name, sa.Text))
    op.add_column("orders", sa.Column("other_price", Int64))
    op.create_table(
        "withdrawals",
        sa.Column("run_id", sa.Text, sa.ForeignKey("baskets.run_id", name="fk_withdrawals_run_id_baskets"), nullable=False),
        sa.Column(
            "client_order_id",
            sa.Text,
            sa.ForeignKey("orders.client_order_id", name="fk_withdrawals_client_order_id_orders"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("run_id", "client_order_id", name="pk_withdrawals"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    forbid_changes("withdrawals")
