"""Orders that wait for people, and orders that the broker has and its venue has not acknowledged."""

from grodt.ledger.migrations.checks import widen_check

revision: str = "0028"
down_revision: str | None = "0027"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Two states more. Orders of before stay as they are: what waited stands in its request, and what was taken was called accepted."""
    for table in ("order_events", "order_status"):
        widen_check(table, "'replaced', 'denied')", "'replaced', 'denied', 'planned', 'submitted')")
