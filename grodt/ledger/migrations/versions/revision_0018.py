"""Orders that work from a later instant on: slices of a large one."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Instant

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Let orders say from when they work; of those before, at once."""
    op.add_column("orders", sa.Column("works_from", Instant))
