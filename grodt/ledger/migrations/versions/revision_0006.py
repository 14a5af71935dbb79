"""Limits with their history, and what code and limits a run had."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the table, and two columns of `runs`: of runs before, the hash of the code is "", and their limits are not known."""
    op.create_table(
        "limit_changes",
        sa.Column("change_id", Int64, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("group_name", sa.Text, nullable=False),
        sa.Column("value_before", sa.Text),
        sa.Column("value_after", sa.Text),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, sa.ForeignKey("requests.request_id")),
        sa.Column("changed_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("change_id", name="pk_limit_changes"),
        sa.CheckConstraint("book <> '' AND name <> '' AND author <> '' AND reason <> ''", name="words_given"),
        sa.CheckConstraint("symbol = '' OR group_name = ''", name="scope_one"),
        sqlite_strict=True,
    )
    op.create_index("ix_limit_changes_book", "limit_changes", ["book", "change_id"])
    forbid_changes("limit_changes")
    op.add_column("runs", sa.Column("code_hash", sa.Text, nullable=False, server_default=""))
    op.add_column("runs", sa.Column("limits_version", Int64))
