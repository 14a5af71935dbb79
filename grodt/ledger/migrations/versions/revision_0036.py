"""Halts of before halts were facts become facts, and so does the mark that losses are measured from since a halt was ended."""

import sqlalchemy as sa
from alembic import op

from grodt.ledger.audit import chain
from grodt.ledger.audit_facts import facts_in
from grodt.ledger.columns import Day, Int64
from grodt.ledger.migrations.checks import forbid_changes

revision: str = "0036"
down_revision: str | None = "0035"
branch_labels: str | None = None
depends_on: str | None = None

#: What stands after the first halt that was a fact and is none itself was put there by hand, and becomes none.
_BEFORE = "SELECT {} FROM halts WHERE halt_id < (SELECT coalesce(min(halt_id), 9223372036854775807) FROM halt_starts)"
_STARTED = "halt_id, scope, book, strategy, symbol, side, kind, control, keep_orders, reason, author, started_at, expires_at"
_FACTS = {
    "halt_starts": f"INSERT INTO halt_starts ({_STARTED}, after_event) {_BEFORE.format(_STARTED + ', -1')} ORDER BY halt_id",
    "halt_ends": """
        INSERT INTO halt_ends (halt_id, ended_at, reason, author, after_event)
        SELECT h.halt_id, h.ended_at, h.end_reason, h.end_author, -1 FROM halts AS h JOIN halt_starts AS s ON s.halt_id = h.halt_id
        WHERE s.after_event = -1 AND h.ended_at IS NOT NULL ORDER BY h.halt_id
    """,
    "halt_marks": """
        INSERT INTO halt_marks (halt_id, session, equity, profit)
        SELECT halt_id, mark_session, mark_equity, mark_profit FROM halts WHERE mark_session IS NOT NULL ORDER BY halt_id
    """,
}


def upgrade() -> None:
    """Make the table, with what is known of before: halts and marks as they stand now, and that no event tells when a halt began."""
    op.create_table(
        "halt_marks",
        sa.Column("halt_id", Int64, autoincrement=False, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("equity", Int64, nullable=False),
        sa.Column("profit", Int64),
        sa.PrimaryKeyConstraint("halt_id", name="pk_halt_marks"),
        sqlite_strict=True,
    )
    forbid_changes("halt_marks")
    connection = op.get_bind()
    earlier = {table: {key for key, _ in facts_in(connection, table)} for table in _FACTS}
    for statement in _FACTS.values():
        connection.exec_driver_sql(statement)
    found = {table: [seal for key, seal in facts_in(connection, table) if key not in earlier[table]] for table in _FACTS}
    chain(connection, {table: seals for table, seals in found.items() if seals})
