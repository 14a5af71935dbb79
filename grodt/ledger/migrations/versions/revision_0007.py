"""The version a book expects, and the runs that overrides were handed to."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

_KEYED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "expected_versions",
        sa.Column("change_id", Int64, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("version_before", sa.Text),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("change_id", name="pk_expected_versions"),
        sa.CheckConstraint("book <> '' AND version <> '' AND author <> '' AND reason <> ''", name="words_given"),
        sqlite_strict=True,
    )
    op.create_index("ix_expected_versions_book", "expected_versions", ["book", "change_id"])
    op.create_table(
        "override_uses",
        sa.Column("request_id", sa.Text, sa.ForeignKey("requests.request_id"), nullable=False),
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("used_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "run_id"),
        **_KEYED,
    )
    forbid_changes("expected_versions", "override_uses")
