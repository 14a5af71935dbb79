"""What a book had earned in its session by the mark that losses are measured from since people ended a halt of control 28."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Int64

revision: str = "0027"
down_revision: str | None = "0026"
branch_labels: str | None = None
depends_on: str | None = None

#: Of before, the equity alone was kept. What its session began with is told by the mark of its close, or by its latest slot.
_BEGAN_WITH = """
    SELECT equity - profit FROM marks WHERE marks.book = halts.book AND marks.session = halts.mark_session
"""
_BEGAN_WITH_WITHIN = """
    SELECT equity - profit FROM slot_marks WHERE slot_marks.book = halts.book AND slot_marks.session = halts.mark_session
    ORDER BY slot DESC LIMIT 1
"""


def upgrade() -> None:
    """Add it."""
    op.add_column("halts", sa.Column("mark_profit", Int64))
    op.execute(
        f"UPDATE halts SET mark_profit = mark_equity - coalesce(({_BEGAN_WITH}), ({_BEGAN_WITH_WITHIN}), mark_equity) "
        "WHERE mark_session IS NOT NULL"
    )
