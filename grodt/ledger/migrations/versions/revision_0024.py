"""Interest and fees of an account."""

from grodt.ledger.migrations.checks import widen_check

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Two kinds of entries and two accounts more. What corrections booked before stays in account `correction`."""
    widen_check("entries", "'withdrawal', 'correction')", "'withdrawal', 'correction', 'interest', 'fee')")
    widen_check("postings", "'capital', 'correction')", "'capital', 'correction', 'interest', 'fee')")
