"""The close that a break is valued at where its book never traded the symbol."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Int64

revision: str = "0034"
down_revision: str | None = "0033"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add it. Breaks of before have none until they are seen again."""
    op.add_column("breaks", sa.Column("price", Int64))
