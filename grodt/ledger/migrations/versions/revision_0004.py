"""Requests that need people's word, and what people said."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_KEYED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "requests",
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("people", Int64, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_requests"),
        sa.CheckConstraint("people BETWEEN 1 AND 2", name="people_one_or_two"),
        sa.CheckConstraint("asked_by <> '' AND reason <> ''", name="words_given"),
        sa.CheckConstraint("asked_at < expires_at", name="term_ahead"),
        **_KEYED,
    )
    op.create_index("ix_requests_book_expires_at", "requests", ["book", "expires_at"])
    op.create_table(
        "decisions",
        sa.Column("request_id", sa.Text, sa.ForeignKey("requests.request_id"), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "person"),
        sa.CheckConstraint("verdict IN ('approve', 'reject')", name="verdict_known"),
        sa.CheckConstraint("person <> '' AND reason <> ''", name="words_given"),
        **_KEYED,
    )
    forbid_changes("requests", "decisions")
