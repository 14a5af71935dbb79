"""What made a break, what it was at each sight, and what ended it, as facts."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.audit import chain
from grodt.ledger.audit_facts import facts_in
from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0035"
down_revision: str | None = "0034"
branch_labels: str | None = None
depends_on: str | None = None

_FACTS = {
    "break_starts": """
        INSERT INTO break_starts (break_id, book, kind, symbol, first_session, first_seen_at, owner)
        SELECT b.break_id, b.book, b.kind, b.symbol, b.first_session, b.first_seen_at,
          CASE WHEN NOT EXISTS (SELECT 1 FROM break_assignments AS a WHERE a.break_id = b.break_id) THEN b.owner END
        FROM breaks AS b ORDER BY b.break_id
    """,
    "break_sights": """
        INSERT INTO break_sights (break_id, session, seen_at, run_id, ours, theirs, price)
        SELECT break_id, last_session, last_seen_at, run_id, ours, theirs, price FROM breaks ORDER BY break_id
    """,
    "break_resolutions": """
        INSERT INTO break_resolutions (break_id, resolved_at, reason, author)
        SELECT break_id, resolved_at, resolved_reason, resolved_author FROM breaks WHERE resolved_at IS NOT NULL ORDER BY break_id
    """,
}


def upgrade() -> None:
    """Make the tables, with breaks of before as they stand now: of their sights the last one, for of earlier ones nothing was kept."""
    op.create_table(
        "break_starts",
        sa.Column("break_id", Int64, autoincrement=False, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("first_session", Day, nullable=False),
        sa.Column("first_seen_at", Instant, nullable=False),
        sa.Column("owner", sa.Text),
        sa.PrimaryKeyConstraint("break_id", name="pk_break_starts"),
        sqlite_strict=True,
    )
    op.create_table(
        "break_sights",
        sa.Column("sight_id", Int64, primary_key=True, nullable=False),
        sa.Column("break_id", Int64, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("ours", Int64, nullable=False),
        sa.Column("theirs", Int64, nullable=False),
        sa.Column("price", Int64),
        sa.PrimaryKeyConstraint("sight_id", name="pk_break_sights"),
        sqlite_strict=True,
    )
    op.create_index("ix_break_sights_break_id", "break_sights", ["break_id"])
    op.create_table(
        "break_resolutions",
        sa.Column("break_id", Int64, autoincrement=False, nullable=False),
        sa.Column("resolved_at", Instant, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("break_id", name="pk_break_resolutions"),
        sqlite_strict=True,
    )
    forbid_changes(*_FACTS)
    connection = op.get_bind()
    for statement in _FACTS.values():
        connection.exec_driver_sql(statement)
    found = {table: [seal for _, seal in facts_in(connection, table)] for table in _FACTS}
    chain(connection, {table: seals for table, seals in found.items() if seals})
