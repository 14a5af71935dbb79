"""Halts with a side, a kind, an expiry and the control that made them; what the broker was asked to cancel because of one."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes, only_where, set_aside

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

_STRICT: dict[str, Any] = {"sqlite_strict": True}
_KEPT = "halt_id, scope, book, symbol, reason, author, started_at, ended_at, end_reason, end_author"
#: Who made halts before they had a kind. What `risk` found in the data is a fault, as is what these others found.
_FAULTS = "'quality gate', 'execution', 'reconciliation', 'settle'"


def upgrade() -> None:
    """Make `halts` anew, with what is known of those before, and `cancels`."""
    op.drop_index("ix_halts_active", "halts")
    set_aside("halts", "halts_0008")
    op.create_table(
        "halts",
        sa.Column("halt_id", Int64, primary_key=True, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("control", Int64, nullable=False),
        sa.Column("keep_orders", Int64, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("expires_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("end_reason", sa.Text),
        sa.Column("end_author", sa.Text),
        sa.Column("mark_session", Day),
        sa.Column("mark_equity", Int64),
        sa.CheckConstraint("scope IN ('all', 'book', 'strategy', 'symbol')", name="scope_known"),
        sa.CheckConstraint("side IN ('all', 'buys', 'sells', 'reduce_only')", name="side_known"),
        sa.CheckConstraint("kind IN ('pause', 'kill', 'breach', 'fault')", name="kind_known"),
        sa.CheckConstraint("(scope = 'all') = (book = '')", name="book_named"),
        sa.CheckConstraint("(scope = 'strategy') = (strategy <> '')", name="strategy_named"),
        sa.CheckConstraint("(scope = 'symbol') = (symbol <> '')", name="symbol_named"),
        sa.CheckConstraint("scope <> 'all' OR kind = 'kill'", name="all_killed"),
        sa.CheckConstraint("scope <> 'strategy' OR side <> 'reduce_only'", name="strategy_holds_nothing"),
        sa.CheckConstraint("expires_at IS NULL OR kind IN ('pause', 'fault')", name="no_expiry_of_two"),
        sa.CheckConstraint("keep_orders BETWEEN 0 AND 1", name="keep_orders_flag"),
        sa.CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL) AND (ended_at IS NULL) = (end_author IS NULL)", name="end_whole"),
        sa.CheckConstraint("(mark_session IS NULL) = (mark_equity IS NULL)", name="mark_whole"),
        **_STRICT,
    )
    kind = (
        "CASE WHEN scope = 'all' THEN 'kill' "
        "WHEN author = 'risk' AND (reason LIKE 'data_%' OR reason LIKE 'scale_wrong%') THEN 'fault' "
        f"WHEN author = 'risk' THEN 'breach' WHEN author IN ({_FAULTS}) THEN 'fault' ELSE 'pause' END"
    )
    # Their open orders were left alone when they were made, and still are.
    op.execute(
        f"INSERT INTO halts ({_KEPT}, strategy, side, kind, control, keep_orders) SELECT {_KEPT}, '', 'all', {kind}, 0, 1 FROM halts_0008"
    )
    op.drop_table("halts_0008")
    op.create_index("ix_halts_active", "halts", ["book"], **only_where("ended_at IS NULL"))
    op.create_index("ix_halts_marked", "halts", ["book"], **only_where("mark_session IS NOT NULL"))
    op.create_table(
        "cancels",
        sa.Column("cancel_id", Int64, primary_key=True, nullable=False),
        sa.Column("halt_id", Int64, nullable=False),
        sa.Column("client_order_id", sa.Text, sa.ForeignKey("orders.client_order_id"), nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("filled_quantity", Int64, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.CheckConstraint("outcome IN ('cancelled', 'filled', 'over', 'asked', 'not_there', 'no_answer')", name="outcome_known"),
        sa.CheckConstraint("filled_quantity >= 0", name="filled_counted"),
        **_STRICT,
    )
    op.create_index("ix_cancels_halt_id", "cancels", ["halt_id"])
    forbid_changes("cancels")
