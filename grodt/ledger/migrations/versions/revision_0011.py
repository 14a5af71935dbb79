"""Breaks with an owner; withdrawals and corrections."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.migrations.checks import widen_check

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Let breaks have an owner, and entries and postings their new kinds."""
    op.add_column("breaks", sa.Column("owner", sa.Text))
    widen_check("entries", "'symbol_change', 'borrow_cost')", "'symbol_change', 'borrow_cost', 'withdrawal', 'correction')")
    widen_check("postings", "'realised', 'capital')", "'realised', 'capital', 'correction')")
