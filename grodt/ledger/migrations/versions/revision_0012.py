"""Users of the desk, and tokens that are denied."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make both tables, empty."""
    op.create_table(
        "user_changes",
        sa.Column("change_id", Int64, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("change_id", name="pk_user_changes"),
        sa.CheckConstraint("role IN ('viewer', 'trader', 'approver', 'none')", name="role_known"),
        sa.CheckConstraint("(role = 'none') = (password_hash = '')", name="password_of_users"),
        sa.CheckConstraint("name <> '' AND author <> ''", name="words_given"),
        sqlite_strict=True,
    )
    op.create_index("ix_user_changes_name", "user_changes", ["name", "change_id"])
    op.create_table(
        "denied_tokens",
        sa.Column("token_id", sa.Text, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("token_id", name="pk_denied_tokens"),
        sa.CheckConstraint("token_id <> ''", name="token_named"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    forbid_changes("user_changes")
