"""Orders with a price, and orders that a person has replaced at the venue."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Int64
from grodt.ledger.migrations.checks import widen_check

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Let orders have a price, and events and states one state more."""
    op.add_column("orders", sa.Column("price", Int64))
    for table in ("order_events", "order_status"):
        widen_check(table, "'rejected', 'unknown')", "'rejected', 'unknown', 'replaced')")
