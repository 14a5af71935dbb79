"""The ledger as first released."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from grodt.ledger.columns import Day, Float64, Instant, Int64
from grodt.ledger.migrations.checks import forbid_changes, only_where

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_STRICT: dict[str, Any] = {"sqlite_strict": True}
_KEYED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}  # the rows live in the primary key's own tree


def _one_of(column: str, *values: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({', '.join(f"'{v}'" for v in values)})", name=f"{column}_known")


_STATES = ("approved", "sending", "accepted", "partially_filled", "filled", "cancelled", "expired", "rejected", "unknown")
_APPEND_ONLY = (
    "lake_commits",
    "lake_files",
    "risk_checks",
    "baskets",
    "basket_approvals",
    "orders",
    "order_events",
    "fills",
    "entries",
    "postings",
    "dividends",
    "applied_sessions",
    "settlements",
)


def upgrade() -> None:
    """Make every table, index and append-only trigger."""
    _create_tables()
    forbid_changes(*_APPEND_ONLY)


def _create_tables() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True, nullable=False),
        sa.Column("fence", Int64, nullable=False),
        sa.Column("holder", sa.Text),
        sa.Column("expires_at", Instant),
        sa.CheckConstraint("fence >= 1", name="fence_positive"),
        sa.CheckConstraint("(holder IS NULL) = (expires_at IS NULL)", name="held_or_free"),
        **_KEYED,
    )

    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("snapshot_version", Int64),
        sa.Column("snapshot_digest", sa.Text),
        sa.Column("config_hash", sa.Text, nullable=False),
        sa.Column("code_version", sa.Text, nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("closed_at", Instant),
        sa.UniqueConstraint("book", "kind", "session", "slot"),
        _one_of("state", "open", "done", "halted", "abandoned"),
        sa.CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_when_over"),
        sa.CheckConstraint("(snapshot_version IS NULL) = (snapshot_digest IS NULL)", name="snapshot_whole"),
        **_KEYED,
    )

    op.create_table(
        "run_attempts",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("attempt", Int64, nullable=False),
        sa.Column("flow_run_id", sa.Text, nullable=False),
        sa.Column("fence", Int64, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "attempt"),
        sa.CheckConstraint("attempt >= 1", name="attempt_positive"),
        _one_of("outcome", "running", "done", "halted", "failed", "lost"),
        sa.CheckConstraint("(outcome = 'running') = (ended_at IS NULL)", name="ended_when_over"),
        **_KEYED,
    )

    op.create_table(
        "stage_runs",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("attempt", Int64, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("try_number", Int64, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("rows", Int64, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "attempt", "stage", "try_number"),
        sa.ForeignKeyConstraint(["run_id", "attempt"], ["run_attempts.run_id", "run_attempts.attempt"]),
        sa.CheckConstraint("try_number >= 1", name="try_positive"),
        sa.CheckConstraint("rows >= 0", name="rows_counted"),
        sa.CheckConstraint("(outcome = 'running') = (ended_at IS NULL)", name="ended_when_over"),
        **_KEYED,
    )

    op.create_table(
        "halts",
        sa.Column("halt_id", Int64, primary_key=True, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("end_reason", sa.Text),
        sa.Column("end_author", sa.Text),
        _one_of("scope", "all", "book", "symbol"),
        sa.CheckConstraint("(scope = 'all') = (book = '')", name="book_named"),
        sa.CheckConstraint("(scope = 'symbol') = (symbol <> '')", name="symbol_named"),
        sa.CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL) AND (ended_at IS NULL) = (end_author IS NULL)", name="end_whole"),
        **_STRICT,
    )
    op.create_index("ix_halts_active", "halts", ["scope", "book", "symbol", "reason"], unique=True, **only_where("ended_at IS NULL"))

    op.create_table(
        "lake_commits",
        sa.Column("version", Int64, primary_key=True, nullable=False),
        sa.Column("committed_at", Instant, nullable=False),
        sa.CheckConstraint("version >= 1", name="version_positive"),
        **_STRICT,
    )

    op.create_table(
        "lake_files",
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("version", Int64, sa.ForeignKey("lake_commits.version"), nullable=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size", Int64, nullable=False),
        sa.Column("rows", Int64, nullable=False),
        sa.Column("first_session", Day),
        sa.Column("last_session", Day),
        sa.Column("schema_version", Int64, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("known_at", Instant, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("path", "version"),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_whole"),
        sa.CheckConstraint("size >= 0 AND rows >= 0", name="counted"),
        sa.CheckConstraint("(first_session IS NULL) = (last_session IS NULL)", name="range_whole"),
        **_KEYED,
    )
    op.create_index("ix_lake_files_version", "lake_files", ["version"])

    op.create_table(
        "coverage",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("first_date", Day, nullable=False),
        sa.Column("last_date", Day, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("source", "symbol"),
        sa.CheckConstraint("first_date <= last_date", name="range_ordered"),
        **_KEYED,
    )

    op.create_table(
        "risk_checks",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("attempt", Int64, nullable=False),
        sa.Column("control", Int64, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", Float64),
        sa.Column("bound", Float64),
        sa.Column("headroom", Float64),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "attempt", "control", "scope", "symbol"),
        _one_of("scope", "order", "symbol", "basket", "book"),
        _one_of("verdict", "pass", "clip", "reject", "halt", "alert"),
        **_KEYED,
    )

    op.create_table(
        "baskets",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.run_id"), primary_key=True, nullable=False),
        sa.Column("basket_hash", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("order_count", Int64, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.CheckConstraint("order_count >= 0", name="counted"),
        **_KEYED,
    )
    op.create_index("ix_baskets_basket_hash", "baskets", ["basket_hash"])

    op.create_table(
        "basket_approvals",
        sa.Column("basket_hash", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("approved_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("basket_hash", "approved_by"),
        sa.CheckConstraint("approved_by <> ''", name="by_someone"),
        **_KEYED,
    )

    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("run_id", sa.Text, sa.ForeignKey("baskets.run_id"), nullable=False),
        sa.Column("sequence", Int64, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("quantity", Int64, nullable=False),
        sa.Column("reference_price", Int64, nullable=False),
        sa.Column("order_type", sa.Text, nullable=False),
        sa.Column("time_in_force", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.UniqueConstraint("run_id", "sequence"),
        _one_of("side", "buy", "sell"),
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.CheckConstraint("length(client_order_id) <= 48", name="id_short"),
        **_KEYED,
    )
    op.create_index("ix_orders_book_session", "orders", ["book", "session"])

    op.create_table(
        "order_events",
        sa.Column("event_id", Int64, primary_key=True, nullable=False),
        sa.Column("client_order_id", sa.Text, sa.ForeignKey("orders.client_order_id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("filled_quantity", Int64, nullable=False),
        sa.Column("venue_order_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        _one_of("state", *_STATES),
        sa.CheckConstraint("filled_quantity >= 0", name="filled_counted"),
        **_STRICT,
    )
    op.create_index("ix_order_events_client_order_id", "order_events", ["client_order_id"])
    op.create_index("ix_order_events_run_id", "order_events", ["run_id"])

    op.create_table(
        "order_status",
        sa.Column("client_order_id", sa.Text, sa.ForeignKey("orders.client_order_id"), primary_key=True, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("filled_quantity", Int64, nullable=False),
        sa.Column("venue_order_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        _one_of("state", *_STATES),
        sa.CheckConstraint("filled_quantity >= 0", name="filled_counted"),
        **_KEYED,
    )
    op.create_index("ix_order_status_book_state", "order_status", ["book", "state"])

    op.create_table(
        "fills",
        sa.Column("execution_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("number", Int64, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("client_order_id", sa.Text, sa.ForeignKey("orders.client_order_id"), nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("quantity", Int64, nullable=False),
        sa.Column("price", Int64, nullable=False),
        sa.Column("notional", Int64, nullable=False),
        sa.Column("commission", Int64, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("filled_at", Instant, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.UniqueConstraint("book", "number"),
        _one_of("side", "buy", "sell"),
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.CheckConstraint("price > 0", name="price_positive"),
        **_KEYED,
    )
    op.create_index("ix_fills_client_order_id", "fills", ["client_order_id"])
    op.create_index("ix_fills_book_session", "fills", ["book", "session"])
    op.create_index("ix_fills_run_id", "fills", ["run_id"])

    op.create_table(
        "entries",
        sa.Column("entry_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("memo", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        _one_of("kind", "deposit", "fill", "split", "dividend", "dividend_payment", "delisting"),
        **_KEYED,
    )
    op.create_index("ix_entries_book_session", "entries", ["book", "session"])

    op.create_table(
        "postings",
        sa.Column("entry_id", sa.Text, sa.ForeignKey("entries.entry_id"), nullable=False),
        sa.Column("line", Int64, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "line"),
        _one_of("account", "position", "market", "cash", "cost", "receivable", "commission", "dividend", "realised", "capital"),
        sa.CheckConstraint("amount <> 0", name="amount_moves"),
        sa.CheckConstraint("(account IN ('position', 'market')) = (asset = 'shares')", name="shares_apart"),
        **_KEYED,
    )
    op.create_index("ix_postings_balance", "postings", ["book", "account", "asset", "symbol", "amount"])

    op.create_table(
        "dividends",
        sa.Column("entry_id", sa.Text, sa.ForeignKey("entries.entry_id"), primary_key=True, nullable=False),
        sa.Column("payment_id", sa.Text, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("ex_date", Day, nullable=False),
        sa.Column("pay_date", Day, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        **_KEYED,
    )
    op.create_index("ix_dividends_book_pay_date", "dividends", ["book", "pay_date"])

    op.create_table(
        "applied_sessions",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("entries", Int64, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("book", "session"),
        **_KEYED,
    )

    op.create_table(
        "settlements",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("book", "session"),
        **_KEYED,
    )

    op.create_table(
        "marks",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("session", Day, nullable=False),
        sa.Column("cash", Int64, nullable=False),
        sa.Column("receivable", Int64, nullable=False),
        sa.Column("positions_value", Int64, nullable=False),
        sa.Column("equity", Int64, nullable=False),
        sa.Column("gross", Float64, nullable=False),
        sa.Column("net", Float64, nullable=False),
        sa.Column("high_water_mark", Int64, nullable=False),
        sa.Column("drawdown", Float64, nullable=False),
        sa.Column("profit", Int64, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("book", "session"),
        sa.CheckConstraint("equity = cash + receivable + positions_value", name="equity_adds_up"),
        **_KEYED,
    )

    op.create_table(
        "breaks",
        sa.Column("break_id", Int64, primary_key=True, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("ours", Int64, nullable=False),
        sa.Column("theirs", Int64, nullable=False),
        sa.Column("first_session", Day, nullable=False),
        sa.Column("first_seen_at", Instant, nullable=False),
        sa.Column("last_session", Day, nullable=False),
        sa.Column("last_seen_at", Instant, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("resolved_at", Instant),
        sa.Column("resolved_reason", sa.Text),
        sa.Column("resolved_author", sa.Text),
        _one_of("kind", "position", "cash", "order"),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolved_reason IS NULL) AND (resolved_at IS NULL) = (resolved_author IS NULL)",
            name="resolution_whole",
        ),
        **_STRICT,
    )
    op.create_index("ix_breaks_open", "breaks", ["book", "kind", "symbol"], unique=True, **only_where("resolved_at IS NULL"))
