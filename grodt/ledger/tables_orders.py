"""The ledger's tables of what was decided: evidence, baskets, orders, and what became of each order."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from grodt.ledger.columns import Day, Float64, Instant, Int64
from grodt.ledger.tables import KEYED, STRICT, metadata, one_of

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
    Column("role", Text),
    Column("protects", Text),
    Column("other_leg", Text),
    Column("other_price", Int64),
    UniqueConstraint("run_id", "sequence"),
    one_of("side", "buy", "sell"),
    CheckConstraint("quantity > 0", name="quantity_positive"),
    CheckConstraint("length(client_order_id) <= 48", name="id_short"),
    **KEYED,
)
Index("ix_orders_book_session", orders.c.book, orders.c.session)

# Open orders that a basket has cancelled before what takes their place goes out, and the shares of them that were booked as filled when it
# was decided.
withdrawals = Table(
    "withdrawals",
    metadata,
    Column("run_id", Text, ForeignKey("baskets.run_id"), nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("booked_quantity", Int64),
    PrimaryKeyConstraint("run_id", "client_order_id"),
    **KEYED,
)

_STATES = (
    "approved",
    "sending",
    "accepted",
    "partially_filled",
    "filled",
    "cancelled",
    "expired",
    "rejected",
    "unknown",
    "replaced",
    "denied",
    "planned",
    "submitted",
)

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

#: Tables of this module whose rows are never changed or deleted; triggers see to it.
APPEND_ONLY = ("evidence", "baskets", "basket_approvals", "orders", "withdrawals", "order_events")
