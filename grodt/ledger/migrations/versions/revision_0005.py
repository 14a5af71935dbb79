"""Breaks about fractions of a share."""

from grodt.ledger.migrations.checks import widen_check

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Let the breaks take one kind more."""
    widen_check("breaks", "'order', 'action')", "'order', 'action', 'fraction')")
