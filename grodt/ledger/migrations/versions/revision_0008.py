"""Attempts that end because people must decide first."""

from grodt.ledger.migrations.checks import widen_check

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Let attempts have one outcome more."""
    widen_check("run_attempts", "'failed', 'lost')", "'failed', 'lost', 'waiting')")
