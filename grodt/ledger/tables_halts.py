"""The ledger's tables of halts, and of what was asked of the broker because of them, beside those of `tables`."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.tables import STRICT, metadata, one_of, only_where

halts = Table(
    "halts",
    metadata,
    Column("halt_id", Int64, primary_key=True, nullable=False),
    Column("scope", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("control", Int64, nullable=False),
    Column("keep_orders", Int64, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("ended_at", Instant),
    Column("end_reason", Text),
    Column("end_author", Text),
    Column("mark_session", Day),
    Column("mark_equity", Int64),
    Column("mark_profit", Int64),
    one_of("scope", "all", "book", "strategy", "symbol"),
    one_of("side", "all", "buys", "sells", "reduce_only"),
    one_of("kind", "pause", "kill", "breach", "fault"),
    CheckConstraint("(scope = 'all') = (book = '')", name="book_named"),
    CheckConstraint("(scope = 'strategy') = (strategy <> '')", name="strategy_named"),
    CheckConstraint("(scope = 'symbol') = (symbol <> '')", name="symbol_named"),
    CheckConstraint("scope <> 'all' OR kind = 'kill'", name="all_killed"),
    CheckConstraint("scope <> 'strategy' OR side <> 'reduce_only'", name="strategy_holds_nothing"),
    CheckConstraint("expires_at IS NULL OR kind IN ('pause', 'fault')", name="no_expiry_of_two"),
    CheckConstraint("keep_orders BETWEEN 0 AND 1", name="keep_orders_flag"),
    CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL) AND (ended_at IS NULL) = (end_author IS NULL)", name="end_whole"),
    CheckConstraint("(mark_session IS NULL) = (mark_equity IS NULL)", name="mark_whole"),
    **STRICT,
)
Index("ix_halts_active", halts.c.book, **only_where("ended_at IS NULL"))
Index("ix_halts_marked", halts.c.book, **only_where("mark_session IS NOT NULL"))

# What made a halt and what ended it, as facts. `halts` is what they come to, kept so that what holds is found at once.
# `after_event` is the last event of any order then: what was sent before and after a halt is told by the order of commits and by no clock.
# It is -1 of what was before these were facts, of which no more than the clock is known.
halt_starts = Table(
    "halt_starts",
    metadata,
    Column("halt_id", Int64, primary_key=True, autoincrement=False, nullable=False),
    Column("scope", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("control", Int64, nullable=False),
    Column("keep_orders", Int64, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("after_event", Int64, nullable=False),
    **STRICT,
)
halt_ends = Table(
    "halt_ends",
    metadata,
    Column("halt_id", Int64, ForeignKey("halt_starts.halt_id"), primary_key=True, autoincrement=False, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("after_event", Int64, nullable=False),
    **STRICT,
)
# The book's mark of the instant at which people ended a halt of control 28: losses are measured from there.
halt_marks = Table(
    "halt_marks",
    metadata,
    Column("halt_id", Int64, primary_key=True, autoincrement=False, nullable=False),
    Column("session", Day, nullable=False),
    Column("equity", Int64, nullable=False),
    Column("profit", Int64),
    **STRICT,
)

#: One row for each time that the broker was asked to cancel an order because of a halt.
cancels = Table(
    "cancels",
    metadata,
    Column("cancel_id", Int64, primary_key=True, nullable=False),
    Column("halt_id", Int64, nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("filled_quantity", Int64, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    one_of("outcome", "cancelled", "filled", "over", "asked", "not_there", "no_answer"),
    CheckConstraint("filled_quantity >= 0", name="filled_counted"),
    **STRICT,
)
Index("ix_cancels_halt_id", cancels.c.halt_id)

#: Tables of this module whose rows are never changed or deleted.
APPEND_ONLY = ("halt_starts", "halt_ends", "halt_marks", "cancels")
