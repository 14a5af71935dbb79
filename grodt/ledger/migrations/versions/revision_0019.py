"""What the postings of each account come to, carried on."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Int64

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table, and add up what is there."""
    op.create_table(
        "carried",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.PrimaryKeyConstraint("book", "account", "asset", "symbol", name="pk_carried"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO carried SELECT book, account, asset, symbol, sum(amount) FROM postings GROUP BY 1, 2, 3, 4")
