"""What an order that a basket withdraws had filled when the basket was decided."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Int64

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add it; of withdrawals of before it is not known, and nothing takes their orders' place."""
    op.add_column("withdrawals", sa.Column("booked_quantity", Int64))
