"""Orders that our side denied before they left."""

from grodt.ledger.migrations.checks import widen_check

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """One state more. Orders of before that were denied stay cancelled, as their events say."""
    for table in ("order_events", "order_status"):
        widen_check(table, "'unknown', 'replaced')", "'unknown', 'replaced', 'denied')")
