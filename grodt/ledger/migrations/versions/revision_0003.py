"""The cost of borrowed shares: a kind of entry and an account."""

from grodt.ledger.migrations.checks import widen_check

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Let two tables take one kind more each."""
    widen_check("entries", "'delisting', 'symbol_change')", "'delisting', 'symbol_change', 'borrow_cost')")
    widen_check("postings", "'commission', 'dividend',", "'commission', 'borrow', 'dividend',")
