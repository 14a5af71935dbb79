"""Where books trade: the account at a broker."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0030"
down_revision: str | None = "0029"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table. A book of before is taken to be where its next cycle finds it."""
    op.create_table(
        "account_changes",
        sa.Column("change_id", Int64, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("account_before", sa.Text),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("how", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("change_id", name="pk_account_changes"),
        sa.CheckConstraint("how IN ('first', 'rekeyed', 'empty', 'people')", name="how_known"),
        sa.CheckConstraint("book <> '' AND account <> '' AND author <> '' AND reason <> ''", name="words_given"),
        sqlite_strict=True,
    )
    op.create_index("ix_account_changes_book", "account_changes", ["book", "change_id"])
    forbid_changes("account_changes")
