"""Coverage by the bars' width, files that leave the lake, changes of symbol, and breaks about corporate actions."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Day, Int64
from grodt.ledger.migrations.checks import forbid_changes, set_aside, widen_check

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_KEYED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    """Make what is new, and let two tables take one kind more each."""
    op.create_table(
        "lake_removals",
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("version", Int64, sa.ForeignKey("lake_commits.version"), nullable=False),
        sa.PrimaryKeyConstraint("path", "version"),
        **_KEYED,
    )
    forbid_changes("lake_removals")
    _coverage_by_width()
    widen_check("entries", "'dividend_payment', 'delisting')", "'dividend_payment', 'delisting', 'symbol_change')")
    widen_check("breaks", "'position', 'cash', 'order')", "'position', 'cash', 'order', 'action')")


def _coverage_by_width() -> None:
    """What is covered so far is covered with daily bars."""
    set_aside("coverage", "coverage_0001")
    op.create_table(
        "coverage",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("width", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("first_date", Day, nullable=False),
        sa.Column("last_date", Day, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("source", "width", "symbol"),
        sa.CheckConstraint("width IN ('1d', '1m')", name="width_known"),
        sa.CheckConstraint("first_date <= last_date", name="range_ordered"),
        **_KEYED,
    )
    op.execute(
        "INSERT INTO coverage (source, width, symbol, first_date, last_date, run_id) "
        "SELECT source, '1d', symbol, first_date, last_date, run_id FROM coverage_0001"
    )
    op.drop_table("coverage_0001")
