"""The ledger's tables as this version expects them. Migrations make them; `unit.Ledger.open` checks that the two agree.

Facts are append-only, kept so by triggers; what changes (leases, runs, order_status, halts, breaks, coverage, marks) is either
machinery or derived from facts.
"""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from grodt.ledger.columns import Day, Float64, Instant, Int64

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: Options of a table with a row number of its own.
STRICT: dict[str, Any] = {"sqlite_strict": True}
#: Options of a table whose rows live in the primary key's own tree.
KEYED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def one_of(column: str, *values: str) -> CheckConstraint:
    """A CHECK that the column holds one of the values."""
    return CheckConstraint(f"{column} IN ({', '.join(f"'{v}'" for v in values)})", name=f"{column}_known")


def only_where(condition: str) -> dict[str, Any]:
    """Options of an index of the rows alone for which the condition holds."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


# -- who works, and on what ------------------------------------------------------------------------------------------------------

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True, nullable=False),
    Column("fence", Int64, nullable=False),
    Column("holder", Text),
    Column("expires_at", Instant),
    CheckConstraint("fence >= 1", name="fence_positive"),
    CheckConstraint("(holder IS NULL) = (expires_at IS NULL)", name="held_or_free"),
    **KEYED,
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True, nullable=False),
    Column("book", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("slot", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("snapshot_version", Int64),
    Column("snapshot_digest", Text),
    Column("config_hash", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("code_hash", Text, nullable=False, server_default=""),
    Column("limits_version", Int64),
    UniqueConstraint("book", "kind", "session", "slot"),
    one_of("state", "open", "done", "halted", "abandoned"),
    CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_when_over"),
    CheckConstraint("(snapshot_version IS NULL) = (snapshot_digest IS NULL)", name="snapshot_whole"),
    **KEYED,
)

run_attempts = Table(
    "run_attempts",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), nullable=False),
    Column("attempt", Int64, nullable=False),
    Column("flow_run_id", Text, nullable=False),
    Column("fence", Int64, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", Text, nullable=False),
    Column("error", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "attempt"),
    CheckConstraint("attempt >= 1", name="attempt_positive"),
    one_of("outcome", "running", "done", "halted", "failed", "lost", "waiting"),
    CheckConstraint("(outcome = 'running') = (ended_at IS NULL)", name="ended_when_over"),
    **KEYED,
)

stage_runs = Table(
    "stage_runs",
    metadata,
    Column("run_id", Text, nullable=False),
    Column("attempt", Int64, nullable=False),
    Column("stage", Text, nullable=False),
    Column("try_number", Int64, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", Text, nullable=False),
    Column("rows", Int64, nullable=False),
    Column("error", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "attempt", "stage", "try_number"),
    ForeignKeyConstraint(["run_id", "attempt"], ["run_attempts.run_id", "run_attempts.attempt"]),
    CheckConstraint("try_number >= 1", name="try_positive"),
    CheckConstraint("rows >= 0", name="rows_counted"),
    CheckConstraint("(outcome = 'running') = (ended_at IS NULL)", name="ended_when_over"),
    **KEYED,
)

# -- the lake's manifest -----------------------------------------------------------------------------------------------------------

lake_commits = Table(
    "lake_commits",
    metadata,
    Column("version", Int64, primary_key=True, nullable=False),
    Column("committed_at", Instant, nullable=False),
    CheckConstraint("version >= 1", name="version_positive"),
    **STRICT,
)

lake_files = Table(
    "lake_files",
    metadata,
    Column("path", Text, nullable=False),
    Column("version", Int64, ForeignKey("lake_commits.version"), nullable=False),
    Column("table_name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", Int64, nullable=False),
    Column("rows", Int64, nullable=False),
    Column("first_session", Day),
    Column("last_session", Day),
    Column("schema_version", Int64, nullable=False),
    Column("source", Text, nullable=False),
    Column("known_at", Instant, nullable=False),
    Column("run_id", Text, nullable=False),
    PrimaryKeyConstraint("path", "version"),
    CheckConstraint("length(sha256) = 64", name="sha256_whole"),
    CheckConstraint("size >= 0 AND rows >= 0", name="counted"),
    CheckConstraint("(first_session IS NULL) = (last_session IS NULL)", name="range_whole"),
    **KEYED,
)
Index("ix_lake_files_version", lake_files.c.version)

# A path that leaves the lake at a version, because its rows are in other files from then on.
lake_removals = Table(
    "lake_removals",
    metadata,
    Column("path", Text, nullable=False),
    Column("version", Int64, ForeignKey("lake_commits.version"), nullable=False),
    PrimaryKeyConstraint("path", "version"),
    **KEYED,
)

coverage = Table(
    "coverage",
    metadata,
    Column("source", Text, nullable=False),
    Column("width", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("first_date", Day, nullable=False),
    Column("last_date", Day, nullable=False),
    Column("run_id", Text, nullable=False),
    PrimaryKeyConstraint("source", "width", "symbol"),
    one_of("width", "1d", "1m"),
    CheckConstraint("first_date <= last_date", name="range_ordered"),
    **KEYED,
)

# -- decisions -------------------------------------------------------------------------------------------------------------------

# The checks of one control that ended alike are one row; view `risk_checks` shows them one by one (`evidence_packing` says how).
evidence = Table(
    "evidence",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), nullable=False),
    Column("attempt", Int64, nullable=False),
    Column("control", Int64, nullable=False),
    Column("scope", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("bound", Float64),
    Column("checks", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "attempt", "control", "scope", "name", "verdict"),
    one_of("scope", "order", "symbol", "basket", "book"),
    one_of("verdict", "pass", "clip", "reject", "halt", "alert"),
    **STRICT,
)

baskets = Table(
    "baskets",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True, nullable=False),
    Column("basket_hash", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("order_count", Int64, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    CheckConstraint("order_count >= 0", name="counted"),
    **KEYED,
)
Index("ix_baskets_basket_hash", baskets.c.basket_hash)

basket_approvals = Table(
    "basket_approvals",
    metadata,
    Column("basket_hash", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_at", Instant, nullable=False),
    PrimaryKeyConstraint("basket_hash", "approved_by"),
    CheckConstraint("approved_by <> ''", name="by_someone"),
    **KEYED,
)

orders = Table(
    "orders",
    metadata,
    Column("client_order_id", Text, primary_key=True, nullable=False),
    Column("run_id", Text, ForeignKey("baskets.run_id"), nullable=False),
    Column("sequence", Int64, nullable=False),
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", Int64, nullable=False),
    Column("reference_price", Int64, nullable=False),
    Column("order_type", Text, nullable=False),
    Column("time_in_force", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("price", Int64),
    Column("works_from", Instant),
    UniqueConstraint("run_id", "sequence"),
    one_of("side", "buy", "sell"),
    CheckConstraint("quantity > 0", name="quantity_positive"),
    CheckConstraint("length(client_order_id) <= 48", name="id_short"),
    **KEYED,
)
Index("ix_orders_book_session", orders.c.book, orders.c.session)

_STATES = ("approved", "sending", "accepted", "partially_filled", "filled", "cancelled", "expired", "rejected", "unknown", "replaced")

order_events = Table(
    "order_events",
    metadata,
    Column("event_id", Int64, primary_key=True, nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("filled_quantity", Int64, nullable=False),
    Column("venue_order_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    one_of("state", *_STATES),
    CheckConstraint("filled_quantity >= 0", name="filled_counted"),
    **STRICT,
)
Index("ix_order_events_client_order_id", order_events.c.client_order_id)
Index("ix_order_events_run_id", order_events.c.run_id)

#: The last event of each order, kept beside the events so that open orders are found at once.
order_status = Table(
    "order_status",
    metadata,
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), primary_key=True, nullable=False),
    Column("book", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("filled_quantity", Int64, nullable=False),
    Column("venue_order_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    one_of("state", *_STATES),
    CheckConstraint("filled_quantity >= 0", name="filled_counted"),
    **KEYED,
)
Index("ix_order_status_book_state", order_status.c.book, order_status.c.state)

# -- what happened ---------------------------------------------------------------------------------------------------------------

fills = Table(
    "fills",
    metadata,
    Column("execution_id", Text, primary_key=True, nullable=False),
    Column("number", Int64, nullable=False),  # ours: the order they were booked in
    Column("book", Text, nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", Int64, nullable=False),
    Column("price", Int64, nullable=False),
    Column("notional", Int64, nullable=False),
    Column("commission", Int64, nullable=False),
    Column("session", Day, nullable=False),
    Column("filled_at", Instant, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    UniqueConstraint("book", "number"),
    one_of("side", "buy", "sell"),
    CheckConstraint("quantity > 0", name="quantity_positive"),
    CheckConstraint("price > 0", name="price_positive"),
    **KEYED,
)
Index("ix_fills_client_order_id", fills.c.client_order_id)
Index("ix_fills_book_session", fills.c.book, fills.c.session)
Index("ix_fills_run_id", fills.c.run_id)

entries = Table(
    "entries",
    metadata,
    Column("entry_id", Text, primary_key=True, nullable=False),
    Column("kind", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("memo", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    one_of(
        "kind",
        "deposit",
        "fill",
        "split",
        "dividend",
        "dividend_payment",
        "delisting",
        "symbol_change",
        "borrow_cost",
        "withdrawal",
        "correction",
    ),
    **KEYED,
)
Index("ix_entries_book_session", entries.c.book, entries.c.session)

postings = Table(
    "postings",
    metadata,
    Column("entry_id", Text, ForeignKey("entries.entry_id"), nullable=False),
    Column("line", Int64, nullable=False),
    Column("book", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("amount", Int64, nullable=False),
    PrimaryKeyConstraint("entry_id", "line"),
    one_of(
        "account",
        "position",
        "market",
        "cash",
        "cost",
        "receivable",
        "commission",
        "borrow",
        "dividend",
        "realised",
        "capital",
        "correction",
    ),
    CheckConstraint("amount <> 0", name="amount_moves"),
    CheckConstraint("(account IN ('position', 'market')) = (asset = 'shares')", name="shares_apart"),
    **KEYED,
)
#: Covers every balance: SQLite sums from the index alone.
Index("ix_postings_balance", postings.c.book, postings.c.account, postings.c.asset, postings.c.symbol, postings.c.amount)

#: What the postings of an account come to, carried on with each entry so that nobody adds up ten years; `grodt verify` does.
carried = Table(
    "carried",
    metadata,
    Column("book", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("amount", Int64, nullable=False),
    PrimaryKeyConstraint("book", "account", "asset", "symbol"),
    **KEYED,
)

dividends = Table(
    "dividends",
    metadata,
    Column("entry_id", Text, ForeignKey("entries.entry_id"), primary_key=True, nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("ex_date", Day, nullable=False),
    Column("pay_date", Day, nullable=False),
    Column("amount", Int64, nullable=False),
    **KEYED,
)
Index("ix_dividends_book_pay_date", dividends.c.book, dividends.c.pay_date)

applied_sessions = Table(
    "applied_sessions",
    metadata,
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("entries", Int64, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("book", "session"),
    **KEYED,
)

settlements = Table(
    "settlements",
    metadata,
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("book", "session"),
    **KEYED,
)

# -- what it came to -------------------------------------------------------------------------------------------------------------

marks = Table(
    "marks",
    metadata,
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("cash", Int64, nullable=False),
    Column("receivable", Int64, nullable=False),
    Column("positions_value", Int64, nullable=False),
    Column("equity", Int64, nullable=False),
    Column("gross", Float64, nullable=False),
    Column("net", Float64, nullable=False),
    Column("high_water_mark", Int64, nullable=False),
    Column("drawdown", Float64, nullable=False),
    Column("profit", Int64, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("book", "session"),
    CheckConstraint("equity = cash + receivable + positions_value", name="equity_adds_up"),
    **KEYED,
)

breaks = Table(
    "breaks",
    metadata,
    Column("break_id", Int64, primary_key=True, nullable=False),
    Column("book", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("ours", Int64, nullable=False),
    Column("theirs", Int64, nullable=False),
    Column("first_session", Day, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_session", Day, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("resolved_at", Instant),
    Column("resolved_reason", Text),
    Column("resolved_author", Text),
    Column("owner", Text),
    one_of("kind", "position", "cash", "order", "action", "fraction"),
    CheckConstraint(
        "(resolved_at IS NULL) = (resolved_reason IS NULL) AND (resolved_at IS NULL) = (resolved_author IS NULL)",
        name="resolution_whole",
    ),
    **STRICT,
)
Index("ix_breaks_open", breaks.c.book, breaks.c.kind, breaks.c.symbol, unique=True, **only_where("resolved_at IS NULL"))

#: Tables whose rows are never changed or deleted; triggers see to it.
APPEND_ONLY = (
    "lake_commits",
    "lake_files",
    "lake_removals",
    "evidence",
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
